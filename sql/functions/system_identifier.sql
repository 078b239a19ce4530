-- The cluster's own identifier, made by initdb: kept by restarts, failovers and physical copies, not by a dump that is
-- restored elsewhere. Null where the role may not ask: everybody may by default, some hosts take it away.
create or replace function evenfall.system_identifier() returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return (select c.system_identifier::text from pg_control_system() c);
exception when insufficient_privilege then
  return null;
end $$;
