-- The transitions of a job, one statement each. docs/protocol.md draws them; test/queue/transitions.test.ts
-- names them. Clocks here are the database's: leases, heartbeats and dispatch never see a worker's clock.

-- name: promoteDue
-- queued, not due → due. Rides job_not_due; a bounded batch, skipping rows that another worker promotes.
update evenfall.job set due = true
where id in (
  select id from evenfall.job
  where state = 'queued' and not due and run_at <= clock_timestamp()
  order by run_at limit @batch
  for update skip locked
)
returning id;

-- name: nextRun
-- When the next waiting row comes due: how long the dispatcher may sleep. One probe of job_not_due.
select extract(epoch from min(run_at) - clock_timestamp())::float8 * 1000 as "in_ms?" from evenfall.job where state = 'queued' and not due;

-- name: roomByQueue
-- How many more jobs each queue may hold: twice what the live workers run at once, less what is already
-- there and not waiting for a later time. Counts ride job_dispatched and job_running.
select q.queue as "queue!",
  greatest(0, capacity.slots - (
    select count(*) from evenfall.job j
    where j.queue = q.queue and j.state = 'dispatched' and j.run_at <= clock_timestamp()
  ) - (
    select count(*) from evenfall.job j where j.state = 'running' and j.queue = q.queue
  ))::int as "room!"
from unnest(@queues::text[]) as q (queue)
cross join (
  select 2 * coalesce(sum(concurrency), 0) as slots from evenfall.worker
  where heartbeat_at > clock_timestamp() - @lease::interval
) capacity;

-- name: claim
-- queued → dispatched, for one queue: the lowest priority that has due rows; within it one row a turn,
-- round-robin from the turn after @after; within a turn the oldest first. The recursion is a loose scan of
-- job_due: one probe a turn, however many rows a turn has. Rows locked by someone else are skipped. Nothing is claimed
-- while the installation is held.
with recursive level as (
  select min(priority) as priority from evenfall.job
  where queue = @queue and state = 'queued' and due and kind = any (@kinds)
    and not exists (select from evenfall.installation where held_at is not null)
), turn as (
  (select j.turn from level, lateral (
     select turn from evenfall.job
     where queue = @queue and state = 'queued' and due and priority = level.priority and turn > @after
       and kind = any (@kinds)
     order by turn limit 1) j)
  union all
  select j.turn from level, turn, lateral (
     select job.turn from evenfall.job
     where queue = @queue and state = 'queued' and due and priority = level.priority and job.turn > turn.turn
       and kind = any (@kinds)
     order by job.turn limit 1) j
), turns as (
  select turn.turn from turn limit @slots
), fair as (
  select ceil(@slots::numeric / greatest(count(*), 1))::int as share from turns
), picked as (
  select j.id from level, fair, turns, lateral (
    select id from evenfall.job
    where queue = @queue and state = 'queued' and due and priority = level.priority and job.turn = turns.turn
      and kind = any (@kinds)
    order by run_at, id limit fair.share
    for update skip locked) j
  limit @slots
)
update evenfall.job
set state = 'dispatched', due = false, dispatch_no = nextval('evenfall.dispatch_no'),
    dispatched_at = clock_timestamp()
from picked
where job.id = picked.id
returning job.id, job.kind, job.payload, job.dispatch_no as "dispatch_no!", job.turn as "turn!", job.priority,
  job.run_no > 0 as "has_begun!";

-- name: start
-- dispatched → running, or running with a dead worker → running (sql/functions/start_job.sql).
select verdict as "verdict!", payload as "payload!", team_id as "team_id?", attempts as "attempts!",
  crashes as "crashes!", asks as "asks!", run_no as "run_no!", run_at as "run_at!",
  deadline_at as "deadline_at!", last_error as "last_error?", db_now as "db_now!"
from evenfall.start_job(@id, @dispatch_no, @worker_id, @lease, @payload_version);

-- name: forgetStart
-- running → dispatched: this worker runs it by the row alone. The answer to its start was lost, or its outcome could not
-- be written; nothing is counted.
update evenfall.job set state = 'dispatched', worker_id = null
where id = @id and dispatch_no = @dispatch_no and state = 'running' and worker_id = @worker_id
returning id;

-- name: finish
-- running → done | skipped. Fenced by run_no. Asked for again meanwhile: running → queued, as a new asking.
update evenfall.job
set state = case when rerun_payload is null then @state else 'queued' end,
    due = rerun_payload is not null and rerun_at <= clock_timestamp(),
    finished_at = case when rerun_payload is null then clock_timestamp() end,
    outcome = @outcome, public_message = null, last_error = null, worker_id = null, waiting_since = null,
    spread_at = null,
    payload = coalesce(rerun_payload, payload), run_at = coalesce(rerun_at, run_at),
    deadline_at = coalesce(
      rerun_at + (select give_up_after from evenfall.job_kind k where k.kind = job.kind), deadline_at),
    attempts = case when rerun_payload is null then attempts else 0 end,
    asks = asks + (rerun_payload is not null)::int, rerun_payload = null, rerun_at = null
where id = @id and run_no = @run_no and state = 'running'
returning state;

-- name: retry
-- running → dispatched with a later run_at, one attempt used: the same BullMQ job is moved to delayed.
-- A withdrawn job ends here instead; a payload asked for meanwhile is taken up by the retry.
update evenfall.job
set state = case when evenfall.is_withdrawn(job) then 'cancelled' else 'dispatched' end,
    finished_at = case when evenfall.is_withdrawn(job) then clock_timestamp() end,
    attempts = attempts + 1, run_at = clock_timestamp() + @delay_ms * interval '1 millisecond',
    last_error = @error, public_message = @public_message?, worker_id = null, waiting_since = null,
    payload = coalesce(rerun_payload, payload), asks = asks + (rerun_payload is not null)::int,
    rerun_payload = null, rerun_at = null
where id = @id and run_no = @run_no and state = 'running'
returning state;

-- name: snooze
-- running → dispatched with a later run_at, no attempt used. @waiting: it waits for something that is down.
-- @renews: it was to wait, or a person holds it back, so its time begins anew.
update evenfall.job
set state = case when evenfall.is_withdrawn(job) then 'cancelled' else 'dispatched' end,
    finished_at = case when evenfall.is_withdrawn(job) then clock_timestamp() end,
    run_at = clock_timestamp() + @delay_ms * interval '1 millisecond', worker_id = null,
    deadline_at = case when @renews::boolean
      then greatest(deadline_at, clock_timestamp() + @delay_ms * interval '1 millisecond'
        + (select give_up_after from evenfall.job_kind k where k.kind = job.kind))
      else deadline_at end,
    last_error = coalesce(@error?, last_error), public_message = coalesce(@public_message?, public_message),
    waiting_since = case when @waiting::boolean then coalesce(waiting_since, clock_timestamp()) end,
    payload = coalesce(rerun_payload, payload), asks = asks + (rerun_payload is not null)::int,
    rerun_payload = null, rerun_at = null
where id = @id and run_no = @run_no and state = 'running'
returning state, waiting_since;

-- name: bury
-- running → dead, with its dead letter and the job that alerts about it, in one statement. Asked for again
-- meanwhile: it is queued as a new asking, and there is nothing to bury.
with ended as (
  update evenfall.job
  set state = case when rerun_payload is null then 'dead' else 'queued' end,
      due = rerun_payload is not null and rerun_at <= clock_timestamp(),
      finished_at = case when rerun_payload is null then clock_timestamp() end,
      last_error = @error, public_message = @public_message?, worker_id = null, waiting_since = null, spread_at = null,
      payload = coalesce(rerun_payload, payload), run_at = coalesce(rerun_at, run_at),
      deadline_at = coalesce(
      rerun_at + (select give_up_after from evenfall.job_kind k where k.kind = job.kind), deadline_at),
      attempts = case when rerun_payload is null then attempts + 1 else 0 end,
      asks = asks + (rerun_payload is not null)::int, rerun_payload = null, rerun_at = null
  where id = @id and run_no = @run_no and state = 'running'
  returning *
), letter as (
  insert into evenfall.dead_letter (job_id, run_no, kind, team_id, class, code, error, attempts, crashes)
  select id, run_no, kind, team_id, @class, @code?, @error, attempts, crashes from ended where state = 'dead'
  on conflict (job_id, run_no) do nothing
  returning id
)
select ended.state as "state!", letter.id as "dead_letter_id?",
  case when letter.id is not null and ended.kind <> 'alert-dead-letter'
    then evenfall.enqueue('alert-dead-letter', jsonb_build_object('deadLetterId', letter.id)) end as "alert_id?"
from ended left join letter on true;

-- name: park
-- dispatched → parked: this worker is older than the payload. A newer worker's reconciler unparks it.
update evenfall.job set state = 'parked'
where id = @id and dispatch_no = @dispatch_no and state = 'dispatched'
returning id;

-- name: unpark
-- parked → queued, for the kinds and payload versions that this worker knows.
update evenfall.job j set state = 'queued', due = j.run_at <= clock_timestamp()
from unnest(@kinds::text[], @payload_versions::int[]) as known (kind, payload_version)
where j.state = 'parked' and j.kind = known.kind and j.payload_version <= known.payload_version
returning j.id;

-- name: giveBack
-- running → queued on a shutdown: nothing failed, no attempt is used, no crash is counted. A withdrawn job ends.
update evenfall.job
set state = case when evenfall.is_withdrawn(job) then 'cancelled' else 'queued' end,
    finished_at = case when evenfall.is_withdrawn(job) then clock_timestamp() end,
    due = not evenfall.is_withdrawn(job) and run_at <= clock_timestamp(), worker_id = null,
    payload = coalesce(rerun_payload, payload), rerun_payload = null, rerun_at = null
where id = @id and run_no = @run_no and state = 'running'
returning id;

-- name: rescue
-- running with a dead worker → queued, one crash counted, no attempt used. Rides job_running. Jobs over
-- their crash budget stay for findPoison. A withdrawn job ends. A row that a frozen worker's transaction still
-- locks is left for the next time, and holds up nobody else's.
update evenfall.job j
set state = case when evenfall.is_withdrawn(j) then 'cancelled' else 'queued' end,
    finished_at = case when evenfall.is_withdrawn(j) then clock_timestamp() end,
    due = not evenfall.is_withdrawn(j), run_at = least(j.run_at, clock_timestamp()), worker_id = null, crashes = j.crashes + 1
where j.id in (
  select r.id from evenfall.job r join evenfall.job_kind k on k.kind = r.kind
  where r.state = 'running' and r.crashes < k.crash_budget
    and not evenfall.worker_lives(r.worker_id, @lease::interval)
  for update of r skip locked
)
returning j.id, j.kind, j.crashes;

-- name: findPoison
-- Running jobs whose worker is dead and whose crash budget is used up: bury them, class poison.
select j.id, j.run_no, j.kind, j.crashes
from evenfall.job j join evenfall.job_kind k using (kind)
where j.state = 'running' and j.crashes >= k.crash_budget
  and not evenfall.worker_lives(j.worker_id, @lease::interval);

-- name: findDispatched
-- What BullMQ should know of a queue, by keyset: the reconciler asks it about each. Fresh dispatches are
-- left out: their add may still be on its way.
select id, kind, dispatch_no as "dispatch_no!",
  extract(epoch from clock_timestamp() - run_at)::float8 * 1000 as "overdue_ms!"
from evenfall.job
where queue = @queue and state = 'dispatched' and id > @after_id
  and dispatched_at < clock_timestamp() - @settle_time::interval
order by id limit @batch;

-- name: requeueLost
-- dispatched → queued, with its own run_at: BullMQ does not know it any more, or thinks it finished.
update evenfall.job j set state = 'queued', due = j.run_at <= clock_timestamp()
from unnest(@ids::bigint[], @dispatch_nos::bigint[]) as lost (id, dispatch_no)
where j.id = lost.id and j.dispatch_no = lost.dispatch_no and j.state = 'dispatched'
returning j.id;

-- name: takeFailed
-- dispatched → running, on behalf of the reconciler, for a job that BullMQ failed by itself: so that bury,
-- which is fenced by run_no, can record it.
update evenfall.job
set state = 'running', run_no = run_no + 1, worker_id = @worker_id, started_at = clock_timestamp()
where id = @id and dispatch_no = @dispatch_no and state = 'dispatched'
returning run_no;

-- name: replay
-- dead → queued, attempts and deadline anew, and its dead letters resolved. No row: it is not dead, or a
-- newer job holds its key.
with replayed as (
  update evenfall.job j
  set state = 'queued', due = true, finished_at = null, outcome = null, public_message = null,
      attempts = 0, crashes = 0, run_at = clock_timestamp(), deadline_at = clock_timestamp() + k.give_up_after,
      cancel_requested = false, asks = j.asks + 1
  from evenfall.job_kind k
  where j.id = @id and j.state = 'dead' and k.kind = j.kind
    and not exists (
      select from evenfall.job newer
      where newer.kind = j.kind and newer.key = j.key and newer.state in ('queued', 'dispatched', 'running', 'parked'))
  returning j.id, j.queue, j.dispatch_no
), resolved as (
  update evenfall.dead_letter d set resolved_at = clock_timestamp(), resolution = @resolution
  from replayed where d.job_id = replayed.id and d.resolved_at is null
  returning d.id
)
select replayed.id as "id!", replayed.queue as "queue!", replayed.dispatch_no as "dispatch_no?",
  pg_notify('evenfall_job', '')::text as "notified?"
from replayed;
