-- Claims a business key before the act. Locks the job's row first, which is the fence, and then the key's:
-- each is a statement of its own and sees what was committed while it waited, which is why this is a
-- function and not one statement. `about` is kept with the claim. The verdict:
--
--   claimed  the key is new, or it was released: act
--   ask      an earlier run, now over or dead, has left its claim open: ask the other side first
--   held     another run is at it right now
--   settled  it has happened; the evidence says how
--   unknown  nobody can say whether it has
--   stale    the run that asks is no longer its job's current one
--
-- Without a job (`evenfall run`, inline) there is no row to lock, and an open claim counts as abandoned after
-- ten minutes.
create or replace function evenfall.claim_effect(job_id bigint, run_no int, key text, kind text, about jsonb)
returns table (verdict text, id bigint, evidence jsonb) language plpgsql set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  e evenfall.effect;
  verdict text;
begin
  if $1 is not null then
    perform from evenfall.job j where j.id = $1 and j.run_no = $2 and j.state = 'running' for update;
    if not found then
      return query select 'stale', null::bigint, null::jsonb;
      return;
    end if;
  end if;

  insert into evenfall.effect (key, kind, job_id, run_no, state, claimed_at, evidence)
    values ($3, $4, $1, $2, 'claimed', clock_timestamp(), $5)
    on conflict (key) do nothing
    returning * into e;
  if found then
    return query select 'claimed', e.id, e.evidence;
    return;
  end if;

  select * into strict e from evenfall.effect effect where effect.key = $3 for update;
  verdict := case
    when e.state = 'released' then 'claimed'
    when e.state <> 'claimed' then e.state
    when e.job_id is null and e.claimed_at > clock_timestamp() - interval '10 minutes' then 'held'
    when exists (
      select from evenfall.job j where j.id = e.job_id and j.run_no = e.run_no and j.state = 'running') then 'held'
    else 'ask'
  end;
  if verdict in ('claimed', 'ask') then
    update evenfall.effect effect
      set state = 'claimed', kind = $4, job_id = $1, run_no = $2, claimed_at = clock_timestamp(),
          evidence = case verdict when 'ask' then e.evidence else $5 end
      where effect.id = e.id
      returning * into e;
  end if;
  return query select verdict, e.id, e.evidence;
end $$;
