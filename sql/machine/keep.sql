-- What the page behind a notice's "keep my team" link asks.

-- name: markToKeep
-- What became of the link's mark at @now: of its team's latest one, for a later one may have taken its place. A mark
-- that is no longer there has no row. @why is what the link itself clears a mark with.
select l.state as "state!", l.id = d.id as "is_latest!", coalesce(l.delete_after, l.announced_delete_at) as "delete_after!",
  coalesce(l.delete_after, l.announced_delete_at) < @now::timestamptz as "is_due!",
  coalesce(l.cleared_why = @why, false) as "was_kept!",
  s.until as "kept_until?", @now::timestamptz + @inactive_team_age::text::interval as "keeps_until!",
  t.name as "team_name?", t.time_zone as "time_zone?"
from evenfall.team_deletion d
cross join lateral (
  select * from evenfall.team_deletion other where other.team_id = d.team_id order by other.id desc limit 1) l
left join evenfall.app_team t on t.id = d.team_id::evenfall.app_team_id
left join evenfall.team_protection s on s.team_id = d.team_id and s.kind = 'snooze' and s.until > @now::timestamptz
where d.id = @id;

-- name: keepTeam
-- marking, noticed → cleared, by the link: and snoozes the team, for no shorter than it was. Locks the mark first: of
-- two at once, or of this and a deletion, one comes too late and has no row.
with kept as (
  update evenfall.team_deletion set state = 'cleared', cleared_at = @now, cleared_why = @why
  where id = @id and state in ('marking', 'noticed')
  returning team_id
), snoozed as (
  insert into evenfall.team_protection (team_id, kind, until, why, who, at)
  select team_id, 'snooze', @now::timestamptz + @inactive_team_age::text::interval, @why, 'keep link', @now from kept
  on conflict (team_id, kind) do update
    set until = greatest(team_protection.until, excluded.until), why = excluded.why, who = excluded.who, at = excluded.at
  returning team_id, until
)
insert into evenfall.history (at, what, team_id, subject, detail, source)
select @now, 'team.kept', team_id, 'team:' || team_id,
  jsonb_build_object('until', to_char(until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')), 'keep-link'
from snoozed
returning id;
