-- Who is alive: one row a worker process, renewed and judged by the database's clock.

-- name: beat
-- Registers the worker or renews its lease. One statement, on a connection of its own, so that busy jobs
-- cannot make a living worker look dead.
insert into evenfall.worker (id, concurrency) values (@id, @concurrency)
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
