-- A contract for Django: contrib.auth, allauth, django-organizations, dj-stripe. Copy it, change what your project has
-- otherwise (a user model of its own, BigAutoField), and run `evenfall migrate --contract FILE`; sql/contract.sql says what a
-- contract is.
--
-- Customers: dj-stripe's subscriber is a person, unless DJSTRIPE_SUBSCRIBER_MODEL says otherwise: a team has the customer of
-- its owner, and a cancellation is asked for with its customerId. Where organizations subscribe, move the join with
-- evenfall.app_stripe_customer from app_user to app_team.
-- Verified: allauth knows that an address is verified, and not since when. Who has no address in allauth (made by
-- createsuperuser, by the admin, or before allauth came) was never asked to verify one, and counts as verified.
-- Sessions: Django's are opaque, and say nobody's name. They need not be found: Django asks is_active at each request, so
-- that the session of an inactive user opens nothing, and `manage.py clearsessions` removes it when it has expired. A
-- backend that lets inactive users in (AllowAllUsersModelBackend) must not be used. With allauth.usersessions add to
-- app_deactivate_user, and to app_delete_user before the user goes:
--   delete from public.django_session s using public.usersessions_usersession x
--   where x.session_key = s.session_key and x.user_id = app_deactivate_user.id::int;
-- Foreign keys: Django's are checked at the commit and cascade nowhere in the database. What your own models hang on a user
-- or an organization has to be deleted here too.
--
-- Indexes that it wants beside Django's:
--   create index concurrently on public.organizations_organizationinvitation (invitee_identifier);

-- One customer a subscriber: one of live mode before those of test mode, then the latest.
create or replace view evenfall.app_stripe_customer as
select c.subscriber_id, c.id
from public.djstripe_customer c
where c.date_purged is null
  and not exists (
    select from public.djstripe_customer other
    where other.subscriber_id = c.subscriber_id and other.date_purged is null
      and (coalesce(other.livemode, false), other.djstripe_id) > (coalesce(c.livemode, false), c.djstripe_id));

create or replace view evenfall.app_team as
select o.id, o.name, m.user_id as owner_id, o.created as created_at, null::text as stripe_customer_id,
  null::text as time_zone, null::timestamptz as trial_ends_at
from public.organizations_organization o
left join public.organizations_organizationowner w on w.organization_id = o.id
left join public.organizations_organizationuser m on m.id = w.organization_user_id;

create or replace view evenfall.app_user as
select u.id, coalesce(e.email, u.email) as email,
  coalesce(nullif(btrim(concat_ws(' ', u.first_name, u.last_name)), ''), u.username) as name,
  case when e.verified is not false then u.date_joined end as email_verified_at, u.is_active,
  u.date_joined as created_at, u.last_login as last_seen_at, null::text as locale, c.id as stripe_customer_id
from public.auth_user u
left join lateral (
  select a.email, a.verified from public.account_emailaddress a
  where a.user_id = u.id order by a.verified desc, a."primary" desc, a.id limit 1) e on true
left join evenfall.app_stripe_customer c on c.subscriber_id = u.id;

-- An invitation keeps its invitee when it was accepted: it counts until it is deleted. One without an invitee is for
-- whoever has the address, verified or not.
create or replace view evenfall.app_membership as
select m.organization_id as team_id, m.user_id, case when m.is_admin then 'admin' else 'member' end as role
from public.organizations_organizationuser m
union all
select i.organization_id, i.invitee_id, 'invited' from public.organizations_organizationinvitation i
where i.invitee_id is not null
union all
select i.organization_id, e.user_id, 'invited' from public.organizations_organizationinvitation i
left join public.account_emailaddress e on e.email = i.invitee_identifier
where i.invitee_id is null;

create or replace function evenfall.app_lock_team(id text) returns void language sql as $$
  select from public.organizations_organization o where o.id = app_lock_team.id::int for update
$$;

create or replace function evenfall.app_lock_user(id text) returns void language sql as $$
  select from public.auth_user u where u.id = app_lock_user.id::int for update
$$;

create or replace function evenfall.app_deactivate_user(id text) returns void language sql as $$
  update public.auth_user u set is_active = false where u.id = app_deactivate_user.id::int
$$;

create or replace function evenfall.app_delete_team(id text) returns void language sql as $$
  delete from public.organizations_organizationowner w where w.organization_id = app_delete_team.id::int;
  delete from public.organizations_organizationinvitation i where i.organization_id = app_delete_team.id::int;
  delete from public.organizations_organizationuser m where m.organization_id = app_delete_team.id::int;
  delete from public.organizations_organization o where o.id = app_delete_team.id::int
$$;

create or replace function evenfall.app_delete_user(id text) returns void language sql as $$
  delete from public.account_emailconfirmation c using public.account_emailaddress e
  where c.email_address_id = e.id and e.user_id = app_delete_user.id::int;
  delete from public.account_emailaddress e where e.user_id = app_delete_user.id::int;
  delete from public.auth_user_groups g where g.user_id = app_delete_user.id::int;
  delete from public.auth_user_user_permissions p where p.user_id = app_delete_user.id::int;
  delete from public.django_admin_log l where l.user_id = app_delete_user.id::int;
  delete from public.organizations_organizationinvitation i
  where i.invitee_id = app_delete_user.id::int or i.invited_by_id = app_delete_user.id::int;
  -- refused where organizations_organizationowner has one: an owner is kept
  delete from public.organizations_organizationuser m where m.user_id = app_delete_user.id::int;
  update public.djstripe_customer c set subscriber_id = null where c.subscriber_id = app_delete_user.id::int;
  delete from public.auth_user u where u.id = app_delete_user.id::int
$$;
