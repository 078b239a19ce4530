-- What mail providers tell of mails that were sent: who is not written to any more, and which mails bounced.

-- Recipients whom mail does not reach, or who have complained of it. No address: the keyed hash that the ledger of mails
-- has.
create table evenfall.suppressed_recipient (
  recipient_hash text primary key,
  why            text not null,
  at             timestamptz not null,
  constraint suppressed_recipient_why check (why in ('bounce', 'complaint'))
);
create index suppressed_recipient_age on evenfall.suppressed_recipient (at);

-- When a provider told of it first. A mail that was sent stays one that was sent.
alter table evenfall.notice
  add column bounced_at timestamptz,
  add column complained_at timestamptz;

-- Which mail is meant: by its own id, or by whom it went to.
create index notice_message on evenfall.notice (message_id) where message_id is not null;
create index notice_recipient on evenfall.notice (recipient_hash, at) where recipient_hash is not null;
