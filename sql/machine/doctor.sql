-- What `evenfall doctor` asks of an installation.

-- name: serverVersion
select current_setting('server_version') as "version!", current_setting('server_version_num')::int as "number!";

-- name: appliedMigrations
select name from evenfall.migration order by id;

-- name: missingGrants
-- What the role that asks lacks of all that a worker does in these schemas, as the grants that mend it. From the
-- catalog, which everybody may read.
with home as (
  select oid, nspname::text as name from pg_namespace where nspname = any (@schemas::text[])
), lacking as (
  select name, 1 as place, format('usage on schema %I', name) as what from home where not has_schema_privilege(oid, 'usage')
  union all
  select name, 2, format('select, insert, update, delete on all tables in schema %I', name) from home
  where exists (
    select from pg_class c
    where c.relnamespace = home.oid and case c.relkind
      when 'v' then not has_table_privilege(c.oid, 'select')
      when 'r' then not (has_table_privilege(c.oid, 'select') and has_table_privilege(c.oid, 'insert')
        and has_table_privilege(c.oid, 'update') and has_table_privilege(c.oid, 'delete')) end)
  union all
  select name, 3, format('usage, select, update on all sequences in schema %I', name) from home
  where exists (
    -- the kind first: of what is no sequence the privilege cannot be asked
    select from pg_class c where c.relnamespace = home.oid
      and case when c.relkind = 'S' then not (has_sequence_privilege(c.oid, 'usage')
        and has_sequence_privilege(c.oid, 'select') and has_sequence_privilege(c.oid, 'update')) end)
  union all
  select name, 4, format('execute on all functions in schema %I', name) from home
  where exists (
    select from pg_proc p where p.pronamespace = home.oid and not has_function_privilege(p.oid, 'execute'))
)
select current_user::text as "role!", format('grant %s to %I;', what, current_user) as "grant!"
from lacking order by array_position(@schemas::text[], name), place;

-- name: appliedContract
-- Where the contract came from; null for the one that ships.
select file from evenfall.contract;

-- name: pausedKinds
select kind from evenfall.job_kind where paused_at is not null order by kind;

-- name: openTroubles
-- What waits for a person, and whether anybody works.
select
  (select count(*)::int from evenfall.worker where heartbeat_at > clock_timestamp() - @lease::interval) as "workers!",
  (select count(*)::int from evenfall.dead_letter where resolved_at is null) as "dead_letters!",
  (select count(*)::int from evenfall.dead_letter where resolved_at is null and alerted_at is null) as "untold_dead_letters!",
  (select count(*)::int from evenfall.effect where state = 'unknown') as "unknown_effects!",
  (select count(*)::int from evenfall.finding where acknowledged_at is null) as "findings!",
  (select count(*)::int from evenfall.finding where acknowledged_at is null and alerted_at is null) as "untold_findings!";

-- name: blownFuses
select kind from evenfall.fuse where blown_at is not null order by kind;
