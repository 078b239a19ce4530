-- What waits for something that is down, and that people are told of it. All ride job_waiting.

-- name: waited
-- How long a job has waited without using attempts, and the database's clock.
select clock_timestamp() as "now!", extract(epoch from clock_timestamp() - waiting_since)::float8 * 1000 as "waited_ms?"
from evenfall.job where id = @id;

-- name: longWaits
-- By cause, where the oldest has waited for longer than that. What a person has paused waits for that person.
select evenfall.waiting_for(j.last_error) as "cause!", count(*)::int as "jobs!", min(j.waiting_since) as "since!",
  array_agg(distinct j.kind) as "kinds!", array_agg(distinct coalesce(j.last_error->>'class', 'unexpected')) as "classes!"
from evenfall.job j join evenfall.job_kind k using (kind)
where j.waiting_since is not null and j.state in ('queued', 'dispatched', 'running') and k.paused_at is null
group by 1
having min(j.waiting_since) < clock_timestamp() - @longer_than::interval
order by 1;

-- name: recordWait
-- The finding and the job that tells people; nothing while one is open (finding_waiting_open), nor when a person
-- has acknowledged one since the oldest began to wait.
with found as (
  insert into evenfall.finding (kind, subject, occasion, message, detail, found_at)
  -- each one is an occasion of its own: it may be closed and found again while the same jobs wait
  select @kind, @subject, clock_timestamp()::text, @message, @detail, clock_timestamp()
  where not exists (
    select from evenfall.finding f
    where f.kind = @kind and f.subject = @subject
      and (f.acknowledged_at is null or (f.acknowledged_by <> 'evenfall' and f.found_at > @since)))
  on conflict do nothing
  returning id
)
select id as "id!", evenfall.enqueue('alert-finding', jsonb_build_object('findingId', id)) as "alert_id!" from found;

-- name: closeWaits
-- open → acknowledged by Evenfall: nobody has waited for it for long any more. Short waits do not hold it open, for
-- what comes back after an outage waits its turn.
update evenfall.finding f
set acknowledged_at = clock_timestamp(), acknowledged_by = 'evenfall', note = 'nobody waits for it any more'
where f.kind = @kind and f.acknowledged_at is null
  and not exists (
    select from evenfall.job j join evenfall.job_kind k using (kind)
    where j.waiting_since < clock_timestamp() - @shorter_than::interval
      and j.state in ('queued', 'dispatched', 'running') and k.paused_at is null
      and 'waiting:' || evenfall.waiting_for(j.last_error) = f.subject)
returning id, subject;
