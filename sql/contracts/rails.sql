-- A contract for Rails: Devise, Pay, and accounts as Jumpstart makes them, with uuid primary keys. Copy it, change what your
-- app has otherwise (bigint for uuid, where ids are numbers), and run `evenfall migrate --contract FILE`; sql/contract.sql
-- says what a contract is.
--
-- Times: Rails stores them without a zone, in UTC: `at time zone 'UTC'` makes instants of them.
-- Time zones: Rails has names of its own ('Eastern Time (US & Canada)'), which mails would take for UTC. Map those of
-- ActiveSupport::TimeZone::MAPPING if you want them.
-- Customers: Pay's, of accounts or of users. Evenfall asks Stripe alone: who is a customer of another processor is left as
-- it is. Who was ever charged is kept by the foreign key of pay_charges, and waits for a person.
-- Active: Devise's own way, a deleted_at that `active_for_authentication?` asks for. Devise asks at each request, so that
-- the cookie of an inactive user opens nothing; tokens are rows, and are deleted.
-- Personal accounts: a bare one (no customer, member or invitation) is no team here but a part of its owner's account, and
-- goes with it; any other is a team, and becomes bare when it is deleted.
--
-- Indexes that it wants beside Rails':
--   create index concurrently on public.account_invitations (lower(email));

-- One customer in Stripe an owner, the default one before others.
create or replace view evenfall.app_stripe_customer as
select c.owner_type, c.owner_id, c.processor_id
from public.pay_customers c
where c.processor = 'stripe' and c.processor_id is not null and c.deleted_at is null
  and not exists (
    select from public.pay_customers other
    where other.owner_type = c.owner_type and other.owner_id = c.owner_id and other.processor = 'stripe'
      and other.processor_id is not null and other.deleted_at is null
      and (coalesce(other."default", false), other.id) > (coalesce(c."default", false), c.id));

-- An account that pays elsewhere has no age, and so is never due.
create or replace view evenfall.app_team as
select a.id, a.name, a.owner_id,
  (case when not exists (
    select from public.pay_customers p
    where p.owner_type = 'Account' and p.owner_id = a.id and p.deleted_at is null
      and p.processor not in ('stripe', 'fake_processor')) then a.created_at end) at time zone 'UTC' as created_at,
  c.processor_id as stripe_customer_id, null::text as time_zone, null::timestamptz as trial_ends_at
from public.accounts a
left join evenfall.app_stripe_customer c on c.owner_type = 'Account' and c.owner_id = a.id
where a.personal is not true
  or exists (
    select from public.pay_customers p
    where p.owner_type = 'Account' and p.owner_id = a.id and p.deleted_at is null
      and p.processor <> 'fake_processor' and p.processor_id is not null)
  or exists (select from public.account_users m where m.account_id = a.id and m.user_id is distinct from a.owner_id)
  or exists (select from public.account_invitations i where i.account_id = a.id);

create or replace view evenfall.app_user as
select u.id, u.email, nullif(concat_ws(' ', u.first_name, u.last_name), '') as name,
  u.confirmed_at at time zone 'UTC' as email_verified_at, u.deleted_at is null as is_active,
  u.created_at at time zone 'UTC' as created_at,
  coalesce(u.current_sign_in_at, u.last_sign_in_at) at time zone 'UTC' as last_seen_at,
  u.preferred_language as locale, c.processor_id as stripe_customer_id
from public.users u
left join evenfall.app_stripe_customer c on c.owner_type = 'User' and c.owner_id = u.id;

-- The owner of a personal account is its owner, and no member. Devise keeps addresses in lower case, invitations do not.
create or replace view evenfall.app_membership as
select m.account_id as team_id, m.user_id, case when m.roles->>'admin' = 'true' then 'admin' else 'member' end as role
from public.account_users m join public.accounts a on a.id = m.account_id
where a.personal is not true or m.user_id is distinct from a.owner_id
union all
select i.account_id, u.id, 'invited'
from public.account_invitations i left join public.users u on u.email = lower(i.email);

create or replace function evenfall.app_lock_team(id text) returns void language sql as $$
  select from public.accounts a where a.id = app_lock_team.id::uuid for update
$$;

create or replace function evenfall.app_lock_user(id text) returns void language sql as $$
  select from public.users u where u.id = app_lock_user.id::uuid for update
$$;

create or replace function evenfall.app_deactivate_user(id text) returns void language sql as $$
  update public.users u
  set deleted_at = coalesce(u.deleted_at, clock_timestamp() at time zone 'UTC'), remember_created_at = null
  where u.id = app_deactivate_user.id::uuid;
  delete from public.api_tokens t where t.user_id = app_deactivate_user.id::uuid
$$;

create or replace function evenfall.app_delete_team(id text) returns void language sql as $$
  delete from public.account_invitations i where i.account_id = app_delete_team.id::uuid;
  delete from public.account_users m using public.accounts a
  where m.account_id = app_delete_team.id::uuid and a.id = m.account_id
    and (a.personal is not true or m.user_id is distinct from a.owner_id);
  delete from public.pay_subscriptions s using public.pay_customers c
  where s.customer_id = c.id and c.owner_type = 'Account' and c.owner_id = app_delete_team.id::uuid;
  delete from public.pay_payment_methods p using public.pay_customers c
  where p.customer_id = c.id and c.owner_type = 'Account' and c.owner_id = app_delete_team.id::uuid;
  -- refused where pay_charges has any: they are kept
  delete from public.pay_customers c where c.owner_type = 'Account' and c.owner_id = app_delete_team.id::uuid;
  delete from public.accounts a where a.id = app_delete_team.id::uuid and a.personal is not true
$$;

create or replace function evenfall.app_delete_user(id text) returns void language plpgsql as $$
declare
  bare uuid[] := array(
    select a.id from public.accounts a
    where a.owner_id = app_delete_user.id::uuid and a.personal
      and not exists (select from evenfall.app_team t where t.id = a.id));
  customers uuid[] := array(
    select c.id from public.pay_customers c
    where c.owner_type = 'User' and c.owner_id = app_delete_user.id::uuid
      or c.owner_type = 'Account' and c.owner_id = any (bare));
begin
  if exists (
    select from public.pay_customers c
    where c.id = any (customers) and c.deleted_at is null and c.processor not in ('stripe', 'fake_processor'))
  then
    raise exception 'this user is a customer of a processor that Evenfall cannot ask';
  end if;
  delete from public.pay_subscriptions s where s.customer_id = any (customers);
  delete from public.pay_payment_methods p where p.customer_id = any (customers);
  -- refused where pay_charges has any: they are kept
  delete from public.pay_customers c where c.id = any (customers);
  delete from public.api_tokens t where t.user_id = app_delete_user.id::uuid;
  update public.account_invitations i set invited_by_id = null where i.invited_by_id = app_delete_user.id::uuid;
  delete from public.account_users m where m.user_id = app_delete_user.id::uuid or m.account_id = any (bare);
  delete from public.accounts a where a.id = any (bare);
  delete from public.users u where u.id = app_delete_user.id::uuid;
end $$;
