-- Held to the end of the transaction by whoever mirrors a subscription of the team, and by the last look before its
-- notice: one of them sees what the other has written.
create or replace function evenfall.hold_team(team_id text) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select pg_advisory_xact_lock(hashtext('evenfall team'), hashtext($1))
$$;

-- The teams of those of these customers that have subscribed, by whatever links them (sql/functions/team_spared.sql).
create or replace function evenfall.subscribed_teams(customer_ids text[])
returns table (team_id text, customer_id text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with subscribed as (
    select distinct s.customer_id as id from evenfall.subscription s
    where s.customer_id = any ($1) and s.status <> 'incomplete_expired'
  )
  select t.id::text, s.id from subscribed s join evenfall.app_team t on t.stripe_customer_id = s.id
  union
  select c.team_id, s.id from subscribed s join evenfall.customer c on c.id = s.id where c.team_id is not null
  union
  select t.id::text, s.id
  from subscribed s join evenfall.app_user u on u.stripe_customer_id = s.id
  join evenfall.app_team t on t.owner_id = u.id and t.stripe_customer_id is null
  where not exists (select from evenfall.app_team other where other.stripe_customer_id = s.id)
$$;

-- Takes back the marks of teams that have subscribed, by the customers that a read of Stripe has touched: called in
-- the transaction that mirrors it, so that no deletion sees the subscription without finding its mark cleared.
-- Holds the teams first, which waits for a last look that is under way, then locks the marks by id.
create or replace function evenfall.clear_marks_of_subscribed(customer_ids text[], now timestamptz) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select evenfall.hold_team(t.team_id)
  from (select distinct s.team_id from evenfall.subscribed_teams($1) s order by s.team_id) t;

  with marked as (
    select d.id, (
      select min(s.customer_id) from evenfall.subscribed_teams($1) s where s.team_id = d.team_id) as customer_id
    from evenfall.team_deletion d
    where d.state in ('marking', 'noticed') and d.team_id in (select team_id from evenfall.subscribed_teams($1))
    order by d.id for update
  ), cleared as (
    update evenfall.team_deletion d set state = 'cleared', cleared_at = $2, cleared_why = 'it has subscribed'
    from marked where d.id = marked.id and d.state in ('marking', 'noticed')
    returning d.team_id, marked.customer_id
  )
  insert into evenfall.history (at, what, team_id, subject, detail, source)
  select $2, 'team.mark-cleared', team_id, 'team:' || team_id,
    jsonb_build_object('why', 'it has subscribed', 'customerId', customer_id), 'mirror'
  from cleared
$$;
