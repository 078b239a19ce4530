-- Whether the reminder of a deletion is due at `now`: 'due', or why not. Shared by the sweep and the job, which asks it
-- again when it sends. Counted back from the date, in UTC; every boundary is strict.
--
--   none   no reminder is asked for
--   late   an hour or less is left: nobody could act on it any more
--   early  the time has not come
create or replace function evenfall.deletion_reminder(delete_after timestamptz, reminder text, now timestamptz)
returns text language sql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
  select case
    when reminder is null then 'none'
    when delete_after - interval '1 hour' <= now then 'late'
    when delete_after - reminder::interval >= now then 'early'
    else 'due'
  end
$$;
