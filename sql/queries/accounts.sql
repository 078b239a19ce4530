-- What deactivating a user's account asks.

-- name: accountOf
-- A user as the app has it.
select u.id::text as "id!", u.email as "email?", coalesce(u.is_active, false) as "is_active!"
from evenfall.app_user u where u.id = @user_id::text::evenfall.app_user_id;

-- name: sharedTeamsOf
-- Teams that the user owns and that others are members of; an invitation counts.
select t.id::text as "id!" from evenfall.app_team t
where t.owner_id = @user_id::text::evenfall.app_user_id
  and exists (select from evenfall.app_membership m where m.team_id = t.id and m.user_id is distinct from t.owner_id)
order by t.id;

-- name: customersOfAccount
-- The Stripe customers that end with the account: the user's own, and those of the teams owned. Of teams where
-- the user is merely a member, none.
select u.stripe_customer_id as "id!" from evenfall.app_user u
where u.id = @user_id::text::evenfall.app_user_id and u.stripe_customer_id is not null
union
select c.id from evenfall.app_team t cross join lateral evenfall.customers_of_team(t.id::text) as c (id)
where t.owner_id = @user_id::text::evenfall.app_user_id
order by 1;

-- name: cancelledByJob
-- The subscriptions that this job has cancelled in any of its runs. Rides effect_job.
select e.evidence->>'subscriptionId' as "id!" from evenfall.effect e
where e.job_id = @job_id?
  and e.kind = 'stripe.subscription.cancel' and e.state = 'settled'
order by e.id;

-- name: deactivateUser
select evenfall.app_deactivate_user(@user_id)::text as "deactivated?";

-- name: deactivatedByJob
-- When this job deactivated the user, and how many subscriptions it had cancelled by then. Rides history_subject.
select h.at, jsonb_array_length(h.detail->'cancelled') as "cancelled!" from evenfall.history h
where h.subject = 'user:' || @user_id::text and h.what = 'user.deactivated'
  and h.job_id = @job_id?
order by h.at desc, h.id desc limit 1;
