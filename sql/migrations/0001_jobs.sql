-- The job record: Postgres is the truth of every job, BullMQ only carries it (docs/protocol.md).

create schema if not exists evenfall;

-- One row a kind, written by `evenfall migrate` from jobs/index.ts, so that SQL callers meet the same
-- rules as Node and HTTP callers.
create table evenfall.job_kind (
  kind            text primary key,
  queue           text not null,
  summary         text not null,
  payload_version int not null,
  payload_schema  jsonb not null,
  -- payload fields whose values make the default key
  key_fields      text[] not null,
  -- the payload field that names the team, for fairness and the timeline
  team_field      text,
  -- {"field": ["weaker", "stronger"]}: what wins when a live key meets another payload; null refuses
  precedence      jsonb,
  give_up_after   interval not null,
  crash_budget    int not null,
  paused_at       timestamptz,
  paused_why      text
);

-- Who may enqueue a kind. A kind without a row here is open to every role that may execute
-- evenfall.enqueue; with rows, only to members of these roles (and the owner).
create table evenfall.job_kind_grant (
  kind text not null references evenfall.job_kind on delete cascade,
  role regrole not null,
  primary key (kind, role)
);

-- A worker process and its lease. heartbeat_at is written with the database's clock and compared with
-- the database's clock: no worker's own clock decides who is alive.
create table evenfall.worker (
  id           text primary key,
  concurrency  int not null,
  started_at   timestamptz not null default clock_timestamp(),
  heartbeat_at timestamptz not null default clock_timestamp()
);

-- Dispatch numbers come from a sequence, not from a counter in the row: a rolled-back dispatch must never
-- reuse its BullMQ id, because BullMQ ignores an add whose id it still keeps.
create sequence evenfall.dispatch_no;

-- No foreign key to job_kind: its share lock would make one hot row of every enqueue, and
-- evenfall.enqueue, the only door, has read that row anyway.
create table evenfall.job (
  id              bigint generated always as identity primary key,
  kind            text not null,
  queue           text not null,
  payload         jsonb not null,
  payload_version int not null,
  key             text,
  team_id         text,
  -- whose turn it is: one bucket a team, one for the jobs of no team
  turn            text collate "C" not null generated always as (coalesce('team ' || team_id, 'none')) stored,
  priority        int not null default 0,
  state           text not null default 'queued',
  -- queued and run_at has passed: kept as a column so that the dispatcher's index holds due rows only
  due             boolean not null,
  run_at          timestamptz not null,
  deadline_at     timestamptz not null,
  attempts        int not null default 0,
  crashes         int not null default 0,
  -- which asking this is: 1, and one more each time it was asked for again while it ran
  asks            int not null default 1,
  dispatch_no     bigint,
  run_no          int not null default 0,
  worker_id       text,
  dispatched_at   timestamptz,
  started_at      timestamptz,
  finished_at     timestamptz,
  -- since when it waits for something that is down, without using attempts
  waiting_since   timestamptz,
  -- asked for again while it ran: it runs once more with this payload, not before this time
  rerun_payload   jsonb,
  rerun_at        timestamptz,
  cancel_requested boolean not null default false,
  outcome         jsonb,
  last_error      jsonb,
  public_message  text,
  source          text not null,
  created_at      timestamptz not null default clock_timestamp(),
  constraint job_state_known check
    (state in ('queued', 'dispatched', 'running', 'parked', 'done', 'skipped', 'dead', 'cancelled')),
  constraint job_finished_when_terminal check
    ((finished_at is not null) = (state in ('done', 'skipped', 'dead', 'cancelled'))),
  constraint job_running_has_worker check
    ((worker_id is not null) = (state = 'running')),
  constraint job_due_only_when_queued check (not due or state = 'queued')
);

-- A live key is unique: two live jobs of one kind and key cannot exist, whoever races.
create unique index job_live_key on evenfall.job (kind, key)
  where key is not null and state in ('queued', 'dispatched', 'running', 'parked');
-- The dispatcher's path: due rows of a queue by priority, turn, age.
create index job_due on evenfall.job (queue, priority, turn, run_at, id) where state = 'queued' and due;
-- The promoter's path: queued rows whose time is still to come.
create index job_not_due on evenfall.job (run_at) where state = 'queued' and not due;
-- The reconciler's path, and the count of what a queue has in flight.
create index job_dispatched on evenfall.job (queue, run_at) where state = 'dispatched';
-- The path from a dead worker to its jobs.
create index job_running on evenfall.job (worker_id) where state = 'running';
create index job_parked on evenfall.job (kind) where state = 'parked';
create index job_team on evenfall.job (team_id, id) where team_id is not null;

create function evenfall.notify_job() returns trigger language plpgsql as $$
begin
  perform pg_notify('evenfall_job', '');
  return null;
end $$;

-- Once a statement, not once a row: the dispatcher needs a knock, not a list.
create trigger job_enqueued after insert on evenfall.job
  for each statement execute function evenfall.notify_job();

-- An act on the outside world, claimed before and settled after, unique by its business key.
create table evenfall.effect (
  id         bigint generated always as identity primary key,
  key        text not null unique,
  kind       text not null,
  job_id     bigint,
  run_no     int,
  state      text not null,
  claimed_at timestamptz not null,
  settled_at timestamptz,
  evidence   jsonb,
  constraint effect_state_known check (state in ('claimed', 'settled', 'released', 'unknown'))
);
create index effect_job on evenfall.effect (job_id);
create index effect_open on evenfall.effect (claimed_at) where state in ('claimed', 'unknown');

-- What changed, for whom, and why: written in the transaction that settles the effect it tells of.
create table evenfall.history (
  id      bigint generated always as identity primary key,
  at      timestamptz not null,
  what    text not null,
  team_id text,
  subject text not null,
  detail  jsonb not null default '{}',
  job_id  bigint,
  source  text not null
);
create index history_team on evenfall.history (team_id, at) where team_id is not null;
create index history_subject on evenfall.history (subject, at);

-- A job that gave up. One row each time it does; the job's own row lives on and can be replayed.
create table evenfall.dead_letter (
  id          bigint generated always as identity primary key,
  job_id      bigint not null,
  run_no      int not null,
  kind        text not null,
  team_id     text,
  class       text not null,
  code        text,
  error       jsonb not null,
  attempts    int not null,
  crashes     int not null,
  created_at  timestamptz not null default clock_timestamp(),
  alerted_at  timestamptz,
  resolved_at timestamptz,
  resolution  text,
  constraint dead_letter_once unique (job_id, run_no),
  constraint dead_letter_resolution check ((resolved_at is null) = (resolution is null))
);
create index dead_letter_open on evenfall.dead_letter (created_at) where resolved_at is null;

-- HTTP's Idempotency-Key: apart from job keys, one answer per token and key for seven days.
create table evenfall.idempotency (
  token_hash text not null,
  key        text not null,
  body_hash  text not null,
  job_id     bigint not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (token_hash, key)
);
create index idempotency_age on evenfall.idempotency (created_at);
