-- Who is alive: one row a worker process, renewed and judged by the database's clock.

-- name: beat
-- Registers the worker, with what it knows, or renews its lease. One statement, on a connection of its own, so that
-- busy jobs cannot make a living worker look dead.
insert into evenfall.worker (id, concurrency, kinds, queue_backend)
values (@id, @concurrency, @kinds, @queue_backend)
on conflict (id) do update set heartbeat_at = clock_timestamp(), concurrency = excluded.concurrency
returning heartbeat_at;

-- name: signOff
-- A clean end. Its running rows, if any are left, are at once those of a dead worker.
delete from evenfall.worker where id = @id returning id;

-- name: forgetDeadWorkers
-- Rows of workers that are long gone and own nothing.
delete from evenfall.worker w
where w.heartbeat_at < clock_timestamp() - interval '1 hour'
  and not exists (select from evenfall.job j where j.state = 'running' and j.worker_id = w.id)
returning id;

-- name: kindsNobodyKnows
-- Queued jobs of kinds that no living worker knows: its code is older than the kind. None where nobody works, for that is
-- another trouble (and no verdict at all), nor where a worker of an older release does not say what it knows.
select queued.kind as "kind!", queued.jobs as "jobs!"
from (select kind, count(*)::int as jobs from evenfall.job where state = 'queued' group by kind) queued
cross join lateral (
  select bool_or(coalesce(queued.kind = any (w.kinds), true)) as known
  from evenfall.worker w where w.heartbeat_at > clock_timestamp() - @lease::interval
) alive
where not alive.known
order by queued.kind;

-- name: queueBackends
-- Where the living workers have their queues; one, unless their settings differ.
select distinct queue_backend as "queue_backend!" from evenfall.worker
where heartbeat_at > clock_timestamp() - @lease::interval and queue_backend is not null;
