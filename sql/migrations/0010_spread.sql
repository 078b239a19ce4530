-- A backlog that a person has spread over days (docs/decisions/0016-a-backlog-is-spread-by-a-person.md).

-- The job's place: it does not act before. Null: it was not spread.
alter table evenfall.job add column spread_at timestamptz;

-- As many of a kind's spread jobs may act in any 24 hours, as was said last.
alter table evenfall.fuse
  add column spread_per_day int,
  add constraint fuse_spread_per_day check (spread_per_day > 0);

-- By a spread job: a person has answered for it, so it does not count towards blowing the fuse.
alter table evenfall.fuse_act add column spread boolean not null default false;
