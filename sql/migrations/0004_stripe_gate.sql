-- What all processes know together of Stripe: when the next request may go, and whether Stripe works. Rewritten at
-- every request, so with room in its page for that.
create table evenfall.stripe_gate (
  id        int primary key default 1,
  -- the next turn that nobody has
  next_at   timestamptz not null default '-infinity',
  -- in a row, with no good answer between
  failures  int not null default 0,
  -- since when the breaker is open
  opened_at timestamptz,
  constraint stripe_gate_only check (id = 1)
) with (fillfactor = 10);
insert into evenfall.stripe_gate default values;

-- What waits for something that is down: looked at every minute, and mostly empty.
create index job_waiting on evenfall.job (waiting_since)
  where waiting_since is not null and state in ('queued', 'dispatched', 'running');

-- That jobs have waited long is told once while it lasts, whoever races.
create unique index finding_waiting_open on evenfall.finding (subject)
  where kind = 'jobs-waiting' and acknowledged_at is null;
