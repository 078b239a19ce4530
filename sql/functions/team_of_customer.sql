-- The app's team of a Stripe customer, as text: by the app's own column, else the one that Stripe's metadata
-- names, which may be anything and then is no team. Several teams may share a customer: the first one's owner
-- is written to.
create or replace function evenfall.team_of_customer(customer_id text, named text) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  team text;
begin
  select t.id::text into team from evenfall.app_team t where t.stripe_customer_id = $1 order by t.id limit 1;
  if team is null and $2 is not null then
    begin
      select t.id::text into team from evenfall.app_team t where t.id = $2::evenfall.app_team_id;
    exception when data_exception or integrity_constraint_violation then
      team := null;
    end;
  end if;
  return team;
end $$;
