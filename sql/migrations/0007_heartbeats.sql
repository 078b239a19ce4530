-- When the monitor outside was told that this occurrence was accounted for and its job has ended well, or was told so
-- of a later one. Null: not told. No index: only the last day is looked at, by the table's key.
alter table evenfall.schedule_run add column told_at timestamptz;
