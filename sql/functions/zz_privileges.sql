-- The last of the files here, for it is about the functions of all others.
--
-- Postgres lets everybody execute a new function. What changes anything (volatile: the doors, the contract's
-- app_delete_team and its like) is nobody's but the owner's until it is granted. Grants stay as they are.
do $$
declare
  writing regprocedure;
begin
  for writing in
    select p.oid from pg_proc p
    where p.pronamespace = 'evenfall'::regnamespace and p.provolatile = 'v'
      and exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0)
  loop
    execute format('revoke all on function %s from public', writing);
  end loop;
end $$;
