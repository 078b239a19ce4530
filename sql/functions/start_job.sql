-- Whether a worker holds its lease, by the database's clock alone. After a restart of the database every
-- lease looks expired: each worker then gets one lease to renew it.
create or replace function evenfall.worker_lives(worker_id text, lease interval) returns boolean
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from evenfall.worker w
    where w.id = worker_lives.worker_id
      and greatest(w.heartbeat_at, pg_postmaster_start_time()) > clock_timestamp() - lease)
$$;

-- dispatched → running, or running with a dead worker → running. Locks the row first, and so waits for the
-- dispatcher that has added the job to BullMQ but not committed yet; only a new statement sees what that
-- commit wrote, which is why this is a function and not one statement. The verdict says why nothing started:
--
--   gone    another dispatch is current, or it ended
--   dead    it is dead, and BullMQ does not know
--   busy    it runs, and its worker lives
--   poison  its worker died, once too often
--   newer   a payload version, or a kind, that this worker does not know
--   early   its time is still to come
create or replace function evenfall.start_job(
  job_id bigint, dispatch_no bigint, worker_id text, lease interval, payload_version int
) returns table (
  verdict text, payload jsonb, team_id text, attempts int, crashes int, asks int, run_no int,
  run_at timestamptz, deadline_at timestamptz, last_error jsonb, db_now timestamptz
) language plpgsql set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  j evenfall.job;
  verdict text;
begin
  select * into j from evenfall.job job where job.id = $1 for update;
  if not found then
    return;
  end if;

  verdict := case
    when j.state = 'dead' and j.dispatch_no = $2 then 'dead'
    when j.dispatch_no is distinct from $2 or j.state not in ('dispatched', 'running') then 'gone'
    when j.state = 'running' and evenfall.worker_lives(j.worker_id, $4) then 'busy'
    when j.state = 'running' and j.crashes >= (
      select k.crash_budget from evenfall.job_kind k where k.kind = j.kind) then 'poison'
    when j.payload_version > $5 then 'newer'
    when j.run_at > clock_timestamp() then 'early'
    else 'started'
  end;

  if verdict = 'started' then
    update evenfall.job job
      set state = 'running', run_no = job.run_no + 1, worker_id = $3, started_at = clock_timestamp(),
          crashes = job.crashes + (job.state = 'running')::int
      where job.id = $1
      returning * into j;
  end if;
  return query select verdict, j.payload, j.team_id, j.attempts, j.crashes, j.asks, j.run_no, j.run_at,
    j.deadline_at, j.last_error, clock_timestamp();
end $$;
