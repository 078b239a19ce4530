-- name: deleteUnverifiedUsers
-- Users who never verified their address, older than the policy says (strictly, counted forward from their creation,
-- in UTC), whom nothing ties to the app (sql/functions/user_spared.sql), and whom it has not refused to let go within
-- POLICY_INACTIVE_TEAM_AGE. One row each says whom; they are one job, which asks all of it again, and Stripe, and the app.
select '{}'::jsonb as payload, null::text as team_id, u.id::text as subject,
  'created at ' || to_char(u.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    || ', more than ' || @unverified_user_age::text || ' ago, and never verified' as why
from evenfall.app_user u
where u.email_verified_at is null
  and u.created_at + @unverified_user_age::text::interval < @now::timestamptz
  and evenfall.user_spared(u.id::text) is null
  and not evenfall.user_vetoed(u.id::text, @now::timestamptz, @inactive_team_age::text::interval)
order by u.created_at, u.id;
