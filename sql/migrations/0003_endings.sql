-- What ends teams and users: marks with their dates, what protects a team, the fuse, and what people must look at.

-- A team's mark for deletion, and what became of it:
--
--   marking  asked for; the notice is not out, so no clock runs
--   noticed  the notice was really sent; due after delete_after
--   deleting the team is gone from the app, its owner may follow
--   deleted  over
--   cleared  taken back, with the reason
create table evenfall.team_deletion (
  id                  bigint generated always as identity primary key,
  team_id             text not null,
  state               text not null default 'marking',
  -- to whom it was announced, and who may go with the team
  owner_id            text,
  marked_at           timestamptz not null,
  -- the date that the notice prints; the clock itself starts when the notice was sent
  announced_delete_at timestamptz not null,
  notice_sent_at      timestamptz,
  delete_after        timestamptz,
  deleting_at         timestamptz,
  -- the team's own customers, which no later step could look up
  customer_ids        text[],
  deleted_at          timestamptz,
  -- 'deleted', or why the owner was kept
  owner_outcome       text,
  cleared_at          timestamptz,
  cleared_why         text,
  constraint team_deletion_state check (state in ('marking', 'noticed', 'deleting', 'deleted', 'cleared')),
  constraint team_deletion_clock check ((notice_sent_at is null) = (delete_after is null)),
  constraint team_deletion_announced check (state not in ('noticed', 'deleting', 'deleted') or delete_after is not null),
  constraint team_deletion_notice_first check (delete_after > notice_sent_at),
  constraint team_deletion_begun check (state not in ('deleting', 'deleted') or deleting_at is not null),
  constraint team_deletion_over check ((state = 'deleted') = (deleted_at is not null and owner_outcome is not null)),
  constraint team_deletion_cleared check
    ((state = 'cleared') = (cleared_at is not null) and (cleared_at is null) = (cleared_why is null))
);
-- One live mark a team, whoever races.
create unique index team_deletion_live on evenfall.team_deletion (team_id)
  where state in ('marking', 'noticed', 'deleting');
-- The sweep's path to what is due.
create index team_deletion_due on evenfall.team_deletion (delete_after) where state = 'noticed';
create index team_deletion_team on evenfall.team_deletion (team_id, id);

-- What keeps a team from being marked and deleted, whatever else is true of it: a snooze for some time, an
-- exemption, a legal hold.
create table evenfall.team_protection (
  team_id text not null,
  kind    text not null,
  -- strictly: at this instant it no longer protects; null is without end
  until   timestamptz,
  why     text not null,
  who     text not null,
  at      timestamptz not null,
  primary key (team_id, kind),
  constraint team_protection_kind check (kind in ('snooze', 'exempt', 'hold')),
  constraint team_protection_snooze_ends check (kind <> 'snooze' or until is not null)
);

-- Destructive acts, for the fuse: one row an act, however often a run repeats it. On the database's clock, which
-- nobody can set ahead.
create table evenfall.fuse_act (
  kind     text not null,
  subject  text not null,
  occasion text not null,
  at       timestamptz not null default clock_timestamp(),
  primary key (kind, subject, occasion)
);
create index fuse_act_recent on evenfall.fuse_act (kind, at);

-- A kind's fuse: blown when its acts of a day, and what waits to act, are too many; whole again when a person says so.
create table evenfall.fuse (
  kind           text primary key,
  blown_at       timestamptz,
  blown_by       text,
  -- since its release, and for a day, this many acts are allowed instead of the policy's
  released_at    timestamptz,
  released_acts  int,
  released_by    text,
  constraint fuse_released check ((released_at is null) = (released_acts is null))
);

-- What people must look at though no job is dead: a veto by Stripe, a fuse, a team with nobody to write to. Told
-- once; acknowledged by a person.
create table evenfall.finding (
  id              bigint generated always as identity primary key,
  kind            text not null,
  subject         text not null,
  -- what makes it another one of the same subject
  occasion        text not null,
  team_id         text,
  -- a sentence of ours: ids, never personal data
  message         text not null,
  detail          jsonb not null default '{}',
  job_id          bigint,
  found_at        timestamptz not null,
  alerted_at      timestamptz,
  acknowledged_at timestamptz,
  acknowledged_by text,
  note            text,
  constraint finding_once unique (kind, subject, occasion),
  constraint finding_acknowledged check ((acknowledged_at is null) = (acknowledged_by is null))
);
create index finding_open on evenfall.finding (found_at) where acknowledged_at is null;
create index finding_team on evenfall.finding (team_id, found_at) where team_id is not null;

-- Stripe was seen to have a paid invoice of this customer, with or without a subscription. Never taken back.
alter table evenfall.customer add column has_paid boolean not null default false;
create index customer_team on evenfall.customer (team_id) where team_id is not null;

-- Its third parameter came later: the older one would stand beside it.
drop function if exists evenfall.mirror(timestamptz, jsonb);
