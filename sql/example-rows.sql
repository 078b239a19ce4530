-- A few rows for the example app, where it has none: ten teams that pay, each with its owner.
with people as (
  insert into public.users (email, name, email_verified_at, last_seen_at)
  select 'person' || n || '@example.com', 'Person ' || n, now(), now()
  from generate_series(1, 10) as n
  where not exists (select from public.users) and not exists (select from public.teams)
  order by n
  returning id
), their_teams as (
  insert into public.teams (name, owner_id, stripe_customer_id)
  select 'Team of person ' || id, id, 'cus_Example' || id from people order by id
  returning id, owner_id
)
insert into public.memberships (team_id, user_id, role) select id, owner_id, 'owner' from their_teams;
