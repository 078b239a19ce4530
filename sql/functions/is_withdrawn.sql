-- Whether a running job that was withdrawn may end here. Not with an open claim: the act may have happened, and
-- only another run of the job asks and records it.
create or replace function evenfall.is_withdrawn(job evenfall.job) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select job.cancel_requested and not exists (
    select from evenfall.effect e where e.job_id = job.id and e.state = 'claimed')
$$;
