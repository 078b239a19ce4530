-- Takes a read of Stripe's objects, begun at read_at, into the mirror: {"customers": [], "subscriptions": [],
-- "cards": []} in the mirror's own columns, each object once. A row that comes from a later read stays as it
-- is, so reads may be written in any order and any number of times. What was read exists, so it is no longer
-- gone. Rows are taken by id: two reads at once cannot wait for each other in a circle. At `now`, business time, the
-- marks of teams that have subscribed are taken back.
-- Of a customer whose person was erased neither the address nor the cards' names come back (customer.erased_at).
create or replace function evenfall.mirror(read_at timestamptz, objects jsonb, now timestamptz) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  -- of a deleted customer Stripe says no more than that: what is known of it stays
  insert into evenfall.customer as c
    (id, email_hash, team_id, default_payment_method, livemode, created_at, deleted, read_at)
  select r.id, r.email_hash, r.team_id, r.default_payment_method, r.livemode, r.created_at, r.deleted, $1
  from jsonb_to_recordset($2->'customers') as r(id text, email_hash text, team_id text,
    default_payment_method text, livemode boolean, created_at timestamptz, deleted boolean)
  order by r.id
  on conflict (id) do update set
    email_hash = case when c.erased_at is null then excluded.email_hash end,
    default_payment_method = excluded.default_payment_method,
    team_id = case when excluded.deleted then c.team_id else excluded.team_id end,
    created_at = coalesce(excluded.created_at, c.created_at),
    livemode = excluded.livemode, deleted = excluded.deleted, read_at = excluded.read_at
  where c.read_at <= excluded.read_at;

  insert into evenfall.subscription as s
    (id, customer_id, status, cancel_at_period_end, cancel_at, canceled_at, ended_at, trial_start, trial_end,
     current_period_end, default_payment_method, amount, currency, livemode, created_at, read_at)
  select r.id, r.customer_id, r.status, r.cancel_at_period_end, r.cancel_at, r.canceled_at, r.ended_at,
    r.trial_start, r.trial_end, r.current_period_end, r.default_payment_method, r.amount, r.currency,
    r.livemode, r.created_at, $1
  from jsonb_to_recordset($2->'subscriptions') as r(id text, customer_id text, status text,
    cancel_at_period_end boolean, cancel_at timestamptz, canceled_at timestamptz, ended_at timestamptz,
    trial_start timestamptz, trial_end timestamptz, current_period_end timestamptz,
    default_payment_method text, amount bigint, currency text, livemode boolean, created_at timestamptz)
  -- a customer that a later read found deleted had all of them cancelled: what this read saw alive is not
  where not exists (
    select from evenfall.customer c where c.id = r.customer_id and c.deleted and c.read_at > $1)
  order by r.id
  on conflict (id) do update set
    customer_id = excluded.customer_id, status = excluded.status,
    cancel_at_period_end = excluded.cancel_at_period_end, cancel_at = excluded.cancel_at,
    canceled_at = excluded.canceled_at, ended_at = excluded.ended_at,
    trial_start = excluded.trial_start, trial_end = excluded.trial_end,
    current_period_end = excluded.current_period_end,
    default_payment_method = excluded.default_payment_method,
    amount = excluded.amount, currency = excluded.currency, livemode = excluded.livemode,
    created_at = excluded.created_at, gone = false, read_at = excluded.read_at
  where s.read_at <= excluded.read_at;

  insert into evenfall.card as d
    (id, customer_id, brand, last4, exp_month, exp_year, expires_at, detached, read_at)
  select r.id, r.customer_id, case when e.id is null then r.brand end, case when e.id is null then r.last4 end,
    r.exp_month, r.exp_year, r.expires_at, r.customer_id is null, $1
  from jsonb_to_recordset($2->'cards') as r(id text, customer_id text, brand text, last4 text, exp_month int,
    exp_year int, expires_at timestamptz)
  left join evenfall.customer e on e.id = r.customer_id and e.erased_at is not null
  order by r.id
  on conflict (id) do update set
    customer_id = excluded.customer_id, brand = excluded.brand, last4 = excluded.last4,
    exp_month = excluded.exp_month, exp_year = excluded.exp_year, expires_at = excluded.expires_at,
    detached = excluded.detached, read_at = excluded.read_at
  where d.read_at <= excluded.read_at;

  select evenfall.clear_marks_of_subscribed(array(
    select r->>'customer_id' from jsonb_array_elements($2->'subscriptions') r
    union select r->>'id' from jsonb_array_elements($2->'customers') r), $3);
$$;
