-- The key of a job that was asked for without one: "teamId=7" of the kind's key fields, or null when it has none.
-- The names belong to it, or customer 7 would collide with team 7. jsonb keeps the zeros of 7.0, which is the
-- number 7 all the same. evenfall.enqueue and the sweeps share it, so that both mean the same job.
create or replace function evenfall.default_key(key_fields text[], payload jsonb)
returns text language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
  select string_agg(f || '=' || case jsonb_typeof(payload->f)
      when 'number' then trim_scale((payload->>f)::numeric)::text else payload->>f end, ',' order by n)
    from unnest(key_fields) with ordinality as t(f, n) where payload ? f
$$;
