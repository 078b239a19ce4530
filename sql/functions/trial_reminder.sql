-- Whether a reminder of a trial's end is due at `now`: 'due', or why not. Shared by the sweep, which asks it of
-- the mirror, and the job, which asks it again of what Stripe says when it sends. Counted from the trial's end,
-- in UTC; every boundary is strict (at exactly 3 days nothing is due).
--
--   late        24 hours or less are left: it is not made up for any more
--   early       the time has not come
--   short       the whole trial is no longer than that: the customer has only just signed up
--   superseded  a later reminder is due by now, and says the same with a shorter time
create or replace function evenfall.trial_reminder(
  trial_start timestamptz, trial_end timestamptz, reminder text, reminders text[], now timestamptz)
returns text language sql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
  select case
    when trial_end - interval '24 hours' <= now then 'late'
    when trial_end - reminder::interval >= now then 'early'
    when trial_start + reminder::interval >= trial_end then 'short'
    when exists (
      select from unnest(reminders) as other (reminder)
      where (trial_end - other.reminder::interval, other.reminder)
            > (trial_end - trial_reminder.reminder::interval, trial_reminder.reminder)
        and trial_end - other.reminder::interval < now) then 'superseded'
    else 'due'
  end
$$;
