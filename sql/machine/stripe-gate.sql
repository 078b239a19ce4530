-- The breaker and the rate budget that all processes share (sql/functions/stripe_gate.sql). One row, locked for the
-- length of a statement.

-- name: takeStripeTurn
-- Before each request to Stripe.
select verdict as "verdict!", wait_ms as "wait_ms!", failures as "failures!", opened_at as "opened_at?",
  extract(epoch from clock_timestamp() - opened_at)::float8 * 1000 as "open_ms?"
from evenfall.stripe_turn(clock_timestamp(), @spacing_ms * interval '1 millisecond',
  @patience_ms * interval '1 millisecond');

-- name: reportStripe
-- After a request that failed, and after one that worked while others had failed.
select evenfall.stripe_answered(clock_timestamp(), @worked, @threshold) as "changed!";

-- name: stripeGate
-- How it stands; locks nothing.
select failures, opened_at, extract(epoch from clock_timestamp() - opened_at)::float8 * 1000 as "open_ms?"
from evenfall.stripe_gate where id = 1;
