-- name: deleteInactiveTeam
-- Marked teams whose date has passed, strictly. Everything else that must be so is read again by the job, under lock.
-- Rides team_deletion_due. One whose job lies dead waits for a person.
select jsonb_build_object('teamId', d.team_id) as payload, d.team_id, d.team_id as subject,
  'its notice was sent at ' || to_char(d.notice_sent_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    || ', and it was to be deleted after ' || to_char(d.delete_after at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as why
from evenfall.team_deletion d
where d.state = 'noticed' and d.delete_after < @now::timestamptz
  and not exists (
    select from evenfall.dead_letter l
    where l.resolved_at is null and l.kind = 'delete-inactive-team' and l.team_id = d.team_id)
order by d.delete_after, d.id;
