-- name: recordFinding
-- What people must look at, and the job that tells them; nothing when it was found before. Written in the
-- transaction of the decision that it tells of.
with found as (
  insert into evenfall.finding (kind, subject, occasion, team_id, message, detail, job_id, found_at)
  values (@kind, @subject, @occasion, @team_id?, @message, @detail, @job_id?, @found_at)
  on conflict (kind, subject, occasion) do nothing
  returning id
)
select id as "id!", evenfall.enqueue('alert-finding', jsonb_build_object('findingId', id)) as "alert_id!" from found;

-- name: findingToTell
select id, kind, subject, team_id, message, detail, job_id, found_at, acknowledged_at
from evenfall.finding where id = @id;

-- name: markFindingAlerted
update evenfall.finding set alerted_at = clock_timestamp() where id = @id and alerted_at is null returning id;
