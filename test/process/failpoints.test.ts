import { afterAll, beforeAll, describe, expect as expectAlone, inject, test } from 'vitest';
import type { ExpectStatic } from 'vitest';
import type { Failpoint } from '../../src/core/failpoints.ts';
import { failpoints } from '../../src/core/failpoints.ts';
import { ticketId } from '../../src/queue/backend.ts';
import { startStripeStandIn } from '../../src/stand-ins/stripe/index.ts';
import type { FaultScript } from '../../src/stand-ins/stripe/index.ts';
import { createTestDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { asQuiet, build, evenfall, workerEnv } from '../support/processes.ts';
import type { Built, Running } from '../support/processes.ts';
import { openBackend, ownRedis } from '../support/worker.ts';

/** What becomes of a cancellation when its worker dies there, and another takes over. */
interface Expected {
  readonly state: 'done' | 'dead';
  readonly attempts: number;
  /** Its worker died while the row said that it runs. */
  readonly crashes: number;
  readonly runs: number;
  /** The dispatch is visible, so the run may have begun before the kill: one crash and one run more. */
  readonly mayHaveBegun?: true;
  /** What Stripe does wrong, once. */
  readonly fault?: FaultScript;
  /** How BullMQ must have it in the end, where it did not hear of the outcome. */
  readonly ticket?: 'completed' | 'failed';
  /** The row says dispatched, and BullMQ knows nothing of it. */
  readonly lost?: boolean;
}

const once = { state: 'done', attempts: 0, crashes: 0, runs: 1 } as const;
const again = { state: 'done', attempts: 0, crashes: 1, runs: 2 } as const;
const no = { type: 'invalid_request_error', code: 'resource_locked', message: 'No.' };

/** A cancellation has no transaction of its own; those of a deletion are in test/jobs/delete-inactive-team.test.ts. */
type Passed = Exclude<Failpoint, 'transaction.written' | 'transaction.committed'>;

const expected: Record<Passed, Expected> = {
  'dispatch.claimed': once,
  'dispatch.added': once,
  'dispatch.committed': { ...once, mayHaveBegun: true },
  'run.started': again,
  'effect.claimed': again,
  'effect.acted': again,
  'effect.settled': again,
  'run.ended': again,
  'outcome.written': { ...once, ticket: 'completed' },
  // twice, to outlive the SDK's own retry
  'retry.written': { ...once, attempts: 1, runs: 2, fault: { kind: 'conflict', times: 2 } },
  'dead.written': {
    ...once,
    state: 'dead',
    attempts: 1,
    fault: { kind: 'refused', status: 400, error: no },
    ticket: 'failed',
  },
  'reconcile.asked': { ...once, lost: true },
};

/** P6, on the database's clock. */
const recoveryMs = 12_000;
const patience = { timeout: 40_000, interval: 50 };

const standIn = await startStripeStandIn();
afterAll(() => standIn.close());

let built: Built;
beforeAll(async () => {
  built = await build();
});
afterAll(() => built?.remove());

/** A database and a Redis of its own for each test that runs at the same time. */
interface Lane extends Pick<TestDatabase, 'url' | 'sql'> {
  readonly redisUrl: string | undefined;
}
const redis = inject('redisUrl');
/** Those that nobody uses at the moment; a test that ran into its time-out keeps its own. */
const lanes: Lane[] = [];
for (const number of [2, 3, 4, 5, 6, 7, 9, 10]) {
  const { url, sql } = await createTestDatabase();
  await asQuiet(sql);
  lanes.push({ url, sql, redisUrl: redis === undefined ? undefined : await ownRedis(redis, number) });
}

/**
 * One team, one customer, one subscription, and workers that are gone when the test is. Tests that run at the
 * same time each need their own `expect`.
 */
async function story(backend: 'redis' | 'postgres', expect: ExpectStatic) {
  const lane = lanes.pop();
  if (!lane) throw new Error('there are fewer lanes than tests that run at once');
  const { url, sql } = lane;
  await sql`truncate evenfall.job, evenfall.effect, evenfall.history, evenfall.dead_letter, evenfall.worker`;
  const redisUrl = backend === 'redis' ? lane.redisUrl : undefined;
  const customer = standIn.seed.customer().id;
  const sub = standIn.seed.subscription({ customer }).id;
  const [team] = await sql`
    insert into public.teams (name, stripe_customer_id) values ('a team', ${customer}) returning id::text`;
  const workers: Running[] = [];
  return {
    expect,
    sql,
    sub,
    backend: () => openBackend(url, redisUrl),
    startWorker(env: Record<string, string> = {}) {
      const services = { databaseUrl: url, redisUrl, stripeUrl: standIn.url };
      const worker = evenfall(built, ['worker'], { ...workerEnv(services), ...env });
      workers.push(worker);
      return worker;
    },
    /** As the app does it. */
    async enqueue() {
      const payload = { teamId: team!['id'], when: 'now' };
      const [row] = await sql`select evenfall.enqueue('cancel-subscription', ${payload as never}) as id`;
      return row!['id'] as number;
    },
    async job(id: number) {
      const [row] = await sql`select * from evenfall.job where id = ${id}`;
      return row!;
    },
    async databaseNow() {
      const [row] = await sql`select clock_timestamp() as now`;
      return row!['now'] as Date;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(workers.map((worker) => worker.end()));
      lanes.push(lane);
    },
  };
}
type Story = Awaited<ReturnType<typeof story>>;

async function expectOnce({ expect, sql, sub, job }: Story, id: number, outcome: Expected): Promise<void> {
  const { state, attempts } = outcome;
  await expect.poll(async () => (await job(id))['state'], patience).toBe(state);
  const ended = await job(id);
  const begun = outcome.mayHaveBegun === true && ended['crashes'] === outcome.crashes + 1 ? 1 : 0;
  expect(ended).toMatchObject({
    state,
    attempts,
    crashes: outcome.crashes + begun,
    runNo: outcome.runs + begun,
  });
  const done = state === 'done' ? 1 : 0;
  expect(standIn.effects()[sub]?.canceled).toBe(done);
  expect(await sql`select from evenfall.history where subject = ${`subscription:${sub}`}`).toHaveLength(done);
  expect(await sql`select from evenfall.effect where state <> 'settled'`).toHaveLength(1 - done);
  expect(await sql`select from evenfall.dead_letter where job_id = ${id}`).toHaveLength(1 - done);
}

/** From when somebody could take over: how long a process takes to start is the machine's, with all that it does. */
async function expectPrompt({ expect, job, sql }: Story, id: number, killedAt: Date): Promise<void> {
  const startedAt = (await job(id))['startedAt'] as Date;
  const [other] = await sql`select max(started_at) as at from evenfall.worker`;
  const from = Math.max(killedAt.getTime(), (other!['at'] as Date).getTime());
  expect(startedAt.getTime() - from, 'ms until the next run').toBeLessThan(recoveryMs);
}

test('every failpoint is covered', () => {
  const elsewhere = ['transaction.committed', 'transaction.written'];
  expectAlone([...Object.keys(expected), ...elsewhere].toSorted()).toEqual(
    Object.keys(failpoints).toSorted(),
  );
});

describe.each(['redis', 'postgres'] as const)('killed on %s', (backend) => {
  const runnable = backend === 'postgres' || redis !== undefined;

  test.runIf(runnable).concurrent.for(Object.entries(expected) as [Failpoint, Expected][])(
    '[P1] [P2] [P6] at %s: one cancellation, one line of history, no attempt, and soon',
    { timeout: 90_000 },
    async ([point, outcome], { expect }) => {
      await using it = await story(backend, expect);
      if (outcome.fault)
        standIn.faults.add({ ...outcome.fault, match: { subscription: it.sub, method: 'DELETE' } });
      const enqueued = outcome.lost === true ? await enqueueLost(it) : undefined;
      const first = it.startWorker({ EVENFALL_FAILPOINT: `${point}=kill` });
      const id = enqueued ?? (await it.enqueue());
      expect(await first.exited, first.output()).toMatchObject({ signal: 'SIGKILL' });
      const killedAt = await it.databaseNow();

      it.startWorker();
      await expectOnce(it, id, outcome);
      if (outcome.ticket === undefined) await expectPrompt(it, id, killedAt);
      else await expectTicket(it, id, outcome.ticket);
    },
  );

  test
    .runIf(runnable)
    .concurrent(
      '[P1] [P2] [P6] from outside, while Stripe has acted and does not answer: asked, and recorded once',
      { timeout: 90_000 },
      async ({ expect }) => {
        await using it = await story(backend, expect);
        standIn.faults.add({ kind: 'hang', act: true, match: { subscription: it.sub, method: 'DELETE' } });
        const first = it.startWorker();
        const id = await it.enqueue();
        await expect.poll(() => standIn.effects()[it.sub]?.canceled, patience).toBe(1);
        first.kill('SIGKILL');
        await first.exited;
        const killedAt = await it.databaseNow();

        it.startWorker();
        await expectOnce(it, id, again);
        await expectPrompt(it, id, killedAt);
      },
    );
});

/** As after a Redis that was lost: the row was dispatched a while ago, BullMQ has no entry for it. */
async function enqueueLost({ sql, enqueue }: Story): Promise<number> {
  const id = await enqueue();
  await sql`
    update evenfall.job set state = 'dispatched', due = false, dispatch_no = nextval('evenfall.dispatch_no'),
      dispatched_at = clock_timestamp() - interval '1 minute'
    where id = ${id}`;
  return id;
}

async function expectTicket(it: Story, id: number, state: 'completed' | 'failed'): Promise<void> {
  const { expect } = it;
  const backend = it.backend();
  const queue = backend.openQueue('stripe');
  try {
    const ticket = ticketId({ id, dispatchNo: (await it.job(id))['dispatchNo'] as number });
    await expect.poll(() => queue.getJobState(ticket), patience).toBe(state);
    expect((await it.job(id))['runNo']).toBe(1);
  } finally {
    await queue.close();
    await backend.close();
  }
}
