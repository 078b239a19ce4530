-- What happened to a team and why, what was decided not to do included: one row an event. Ordered by (at, seq, what)
-- it reads from top to bottom; a job that lives stands where it runs next. No personal data: ids, codes, sentences of
-- ours, and what operators gave as their reason.
--
-- Asked for one team, each part rides an index of its own: history_team, job_team, dead_letter_once, finding_team,
-- team_deletion_team.
create or replace view evenfall.team_timeline (team_id, at, what, subject, detail, source, seq) as
-- decisions and acts, mails and protections among them
select h.team_id, h.at, h.what, h.subject, h.detail, h.source, h.id
from evenfall.history h
union all
select j.team_id, j.finished_at, 'job.' || j.state, 'job:' || j.id,
  jsonb_strip_nulls(jsonb_build_object('kind', j.kind, 'why', coalesce(
    case when j.state = 'dead' then j.last_error->>'message' else j.outcome->>'reason' end,
    case when j.state = 'cancelled' then 'cancelled by who asked for it' end))
  || case when j.state = 'dead'
    then jsonb_build_object('class', j.last_error->>'class', 'code', j.last_error->>'code', 'attempts', j.attempts)
    else coalesce(nullif(j.outcome->'detail', 'null'), '{}') end),
  j.source, j.id
from evenfall.job j where j.state in ('done', 'skipped', 'cancelled', 'dead')
union all
select j.team_id, j.run_at, 'job.waiting', 'job:' || j.id,
  jsonb_strip_nulls(jsonb_build_object('kind', j.kind, 'why', j.last_error->>'message', 'class', j.last_error->>'class',
    'state', j.state, 'attempts', j.attempts,
    'runAt', to_char(j.run_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))),
  j.source, j.id
from evenfall.job j where j.state in ('queued', 'dispatched', 'running', 'parked')
union all
-- a letter of a job that went on, or has been replayed since
select j.team_id, d.created_at, case d.class when 'unknown_effect' then 'effect.unknown' else 'job.dead' end,
  'job:' || j.id,
  jsonb_strip_nulls(jsonb_build_object('kind', j.kind, 'why', d.error->>'message', 'class', d.class, 'code', d.code,
    'attempts', d.attempts)),
  j.source, j.id
from evenfall.job j join evenfall.dead_letter d on d.job_id = j.id
where j.state <> 'dead' or j.run_no <> d.run_no
union all
select j.team_id, d.resolved_at, 'dead-letter.resolved', 'job:' || j.id,
  jsonb_build_object('kind', j.kind, 'why', d.resolution, 'class', d.class, 'deadLetter', d.id),
  'dead-letter', j.id
from evenfall.job j join evenfall.dead_letter d on d.job_id = j.id
where d.resolved_at is not null
union all
select f.team_id, f.found_at, 'finding.found', f.subject,
  jsonb_build_object('why', f.message, 'finding', f.id, 'kind', f.kind), 'finding', f.id
from evenfall.finding f
union all
select f.team_id, f.acknowledged_at, 'finding.acknowledged', f.subject,
  jsonb_build_object('why', f.note, 'finding', f.id, 'kind', f.kind, 'who', f.acknowledged_by), 'finding', f.id
from evenfall.finding f where f.acknowledged_at is not null
union all
-- history tells when the clock began, what took a mark back, and that the team and the owner were deleted
select d.team_id, d.marked_at, 'mark.opened', 'team:' || d.team_id,
  jsonb_build_object('mark', d.id,
    'announced', to_char(d.announced_delete_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')),
  'mark', d.id
from evenfall.team_deletion d
union all
select d.team_id, d.deleted_at, 'mark.ended', 'team:' || d.team_id,
  jsonb_build_object('mark', d.id, 'owner', d.owner_outcome), 'mark', d.id
from evenfall.team_deletion d where d.state = 'deleted';
