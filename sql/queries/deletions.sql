-- What marking and deleting a team ask. Where several rows are locked the order is mark, team, user, fuse, job.

-- name: pictureOfStripe
-- Whether a complete backfill has finished within the last 24 hours, by the database's clock: without it every team
-- looks as if it had never subscribed. A mirror without any customer is none either when the app names some: the key
-- is then of another account.
select max(finished_at) as "finished_at?",
  coalesce(max(finished_at) > clock_timestamp() - interval '24 hours', false) as "is_fresh!",
  exists (select from evenfall.customer)
    or not exists (select from evenfall.app_team where stripe_customer_id is not null)
      and not exists (select from evenfall.app_user where stripe_customer_id is not null) as "is_ours!"
from evenfall.backfill;

-- name: teamToEnd
-- A team with its owner, and what speaks against its end at @now. Rides the app's own primary keys.
select t.id::text as "id!", t.name as "name?", t.created_at as "created_at!", t.time_zone as "time_zone?",
  t.owner_id::text as "owner_id?", o.email as "owner_email?", coalesce(o.is_active, false) as "owner_is_active!",
  o.email_verified_at is not null as "owner_is_verified!",
  t.created_at + @inactive_team_age::text::interval < @now::timestamptz as "is_old!",
  evenfall.team_spared(t.id::text, @now::timestamptz) as "spared?"
from evenfall.app_team t left join evenfall.app_user o on o.id = t.owner_id
where t.id = @team_id::text::evenfall.app_team_id;

-- name: customersOfTeam
-- Whom Stripe is asked about.
select id as "id!" from evenfall.customers_of_team(@team_id) as c (id) order by id;

-- name: linkedElsewhere
-- Of these customers, those that are plainly another team's: a find by e-mail alone is then no trace of this one.
select c.id as "id!" from unnest(@customer_ids::text[]) as c (id)
where evenfall.team_of_customer(c.id, (select m.team_id from evenfall.customer m where m.id = c.id)) <> @team_id;

-- name: rememberPaid
update evenfall.customer set has_paid = true where id = any (@customer_ids::text[]) and not has_paid returning id;

-- name: liveMark
select id, team_id, state, owner_id, announced_delete_at, delete_after, customer_ids from evenfall.team_deletion
where team_id = @team_id and state in ('marking', 'noticed', 'deleting');

-- name: openMark
-- A new mark without a clock; no row when there is a live one. What the notice prints is the date D: from @now, by
-- the policy, in UTC.
insert into evenfall.team_deletion (team_id, owner_id, marked_at, announced_delete_at)
values (@team_id, @owner_id?, @now, @now::timestamptz + @deletion_notice::text::interval)
on conflict (team_id) where state in ('marking', 'noticed', 'deleting') do nothing
returning id, team_id, state, owner_id, announced_delete_at, delete_after, customer_ids;

-- name: dateMark
-- A mark whose notice has waited for an hour or more, for its fuse or a mail server, gets the date anew before it is sent:
-- nobody is told of a day that has passed. Not where a notice of it went out, or may have, for that one has printed the date.
update evenfall.team_deletion d set announced_delete_at = @now::timestamptz + @deletion_notice::text::interval
where d.id = @id and d.state = 'marking'
  and d.announced_delete_at <= @now::timestamptz + @deletion_notice::text::interval - interval '1 hour'
  and not exists (
    select from evenfall.effect e
    where e.state <> 'released' and e.key = 'mail:deletion-notice:team:' || d.team_id || ':'
      || to_char(d.announced_delete_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
returning d.announced_delete_at;

-- name: deletionReminder
-- Whether the reminder of a deletion is due (sql/functions/deletion_reminder.sql).
select evenfall.deletion_reminder(@delete_after, @reminder?, @now) as "verdict!";

-- name: lockMark
select id, state, owner_id, delete_after < @now::timestamptz as "is_due?" from evenfall.team_deletion
where id = @id for update;

-- name: holdTeam
-- Waits for whoever is mirroring a subscription of the team: what they write is seen by the statements that follow.
select evenfall.hold_team(@team_id)::text as "held?";

-- name: lockTeam
select evenfall.app_lock_team(@team_id)::text as "locked?";

-- name: lockUser
select evenfall.app_lock_user(@user_id)::text as "locked?";

-- name: startClock
-- marking → noticed, when the notice was really sent: never earlier than the date that it prints. Not when it bounced:
-- the mail provider may be faster than whoever sent it (holdRecipientOfMark comes first).
update evenfall.team_deletion d
set state = 'noticed', notice_sent_at = @sent_at,
    delete_after = greatest(announced_delete_at, @sent_at::timestamptz + @deletion_notice::text::interval)
where id = @id and state = 'marking'
  and not exists (
    select from evenfall.mark_notice m
    join evenfall.suppressed_recipient s on s.recipient_hash = m.recipient_hash and s.why = 'bounce'
    where m.mark_id = d.id)
returning delete_after as "delete_after!";

-- name: clearMark
-- marking, noticed → cleared.
update evenfall.team_deletion set state = 'cleared', cleared_at = @now, cleared_why = @why
where id = @id and state in ('marking', 'noticed')
returning id;

-- name: vetoDeletion
-- noticed → cleared, because the app refuses: and snoozes the team as the keep link does (keepTeam), for no shorter than
-- it was; else it would be marked anew the next day. Locks the mark first: of this and whoever else takes the mark back,
-- one comes too late and has no row.
with refused as (
  update evenfall.team_deletion set state = 'cleared', cleared_at = @now, cleared_why = 'the app refused'
  where id = @id and state = 'noticed'
  returning team_id
)
insert into evenfall.team_protection (team_id, kind, until, why, who, at)
select team_id, 'snooze', @now::timestamptz + @inactive_team_age::text::interval, @why, 'app', @now from refused
on conflict (team_id, kind) do update
  set until = greatest(team_protection.until, excluded.until), why = excluded.why, who = excluded.who, at = excluded.at
returning until as "until!";

-- name: tryTeamFuse
-- Locks the kind's fuse (sql/functions/fuse.sql).
select evenfall.try_fuse(@kind, 'team:' || @team_id::text, @occasion, null,
  evenfall.team_fuse_limit(@fuse_max, @fuse_share)) as "verdict!";

-- name: askedLately
-- Whether an answer of Stripe that was asked for at that time is still young enough to act on.
select clock_timestamp() - @asked_at::text::timestamptz < interval '60 seconds' as "is_young!";

-- name: beginDeletion
-- noticed → deleting: the first irreversible step, in the transaction that calls app_delete_team.
update evenfall.team_deletion set state = 'deleting', deleting_at = @now, customer_ids = @customer_ids
where id = @id and state = 'noticed'
returning id;

-- name: deleteTeam
select evenfall.app_delete_team(@team_id)::text as "deleted?";

-- name: endDeletion
-- deleting → deleted.
update evenfall.team_deletion set state = 'deleted', deleted_at = @now, owner_outcome = @owner_outcome
where id = @id and state = 'deleting'
returning id;

-- name: deleteUser
select evenfall.app_delete_user(@user_id)::text as "deleted?";

-- name: ownerToEnd
-- The owner of a deleted team, and what ties them to the app: another team, owned or member of (an invitation is a
-- membership), or a customer of their own.
select u.id::text as "id!", u.email as "email?",
  case
    when exists (select from evenfall.app_team t where t.owner_id = u.id) then 'owns another team'
    when exists (select from evenfall.app_membership m where m.user_id = u.id) then 'is a member of another team'
    when u.stripe_customer_id is not null then 'has a Stripe customer'
  end as "kept?"
from evenfall.app_user u where u.id = @user_id::text::evenfall.app_user_id;

-- name: holdsOnTeam
-- A legal hold keeps what is left of a team.
select team_id from evenfall.team_protection
where team_id = @team_id and kind = 'hold' and (until is null or until > @now);
