-- name: markTeamForDeletion
-- Teams older than the policy says (strictly, counted forward from their creation, in UTC) that never subscribed, that
-- nothing protects and that were not told yet: one whose marking was broken off is found again. One whose job lies
-- dead, or that nobody can be written to about, waits for a person. Reads all teams; each is asked about by its own keys (sql/functions/team_spared.sql).
select jsonb_build_object('teamId', t.id::text) as payload, t.id::text as team_id, t.id::text as subject,
  'created at ' || to_char(t.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    || ', more than ' || @inactive_team_age::text || ' ago, and never subscribed' as why
from evenfall.app_team t
where t.created_at + @inactive_team_age::text::interval < @now::timestamptz
  and not exists (
    select from evenfall.team_deletion d
    where d.team_id = t.id::text and d.state in ('noticed', 'deleting'))
  and not exists (
    select from evenfall.finding f
    where f.kind = 'nobody-to-notify' and f.subject = 'team:' || t.id::text and f.acknowledged_at is null)
  and not exists (
    select from evenfall.dead_letter l
    where l.resolved_at is null and l.kind = 'mark-team-for-deletion' and l.team_id = t.id::text)
  and evenfall.team_spared(t.id::text, @now::timestamptz) is null
order by t.created_at, t.id;
