-- What the doors (Node, HTTP, command line) ask.

-- name: enqueue
select evenfall.enqueue(@kind, @payload, @key?, @run_at?::timestamptz, @team_id?, @priority) as "id!";

-- name: nameSource
-- Says which door the jobs of this transaction come through: http, cli, …
select set_config('evenfall.source', @source, true) as "source!";

-- name: cancelJob
select evenfall.cancel(@kind, @key) as "cancelled!";

-- name: findJob
select id, kind, key, team_id, state, attempts, crashes, run_at, created_at, started_at, finished_at, outcome,
  public_message, payload, last_error, queue, dispatch_no, asks
from evenfall.job where id = @id;

-- name: listJobs
-- The newest first, of one state or of all.
select id, kind, key, team_id, state, attempts, run_at, created_at, finished_at, outcome
from evenfall.job where (@state?::text is null or state = @state?) order by id desc limit @limit;

-- name: listDeadLetters
-- Open ones first come first; rides dead_letter_open.
select d.id, d.job_id, d.kind, d.team_id, d.class, d.code, d.attempts, d.created_at, d.alerted_at, d.resolved_at, d.resolution
from evenfall.dead_letter d
where (@all::boolean or d.resolved_at is null) order by d.created_at, d.id limit @limit;

-- name: findDeadLetter
select d.id, d.job_id, d.kind, d.team_id, d.class, d.code, d.error, d.attempts, d.crashes, d.created_at, d.alerted_at,
  d.resolved_at, d.resolution, j.payload, j.state as job_state, j.created_at as job_created_at
from evenfall.dead_letter d join evenfall.job j on j.id = d.job_id
where d.id = @id;

-- name: pauseKind
update evenfall.job_kind set paused_at = clock_timestamp(), paused_why = @why where kind = @kind returning kind;

-- name: resumeKind
-- What has waited for it gets its time anew: it was a person that kept it. Rides job_live_key, or reads what is live.
with before as (
  select kind, give_up_after, paused_at from evenfall.job_kind where kind = @kind for update
), renewed as (
  update evenfall.job j set deadline_at = greatest(j.deadline_at, clock_timestamp() + b.give_up_after)
  from before b
  where b.paused_at is not null and j.kind = b.kind and j.state in ('queued', 'dispatched')
)
update evenfall.job_kind k set paused_at = null, paused_why = null from before where k.kind = before.kind returning k.kind;

-- name: activeKinds
-- The kinds that the dispatcher may hand out: known here and not paused.
select kind, payload_version from evenfall.job_kind where kind = any (@kinds) and paused_at is null;

-- name: recallIdempotencyKey
select job_id, body_hash from evenfall.idempotency
where token_hash = @token_hash and key in (@key, @plain_key) and created_at > clock_timestamp() - interval '7 days'
order by created_at desc limit 1;

-- name: keepIdempotencyKey
insert into evenfall.idempotency (token_hash, key, body_hash, job_id) values (@token_hash, @key, @body_hash, @job_id)
on conflict (token_hash, key) do update
  set body_hash = excluded.body_hash, job_id = excluded.job_id, created_at = clock_timestamp()
  where idempotency.created_at <= clock_timestamp() - interval '7 days'
returning job_id;

-- name: jobCounts
-- For /metrics: jobs by kind and state that are not over, the age of the oldest due one, and the open dead letters.
select kind, state, count(*)::int as "jobs!",
  coalesce(extract(epoch from clock_timestamp() - min(run_at) filter (where run_at <= clock_timestamp())), 0)::float8 as "oldest_due_seconds!"
from evenfall.job where state in ('queued', 'dispatched', 'running', 'parked')
group by kind, state;

-- name: deadLetterCounts
select kind, class, count(*)::int as "letters!" from evenfall.dead_letter where resolved_at is null group by kind, class;

-- name: findingCounts
select kind, count(*)::int as "findings!" from evenfall.finding where acknowledged_at is null group by kind;

-- name: unknownEffects
select count(*)::int as "effects!" from evenfall.effect where state = 'unknown';

-- name: databaseNow
select clock_timestamp() as "now!";

-- name: schemaState
-- What a process checks before it works: the migrations and kinds that `evenfall migrate` has written.
select kind, payload_version from evenfall.job_kind;
