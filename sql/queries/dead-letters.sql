-- name: deadLetterToTell
select id, job_id, kind, team_id, attempts, error, created_at, resolved_at from evenfall.dead_letter where id = @id;

-- name: markAlerted
update evenfall.dead_letter set alerted_at = clock_timestamp() where id = @id and alerted_at is null returning id;
