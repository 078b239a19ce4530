-- What happened to a team (sql/functions/team_timeline.sql).

-- name: teamTimeline
-- The latest, oldest first.
select at as "at!", what as "what!", subject as "subject!", detail as "detail!", source as "source!"
from (
  select * from evenfall.team_timeline where team_id = @team_id
  order by at desc, seq desc, what desc limit @limit
) latest
order by at, seq, what;
