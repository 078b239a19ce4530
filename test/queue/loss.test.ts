import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { Retryable } from '../../src/core/errors.ts';
import { noFailpoints } from '../../src/core/failpoints.ts';
import type { AtFailpoint } from '../../src/core/failpoints.ts';
import { done } from '../../src/core/outcome.ts';
import { Reconciler } from '../../src/queue/reconciler.ts';
import { Scheduler } from '../../src/queue/scheduler.ts';
import { createTestDatabase } from '../support/database.ts';
import { testKind } from '../support/kinds.ts';
import { silentLog } from '../support/machine.ts';
import { ownRedisServer } from '../support/processes.ts';
import { describeWithRedis } from '../support/services.ts';
import { lookAt, startTestWorker } from '../support/worker.ts';

const { kind, runs } = testKind({ attempts: 5 });
const jobs = [...allJobs, kind];
const { url, database, sql } = await createTestDatabase([kind]);
const patience = { timeout: 30_000, interval: 20 };
let next = 1;

async function enqueue(n = next++): Promise<number> {
  const wanted = { kind: kind.name, payload: { n }, key: null, runAt: null, teamId: null, priority: 0 };
  const [row] = await database.statements.enqueue(wanted);
  return row!.id;
}

const count = async (condition: string) => {
  const [row] = await sql.unsafe(
    `select count(*)::int as jobs from evenfall.job where kind = 'test-kind' and ${condition}`,
  );
  return row!['jobs'] as number;
};

describeWithRedis('queues that were emptied under a worker', () => {
  /** Those of a loss alone: the minute's never come, so nothing here is put right by waiting for it. */
  const atOnce = { begun: 0, ended: 0 };

  beforeEach(async () => {
    await sql`truncate evenfall.job, evenfall.effect`;
    Object.assign(atOnce, { begun: 0, ended: 0 });
    const real = Reconciler.prototype.reconcile;
    vi.spyOn(Reconciler.prototype, 'reconcile').mockImplementation(async function (
      this: Reconciler,
      settleTime?: string,
    ) {
      if (settleTime === undefined) return;
      atOnce.begun++;
      await real.call(this, settleTime);
      atOnce.ended++;
    });
  });
  afterEach(() => vi.restoreAllMocks());

  async function start(options: { concurrency?: number; failpoint?: AtFailpoint } = {}) {
    const server = await ownRedisServer();
    if (!server) throw new Error('no redis-server');
    onTestFinished(() => server.stop());
    const worker = await startTestWorker(url, server.url, { jobs, concurrency: 1, ...options });
    const client = new Redis(server.url);
    onTestFinished(() => client.disconnect());
    // its first look is over: what comes now is a loss
    await expect.poll(() => atOnce.ended, patience).toBe(1);
    return { worker, client };
  }

  test('[P1] [P2] [P6] what ran, waited and was delayed is done, each once, without waiting for the minute', async () => {
    const { client } = await start();
    const ran: number[] = [];
    const gate = Promise.withResolvers<void>();
    const inside = Promise.withResolvers<void>();
    runs(async ({ attempt }, { n }) => {
      if (n === delayed && attempt === 1) {
        throw new Retryable('later', { facts: { class: 'test' }, afterMs: 3_000 });
      }
      ran.push(n);
      if (n === running) {
        inside.resolve();
        await gate.promise;
      }
      return done();
    });
    const [delayed, running] = [next++, next++];
    await enqueue(delayed);
    await expect.poll(() => count(`state = 'dispatched' and attempts = 1`), patience).toBe(1);
    await enqueue(running);
    await inside.promise;
    const waiting = [await enqueue(), await enqueue(), await enqueue()];
    await expect.poll(() => count(`state = 'dispatched' and run_no = 0`), patience).toBeGreaterThan(0);
    await client.flushall();
    await expect.poll(() => atOnce.begun, patience).toBeGreaterThan(1);
    gate.resolve();
    await expect.poll(() => count(`state = 'done'`), patience).toBe(5);
    expect(ran.toSorted((a, b) => a - b)).toEqual([...new Set(ran)].toSorted((a, b) => a - b));
    expect(waiting).toHaveLength(3);
    expect(await count('crashes > 0')).toBe(0);
    expect(await count('attempts > 0')).toBe(1);
  });

  /** A job that occupies the worker until it is let go, and how it ends then. */
  async function occupy(ends: () => ReturnType<typeof done> = done) {
    const inside = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const occupant = next++;
    runs(async ({ attempt }, { n }) => {
      if (n !== occupant || attempt > 1) return done();
      inside.resolve();
      await gate.promise;
      return ends();
    });
    const id = await enqueue(occupant);
    await inside.promise;
    return { id, letGo: gate.resolve };
  }

  test('[P1] [P6] a dispatch that was added before the loss, and commits after all was compared, is done', async () => {
    let pauses = false;
    const added = Promise.withResolvers<void>();
    const commit = Promise.withResolvers<void>();
    const { client } = await start({
      async failpoint(point) {
        if (point !== 'dispatch.added' || !pauses) return;
        pauses = false;
        added.resolve();
        await commit.promise;
      },
    });
    const { letGo } = await occupy();
    pauses = true;
    const id = await enqueue();
    await added.promise;
    await client.flushall();
    await expect.poll(() => atOnce.ended, patience).toBe(2);
    commit.resolve();
    await expect.poll(() => count(`id = ${id} and state = 'dispatched'`), patience).toBe(1);
    letGo();
    await expect.poll(() => count(`state = 'done'`), patience).toBe(2);
  });

  test('[P1] [P6] a run that fails when all was compared already comes back: BullMQ has nothing left to delay', async () => {
    const { client } = await start();
    const { id, letGo } = await occupy(() => {
      throw new Retryable('again', { facts: { class: 'test' }, afterMs: 10 });
    });
    await client.flushall();
    await expect.poll(() => atOnce.ended, patience).toBe(3);
    letGo();
    await expect.poll(() => count(`id = ${id} and state = 'done' and attempts = 1`), patience).toBe(1);
  });

  test('[P5] the job schedulers are set up anew at once', async () => {
    const setUp = vi.spyOn(Scheduler.prototype, 'setUp');
    const { client, worker } = await start();
    const schedules = lookAt(worker.backend, 'schedules');
    const names = async () => (await schedules.getJobSchedulers()).map(({ key }) => key).toSorted();
    // from here on the next one of its own comes in a minute
    await expect.poll(() => setUp.mock.settledResults.at(-1)?.type, patience).toBe('fulfilled');
    const before = { names: await names(), calls: setUp.mock.calls.length };
    expect(before.names.length).toBeGreaterThan(3);
    await client.flushall();
    await expect.poll(names, patience).toEqual(before.names);
    expect(setUp).toHaveBeenCalledTimes(before.calls + 1);
  });
});

describe('the watch over the queues', () => {
  /** A reconciler whose queues have the life that the test says. */
  function watching() {
    const state: { life: string | Error; losses: number; settles: (string | undefined)[]; fails: boolean } = {
      life: 'first',
      losses: 0,
      settles: [],
      fails: false,
    };
    const reconciler = new Reconciler({
      database,
      queues: new Map(),
      jobs,
      runner: undefined as never,
      workerId: 'w',
      log: silentLog,
      failpoint: noFailpoints,
      onChange() {},
      memory: {
        life: () => (state.life instanceof Error ? Promise.reject(state.life) : Promise.resolve(state.life)),
      },
      onLoss: () => Promise.resolve(void state.losses++),
    });
    vi.spyOn(reconciler, 'reconcile').mockImplementation((settleTime) => {
      state.settles.push(settleTime);
      return state.fails ? Promise.reject(new Error('Postgres is away')) : Promise.resolve();
    });
    // a stop that was asked for ends the wait between the two comparisons
    void reconciler.stop();
    return { reconciler, state };
  }

  test('its first answer is compared once, and no loss; the same life again is nothing', async () => {
    const { reconciler, state } = watching();
    await reconciler.watch();
    await reconciler.watch();
    expect(state).toMatchObject({ settles: ['PT0S'], losses: 0 });
  });

  test('[P1] away is not lost; another life afterwards is: compared twice, the youngest dispatches too', async () => {
    const { reconciler, state } = watching();
    await reconciler.watch();
    state.life = new Error('ECONNREFUSED');
    await reconciler.watch();
    expect(state).toMatchObject({ settles: ['PT0S'], losses: 0 });
    state.life = 'second';
    await reconciler.watch();
    await reconciler.watch();
    expect(state).toMatchObject({ settles: ['PT0S', 'PT0S', 'PT0S'], losses: 1 });
  });

  test('[P1] what could not be compared is compared the next time', async () => {
    const { reconciler, state } = watching();
    await reconciler.watch();
    Object.assign(state, { life: 'second', fails: true });
    await expect(reconciler.watch()).rejects.toThrow('away');
    state.fails = false;
    await reconciler.watch();
    expect(state).toMatchObject({ losses: 1, settles: Array.from({ length: 4 }, () => 'PT0S') });
    reconciler.parted();
    state.fails = true;
    await expect(reconciler.watch()).rejects.toThrow('away');
    state.fails = false;
    await reconciler.watch();
    await reconciler.watch();
    expect(state).toMatchObject({ losses: 1, settles: Array.from({ length: 6 }, () => 'PT0S') });
  });
});
