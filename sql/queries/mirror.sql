-- name: readBegins
-- When a read of Stripe begins, by the database's clock: what is written from it carries this time.
-- As text, which keeps the microseconds that a JavaScript Date would drop.
select clock_timestamp()::text as "read_at!";

-- name: mirror
select evenfall.mirror(@read_at::text::timestamptz, @seen, @now)::text as "mirrored!";

-- name: mirroredLiveSubscriptions
-- Of a customer that is deleted: Stripe lists them no more.
select id from evenfall.subscription
where customer_id = @customer_id and not gone and status not in ('canceled', 'incomplete_expired')
order by id;

-- name: markGoneOfCustomer
-- What a whole read of the customer did not show any more, unless a later read did.
update evenfall.subscription set gone = true, read_at = @read_at::text::timestamptz
where customer_id = @customer_id and read_at < @read_at::text::timestamptz and not gone
returning id;

-- name: markDetachedOfCustomer
-- Cards that back nothing of the customer's any more.
update evenfall.card set detached = true, read_at = @read_at::text::timestamptz
where customer_id = @customer_id and read_at < @read_at::text::timestamptz and not detached
returning id;

-- name: beginBackfill
-- The backfill that is under way, or a new one.
with begun as (
  insert into evenfall.backfill default values on conflict do nothing
  returning id, phase, cursor, pages, objects
)
select id as "id!", phase as "phase!", cursor as "cursor?", pages as "pages!",
  objects as "objects!"
from (select * from begun
  union all
  select id, phase, cursor, pages, objects from evenfall.backfill where finished_at is null) b
limit 1;

-- name: mirrorPage
-- A page's rows and the cursor behind them, together or not at all. `pages` is the fence: of two runs that
-- read the same page one writes it, and the other is told by no row that it is behind.
with moved as (
  update evenfall.backfill
  set phase = @phase, cursor = @cursor?, pages = pages + 1, objects = objects + @count
  where id = @id and pages = @pages and finished_at is null
  returning id, phase, cursor, pages, objects
)
select id as "id!", phase as "phase!", cursor as "cursor?", pages as "pages!",
  objects as "objects!", evenfall.mirror(@read_at::text::timestamptz, @seen, @now)::text as "mirrored!"
from moved;

-- name: finishBackfill
-- Every page is in: what none of them showed is not there any more, unless a read since the start says so.
with finished as (
  update evenfall.backfill set phase = 'finished', cursor = null, finished_at = clock_timestamp()
  where id = @id and pages = @pages and finished_at is null
  returning started_at
), gone as (
  update evenfall.subscription s set gone = true, read_at = f.started_at
  from finished f where s.read_at < f.started_at and not s.gone returning s.id
), deleted as (
  update evenfall.customer c
  set deleted = true, email_hash = null, default_payment_method = null, read_at = f.started_at
  from finished f where c.read_at < f.started_at and not c.deleted returning c.id
), detached as (
  update evenfall.card d set detached = true, read_at = f.started_at
  from finished f where d.read_at < f.started_at and not d.detached returning d.id
)
select (select count(*) from gone)::int as "gone!", (select count(*) from deleted)::int as "deleted!",
  (select count(*) from detached)::int as "detached!"
from finished;
