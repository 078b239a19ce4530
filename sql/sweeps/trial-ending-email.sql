-- name: trialEndingEmail
-- Trials that end soon and will become paid, one row a reminder. Rides subscription_trial. One that lies dead
-- waits for a person: it is not asked for again at each sweep.
select jsonb_build_object('subscriptionId', due.id, 'offset', due.reminder) as payload,
  evenfall.team_of_customer(due.customer_id, due.team_id) as team_id,
  due.id as subject,
  'the trial ends at ' || due.ends || ', the reminder is due ' || due.reminder || ' before' as why
from (
  select s.id, s.customer_id, c.team_id, o.reminder,
    to_char(s.trial_end at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as ends
  from evenfall.subscription s
  cross join unnest(@trial_reminders::text[]) as o (reminder)
  left join evenfall.customer c on c.id = s.customer_id
  where s.status = 'trialing' and not s.gone and not s.cancel_at_period_end
    -- one that is set to end later is charged before
    and (s.cancel_at is null or s.cancel_at > s.trial_end)
    and s.trial_end > @now::timestamptz
    and evenfall.trial_reminder(s.trial_start, s.trial_end, o.reminder, @trial_reminders::text[], @now::timestamptz) = 'due'
) due
where not exists (
    select from evenfall.notice n
    where n.kind = 'trial-ending' and n.subject = 'subscription:' || due.id
      and n.occasion = due.ends || ' ' || due.reminder)
  and not exists (
    select from evenfall.dead_letter d join evenfall.job j on j.id = d.job_id
    where d.resolved_at is null and d.kind = 'trial-ending-email'
      and j.payload @> jsonb_build_object('subscriptionId', due.id, 'offset', due.reminder))
order by due.ends, due.id, due.reminder;
