-- name: recordHistory
-- What changed, for whom: written in the transaction that makes or settles the change.
insert into evenfall.history (at, what, team_id, subject, detail, job_id, source)
values (@at, @what, @team_id?, @subject, @detail, @job_id?, @source)
returning id;
