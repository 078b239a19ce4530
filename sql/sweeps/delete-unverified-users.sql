-- name: deleteUnverifiedUsers
-- Users who never verified their address, older than the policy says (strictly, counted forward from their creation,
-- in UTC), whom nothing ties to the app (sql/functions/user_spared.sql). One row each says whom; they are one job,
-- which asks all of it again, and Stripe.
select '{}'::jsonb as payload, null::text as team_id, u.id::text as subject,
  'created at ' || to_char(u.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    || ', more than ' || @unverified_user_age::text || ' ago, and never verified' as why
from evenfall.app_user u
where u.email_verified_at is null
  and u.created_at + @unverified_user_age::text::interval < @now::timestamptz
  and evenfall.user_spared(u.id::text) is null
order by u.created_at, u.id;
