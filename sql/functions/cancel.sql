-- Withdraws the live job of this kind and key. True: it will not run. False: there is none, or it is
-- running at this moment; then it is left to end, but neither retried nor run again.
create or replace function evenfall.cancel(kind text, key text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '3s'
as $$
#variable_conflict use_column
declare
  live evenfall.job;
begin
  perform evenfall.require_grant($1);
  select * into live from evenfall.job j
    where j.kind = $1 and j.key = $2 and j.state in ('queued', 'dispatched', 'running', 'parked')
    for update;
  if not found then
    return false;
  end if;
  if live.state = 'running' then
    update evenfall.job j set cancel_requested = true, rerun_payload = null, rerun_at = null where j.id = live.id;
    return false;
  end if;
  update evenfall.job j
    set state = 'cancelled', due = false, finished_at = clock_timestamp(),
        outcome = jsonb_build_object('reason', 'cancelled by who asked for it')
    where j.id = live.id;
  return true;
end $$;

revoke all on function evenfall.cancel(text, text) from public;
