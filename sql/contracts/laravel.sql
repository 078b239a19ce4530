-- A contract for Laravel: Jetstream's teams, Cashier, Sanctum. Copy it, change what your app has otherwise, and run
-- `evenfall migrate --contract FILE`; sql/contract.sql says what a contract is.
--
-- Times: Laravel stores them without a zone, in that of config/app.php. `at time zone 'UTC'` makes instants of them: write
-- your own zone if you changed it. A team without created_at is never due.
-- Customers: Cashier's stripe_id, on teams or on users. Write `null::text` for the one that you do not have; `subscriptions`
-- has team_id or user_id accordingly.
-- Active: Laravel knows no inactive users. SoftDeletes on the User model is its way to keep a row that cannot log in.
-- Seen: Laravel records no log-in. Who has a session counts as seen; if unverified users may work in your app, write down
-- their log-ins and map that.
-- Personal teams: Jetstream gives one to each user and cannot do without. A bare one (no customer, member or invitation) is
-- no team here but a part of the account, and goes with it; any other is a team, and becomes bare when it is deleted.
--
-- Indexes that it wants beside Laravel's:
--   create index concurrently on public.team_user (user_id);
--   create index concurrently on public.team_invitations (email);

create or replace view evenfall.app_team as
select t.id, t.name, t.user_id as owner_id, t.created_at at time zone 'UTC' as created_at,
  t.stripe_id as stripe_customer_id, null::text as time_zone, t.trial_ends_at at time zone 'UTC' as trial_ends_at
from public.teams t
where not t.personal_team or t.stripe_id is not null
  or exists (select from public.team_user m where m.team_id = t.id)
  or exists (select from public.team_invitations i where i.team_id = t.id);

create or replace view evenfall.app_user as
select u.id, u.email, u.name, u.email_verified_at at time zone 'UTC' as email_verified_at,
  u.deleted_at is null as is_active, u.created_at at time zone 'UTC' as created_at,
  (select to_timestamp(max(s.last_activity)) from public.sessions s where s.user_id = u.id) as last_seen_at,
  null::text as locale, u.stripe_id as stripe_customer_id
from public.users u;

-- Jetstream invites an address, whether or not somebody has it by now; it compares them to the letter, as this does.
create or replace view evenfall.app_membership as
select m.team_id, m.user_id, m.role from public.team_user m
union all
select i.team_id, u.id, 'invited' from public.team_invitations i left join public.users u on u.email = i.email;

create or replace function evenfall.app_lock_team(id text) returns void language sql as $$
  select from public.teams t where t.id = app_lock_team.id::bigint for update
$$;

create or replace function evenfall.app_lock_user(id text) returns void language sql as $$
  select from public.users u where u.id = app_lock_user.id::bigint for update
$$;

create or replace function evenfall.app_deactivate_user(id text) returns void language sql as $$
  update public.users u
  set deleted_at = coalesce(u.deleted_at, clock_timestamp() at time zone 'UTC'), remember_token = null
  where u.id = app_deactivate_user.id::bigint;
  delete from public.sessions s where s.user_id = app_deactivate_user.id::bigint;
  delete from public.personal_access_tokens a
  where a.tokenable_type = 'App\Models\User' and a.tokenable_id = app_deactivate_user.id::bigint
$$;

-- As Jetstream's Team::purge, which has no foreign keys to rely on either.
create or replace function evenfall.app_delete_team(id text) returns void language sql as $$
  update public.users u set current_team_id = null
  where u.current_team_id = app_delete_team.id::bigint
    and u.id in (
      select m.user_id from public.team_user m where m.team_id = app_delete_team.id::bigint
      union all
      select t.user_id from public.teams t where t.id = app_delete_team.id::bigint);
  delete from public.team_invitations i where i.team_id = app_delete_team.id::bigint;
  delete from public.team_user m where m.team_id = app_delete_team.id::bigint;
  delete from public.subscription_items i using public.subscriptions s
  where i.subscription_id = s.id and s.team_id = app_delete_team.id::bigint;
  delete from public.subscriptions s where s.team_id = app_delete_team.id::bigint;
  update public.teams t set stripe_id = null, pm_type = null, pm_last_four = null, trial_ends_at = null
  where t.id = app_delete_team.id::bigint and t.personal_team;
  delete from public.teams t where t.id = app_delete_team.id::bigint and not t.personal_team
$$;

create or replace function evenfall.app_delete_user(id text) returns void language sql as $$
  delete from public.sessions s where s.user_id = app_delete_user.id::bigint;
  delete from public.personal_access_tokens a
  where a.tokenable_type = 'App\Models\User' and a.tokenable_id = app_delete_user.id::bigint;
  delete from public.password_reset_tokens p using public.users u
  where p.email = u.email and u.id = app_delete_user.id::bigint;
  delete from public.team_user m where m.user_id = app_delete_user.id::bigint;
  delete from public.teams t
  where t.user_id = app_delete_user.id::bigint and t.personal_team
    and not exists (select from evenfall.app_team a where a.id = t.id);
  delete from public.users u where u.id = app_delete_user.id::bigint
$$;
