-- What an operator says that keeps a team from being marked and deleted. On the database's clock.

-- name: teamToProtect
-- What is known of a team: whether its id is one that the app can have, whether the app has it, and how its latest
-- mark stands.
select evenfall.id_problem('{"properties": {"teamId": {"format": "team-id"}}}',
    jsonb_build_object('teamId', @team_id::text)) as "problem?",
  (select d.state from evenfall.team_deletion d where d.team_id = @team_id::text order by d.id desc limit 1) as "mark?";

-- name: appHasTeam
-- Only of an id without a problem. Rides the app's primary key.
select exists (select from evenfall.app_team where id = @team_id::text::evenfall.app_team_id) as "has_team!";

-- name: endOfProtection
-- Now, and until when: as it was said, else for a snooze as the policy says, else without end.
select clock.now as "now!", coalesce(@until?::timestamptz,
    case when @kind::text = 'snooze' then clock.now + @inactive_team_age::text::interval end) as "until?"
from (select clock_timestamp() as now) clock;

-- name: lockMarkOfTeam
-- The team's live mark: whoever acts on it waits, and so does this.
select id, state from evenfall.team_deletion
where team_id = @team_id and state in ('marking', 'noticed', 'deleting') for update;

-- name: protectTeam
-- In place of what it had of that kind.
insert into evenfall.team_protection (team_id, kind, until, why, who, at)
values (@team_id, @kind, @until?, @why, @who, @now)
on conflict (team_id, kind) do update
  set until = excluded.until, why = excluded.why, who = excluded.who, at = excluded.at
returning kind;

-- name: liftProtection
delete from evenfall.team_protection where team_id = @team_id and kind = @kind
returning until, clock_timestamp() as "now!";

-- name: clearMarkOfTeam
-- marking, noticed → cleared.
update evenfall.team_deletion set state = 'cleared', cleared_at = @now, cleared_why = @why
where team_id = @team_id and state in ('marking', 'noticed')
returning id;
