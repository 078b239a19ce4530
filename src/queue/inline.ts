import type { Queries } from '../../sql/queries.gen.ts';
import { agreeingApp } from '../core/app-callback.ts';
import type { Context } from '../core/context.ts';
import { describeFailure } from '../core/errors.ts';
import type { AnyJob } from '../core/job.ts';
import { noFailpoints } from '../core/failpoints.ts';
import type { Subscription } from '../core/stripe.ts';
import type { Database, Statements } from '../db/connect.ts';
import { buildContext } from './context.ts';
import type { Adapters } from './context.ts';
import { runSweep } from './sweep.ts';

export interface InlineOptions extends Adapters {
  /** Pretend that it is this time. */
  readonly now?: Date | undefined;
  /** Read everything, change nothing, here or outside. */
  readonly dryRun: boolean;
}

/** What `evenfall run --json` prints. */
export interface InlineResult {
  kind: string;
  outcome: 'done' | 'skipped' | 'snoozed' | 'failed';
  reason: string | null;
  detail: unknown;
}

/**
 * Runs a job here and now, without a row in `evenfall.job`. Its effects are claimed and settled as always, so
 * that it and a queued job never do the same thing twice.
 */
export async function runInline(
  job: AnyJob,
  payload: unknown,
  options: InlineOptions,
): Promise<InlineResult> {
  if (!options.dryRun) return await runOn(options.database, job, payload, options);
  // all that it writes here is written in one transaction, which is then rolled back
  let result: InlineResult | undefined;
  const { database } = options;
  await database
    .transaction(async (tx) => {
      const transaction = async <T>(work: Work<T>) => {
        await tx.savepoint();
        return await work(tx).catch(async (error: unknown) => {
          await tx.rollBackToSavepoint();
          throw error;
        });
      };
      const pretended = { ...database, statements: tx, transaction };
      result = await runOn(pretended, job, payload, options);
      throw dryRunOver;
    })
    .catch((error: unknown) => {
      if (error !== dryRunOver) throw error;
    });
  if (!result) throw new Error(`the dry run of ${job.name} came to no result`);
  return result;
}

type Work<T> = (tx: Statements) => Promise<T>;

const dryRunOver = new Error('the dry run is over');

async function runOn(
  database: Database,
  job: AnyJob,
  payload: unknown,
  options: InlineOptions,
): Promise<InlineResult> {
  const [clock] = await database.statements.databaseNow();
  const databaseNow = clock?.now ?? new Date(0);
  const now = options.now ?? databaseNow;
  const never = new AbortController().signal;
  const context = buildContext({
    ...options,
    database,
    failpoint: noFailpoints,
    kill: never,
    run: { jobId: null, runNo: 0 },
    kind: job.name,
    teamId: null,
    attempt: 1,
    occasion: `inline ${databaseNow.toISOString()}`,
    now,
    clockOffsetMs: now.getTime() - databaseNow.getTime(),
    signal: AbortSignal.timeout(job.timeoutMs),
  });
  try {
    const outcome = await job.run(options.dryRun ? pretending(context, database) : context, payload);
    if (outcome.kind === 'snoozed') {
      return { kind: job.name, outcome: 'snoozed', reason: outcome.reason, detail: { until: outcome.until } };
    }
    const { write } = outcome;
    if (write) await database.transaction(write);
    const reason = outcome.kind === 'skipped' ? outcome.reason : null;
    return { kind: job.name, outcome: outcome.kind, reason, detail: outcome.detail };
  } catch (error) {
    const facts = describeFailure(error);
    if (facts.class === 'unexpected') options.log.error({ kind: job.name, err: error }, 'unexpected failure');
    return { kind: job.name, outcome: 'failed', reason: facts.message, detail: facts };
  }
}

/** The same job on a world that only looks changed: acts change a copy of what Stripe said, nothing is claimed. */
function pretending(context: Context, database: Database): Context {
  const ended = new Map<string, Subscription>();
  const asIfEnded = (subscription: Subscription) => ended.get(subscription.id) ?? subscription;
  const { stripe } = context;
  const end = async (id: string, change: Partial<Subscription>) => {
    const subscription = { ...(await stripe.retrieveSubscription(id)), ...change };
    ended.set(id, subscription);
    return subscription;
  };
  return {
    ...context,
    sql: { ...context.sql, ...pretendedBackfill },
    enqueue: () => Promise.resolve(0),
    notices: {
      notify: () => Promise.resolve('now'),
      suppress: () => Promise.resolve(),
      giveUpBegun: () => Promise.resolve(false),
    },
    sweep: (kind) => runSweep(database, kind, { now: context.now, policy: context.policy, dryRun: true }),
    alerts: { deadLetter: () => Promise.resolve([]), finding: () => Promise.resolve([]) },
    // it may act when it is asked
    app: agreeingApp,
    stripe: {
      ...stripe,
      listLiveSubscriptions: async (customerId) =>
        (await stripe.listLiveSubscriptions(customerId)).map(asIfEnded).filter((one) => !one.over),
      retrieveSubscription: async (id) => asIfEnded(await stripe.retrieveSubscription(id)),
      cancelSubscription: (id) => end(id, { over: true, status: 'canceled' }),
      cancelSubscriptionAtPeriodEnd: (id) => end(id, { ending: true }),
      deleteCustomer: () => Promise.resolve({ requestId: 'dry run' }),
    },
    effects: {
      begun: () => Promise.resolve([]),
      async perform(act) {
        return { happened: 'now', evidence: await act.act() };
      },
    },
  };
}

/** A backfill that reads every page and keeps none. */
const pretendedBackfill: Pick<Queries, 'beginBackfill' | 'mirrorPage'> = {
  beginBackfill: () =>
    Promise.resolve([{ id: 0, phase: 'subscriptions', cursor: null, pages: 0, objects: 0 }]),
  mirrorPage: ({ id, phase, cursor, pages, count }) =>
    Promise.resolve([{ id, phase, cursor, pages: pages + 1, objects: count, mirrored: '' }]),
};
