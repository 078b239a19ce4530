-- The contract with the app's data: the one file that an adopter edits (or copies, and hands to
-- `evenfall migrate --contract FILE`). Evenfall reads the app through these views and changes it through
-- these functions, and through nothing else.
--
-- Views keep the app's own id types, so that its primary keys serve. Timestamps are timestamptz.
-- Functions take text, return void, and bear being called twice. In them write app_delete_team.id and not id alone,
-- which would be the column. An invitation counts as a membership: list it in app_membership, in whatever role.
-- `evenfall doctor` checks all of it, and tries the locks.

create or replace view evenfall.app_team as
select t.id, t.name, t.owner_id, t.created_at, t.stripe_customer_id, t.time_zone, t.trial_ends_at
from public.teams t;

create or replace view evenfall.app_user as
select u.id, u.email, u.name, u.email_verified_at, u.is_active, u.created_at, u.last_seen_at, u.locale,
  u.stripe_customer_id
from public.users u;

create or replace view evenfall.app_membership as
select m.team_id, m.user_id, m.role
from public.memberships m;

create or replace function evenfall.app_lock_team(id text) returns void language sql as $$
  select from public.teams t where t.id = app_lock_team.id::bigint for update
$$;

create or replace function evenfall.app_lock_user(id text) returns void language sql as $$
  select from public.users u where u.id = app_lock_user.id::bigint for update
$$;

create or replace function evenfall.app_deactivate_user(id text) returns void language sql as $$
  update public.users u set is_active = false where u.id = app_deactivate_user.id::bigint;
  delete from public.sessions s where s.user_id = app_deactivate_user.id::bigint
$$;

create or replace function evenfall.app_delete_team(id text) returns void language sql as $$
  delete from public.memberships m where m.team_id = app_delete_team.id::bigint;
  delete from public.teams t where t.id = app_delete_team.id::bigint
$$;

create or replace function evenfall.app_delete_user(id text) returns void language sql as $$
  delete from public.sessions s where s.user_id = app_delete_user.id::bigint;
  delete from public.memberships m where m.user_id = app_delete_user.id::bigint;
  delete from public.users u where u.id = app_delete_user.id::bigint
$$;
