-- Schedules: what is declared, and what became of each occurrence (docs/protocol.md, "A schedule").

-- name: declareSchedule
-- A schedule seen for the first time is due from now on. A known one keeps its pattern until its occurrences so
-- far are accounted for: see moveSchedule.
insert into evenfall.schedule (name, pattern) values (@name, @pattern)
on conflict (name) do nothing
returning name;

-- name: moveSchedule
-- Another pattern, from now on: what it would have been due before never was.
update evenfall.schedule set pattern = @pattern, since = clock_timestamp()
where name = @name and pattern <> @pattern
returning name;

-- name: lockSchedule
-- Only the statement after this one sees what the tick that held the lock has recorded.
select name from evenfall.schedule where name = @name for update;

-- name: scheduleStates
-- The last occurrence accounted for, and from when on the next ones count. What is due since then is late: the
-- command line, the watchdog and the gauge of lateness read it here. Rides the key of schedule_run.
select s.name as "name!", s.pattern as "pattern!", last.due_at as "last_due_at?", last.outcome as "last_outcome?",
  greatest(s.since, last.due_at) as "accounted_to!", clock_timestamp() as "now!"
from evenfall.schedule s
left join lateral (
  select due_at, outcome from evenfall.schedule_run r where r.schedule = s.name order by due_at desc limit 1
) last on true
where s.name = any (@names)
order by s.name;

-- name: recordScheduleRuns
-- Once an occurrence, whoever else records it.
insert into evenfall.schedule_run (schedule, due_at, outcome, reason, job_id)
select @schedule, run."dueAt", run.outcome, run.reason, run."jobId"
from jsonb_to_recordset(@runs) as run ("dueAt" timestamptz, outcome text, reason text, "jobId" bigint)
on conflict (schedule, due_at) do nothing
returning due_at;

-- name: lockSchedulers
-- One process at a time compares BullMQ's job schedulers with the code: some of BullMQ's backends make two of
-- one when they are set up at once.
select pg_advisory_xact_lock(hashtext('evenfall schedulers'))::text as "locked?";

-- name: scheduleEnds
-- The last occurrence whose job ran to its end, and for how many seconds there was none since: as long as the
-- schedule is known, where there was none ever. Walks the key of schedule_run back to the first that did.
select s.name as "name!", ended.due_at as "due_at?",
  extract(epoch from clock_timestamp() - coalesce(ended.due_at, s.since))::float8 as "age_seconds!"
from evenfall.schedule s
left join lateral (
  select r.due_at from evenfall.schedule_run r
  join evenfall.job j on j.id = r.job_id and j.state in ('done', 'skipped')
  where r.schedule = s.name order by r.due_at desc limit 1
) ended on true
where s.name = any (@names)
order by s.name;

-- name: tellSchedule
-- Marks what is to be told of a schedule: its occurrences of a day whose jobs have ended well. Whoever asks tells of
-- the newest, for all of them, before it commits; a telling that fails rolls back and leaves them untold. All are
-- locked, so that another worker, which passes over them, finds no older one to tell of instead.
with untold as (
  select r.due_at from evenfall.schedule_run r
  join evenfall.job j on j.id = r.job_id and j.state in ('done', 'skipped')
  where r.schedule = @schedule and r.due_at > clock_timestamp() - interval '1 day' and r.told_at is null
  for update of r skip locked
)
update evenfall.schedule_run r set told_at = clock_timestamp()
from untold where r.schedule = @schedule and r.due_at = untold.due_at
returning r.due_at;
