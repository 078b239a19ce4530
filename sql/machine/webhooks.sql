-- What the door for Stripe's events asks.

-- name: storeEvent
-- No row: it is here already, for Stripe delivers at least once.
insert into evenfall.stripe_event (id, type, object_id, customer_id, livemode, created_at, ignored)
values (@id, @type, @object_id?, @customer_id?, @livemode, @created_at, @ignored?)
on conflict (id) do nothing
returning id;

-- name: noteJobOfEvent
update evenfall.stripe_event set job_id = @job_id where id = @id returning id;

-- name: askFirstBackfill
-- Until Stripe was read once as a whole the mirror is no picture of it. The key: of several workers that boot
-- at once only one asks.
select evenfall.enqueue(@kind, '{}', 'first') as "id!"
where not exists (select from evenfall.backfill where finished_at is not null);
