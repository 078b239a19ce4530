-- What people do about findings. How one is recorded is in sql/queries/findings.sql.

-- name: listFindings
-- Open ones first, first come first; then, of all, those acknowledged last.
select id, kind, subject, team_id, message, found_at, alerted_at, acknowledged_at, acknowledged_by, note
from evenfall.finding
where (@all::boolean or acknowledged_at is null)
order by acknowledged_at desc nulls first, found_at, id limit @limit;

-- name: acknowledgeFinding
-- open → acknowledged, once, whoever else tries at the same time.
update evenfall.finding set acknowledged_at = clock_timestamp(), acknowledged_by = @who, note = @why
where id = @id and acknowledged_at is null
returning kind, subject;

-- name: findAcknowledgement
select acknowledged_at, acknowledged_by, note from evenfall.finding where id = @id;
