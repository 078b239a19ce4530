-- What a waiting job waits for, told by its last error. All that Stripe can be is one cause: in an outage a job's
-- class changes whenever its turn to probe comes. Only trouble with Postgres waits without a class of its own.
create or replace function evenfall.waiting_for(last_error jsonb) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select case
    when $1->>'class' like 'stripe\_%' then 'stripe'
    when coalesce($1->>'class', 'unexpected') = 'unexpected' then 'postgres'
    else $1->>'class' end
$$;
