-- What `evenfall doctor` asks of an installation.

-- name: serverVersion
select current_setting('server_version') as "version!", current_setting('server_version_num')::int as "number!";

-- name: appliedMigrations
select name from evenfall.migration order by id;

-- name: pausedKinds
select kind from evenfall.job_kind where paused_at is not null order by kind;

-- name: openTroubles
-- What waits for a person, and whether anybody works.
select
  (select count(*)::int from evenfall.worker where heartbeat_at > clock_timestamp() - @lease::interval) as "workers!",
  (select count(*)::int from evenfall.dead_letter where resolved_at is null) as "dead_letters!",
  (select count(*)::int from evenfall.effect where state = 'unknown') as "unknown_effects!",
  (select count(*)::int from evenfall.finding where acknowledged_at is null) as "findings!";

-- name: blownFuses
select kind from evenfall.fuse where blown_at is not null order by kind;
