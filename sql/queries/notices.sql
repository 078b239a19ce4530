-- name: recordNotice
-- The end of a mail on its occasion. One that was suppressed may be sent after all, when a person asks for it;
-- nothing else is ever rewritten.
insert into evenfall.notice as n
  (kind, subject, occasion, team_id, user_id, state, reason, recipient_hash, message_id, job_id, at)
values (@kind, @subject, @occasion, @team_id?, @user_id?, @state, @reason?, @recipient_hash?, @message_id?, @job_id?, @at)
on conflict (kind, subject, occasion) do update
  set team_id = excluded.team_id, user_id = excluded.user_id, state = excluded.state, reason = excluded.reason,
      recipient_hash = excluded.recipient_hash, message_id = excluded.message_id, job_id = excluded.job_id,
      at = excluded.at
  where n.state = 'suppressed' and excluded.state <> 'suppressed'
returning n.id;

-- name: teamOfCustomer
-- Who is written to about a Stripe customer: the owner of its team (sql/functions/team_of_customer.sql).
select t.id::text as "team_id!", t.name as "team_name?", t.time_zone as "time_zone?",
  t.owner_id::text as "owner_id?", u.email as "owner_email?",
  coalesce(u.is_active, false) as "owner_is_active!"
from evenfall.app_team t left join evenfall.app_user u on u.id = t.owner_id
where t.id = evenfall.team_of_customer(@customer_id, @named_team?)::evenfall.app_team_id;

-- name: trialReminder
-- Whether a reminder is due, by what Stripe says now.
select evenfall.trial_reminder(@trial_start?, @trial_end, @reminder, @reminders, @now) as "verdict!";

-- name: cardExpiry
-- Whether the mail about a card is due, by what Stripe says now.
select evenfall.card_expiry(@expires_at, @card_window, @now) as "verdict!";

-- name: customerOfCard
select customer_id as "customer_id!" from evenfall.card where id = @id and customer_id is not null;
