-- Whether one more request may go to Stripe, and takes its turn when it may. Turns are a generic cell rate algorithm
-- without a burst: each is `spacing` after the one before, however many processes ask. The verdict:
--
--   go    its turn is after wait_ms
--   busy  the next turn is further off than `patience`; none is taken
--   down  the breaker is open, and the one probe of this second has been given away
--
-- While the breaker is open a turn is a probe: at most one a second, and nobody waits for it. A probe is no more than
-- that turn: whoever took it may die, the next second has another.
--
-- @param at the database's clock; a parameter so that a test can move it
create or replace function evenfall.stripe_turn(at timestamptz, spacing interval, patience interval)
returns table (verdict text, wait_ms float8, failures int, opened_at timestamptz)
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  g evenfall.stripe_gate;
  turn timestamptz;
  verdict text;
begin
  select * into strict g from evenfall.stripe_gate where id = 1 for update;
  -- nobody takes a turn that far ahead: the clock was set back, or a backup restored
  turn := case when g.next_at > $1 + $2 + $3 + interval '10 seconds' then $1 else greatest(g.next_at, $1) end;
  verdict := case
    when g.opened_at is not null and turn > $1 then 'down'
    when turn > $1 + $3 then 'busy'
    else 'go' end;
  if verdict = 'go' then
    update evenfall.stripe_gate
      set next_at = turn + case when g.opened_at is null then $2 else greatest($2, interval '1 second') end
      where id = 1;
  end if;
  return query select verdict, extract(epoch from turn - $1)::float8 * 1000, g.failures, g.opened_at;
end $$;

-- What became of a request: Stripe worked, or it did not (no connection, a time-out, 5xx, nothing readable). Failures
-- in a row open the breaker, whichever process met them; a good answer closes it. The turns stay as they are, so
-- what has waited comes at the usual rate. Says `opened`, `closed` or `same`.
create or replace function evenfall.stripe_answered(at timestamptz, worked boolean, threshold int) returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  g evenfall.stripe_gate;
  opens boolean;
begin
  select * into strict g from evenfall.stripe_gate where id = 1 for update;
  opens := not worked and g.opened_at is null and g.failures + 1 >= threshold;
  update evenfall.stripe_gate
    set failures = case when worked then 0 else g.failures + 1 end,
        opened_at = case when worked then null when opens then $1 else g.opened_at end,
        -- the turns that were taken ahead are void
        next_at = case when opens then $1 + interval '1 second' else g.next_at end
    where id = 1;
  return case when opens then 'opened' when worked and g.opened_at is not null then 'closed' else 'same' end;
end $$;
