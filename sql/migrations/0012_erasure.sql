-- Erasing a person (docs/decisions/0018-what-is-left-of-a-person.md): what their traces are found by, and the ledger.

-- The user to whose address a mail went: finds it when the address itself is gone. Null: it went to an address that only
-- Stripe has, or an older release sent it.
alter table evenfall.notice add column user_id text;
create index notice_user on evenfall.notice (user_id) where user_id is not null;
create index effect_recipient on evenfall.effect ((evidence->>'recipientHash')) where evidence ? 'recipientHash';

-- Since when the mirror keeps neither the address of this customer nor the names of its cards, whatever Stripe says.
alter table evenfall.customer add column erased_at timestamptz;
create index customer_email on evenfall.customer (email_hash) where email_hash is not null;
create index card_customer on evenfall.card (customer_id) where customer_id is not null;

-- One row an asking: that it was asked for, what came of it, and nothing of the person but the app's id.
create table evenfall.erasure (
  id               bigint generated always as identity primary key,
  -- 'user:7'
  subject          text not null,
  asked_at         timestamptz not null,
  -- what the person is found by, kept until it has served: keyed hashes of addresses, and Stripe's customers
  recipient_hashes text[] not null default '{}',
  customer_ids     text[] not null default '{}',
  -- how many rows of each table
  what             jsonb not null default '{}',
  -- what became of the customers in Stripe, and why
  stripe           text,
  done_at          timestamptz,
  -- who is at it; null until the job of a deletion has begun
  job_id           bigint,
  constraint erasure_done check (done_at is null or (stripe is not null and recipient_hashes = '{}'))
);
create index erasure_open on evenfall.erasure (subject) where done_at is null;
create index erasure_over on evenfall.erasure (done_at) where done_at is not null;
