import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect as expectAlone, inject, test } from 'vitest';
import type { ExpectStatic } from 'vitest';
import { which } from '../../src/embedded/binaries.ts';
import { startStripeStandIn } from '../../src/stand-ins/stripe/index.ts';
import type { FaultScript } from '../../src/stand-ins/stripe/index.ts';
import { createTestDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import {
  asQuiet,
  build,
  evenfall,
  ownPostgres,
  ownRedisServer,
  within,
  workerEnv,
} from '../support/processes.ts';
import type { Built, Running } from '../support/processes.ts';

/** From the kill or the loss to the end of everything; what BullMQ lost waits for the reconciler's minute. */
const patience = { timeout: 100_000, interval: 50 };
const testTimeout = 150_000;
/** A host kills 25 to 30 seconds after its SIGTERM. */
const hostPatienceMs = 25_000;

const standIn = await startStripeStandIn();
afterAll(() => standIn.close());

let built: Built;
beforeAll(async () => {
  built = await build();
});
afterAll(() => built?.remove());

const redisServer = await which('redis-server', process.env['PATH']);
const databases: TestDatabase[] = [];
for (let count = 0; count < 5; count++) {
  const database = await createTestDatabase();
  await asQuiet(database.sql);
  databases.push(database);
}

interface Where {
  readonly databaseUrl: string;
  readonly redisUrl?: string | undefined;
  readonly sql: postgres.Sql;
}

/** Customers with a subscription each, and workers, that are gone when the test is. */
function play(expect: ExpectStatic, { databaseUrl, redisUrl, sql }: Where) {
  const workers: Running[] = [];
  const subs: string[] = [];
  const count = async (condition: string) => {
    const [row] = await sql.unsafe(
      `select count(*)::int as jobs from evenfall.job where kind = 'cancel-subscription' and ${condition}`,
    );
    return row!['jobs'] as number;
  };
  const it = {
    sql,
    subs,
    count,
    startWorker(env: Record<string, string> = {}) {
      const services = { databaseUrl, redisUrl, stripeUrl: standIn.url };
      const worker = evenfall(built, ['worker'], { ...workerEnv(services), ...env });
      workers.push(worker);
      return worker;
    },
    /** One more customer to cancel, with what Stripe does wrong to them. */
    async enqueue(fault?: FaultScript): Promise<string> {
      const customer = standIn.seed.customer().id;
      const sub = standIn.seed.subscription({ customer }).id;
      if (fault) standIn.faults.add({ ...fault, match: { subscription: sub, method: 'DELETE' } });
      subs.push(sub);
      const payload = { customerId: customer, when: 'now' };
      await sql`select evenfall.enqueue('cancel-subscription', ${payload as never})`;
      return sub;
    },
    async enqueueMany(jobs: number, fault?: FaultScript) {
      for (let n = 0; n < jobs; n++) await it.enqueue(fault);
    },
    cancelled: (sub: string) => standIn.effects()[sub]?.canceled ?? 0,
    cancelledSoFar: () => subs.filter((sub) => it.cancelled(sub) > 0).length,
    /** Everything asked for is done, each once, and nothing was counted as a failure. */
    async expectAllDoneOnce() {
      await expect.poll(() => count(`state <> 'done'`).catch(() => -1), patience).toBe(0);
      expect(await count('attempts > 0')).toBe(0);
      expect(subs.map(it.cancelled)).toEqual(subs.map(() => 1));
      const history = await sql`select subject from evenfall.history`;
      expect(history.map((row) => row['subject']).toSorted()).toEqual(
        subs.map((sub) => `subscription:${sub}`).toSorted(),
      );
      expect(await sql`select from evenfall.dead_letter`).toEqual([]);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(workers.map((worker) => worker.end()));
    },
  };
  return it;
}

/** A clean database for one test; five tests run at once. */
async function cleanDatabase() {
  const taken = databases.pop();
  if (!taken) throw new Error('there are fewer databases than tests that run at once');
  await taken.sql`
    truncate evenfall.job, evenfall.effect, evenfall.history, evenfall.dead_letter, evenfall.worker`;
  return { ...taken, [Symbol.asyncDispose]: async () => void databases.push(taken) };
}

async function privateRedis() {
  const server = await ownRedisServer();
  if (!server) throw new Error('no redis-server');
  return { server, url: server.url, [Symbol.asyncDispose]: () => server.stop() };
}

describe('SIGTERM', () => {
  test.concurrent(
    '[P6] while Stripe is slow: the run ends, exit 0, no attempt',
    { timeout: testTimeout },
    async ({ expect }) => {
      await using own = await cleanDatabase();
      await using it = play(expect, { databaseUrl: own.url, sql: own.sql });
      const worker = it.startWorker();
      await it.enqueue({ kind: 'slow', ms: 2_000 });
      await expect.poll(() => it.count(`state = 'running'`), patience).toBe(1);
      worker.kill('SIGTERM');
      expect(await within(hostPatienceMs, worker.exited, 'the exit')).toEqual({ code: 0, signal: null });
      await it.expectAllDoneOnce();
      expect(await it.count('crashes = 0 and run_no = 1')).toBe(1);
    },
  );

  test.concurrent(
    '[P2] [P6] while Stripe has acted and is silent: exit 0 in time, and the next worker finishes it, no attempt',
    { timeout: testTimeout },
    async ({ expect }) => {
      await using own = await cleanDatabase();
      await using it = play(expect, { databaseUrl: own.url, sql: own.sql });
      const worker = it.startWorker();
      await it.enqueue({ kind: 'hang', act: true });
      await expect.poll(() => it.cancelledSoFar(), patience).toBe(1);
      worker.kill('SIGTERM');
      expect(await within(hostPatienceMs, worker.exited, 'the exit')).toEqual({ code: 0, signal: null });
      it.startWorker();
      await it.expectAllDoneOnce();
    },
  );

  test
    .runIf(redisServer)
    .concurrent(
      '[P6] with Redis gone: exit 0 in time, no hanging, and the job is done or given back',
      { timeout: testTimeout },
      async ({ expect }) => {
        await using own = await cleanDatabase();
        await using redis = await privateRedis();
        await using it = play(expect, { databaseUrl: own.url, redisUrl: redis.url, sql: own.sql });
        const worker = it.startWorker();
        await it.enqueue({ kind: 'slow', ms: 2_000 });
        await expect.poll(() => it.count(`state = 'running'`), patience).toBe(1);
        await redis.server.kill();
        worker.kill('SIGTERM');
        expect(await within(hostPatienceMs, worker.exited, 'the exit')).toEqual({ code: 0, signal: null });
        expect(await it.count(`state in ('done', 'queued') and attempts = 0 and crashes = 0`)).toBe(1);
      },
    );
});

describe.runIf(redisServer)('Redis', () => {
  test.concurrent(
    '[P1] [P2] killed and started again on its data, in the middle of 50 cancellations: all done once',
    { timeout: testTimeout },
    async ({ expect }) => {
      await using own = await cleanDatabase();
      await using redis = await privateRedis();
      await using it = play(expect, { databaseUrl: own.url, redisUrl: redis.url, sql: own.sql });
      it.startWorker({ CONCURRENCY: '4' });
      await it.enqueueMany(50, { kind: 'slow', ms: 150 });
      await expect.poll(() => it.cancelledSoFar(), patience).toBeGreaterThan(5);
      await redis.server.kill();
      await redis.server.start();
      expect(it.cancelledSoFar()).toBeLessThan(50);
      await it.expectAllDoneOnce();
    },
  );

  test.concurrent(
    '[P1] [P2] FLUSHALL with jobs running, delayed and waiting: all done once after reconciling',
    { timeout: testTimeout },
    async ({ expect }) => {
      await using own = await cleanDatabase();
      await using redis = await privateRedis();
      await using it = play(expect, { databaseUrl: own.url, redisUrl: redis.url, sql: own.sql });
      it.startWorker({ CONCURRENCY: '2' });
      // a rate limit is waited for, and so the job is delayed in BullMQ
      await it.enqueue({ kind: 'rate-limit', retryAfter: 8 });
      await expect.poll(() => it.count(`state = 'dispatched' and run_at > now()`), patience).toBe(1);
      await it.enqueueMany(10, { kind: 'slow', ms: 3_000 });
      await expect.poll(() => it.count(`state = 'running'`), patience).toBe(2);
      await expect
        .poll(() => it.count(`state = 'dispatched' and run_at <= now()`), patience)
        .toBeGreaterThan(0);
      const client = new Redis(redis.url);
      await client.flushall();
      await client.quit();

      // the reconciler leaves fresh dispatches alone for five seconds; a second worker reconciles at its boot
      const fresh = () =>
        it.count(`state = 'dispatched' and dispatched_at > clock_timestamp() - interval '6 seconds'`);
      await expect.poll(fresh, patience).toBe(0);
      it.startWorker({ CONCURRENCY: '2' });
      await it.expectAllDoneOnce();
    },
  );

  test.concurrent(
    '[P1] absent at boot: it says so and tries again, and works when it appears',
    { timeout: testTimeout },
    async ({ expect }) => {
      await using own = await cleanDatabase();
      await using redis = await privateRedis();
      await using it = play(expect, { databaseUrl: own.url, redisUrl: redis.url, sql: own.sql });
      await redis.server.kill();
      await it.enqueue();
      const worker = it.startWorker();
      await worker.saw(/Redis does not answer yet/);
      await worker.saw(/the queue backend reports an error; it tries again/);
      await redis.server.start();
      await it.expectAllDoneOnce();
    },
  );
});

describe.each(['redis', 'postgres'] as const)('Postgres, with the queues on %s', (backend) => {
  const runnable = backend === 'postgres' || redisServer !== undefined;

  test
    .runIf(runnable)
    .concurrent(
      '[P1] [P2] [P6] absent at boot, then killed and started again in the middle of 50 cancellations: all done once',
      { timeout: testTimeout },
      async ({ expect }) => {
        const own = await ownPostgres();
        const redis = backend === 'redis' ? await privateRedis() : undefined;
        try {
          await using it = play(expect, { databaseUrl: own.url, redisUrl: redis?.url, sql: own.sql });
          await own.server.stop();
          const unneeded = it.startWorker();
          await unneeded.saw(/Postgres does not answer; trying again/);
          unneeded.kill('SIGTERM');
          const left = await within(hostPatienceMs, unneeded.exited, 'the exit of one that waits');
          expect(left).toEqual({ code: 0, signal: null });

          const worker = it.startWorker({ CONCURRENCY: '4' });
          await worker.saw(/Postgres does not answer; trying again/);
          await own.server.start();
          await worker.saw(/"working"/);

          await it.enqueueMany(50, { kind: 'slow', ms: 150 });
          await expect.poll(() => it.cancelledSoFar(), patience).toBeGreaterThan(5);
          await own.server.kill();
          await own.server.start();
          expect(it.cancelledSoFar()).toBeLessThan(50);
          await it.expectAllDoneOnce();
        } finally {
          await redis?.server.stop();
          await own.stop();
        }
      },
    );
});

test.concurrent('[P2] two workers: all done once', { timeout: testTimeout }, async ({ expect }) => {
  await using own = await cleanDatabase();
  await using it = play(expect, { databaseUrl: own.url, sql: own.sql });
  it.startWorker();
  it.startWorker();
  await it.enqueueMany(60);
  await it.expectAllDoneOnce();
  expect(await it.count('run_no > 1')).toBe(0);
});

test.concurrent(
  '[P1] poison: a job that takes its worker down each time is dead after its crash budget, with its letter',
  { timeout: testTimeout },
  async ({ expect }) => {
    await using own = await cleanDatabase();
    await using it = play(expect, { databaseUrl: own.url, sql: own.sql });
    // the row is what counts, whatever the code of a worker says
    await own.sql`update evenfall.job_kind set crash_budget = 1 where kind = 'cancel-subscription'`;
    await it.enqueue();
    for (let deaths = 1; deaths <= 2; deaths++) {
      const worker = it.startWorker({ EVENFALL_FAILPOINT: 'run.started=kill' });
      expect(await worker.exited, worker.output()).toMatchObject({ signal: 'SIGKILL' });
      expect(await it.count(`state = 'running' and run_no = ${deaths} and crashes = ${deaths - 1}`)).toBe(1);
    }
    it.startWorker();
    await expect.poll(() => it.count(`state = 'dead'`), patience).toBe(1);
    expect(await it.count('run_no = 2 and crashes = 1')).toBe(1);
    expect(await own.sql`select class from evenfall.dead_letter`).toEqual([{ class: 'poison' }]);
    expect(it.cancelledSoFar()).toBe(0);
    // these workers have no channel
    const asked = () =>
      own.sql`select state, outcome->>'reason' as reason from evenfall.job where kind = 'alert-dead-letter'`;
    const untold = [{ state: 'skipped', reason: expect.stringContaining('no channel') }];
    await expect.poll(asked, patience).toEqual(untold);
    await own.sql`update evenfall.job_kind set crash_budget = 10 where kind = 'cancel-subscription'`;
  },
);

describe('a worker that cannot start', () => {
  /** Runs it to its end. */
  async function refused(env: Record<string, string | undefined>) {
    const worker = evenfall(built, ['worker'], env);
    const { code } = await within(hostPatienceMs, worker.exited, 'the exit').finally(() => worker.end());
    return { code, output: worker.output() };
  }

  test('says every wrong and missing variable at once, and no value; exit 2', async () => {
    const secret = 'hunter2hunter2';
    const wrong = {
      DATABASE_URL: `mysql://root:${secret}@db/x`,
      REDIS_URL: `http://:${secret}@cache`,
      QUEUE_BACKEND: secret,
      STRIPE_SECRET_KEY: `pk_live_${secret}`,
      STRIPE_API_BASE: `ftp://${secret}`,
      SMTP_URL: `http://me:${secret}@mail`,
      ALERT_EMAIL: secret,
      ALERT_WEBHOOK_URL: `ftp://x/${secret}`,
      PUBLIC_URL: secret,
      PORT: secret,
      API_TOKEN: 'hunter2',
      DASHBOARD_USERS: `ann:${secret}:king`,
      CONCURRENCY: '0',
      LOG_LEVEL: secret,
      EVENFALL_EMBEDDED: secret,
      EVENFALL_FAILPOINT: `${secret}=kill`,
    };
    const { code, output } = await refused(wrong);
    expectAlone(code).toBe(2);
    for (const name of Object.keys(wrong)) expectAlone(output).toMatch(new RegExp(`^ {2}${name}: `, 'm'));
    expectAlone(output).not.toContain('hunter2');
  });

  test('says what is missing; exit 2', async () => {
    const { code, output } = await refused({ SMTP_URL: 'smtp://me:hunter2@mail', QUEUE_BACKEND: 'redis' });
    expectAlone(code).toBe(2);
    for (const name of ['DATABASE_URL', 'STRIPE_SECRET_KEY', 'REDIS_URL', 'MAIL_FROM']) {
      expectAlone(output).toMatch(new RegExp(`^ {2}${name}: is missing`, 'm'));
    }
    expectAlone(output).not.toContain('hunter2');
  });

  test('on a database without migrations says what to run; exit 2', async () => {
    const maintenance = postgres(inject('databaseUrl'), { max: 1, onnotice: () => {} });
    const name = `evenfall_empty_${randomBytes(4).toString('hex')}`;
    await maintenance.unsafe(`create database ${name}`);
    const url = new URL(inject('databaseUrl'));
    url.pathname = `/${name}`;
    try {
      const services = { databaseUrl: url.href, redisUrl: undefined, stripeUrl: standIn.url };
      const { code, output } = await refused(workerEnv(services));
      expectAlone(code).toBe(2);
      expectAlone(output).toContain('the database has no Evenfall schema. Run `evenfall migrate`.');
      expectAlone(output).not.toContain(' at ');
    } finally {
      await maintenance.unsafe(`drop database ${name} with (force)`);
      await maintenance.end();
    }
  });

  test('with a kind that the database does not know yet says what to run; exit 2', async () => {
    await using own = await cleanDatabase();
    await own.sql`update evenfall.job_kind set payload_version = 0 where kind = 'cancel-subscription'`;
    const services = { databaseUrl: own.url, redisUrl: undefined, stripeUrl: standIn.url };
    const { code, output } = await refused(workerEnv(services));
    await own.sql`update evenfall.job_kind set payload_version = 1 where kind = 'cancel-subscription'`;
    expectAlone(code).toBe(2);
    expectAlone(output).toContain(
      'does not know these kinds yet: cancel-subscription. Run `evenfall migrate`.',
    );
  });
});
