-- name: deletionReminderEmail
-- Marked teams whose date comes within the policy's reminder (strictly, counted back from it, in UTC), once a mark, and
-- that nothing speaks for by now. Without such a policy nobody. Rides team_deletion_due. One whose job lies dead waits for
-- a person; the deletion does not wait for it.
select jsonb_build_object('teamId', d.team_id) as payload, d.team_id, d.team_id as subject,
  'it is to be deleted after ' || to_char(d.delete_after at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    || ', the reminder is due ' || @deletion_reminder?::text || ' before' as why
from evenfall.team_deletion d
where d.state = 'noticed' and d.delete_after > @now::timestamptz
  and evenfall.deletion_reminder(d.delete_after, @deletion_reminder?::text, @now::timestamptz) in ('due', 'late')
  and not exists (
    select from evenfall.notice n
    where n.kind = 'deletion-reminder' and n.subject = 'team:' || d.team_id and n.occasion = 'mark ' || d.id)
  and not exists (
    select from evenfall.dead_letter l
    where l.resolved_at is null and l.kind = 'deletion-reminder-email' and l.team_id = d.team_id)
  and evenfall.team_spared(d.team_id, @now::timestamptz) is null
order by d.delete_after, d.id;
