-- Which database this is, what holds its workers, and the answer that lets them go on
-- (docs/decisions/0013-a-restored-backup-waits-for-a-person.md).

-- name: recordInstallation
-- By the first worker that starts, and by nobody later: a copy must differ from what is written here.
insert into evenfall.installation (system_identifier, database_oid)
select evenfall.system_identifier(), d.oid::bigint from pg_database d where d.datname = current_database()
on conflict do nothing
returning recorded_at;

-- name: findInstallation
-- What is recorded, whether it is this database, and the last number dispatched. An identifier that nobody may ask for,
-- then or now, says nothing: the oid decides alone.
select coalesce(i.system_identifier, 'unknown') || '-' || i.database_oid as "identity!",
  i.database_oid = d.oid::bigint and coalesce(i.system_identifier = evenfall.system_identifier(), true) as "is_same!",
  case when s.is_called then s.last_value else 0 end as "dispatch_no!",
  i.held_at, i.held_sign, i.highest_dispatch_no
from evenfall.installation i
join pg_database d on d.datname = current_database()
cross join evenfall.dispatch_no s;

-- name: holdInstallation
-- Of several workers that find it at once one writes it down.
update evenfall.installation
set held_at = clock_timestamp(), held_sign = @sign, highest_dispatch_no = @highest_dispatch_no?::bigint
where held_at is null
returning held_at;

-- name: lockInstallation
-- Of two people who answer at once the second one finds that it was answered.
select held_at from evenfall.installation for update;

-- name: lastSignOfLife
-- How far the rows go that workers wrote. Not when jobs were created or cancelled: the app goes on asking meanwhile.
select seen.at as "at?", date_trunc('second', clock_timestamp() - seen.at)::text as "gap?", clock_timestamp() as "now!"
from (select greatest(
  (select max(heartbeat_at) from evenfall.worker),
  (select greatest(max(dispatched_at), max(started_at), max(finished_at) filter (where state <> 'cancelled'))
    from evenfall.job),
  (select greatest(max(claimed_at), max(settled_at)) from evenfall.effect)) as at) seen;

-- name: jobsUnderWay
select count(*) filter (where state in ('queued', 'parked'))::int as "queued!",
  count(*) filter (where state = 'dispatched')::int as "dispatched!",
  count(*) filter (where state = 'running')::int as "running!",
  (select count(*) from evenfall.worker w
    where w.heartbeat_at > clock_timestamp() - @lease::interval)::int as "workers!"
from evenfall.job where state in ('queued', 'dispatched', 'running', 'parked');

-- name: noticesOfLastDay
-- How many mails of each kind went out in the day up to @until: about as many are missing a day since.
select kind, count(*)::int as "sent!" from evenfall.notice
where state = 'sent' and at > @until::timestamptz - interval '24 hours' and at <= @until group by kind order by kind;

-- name: settleInstallation
-- The answer: this is the database from now on, and nothing is held.
update evenfall.installation
set system_identifier = evenfall.system_identifier(),
    database_oid = (select d.oid::bigint from pg_database d where d.datname = current_database()),
    recorded_at = clock_timestamp(), held_at = null, held_sign = null, highest_dispatch_no = null,
    answered_at = clock_timestamp(), answered_by = @who, answered_why = @why,
    last_sign_of_life_at = @last_sign_of_life_at?
returning answered_at as "answered_at!";

-- name: leapDispatchNumbers
-- Beyond every number that may have been given out in the time that is lost, known or not: BullMQ ignores an add whose
-- id it still keeps, and what it keeps finds no row that is dispatched under its number.
select setval('evenfall.dispatch_no', greatest(last_value, @highest_dispatch_no?::bigint) + 1000000000) as "dispatch_no!"
from evenfall.dispatch_no;

-- name: requeueRestored
-- dispatched, running → queued, whoever was at it: no attempt, no crash. A withdrawn job ends.
update evenfall.job
set state = case when evenfall.is_withdrawn(job) then 'cancelled' else 'queued' end,
    finished_at = case when evenfall.is_withdrawn(job) then clock_timestamp() end,
    due = not evenfall.is_withdrawn(job) and run_at <= clock_timestamp(), worker_id = null,
    payload = coalesce(rerun_payload, payload), rerun_payload = null, rerun_at = null
where state in ('dispatched', 'running')
returning id;

-- name: voidBackfills
-- A picture of before is none: what deletes waits for the next whole read, and one that was under way begins anew.
delete from evenfall.backfill returning id;

-- name: pauseRestored
-- What is paused already keeps its reason.
update evenfall.job_kind k set paused_at = clock_timestamp(), paused_why = wanted.why
from unnest(@kinds::text[], @whys::text[]) as wanted (kind, why)
where k.kind = wanted.kind and k.paused_at is null
returning k.kind;

