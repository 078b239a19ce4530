-- name: customerOfTeam
-- Rides the app's own primary key: the id meets its own type, never the other way round.
select id::text as "id!", stripe_customer_id as "stripe_customer_id?" from evenfall.app_team
where id = @team_id::text::evenfall.app_team_id;
