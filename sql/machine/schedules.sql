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
