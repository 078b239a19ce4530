/**
 * Forgets what is over and older than the policy keeps it: jobs with their dead letters, Stripe's events, what became of
 * schedules, acts that counted for the fuse, backfills (POLICY_KEEP_JOBS); effects and mails (POLICY_KEEP_EFFECTS);
 * history, acknowledged findings, marks, protections, suppressed recipients and erasures (POLICY_KEEP_HISTORY); answers
 * to an Idempotency-Key (7 days).
 * What is live, open or unknown stays, however old. docs/operations.md, "How long things are kept", has each table's reason.
 *
 * A thousand rows a statement, each its own short transaction; rows that others have locked are passed over, and go with
 * another run. A run is kept short and goes on in the next: its counts are those of the last.
 *
 * Safe to run twice, also at once: a row is gone or it is not, and a batch that was broken off has deleted nothing.
 *
 * When it is dead: a statement failed for two days. Nothing is lost; the tables grow, and the next day's job finds the
 * same rows and more. Mend what the worker's log says, then `evenfall dead replay N`.
 */
import type { ForgetOldJobsRow, HorizonsRow, Queries } from '../sql/queries.gen.ts';
import type { Context } from '../src/core/context.ts';
import { defineJob } from '../src/core/job.ts';
import { done, skipped, snoozed } from '../src/core/outcome.ts';
import { payload } from '../src/core/payload.ts';
import { hours, minutes, seconds } from '../src/core/retry.ts';

export const forgetOldRecords = defineJob({
  name: 'forget-old-records',
  summary:
    'Forgets jobs, effects, history and other records that are over and older than the policy keeps them.',
  queue: 'schedules',
  payload: payload({}),
  key: [],
  schedule: { cron: '47 4 * * *', catchUp: 'once', windowHours: 48 },
  retry: {
    attempts: 100,
    firstDelayMs: seconds(5),
    maxDelayMs: hours(1),
    giveUpAfter: 'P2D',
    crashBudget: 10,
  },
  timeoutMs: minutes(10),

  async run(ctx) {
    const horizons = await horizonsOf(ctx);
    const counts: Record<string, number> = {};
    let batches = 0;
    for (const { table, keptFor, forget } of records) {
      counts[table] = 0;
      const before = horizons[keptFor];
      let gone = noneYet;
      do {
        if (ctx.signal.aborted || batches === batchesOfARun) return goesOn(ctx, counts);
        [gone = noneYet] = await forget(ctx.sql, { before, after: gone.upTo, batch: rowsOfABatch });
        counts[table] += gone.rows;
        batches++;
      } while (gone.rows > 0);
    }
    ctx.log.info(counts, 'old records are forgotten');
    if (Object.values(counts).every((rows) => rows === 0)) return skipped('nothing is older than it is kept');
    return done(counts);
  },
});

const rowsOfABatch = 1_000;
/** So many take seconds, and end in time where each takes one. */
const batchesOfARun = 200;

const noneYet: ForgetOldJobsRow = { rows: 0, upTo: null };

interface Records {
  readonly table: string;
  readonly keptFor: keyof HorizonsRow;
  readonly forget: (
    sql: Queries,
    batch: { before: Date; after: Date | null; batch: number },
  ) => Promise<ForgetOldJobsRow[]>;
}

/** In this order: dead letters and effects stay as long as their job. */
const records: readonly Records[] = [
  { table: 'job', keptFor: 'jobs', forget: (sql, batch) => sql.forgetOldJobs(batch) },
  { table: 'dead_letter', keptFor: 'jobs', forget: (sql, batch) => sql.forgetOldDeadLetters(batch) },
  {
    table: 'idempotency',
    keptFor: 'idempotency',
    forget: (sql, batch) => sql.forgetOldIdempotencyKeys(batch),
  },
  { table: 'stripe_event', keptFor: 'jobs', forget: (sql, batch) => sql.forgetOldEvents(batch) },
  { table: 'schedule_run', keptFor: 'jobs', forget: (sql, batch) => sql.forgetOldScheduleRuns(batch) },
  { table: 'fuse_act', keptFor: 'jobs', forget: (sql, batch) => sql.forgetOldFuseActs(batch) },
  { table: 'backfill', keptFor: 'jobs', forget: (sql, batch) => sql.forgetOldBackfills(batch) },
  { table: 'effect', keptFor: 'effects', forget: (sql, batch) => sql.forgetOldEffects(batch) },
  { table: 'notice', keptFor: 'effects', forget: (sql, batch) => sql.forgetOldNotices(batch) },
  { table: 'history', keptFor: 'history', forget: (sql, batch) => sql.forgetOldHistory(batch) },
  { table: 'finding', keptFor: 'history', forget: (sql, batch) => sql.forgetOldFindings(batch) },
  { table: 'team_deletion', keptFor: 'history', forget: (sql, batch) => sql.forgetOldMarks(batch) },
  { table: 'team_protection', keptFor: 'history', forget: (sql, batch) => sql.forgetOldProtections(batch) },
  {
    table: 'suppressed_recipient',
    keptFor: 'history',
    forget: (sql, batch) => sql.forgetOldSuppressions(batch),
  },
  { table: 'erasure', keptFor: 'history', forget: (sql, batch) => sql.forgetOldErasures(batch) },
];

async function horizonsOf({ sql, now, policy }: Context): Promise<HorizonsRow> {
  const { keepJobs, keepEffects, keepHistory } = policy;
  const [horizons] = await sql.horizons({ now, keepJobs, keepEffects, keepHistory });
  if (!horizons) throw new Error('the statement of the horizons returned nothing');
  return horizons;
}

/** At once, after whoever waits for a place: the row says where it was, by what is still there. */
function goesOn(ctx: Context, counts: Record<string, number>) {
  ctx.log.info(counts, 'old records are forgotten, and there may be more');
  return snoozed(ctx.now, 'there may be more to forget');
}
