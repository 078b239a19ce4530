-- The ledger of acts on the outside world. Every statement is fenced: it writes only while the run that
-- asks is the job's current one, which it makes sure of by locking the job's row. Without a job (@job_id
-- null: `evenfall run`, inline) there is no row to lock.

-- name: claimEffect
-- Claims a business key before the act, or says why not (sql/functions/claim_effect.sql).
select verdict as "verdict!", id as "id?", evidence as "evidence?"
from evenfall.claim_effect(@job_id?, @run_no, @key, @kind, @about);

-- name: begunEffects
-- What earlier runs of this job claimed, and neither settled nor released. Rides effect_job.
select key, evidence as "about!" from evenfall.effect
where job_id = @job_id? and run_no < @run_no and state = 'claimed' order by id;

-- name: settleEffect
-- claimed → settled, by the run that claimed it and only while that run is current. What the claim was about
-- stays in the evidence.
with current_run as (
  select id from evenfall.job where id = @job_id? and run_no = @run_no and state = 'running' for update
), fence as (
  select id from current_run union all select null where @job_id?::bigint is null
)
update evenfall.effect e
set state = 'settled', settled_at = clock_timestamp(), evidence = coalesce(e.evidence, '{}') || @evidence
from fence
where e.key = @key and e.job_id is not distinct from fence.id and e.run_no = @run_no and e.state = 'claimed'
returning e.id, e.settled_at;

-- name: holdRun
-- The fence of a job's own transaction, last in the order of locks: no row when the run is no longer current.
select id from evenfall.job where id = @job_id and run_no = @run_no and state = 'running' for update;

-- name: releaseEffect
-- claimed → released: the other side refused for certain, so the key is free for the next try.
with current_run as (
  select id from evenfall.job where id = @job_id? and run_no = @run_no and state = 'running' for update
), fence as (
  select id from current_run union all select null where @job_id?::bigint is null
)
update evenfall.effect e
set state = 'released', evidence = @evidence
from fence
where e.key = @key and e.job_id is not distinct from fence.id and e.run_no = @run_no and e.state = 'claimed'
returning e.id;

-- name: giveUpEffect
-- claimed → unknown: nobody can say whether it happened. Visible until a person settles it.
with current_run as (
  select id from evenfall.job where id = @job_id? and run_no = @run_no and state = 'running' for update
), fence as (
  select id from current_run union all select null where @job_id?::bigint is null
)
update evenfall.effect e
set state = 'unknown'
from fence
where e.key = @key and e.job_id is not distinct from fence.id and e.run_no = @run_no and e.state = 'claimed'
returning e.id;

-- name: tellUnknown
-- The job goes on without an act that nobody can vouch for; people are told as of a dead letter, which stays open
-- until the effect is settled.
with letter as (
  insert into evenfall.dead_letter (job_id, run_no, kind, team_id, class, code, error, attempts, crashes)
  select j.id, @run_no, j.kind, j.team_id, 'unknown_effect', @code, @error, j.attempts, j.crashes
  from evenfall.job j where j.id = @job_id
  on conflict (job_id, run_no) do nothing
  returning id
)
select id as "id!", evenfall.enqueue('alert-dead-letter', jsonb_build_object('deadLetterId', id)) as "alert_id!"
from letter;

-- name: settleUnknown
-- unknown → settled or released, by a person who looked. Of a mail the ledger of mails then says the same: it was
-- sent, or it is due again. A letter that only told of it is resolved; one of a dead job waits for its replay.
with looked as (
  update evenfall.effect
  set state = case when @happened::boolean then 'settled' else 'released' end,
      settled_at = case when @happened::boolean then clock_timestamp() end,
      evidence = coalesce(evidence, '{}') || jsonb_build_object('settledBy', @who::text)
  where id = @id and state = 'unknown'
  returning key, state, job_id
), told as (
  update evenfall.dead_letter d set resolved_at = clock_timestamp(), resolution = 'effect settled by ' || @who::text
  from looked join evenfall.job j on j.id = looked.job_id
  where d.job_id = j.id and j.state <> 'dead' and d.class = 'unknown_effect' and d.resolved_at is null
), sent as (
  update evenfall.notice n set state = 'sent' from looked
  where n.state = 'unknown' and looked.state = 'settled'
    and looked.key = 'mail:' || n.kind || ':' || n.subject || ':' || n.occasion
), again as (
  delete from evenfall.notice n using looked
  where n.state = 'unknown' and looked.state = 'released'
    and looked.key = 'mail:' || n.kind || ':' || n.subject || ':' || n.occasion
)
select key as "key!", state as "state!" from looked;
