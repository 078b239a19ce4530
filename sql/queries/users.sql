-- What deleting unverified users asks. Who is due is what sql/sweeps/delete-unverified-users.sql finds.

-- name: countUnverifiedUsers
-- How many are due at @now.
select count(*)::int as "due!" from evenfall.app_user u
where u.email_verified_at is null
  and u.created_at + @unverified_user_age::text::interval < @now::timestamptz
  and evenfall.user_spared(u.id::text) is null
  and not evenfall.user_vetoed(u.id::text, @now::timestamptz, @inactive_team_age::text::interval);

-- name: unverifiedUsers
-- A page of those who are due, by id: deleting moves nothing on the pages that follow.
select u.id::text as "id!", u.email as "email?" from evenfall.app_user u
where (@after::text is null or u.id > @after?::text::evenfall.app_user_id)
  and u.email_verified_at is null
  and u.created_at + @unverified_user_age::text::interval < @now::timestamptz
  and evenfall.user_spared(u.id::text) is null
  and not evenfall.user_vetoed(u.id::text, @now::timestamptz, @inactive_team_age::text::interval)
order by u.id limit @batch;

-- name: unverifiedUser
-- One of them under lock, and what speaks for the user by now: no row when gone.
select u.created_at as "created_at!",
  case
    when u.email_verified_at is not null then 'has verified'
    when not u.created_at + @unverified_user_age::text::interval < @now::timestamptz then 'is not old enough'
    when u.email is distinct from @email?::text then 'has a new address'
    when evenfall.user_vetoed(u.id::text, @now::timestamptz, @inactive_team_age::text::interval) then 'the app refused'
    else evenfall.user_spared(u.id::text)
  end as "kept?"
from evenfall.app_user u where u.id = @user_id::text::evenfall.app_user_id;

-- name: sparedBefore
-- Whether it was told already that this user is spared, but for what the app has said. Rides history_subject.
select id from evenfall.history
where subject = 'user:' || @user_id::text and what = 'user.spared' and detail->>'who' is distinct from 'app' limit 1;

-- name: tryUserFuse
-- Locks the kind's fuse (sql/functions/fuse.sql).
select evenfall.try_fuse('delete-unverified-users', 'user:' || @user_id::text, @occasion, @waiting, @fuse_users)
  as "verdict!";
