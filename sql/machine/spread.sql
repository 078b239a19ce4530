-- How a person spreads over days what waits to act (docs/decisions/0016-a-backlog-is-spread-by-a-person.md). Locks in the
-- order fuse, job; the fuse by lockFuse.

-- name: spreadFuse
-- Whole again, blown or not, and with the limit that it had: acts go on being counted as they were.
insert into evenfall.fuse (kind, spread_per_day) values (@kind, @per_day)
on conflict (kind) do update set blown_at = null, blown_by = null, spread_per_day = excluded.spread_per_day
returning kind;

-- name: recentActs
-- Of the last 24 hours, the oldest first.
select at from evenfall.fuse_act where kind = @kind and at > clock_timestamp() - interval '24 hours' order by at;

-- name: backlog
-- What wants to act within the day or was spread before, in the order in which it waits; locked, so that nothing of it is
-- dispatched or starts meanwhile. Not what has acted for the team's mark already and only goes on, nor what is parked.
-- `not_before` is a time that somebody asked for. Rides job_live_key.
select j.id, case when j.state = 'queued' and j.attempts = 0 and j.spread_at is null then j.run_at end as "not_before?"
from evenfall.job j
where j.kind = @kind and j.key is not null and j.state in ('queued', 'dispatched', 'running')
  and (j.spread_at is not null or j.run_at < clock_timestamp() + interval '24 hours')
  and not exists (
    select from evenfall.team_deletion d
    join evenfall.fuse_act a
      on a.kind = j.kind and a.subject = 'team:' || d.team_id and a.occasion = 'mark ' || d.id
    where d.team_id = j.team_id and d.state in ('marking', 'noticed', 'deleting'))
order by j.spread_at, j.id
for update of j;

-- name: takePlaces
-- queued, dispatched → queued, each to wait for its place, with its time to give up counted from there. The BullMQ job that
-- carried it comes to nothing, for its dispatch is not the current one any more. One that runs finds its place when it comes
-- to the fuse.
with placed as (
  update evenfall.job j
  set state = case j.state when 'dispatched' then 'queued' else j.state end, due = false,
      run_at = place.at, spread_at = place.at, deadline_at = greatest(j.deadline_at, place.at + k.give_up_after),
      waiting_since = null, last_error = @error
  from unnest(@ids::bigint[], @places::timestamptz[]) as place (id, at), evenfall.job_kind k
  where j.id = place.id and k.kind = j.kind
  returning j.id
)
select count(*)::int as "jobs!", pg_notify('evenfall_job', '')::text as "notified?" from placed;
