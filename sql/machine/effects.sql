-- The ledger of acts on the outside world. Every statement is fenced: it writes only while the run that
-- asks is the job's current one, which it makes sure of by locking the job's row. Without a job (@job_id
-- null: `evenfall run`, inline) there is no row to lock, and an open claim counts as abandoned after ten
-- minutes.

-- name: claimEffect
-- Claims a business key before the act. A new key or a released one is claimed. An open claim of an older
-- run, which is over or dead, is taken over: then the other side must be asked before anything is done.
with current_run as (
  select id from evenfall.job where id = @job_id? and run_no = @run_no and state = 'running' for update
), fence as (
  select id from current_run union all select null where @job_id?::bigint is null
), before as (
  select e.id, e.state, e.job_id, e.run_no, e.evidence from evenfall.effect e, fence where e.key = @key for update of e
), claimed as (
  insert into evenfall.effect (key, kind, job_id, run_no, state, claimed_at)
  select @key, @kind, fence.id, @run_no, 'claimed', clock_timestamp() from fence
  on conflict (key) do update
    set state = 'claimed', job_id = excluded.job_id, run_no = excluded.run_no, claimed_at = excluded.claimed_at, evidence = null
    where effect.state = 'released'
      or (effect.state = 'claimed' and (
        (effect.job_id = excluded.job_id and effect.run_no < excluded.run_no)
        or (effect.job_id is null and effect.claimed_at < clock_timestamp() - interval '10 minutes')
        or (effect.job_id is not null and not exists (
          select from evenfall.job other
          where other.id = effect.job_id and other.run_no = effect.run_no and other.state = 'running'))))
  returning id
)
select
  case
    when not exists (select from fence) then 'stale'
    when claimed.id is not null and before.state = 'claimed' then 'ask'
    when claimed.id is not null then 'claimed'
    when before.state = 'claimed' then 'held'
    when before.state is null then 'held'
    else before.state
  end as "verdict!",
  before.evidence as "evidence?"
from (select 1) always left join claimed on true left join before on true;

-- name: settleEffect
-- claimed → settled, by the run that claimed it and only while that run is current.
with current_run as (
  select id from evenfall.job where id = @job_id? and run_no = @run_no and state = 'running' for update
), fence as (
  select id from current_run union all select null where @job_id?::bigint is null
)
update evenfall.effect e
set state = 'settled', settled_at = clock_timestamp(), evidence = @evidence
from fence
where e.key = @key and e.job_id is not distinct from fence.id and e.run_no = @run_no and e.state = 'claimed'
returning e.id;

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
set state = 'unknown', evidence = @evidence
from fence
where e.key = @key and e.job_id is not distinct from fence.id and e.run_no = @run_no and e.state = 'claimed'
returning e.id;

-- name: settleUnknown
-- unknown → settled or released, by a person who looked.
update evenfall.effect
set state = case when @happened::boolean then 'settled' else 'released' end,
    settled_at = case when @happened::boolean then clock_timestamp() end,
    evidence = coalesce(evidence, '{}') || jsonb_build_object('settledBy', @who::text)
where id = @id and state = 'unknown'
returning key, state;
