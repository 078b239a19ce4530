-- The Stripe customers of a team, as far as it is known here: the app's own column, those whose metadata name the
-- team, and for a team without a customer its owner's own, unless that is another team's.
--
-- They are few: left to guess a thousand, the planner reads all subscriptions and customers for each team.
create or replace function evenfall.customers_of_team(team_id text) returns setof text
language sql stable rows 2 set search_path = pg_catalog, pg_temp as $$
  select t.stripe_customer_id from evenfall.app_team t
  where t.id = $1::evenfall.app_team_id and t.stripe_customer_id is not null
  union
  select c.id from evenfall.customer c where c.team_id = $1
  union
  select u.stripe_customer_id from evenfall.app_team t join evenfall.app_user u on u.id = t.owner_id
  where t.id = $1::evenfall.app_team_id and t.stripe_customer_id is null and u.stripe_customer_id is not null
    and not exists (
      select from evenfall.app_team other where other.stripe_customer_id = u.stripe_customer_id and other.id <> t.id)
$$;

-- Why a team is neither marked nor deleted at `now`, whatever its age: held, exempt, snoozed, or ever subscribed;
-- null when nothing speaks for it. Shared by the sweeps and by the jobs, which ask it again under lock.
--
-- "Ever subscribed": any subscription but one that never began (incomplete_expired), in whatever status and even
-- when Stripe has it no more, or a paid invoice.
create or replace function evenfall.team_spared(team_id text, now timestamptz) returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(
    (select case p.kind
        when 'hold' then 'it is held'
        when 'exempt' then 'it is exempt'
        else 'it is snoozed until ' || to_char(p.until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') end
      from evenfall.team_protection p
      where p.team_id = $1 and (p.until is null or p.until > $2)
      order by array_position(array['hold', 'exempt', 'snooze'], p.kind) limit 1),
    (select 'it has subscribed: ' || s.id || ' is ' || s.status
      from evenfall.customers_of_team($1) c (id) join evenfall.subscription s on s.customer_id = c.id
      where s.status <> 'incomplete_expired'
      order by s.created_at, s.id limit 1),
    (select 'it has paid: ' || u.id || ' has a paid invoice'
      from evenfall.customers_of_team($1) c (id) join evenfall.customer u on u.id = c.id
      where u.has_paid order by u.id limit 1))
$$;
