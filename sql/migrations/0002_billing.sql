-- Schedules, Stripe's mirror, and the ledger of mails.

-- A schedule as the code declares it; `since` is when it was first seen, so that nothing before is "missed".
create table evenfall.schedule (
  name    text primary key,
  pattern text not null,
  since   timestamptz not null default clock_timestamp()
);

-- Every occurrence of every schedule ends here: ran on time, caught up late, or skipped with a reason (P5).
-- The key makes any number of racing or late ticks write it once.
create table evenfall.schedule_run (
  schedule    text not null references evenfall.schedule,
  due_at      timestamptz not null,
  outcome     text not null,
  reason      text,
  job_id      bigint,
  recorded_at timestamptz not null default clock_timestamp(),
  primary key (schedule, due_at),
  constraint schedule_run_outcome check (outcome in ('ran', 'caught_up', 'skipped')),
  constraint schedule_run_explained check ((outcome = 'skipped') = (reason is not null))
);

-- Stripe's objects as far as jobs ask for them, and no personal data: an e-mail is here as a keyed hash only.
-- `read_at` is when the read began that a row comes from, by the database's clock: an older read never
-- overwrites a newer one.
create table evenfall.customer (
  id                     text primary key,
  email_hash             text,
  team_id                text,
  default_payment_method text,
  livemode               boolean not null,
  created_at             timestamptz,
  deleted                boolean not null default false,
  read_at                timestamptz not null
);

create table evenfall.subscription (
  id                     text primary key,
  customer_id            text not null,
  status                 text not null,
  cancel_at_period_end   boolean not null,
  cancel_at              timestamptz,
  canceled_at            timestamptz,
  ended_at               timestamptz,
  trial_start            timestamptz,
  trial_end              timestamptz,
  current_period_end     timestamptz,
  default_payment_method text,
  -- what the next invoice will ask for, in the currency's smallest unit; null when it cannot be told
  amount                 bigint,
  currency               text,
  livemode               boolean not null,
  created_at             timestamptz not null,
  -- gone in Stripe: a full backfill did not find it any more
  gone                   boolean not null default false,
  read_at                timestamptz not null
);
create index subscription_customer on evenfall.subscription (customer_id);
create index subscription_trial on evenfall.subscription (trial_end) where status = 'trialing';
create index subscription_card on evenfall.subscription (default_payment_method) where default_payment_method is not null;
create index customer_card on evenfall.customer (default_payment_method) where default_payment_method is not null;

-- Cards that are the default of a customer or a subscription.
create table evenfall.card (
  id          text primary key,
  customer_id text,
  brand       text,
  last4       text,
  exp_month   int not null,
  exp_year    int not null,
  -- a card is good to the end of its month, in UTC: the first instant after that
  expires_at  timestamptz not null,
  -- no longer the customer's, or no longer the default of anything
  detached    boolean not null default false,
  read_at     timestamptz not null
);
create index card_expiry on evenfall.card (expires_at) where not detached;

-- Webhook events, each once by Stripe's id; the payload is not kept, the object is read again.
create table evenfall.stripe_event (
  id           text primary key,
  type         text not null,
  object_id    text,
  customer_id  text,
  livemode     boolean not null,
  created_at   timestamptz not null,
  received_at  timestamptz not null default clock_timestamp(),
  job_id       bigint,
  -- why nothing follows from it
  ignored      text
);
create index stripe_event_received on evenfall.stripe_event (received_at);

-- Full reads of Stripe: every subscription in every status. Resumable by `cursor`; `finished_at` says that the
-- picture is complete, and how old it is.
create table evenfall.backfill (
  id          bigint generated always as identity primary key,
  started_at  timestamptz not null default clock_timestamp(),
  phase       text not null default 'subscriptions',
  cursor      text,
  pages       int not null default 0,
  objects     int not null default 0,
  finished_at timestamptz,
  constraint backfill_phase check (phase in ('subscriptions', 'customers', 'finished'))
);
create unique index backfill_open on evenfall.backfill ((true)) where finished_at is null;

-- One row a mail and occasion: sent, given up as unknown, or suppressed with the reason (P8: the decisions not
-- to send are what support asks for). Recipients only as a keyed hash.
create table evenfall.notice (
  id             bigint generated always as identity primary key,
  kind           text not null,
  subject        text not null,
  occasion       text not null,
  team_id        text,
  state          text not null,
  reason         text,
  recipient_hash text,
  message_id     text,
  job_id         bigint,
  at             timestamptz not null,
  constraint notice_once unique (kind, subject, occasion),
  constraint notice_state check (state in ('sent', 'unknown', 'suppressed')),
  constraint notice_explained check ((state = 'suppressed') = (reason is not null))
);
create index notice_team on evenfall.notice (team_id, at) where team_id is not null;
