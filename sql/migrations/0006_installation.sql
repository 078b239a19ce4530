-- Which database this is, so that a backup that was restored, and a copy, are told from the one that workers worked on.

-- At most one row, written by the first worker that starts. A worker that finds another database, or another time, holds
-- itself and every other one here until a person has answered (`evenfall doctor --after-restore`): a fact of the
-- database, which outlives the process and Redis.
create table evenfall.installation (
  only_row             boolean primary key default true,
  -- the cluster's; null where the role may not ask
  system_identifier    text,
  database_oid         bigint not null,
  recorded_at          timestamptz not null default clock_timestamp(),
  held_at              timestamptz,
  held_sign            text,
  -- the highest number that Redis had seen dispatched; null where nobody could say
  highest_dispatch_no  bigint,
  -- the last answer
  answered_at          timestamptz,
  answered_by          text,
  answered_why         text,
  -- when workers last did something before the backup was taken, as far as its rows say
  last_sign_of_life_at timestamptz,
  constraint installation_one_row check (only_row),
  constraint installation_held check ((held_at is null) = (held_sign is null)),
  constraint installation_sign check (held_sign in ('another_database', 'went_back')),
  constraint installation_answered check
    ((answered_at is null) = (answered_by is null) and (answered_by is null) = (answered_why is null))
);
