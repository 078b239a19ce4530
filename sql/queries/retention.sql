-- What forgets what is old (docs/operations.md, "How long things are kept"). Each statement but the first is one batch of
-- one table: the oldest rows that may go, from @after on, strictly before @before. It rides an index made for it
-- (0005_retention.sql, 0009_bounces.sql) and waits for nobody: rows that others have locked are passed over, and go with
-- another run. @after, the last batch's `up_to`, spares the next one from stepping over what is deleted and cannot be
-- cleaned up yet, and over what stays.

-- name: horizons
-- Before when what is kept for so long is old. A business clock that is ahead forgets nothing: most rows bear the
-- database's time. The subtraction never ends later than counting forward from a row would.
select c.now - @keep_jobs::text::interval as "jobs!", c.now - @keep_effects::text::interval as "effects!",
  c.now - @keep_history::text::interval as "history!", c.now - interval '7 days' as "idempotency!"
from (select least(@now::timestamptz, clock_timestamp()) as now) c;

-- name: forgetOldJobs
-- Those that are over. Not one with a dead letter that is open or was resolved lately, nor with an effect that is open or
-- unknown: people may still look at it and replay it. Nor the last of a schedule, by which its silence is measured.
with old as (
  select j.ctid from evenfall.job j
  where j.finished_at < @before and j.finished_at >= coalesce(@after?::timestamptz, '-infinity')
    and not exists (
      select from evenfall.dead_letter d
      where d.job_id = j.id and (d.resolved_at is null or d.resolved_at >= @before))
    and not exists (select from evenfall.effect e where e.job_id = j.id and e.state in ('claimed', 'unknown'))
    and j.id <> all (array(
      select last.job_id from evenfall.schedule s cross join lateral (
        select r.job_id from evenfall.schedule_run r
        where r.schedule = s.name and r.job_id is not null order by r.due_at desc limit 1) last))
  order by j.finished_at limit @batch for update skip locked
), gone as (
  delete from evenfall.job j using old where j.ctid = old.ctid returning j.finished_at as at
)
select count(*)::int as "rows!", max(at) as "up_to?" from gone;

-- name: forgetOldDeadLetters
-- Resolved ones whose job is forgotten.
with old as (
  select d.ctid from evenfall.dead_letter d
  where d.resolved_at < @before and d.resolved_at >= coalesce(@after?::timestamptz, '-infinity')
    and not exists (select from evenfall.job j where j.id = d.job_id)
  order by d.resolved_at limit @batch for update skip locked
), gone as (
  delete from evenfall.dead_letter d using old where d.ctid = old.ctid returning d.resolved_at as at
)
select count(*)::int as "rows!", max(at) as "up_to?" from gone;

-- name: forgetOldIdempotencyKeys
-- Keys that recallIdempotencyKey answers no more.
with old as (
  select i.ctid from evenfall.idempotency i
  where i.created_at < @before and i.created_at >= coalesce(@after?::timestamptz, '-infinity')
  order by i.created_at limit @batch for update skip locked
), gone as (
  delete from evenfall.idempotency i using old where i.ctid = old.ctid returning i.created_at as at
)
select count(*)::int as "rows!", max(at) as "up_to?" from gone;

-- name: forgetOldEvents
with old as (
  select e.ctid from evenfall.stripe_event e
  where e.received_at < @before and e.received_at >= coalesce(@after?::timestamptz, '-infinity')
  order by e.received_at limit @batch for update skip locked
), gone as (
  delete from evenfall.stripe_event e using old where e.ctid = old.ctid returning e.received_at as at
)
select count(*)::int as "rows!", max(at) as "up_to?" from gone;

-- name: forgetOldScheduleRuns
-- Not the last of a schedule that had a job, nor what came after it: where the last one stands, the next is counted from.
with old as (
  select r.ctid from evenfall.schedule_run r
  where r.recorded_at < @before and r.recorded_at >= coalesce(@after?::timestamptz, '-infinity')
    and exists (
      select from evenfall.schedule_run later
      where later.schedule = r.schedule and later.due_at > r.due_at and later.job_id is not null)
  order by r.recorded_at limit @batch for update skip locked
), gone as (
  delete from evenfall.schedule_run r using old where r.ctid = old.ctid returning r.recorded_at as at
)
select count(*)::int as "rows!", max(at) as "up_to?" from gone;

-- name: forgetOldFuseActs
with old as (
  select a.ctid from evenfall.fuse_act a
  where a.at < @before and a.at >= coalesce(@after?::timestamptz, '-infinity')
  order by a.at limit @batch for update skip locked
), gone as (
  delete from evenfall.fuse_act a using old where a.ctid = old.ctid returning a.at
)
select count(*)::int as "rows!", max(at) as "up_to?" from gone;

-- name: forgetOldBackfills
-- Not the last complete one, which says how old the picture of Stripe is.
with old as (
  select b.ctid from evenfall.backfill b
  where b.finished_at < @before and b.finished_at >= coalesce(@after?::timestamptz, '-infinity')
    and exists (select from evenfall.backfill later where later.finished_at > b.finished_at)
  order by b.finished_at limit @batch for update skip locked
), gone as (
  delete from evenfall.backfill b using old where b.ctid = old.ctid returning b.finished_at as at
)
select count(*)::int as "rows!", max(at) as "up_to?" from gone;

-- name: forgetOldEffects
-- Settled and released ones whose job is forgotten: while it is there, it may be replayed and ask again.
with old as (
  select e.ctid from evenfall.effect e
  where e.state in ('settled', 'released') and coalesce(e.settled_at, e.claimed_at) < @before
    and coalesce(e.settled_at, e.claimed_at) >= coalesce(@after?::timestamptz, '-infinity')
    and not exists (select from evenfall.job j where j.id = e.job_id)
  order by coalesce(e.settled_at, e.claimed_at) limit @batch for update skip locked
), gone as (
  delete from evenfall.effect e using old where e.ctid = old.ctid returning coalesce(e.settled_at, e.claimed_at) as at
)
select count(*)::int as "rows!", max(at) as "up_to?" from gone;

-- name: forgetOldNotices
-- Sent and suppressed ones; what is unknown waits for a person.
with old as (
  select n.ctid from evenfall.notice n
  where n.state in ('sent', 'suppressed')
    and n.at < @before and n.at >= coalesce(@after?::timestamptz, '-infinity')
  order by n.at limit @batch for update skip locked
), gone as (
  delete from evenfall.notice n using old where n.ctid = old.ctid returning n.at
)
select count(*)::int as "rows!", max(at) as "up_to?" from gone;

-- name: forgetOldHistory
with old as (
  select h.ctid from evenfall.history h
  where h.at < @before and h.at >= coalesce(@after?::timestamptz, '-infinity')
  order by h.at limit @batch for update skip locked
), gone as (
  delete from evenfall.history h using old where h.ctid = old.ctid returning h.at
)
select count(*)::int as "rows!", max(at) as "up_to?" from gone;

-- name: forgetOldFindings
-- Acknowledged ones. What is still so is then found, and told, once more.
with old as (
  select f.ctid from evenfall.finding f
  where f.acknowledged_at < @before and f.acknowledged_at >= coalesce(@after?::timestamptz, '-infinity')
  order by f.acknowledged_at limit @batch for update skip locked
), gone as (
  delete from evenfall.finding f using old where f.ctid = old.ctid returning f.acknowledged_at as at
)
select count(*)::int as "rows!", max(at) as "up_to?" from gone;

-- name: forgetOldMarks
-- Those that are over: deleted, or taken back.
with old as (
  select d.ctid from evenfall.team_deletion d
  where d.state in ('deleted', 'cleared') and coalesce(d.deleted_at, d.cleared_at) < @before
    and coalesce(d.deleted_at, d.cleared_at) >= coalesce(@after?::timestamptz, '-infinity')
  order by coalesce(d.deleted_at, d.cleared_at) limit @batch for update skip locked
), gone as (
  delete from evenfall.team_deletion d using old where d.ctid = old.ctid
  returning coalesce(d.deleted_at, d.cleared_at) as at
)
select count(*)::int as "rows!", max(at) as "up_to?" from gone;

-- name: forgetOldProtections
-- Those that have ended; one without an end never does.
with old as (
  select p.ctid from evenfall.team_protection p
  where p.until < @before and p.until >= coalesce(@after?::timestamptz, '-infinity')
  order by p.until limit @batch for update skip locked
), gone as (
  delete from evenfall.team_protection p using old where p.ctid = old.ctid returning p.until as at
)
select count(*)::int as "rows!", max(at) as "up_to?" from gone;

-- name: forgetOldSuppressions
with old as (
  select s.ctid from evenfall.suppressed_recipient s
  where s.at < @before and s.at >= coalesce(@after?::timestamptz, '-infinity')
  order by s.at limit @batch for update skip locked
), gone as (
  delete from evenfall.suppressed_recipient s using old where s.ctid = old.ctid returning s.at
)
select count(*)::int as "rows!", max(at) as "up_to?" from gone;

-- name: forgetOldErasures
-- Those that are done; one that is not waits for a person.
with old as (
  select e.ctid from evenfall.erasure e
  where e.done_at < @before and e.done_at >= coalesce(@after?::timestamptz, '-infinity')
  order by e.done_at limit @batch for update skip locked
), gone as (
  delete from evenfall.erasure e using old where e.ctid = old.ctid returning e.done_at as at
)
select count(*)::int as "rows!", max(at) as "up_to?" from gone;
