import type postgres from 'postgres';
import type { RunnerOptions } from '../../src/queue/runner.ts';
import { agreeingApp } from '../../src/core/app-callback.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { forgetOldRecords } from '../../jobs/forget-old-records.ts';
import { runInline } from '../../src/queue/inline.ts';
import type { Database } from '../../src/db/connect.ts';
import { noMail, noStripe, recordingAlerts, silentLog, testHash, testKeepLink } from './machine.ts';

/** A time of business that no database's clock is behind: one that is ahead would forget nothing. */
export const now = new Date('2025-06-01T04:47:00Z');

/** By the default policy: what is before this is old. */
export const horizons = {
  jobs: new Date('2025-03-03T04:47:00Z'),
  effects: new Date('2024-04-27T04:47:00Z'),
  history: new Date('2022-06-01T04:47:00Z'),
  idempotency: new Date('2025-05-25T04:47:00Z'),
};
type Horizon = keyof typeof horizons;

export const plus = (at: Date, ms: number) => new Date(at.getTime() + ms);

/** What is forgotten, in the order of the job: for how long it is kept, a row that may go at its time, and that time. */
export const samples: Readonly<
  Record<string, { keptFor: Horizon; row: (n: number, at: Date) => object; at: string }>
> = {
  job: { keptFor: 'jobs', row: (id, at) => jobRow(id, 'done', at), at: 'finished_at' },
  dead_letter: { keptFor: 'jobs', row: (id, at) => letterRow(id, 100 + id, at), at: 'resolved_at' },
  idempotency: { keptFor: 'idempotency', row: idempotencyRow, at: 'created_at' },
  stripe_event: { keptFor: 'jobs', row: eventRow, at: 'received_at' },
  schedule_run: { keptFor: 'jobs', row: (n, at) => runRow(n, 'nightly', at, 7), at: 'recorded_at' },
  fuse_act: { keptFor: 'jobs', row: fuseActRow, at: 'at' },
  backfill: { keptFor: 'jobs', row: backfillRow, at: 'finished_at' },
  effect: { keptFor: 'effects', row: (id, at) => effectRow(id, 'settled', at, null), at: 'settled_at' },
  notice: { keptFor: 'effects', row: (id, at) => noticeRow(id, 'sent', at), at: 'at' },
  history: { keptFor: 'history', row: historyRow, at: 'at' },
  finding: { keptFor: 'history', row: findingRow, at: 'acknowledged_at' },
  team_deletion: { keptFor: 'history', row: (id, at) => markRow(id, 'cleared', at), at: 'cleared_at' },
  team_protection: { keptFor: 'history', row: protectionRow, at: 'until' },
  suppressed_recipient: { keptFor: 'history', row: suppressedRow, at: 'at' },
  erasure: { keptFor: 'history', row: erasureRow, at: 'done_at' },
};
export const tables = Object.keys(samples);

const live = new Set(['queued', 'dispatched', 'running', 'parked']);

export function jobRow(id: number, state: string, at: Date) {
  return {
    id,
    kind: 'test-kind',
    queue: 'lifecycle',
    payload: {},
    payload_version: 1,
    priority: 0,
    state,
    due: false,
    // nobody comes to what is to stay as it is
    run_at: '2099-01-01T00:00:00Z',
    deadline_at: '2099-01-01T00:00:00Z',
    finished_at: live.has(state) ? null : at,
    worker_id: state === 'running' ? 'w' : null,
    attempts: 0,
    crashes: 0,
    asks: 1,
    run_no: 1,
    cancel_requested: false,
    source: 'test',
    created_at: at,
  };
}

export function letterRow(id: number, jobId: number, resolvedAt: Date | null) {
  return {
    id,
    job_id: jobId,
    run_no: id,
    kind: 'test-kind',
    class: 'unexpected',
    error: {},
    attempts: 1,
    crashes: 0,
    created_at: '2020-01-01T00:00:00Z',
    resolved_at: resolvedAt,
    resolution: resolvedAt && 'replayed',
  };
}

export function effectRow(id: number, state: string, at: Date, jobId: number | null) {
  return {
    id,
    key: `act:${id}`,
    kind: 'test',
    job_id: jobId,
    state,
    // begun long before it was over, as one that a person has settled
    claimed_at: state === 'settled' ? '2020-01-01T00:00:00Z' : at,
    settled_at: state === 'settled' ? at : null,
  };
}

export function noticeRow(id: number, state: string, at: Date) {
  const reason = state === 'suppressed' ? 'nobody' : null;
  return { id, kind: 'expiring-card', subject: `card:${id}`, occasion: '2020-01', state, reason, at };
}

export function runRow(n: number, schedule: string, at: Date, jobId: number | null) {
  return {
    schedule,
    due_at: new Date(Date.UTC(2020, 0, 1, 0, n)),
    outcome: jobId === null ? 'skipped' : 'ran',
    reason: jobId === null ? 'missed' : null,
    job_id: jobId,
    recorded_at: at,
  };
}

export function markRow(id: number, state: string, at: Date) {
  const told = state === 'marking' || state === 'cleared' ? null : '2020-01-01T00:00:00Z';
  return {
    id,
    team_id: String(id),
    state,
    marked_at: '2020-01-01T00:00:00Z',
    announced_delete_at: '2020-01-08T00:00:00Z',
    notice_sent_at: told,
    delete_after: told && '2020-01-08T00:00:00Z',
    deleting_at: state === 'deleting' || state === 'deleted' ? '2020-01-09T00:00:00Z' : null,
    deleted_at: state === 'deleted' ? at : null,
    owner_outcome: state === 'deleted' ? 'deleted' : null,
    cleared_at: state === 'cleared' ? at : null,
    cleared_why: state === 'cleared' ? 'it has subscribed' : null,
  };
}

export function backfillRow(id: number, finishedAt: Date | null) {
  const phase = finishedAt ? 'finished' : 'subscriptions';
  return {
    id,
    started_at: '2020-01-01T00:00:00Z',
    phase,
    pages: 0,
    objects: 0,
    finished_at: finishedAt,
  };
}

export function findingRow(id: number, acknowledgedAt: Date | null) {
  return {
    id,
    kind: 'stripe-veto',
    subject: `team:${id}`,
    occasion: 'sub_1',
    message: 'Look.',
    detail: {},
    found_at: '2020-01-01T00:00:00Z',
    acknowledged_at: acknowledgedAt,
    acknowledged_by: acknowledgedAt && 'ann',
  };
}

export function protectionRow(n: number, until: Date | null) {
  return { team_id: String(n), kind: 'hold', until, why: 'a case', who: 'ann', at: '2020-01-01T00:00:00Z' };
}

export function suppressedRow(n: number, at: Date) {
  return { recipient_hash: String(n), why: 'bounce', at };
}

export function erasureRow(id: number, doneAt: Date | null) {
  const stripe = doneAt && 'no customer';
  const none: string[] = [];
  return {
    id,
    subject: `user:${id}`,
    asked_at: '2020-01-01T00:00:00Z',
    recipient_hashes: none,
    customer_ids: none,
    what: {},
    stripe,
    done_at: doneAt,
  };
}

export function historyRow(id: number, at: Date) {
  return { id, at, what: 'team.deleted', subject: `team:${id}`, detail: {}, source: 'test' };
}

export function eventRow(n: number, at: Date) {
  return {
    id: `evt_${n}`,
    type: 'customer.updated',
    livemode: false,
    created_at: '2020-01-01T00:00:00Z',
    received_at: at,
  };
}

export function fuseActRow(n: number, at: Date) {
  return { kind: 'delete-inactive-team', subject: `team:${n}`, occasion: 'mark 1', at };
}

export function idempotencyRow(n: number, at: Date) {
  return { token_hash: 'token', key: String(n), body_hash: 'body', job_id: n, created_at: at };
}

/** The tables that records are in, under a test's hand. */
export function retentionWorld(database: Database, sql: postgres.Sql) {
  return {
    /** Nothing is kept yet but two schedules that the code does not have. */
    async clear(): Promise<void> {
      // faster than truncating, for the few rows of a test
      const all = [...tables, 'schedule'].map((table) => `delete from evenfall.${table}`);
      await sql.unsafe(all.join(';'));
      await sql`insert into evenfall.schedule (name, pattern) values ('nightly', '0 4 * * *'), ('hourly', '0 * * * *')`;
    },

    /** All of a table, each with the same columns. */
    async put(table: string, rows: readonly object[]): Promise<void> {
      if (rows.length === 0) return;
      const columns = Object.keys(rows[0]!).join(', ');
      await sql.unsafe(
        `insert into evenfall.${table} (${columns}) overriding system value
         select ${columns} from jsonb_populate_recordset(null::evenfall.${table}, $1::text::jsonb)`,
        [JSON.stringify(rows)],
      );
    },

    /** When the rows that are left of a table were over, oldest first. */
    async left(table: string): Promise<Date[]> {
      const { at } = samples[table]!;
      const rows = await sql.unsafe(`select ${at} as at from evenfall.${table} order by 1`);
      return rows.map((row) => row['at'] as Date);
    },

    /** Values that tell the rows apart that are left of a table, in order. */
    async keys(table: string, key = 'id'): Promise<string[]> {
      const rows = await sql.unsafe(`select ${key}::text as key from evenfall.${table}`);
      return rows.map((row) => row['key'] as string).toSorted();
    },

    /** The job, here and now, at `now` to the millisecond. */
    async forget(options: Partial<RunnerOptions & { dryRun: boolean; now: Date }> = {}) {
      return await runInline(
        forgetOldRecords,
        {},
        {
          database,
          stripe: noStripe,
          mail: noMail,
          alerts: recordingAlerts(),
          policy: defaultPolicy,
          hash: testHash,
          app: agreeingApp,
          keepLink: testKeepLink,
          log: silentLog,
          now,
          dryRun: false,
          ...options,
        },
      );
    },
  };
}

/** The database as the job sees it, with another way to forget a batch. */
export function forgetting(
  database: Database,
  batch: (
    forget: Database['statements']['forgetOldJobs'],
    parameters: Parameters<Database['statements']['forgetOldJobs']>[0],
  ) => ReturnType<Database['statements']['forgetOldJobs']>,
): Database {
  const changed = Object.entries(database.statements)
    .filter(([name]) => name.startsWith('forgetOld'))
    .map(([name, forget]) => [name, (parameters: never) => batch(forget as never, parameters)]);
  return { ...database, statements: { ...database.statements, ...Object.fromEntries(changed) } };
}
