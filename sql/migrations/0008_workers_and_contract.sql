-- What each worker knows and where its queues are, so that a person is told of a kind that nobody runs, and of a shell
-- whose settings are others. Null: a worker of an older release, which does not say.
alter table evenfall.worker
  add column kinds text[],
  add column queue_backend text,
  add constraint worker_queue_backend check (queue_backend in ('redis', 'postgres'));

-- Where the contract with the app's data was applied from, so that the one that ships never takes the place of an own one
-- unasked. At most one row.
create table evenfall.contract (
  only_row   boolean primary key default true,
  -- as `evenfall migrate` was given it; null for the one that ships
  file       text,
  applied_at timestamptz not null default clock_timestamp(),
  constraint contract_one_row check (only_row)
);
