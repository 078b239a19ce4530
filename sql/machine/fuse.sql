-- How the fuses of destructive kinds stand, and how a person makes one whole again (sql/functions/fuse.sql).

-- name: fuseStatus
-- As evenfall.try_fuse sees them at its next try. `policy` is what is allowed in 24 hours without a release; `acts`
-- are those that count against `allowed`; `waiting` are jobs, of which one may want to act on many users. What a person
-- has spread counts apart: `spread` jobs that wait for their places, and `spread_acts` of the last 24 hours.
select k.kind as "kind!", w.allowed as "allowed!", w.since as "since!",
  (select count(*) from evenfall.fuse_act a where a.kind = k.kind and a.at > w.since and not a.spread)::int as "acts!",
  evenfall.waiting_to_act(k.kind) as "waiting!", p.policy as "policy!", f.blown_at as "blown_at?",
  f.blown_by as "blown_by?", f.released_at as "released_at?", f.released_acts as "released_acts?",
  f.released_by as "released_by?", s.jobs as "spread!", s.until as "spread_until?",
  case when s.jobs > 0 then f.spread_per_day end as "spread_per_day?",
  (select count(*) from evenfall.fuse_act a
    where a.kind = k.kind and a.at > clock_timestamp() - interval '24 hours' and a.spread)::int as "spread_acts!"
from unnest(@kinds::text[], @act_on::text[]) with ordinality as k (kind, act_on, n)
cross join lateral (
  select case k.act_on when 'users' then @fuse_users::int
    else evenfall.team_fuse_limit(@fuse_max, @fuse_share) end as policy) p
left join evenfall.fuse f on f.kind = k.kind
cross join lateral evenfall.fuse_window(f, p.policy) w
cross join lateral (
  select count(*)::int as jobs, max(j.spread_at) as until from evenfall.job j
  where j.kind = k.kind and j.key is not null and j.state in ('queued', 'dispatched', 'running', 'parked')
    and j.spread_at is not null) s
order by k.n;

-- name: lockFuse
-- No act of the kind is counted while its fuse is being released.
select blown_at, blown_by from evenfall.fuse where kind = @kind for update;

-- name: releaseFuse
-- Whole again, blown or not: acts count from here, and for a day this many are allowed.
insert into evenfall.fuse (kind, released_at, released_acts, released_by)
values (@kind, clock_timestamp(), @acts, @who)
on conflict (kind) do update
  set blown_at = null, blown_by = null, released_at = excluded.released_at, released_acts = excluded.released_acts,
      released_by = excluded.released_by
returning released_at as "released_at!";

-- name: wakeFused
-- dispatched → queued, due at once: what waits for the kind's fuse. The BullMQ job that carried it comes to nothing,
-- for its dispatch is not the current one any more.
with woken as (
  update evenfall.job set state = 'queued', due = true, run_at = clock_timestamp()
  where kind = @kind and state = 'dispatched' and last_error->>'class' = 'fuse_blown'
  returning id
)
select count(*)::int as "jobs!", pg_notify('evenfall_job', '')::text as "notified?" from woken;
