-- What jobs/forget-old-records.ts finds its rows by: a table's rows that may go, the oldest first. What is live, open or
-- unknown is not in them. stripe_event_received and idempotency_age are there already.

create index job_finished on evenfall.job (finished_at) where finished_at is not null;
create index dead_letter_resolved on evenfall.dead_letter (resolved_at) where resolved_at is not null;
create index effect_over on evenfall.effect (coalesce(settled_at, claimed_at)) where state in ('settled', 'released');
create index notice_over on evenfall.notice (at) where state in ('sent', 'suppressed');
create index history_age on evenfall.history (at);
create index finding_acknowledged on evenfall.finding (acknowledged_at) where acknowledged_at is not null;
create index schedule_run_age on evenfall.schedule_run (recorded_at);
create index fuse_act_age on evenfall.fuse_act (at);
create index backfill_finished on evenfall.backfill (finished_at) where finished_at is not null;
create index team_deletion_over on evenfall.team_deletion (coalesce(deleted_at, cleared_at))
  where state in ('deleted', 'cleared');
create index team_protection_until on evenfall.team_protection (until) where until is not null;
