import { describe, expect, inject, test } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { Retryable, Terminal } from '../../src/core/errors.ts';
import { done, snoozed } from '../../src/core/outcome.ts';
import { createTestDatabase } from '../support/database.ts';
import { testKind } from '../support/kinds.ts';
import { lookAt, openBackend, ownRedis, startTestWorker } from '../support/worker.ts';

const { kind, runs } = testKind({ attempts: 5 });
const jobs = [...allJobs, kind];
const patience = { timeout: 20_000, interval: 20 };

/** The same life on both backends: what BullMQ shows and what the row says. */
for (const backend of ['redis', 'postgres'] as const) {
  const redis = inject('redisUrl');
  describe.skipIf(backend === 'redis' && redis === undefined)(`a worker on ${backend}`, async () => {
    const { url, database, sql } = await createTestDatabase([kind]);
    const redisUrl = backend === 'redis' && redis !== undefined ? await ownRedis(redis, 1) : undefined;
    let next = 1;

    const start = (options = {}) => startTestWorker(url, redisUrl, { jobs, ...options });

    async function enqueue(n = next++) {
      const wanted = { kind: kind.name, payload: { n }, key: null, runAt: null, teamId: null, priority: 0 };
      const [row] = await database.statements.enqueue(wanted);
      return row!.id;
    }

    async function job(id: number) {
      const [row] = await sql`select *, id::int from evenfall.job where id = ${id}`;
      return row!;
    }

    const state = (id: number) => job(id).then((row) => row['state'] as string);
    const ticket = async (id: number) => `j${id}-${(await job(id))['dispatchNo']}`;

    test('[P1] what is enqueued runs, and BullMQ has it as completed', async () => {
      const worker = await start();
      const id = await enqueue();
      await expect.poll(() => state(id), patience).toBe('done');
      const queue = lookAt(worker.backend, 'lifecycle');
      await expect.poll(async () => queue.getJobState(await ticket(id)), patience).toBe('completed');
    });

    test('[P1] what waited before the worker came runs when it comes', async () => {
      const ids = [await enqueue(), await enqueue(), await enqueue()];
      await start();
      for (const id of ids) await expect.poll(() => state(id), patience).toBe('done');
    });

    test('a retry waits in BullMQ as delayed, with its log line, and uses no BullMQ attempt', async () => {
      const worker = await start();
      runs((ctx) => {
        if (ctx.attempt > 1) return Promise.resolve(done());
        throw new Retryable('Stripe is busy', { facts: { class: 'test' }, afterMs: 60_000 });
      });
      const id = await enqueue();
      const queue = lookAt(worker.backend, 'lifecycle');
      await expect.poll(async () => queue.getJobState(await ticket(id)), patience).toBe('delayed');
      const carried = await queue.getJob(await ticket(id));
      expect(carried?.attemptsMade).toBe(0);
      expect((await queue.getJobLogs(await ticket(id))).logs.join()).toContain('Stripe is busy');
      await sql`update evenfall.job set run_at = clock_timestamp() where id = ${id}`;
      await carried?.promote();
      await expect.poll(() => state(id), patience).toBe('done');
      expect(await job(id)).toMatchObject({ attempts: 1 });
    });

    test('a short retry comes back by itself', async () => {
      await start();
      runs((ctx) => {
        if (ctx.attempt === 3) return Promise.resolve(done());
        throw new Retryable('again', { facts: { class: 'test' } });
      });
      const id = await enqueue();
      await expect.poll(() => state(id), patience).toBe('done');
      expect(await job(id)).toMatchObject({ attempts: 2, runNo: 3 });
    });

    test('[P6] what was interrupted goes before what BullMQ has waiting', async () => {
      const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const began: number[] = [];
      const [first, second, waiting, interrupted] = [next++, next++, next++, next++];
      runs(async (ctx, { n }) => {
        began.push(n);
        await gates[[first, second].indexOf(n)]?.promise;
        return done();
      });
      await start({ concurrency: 2 });
      const blocking = [await enqueue(first), await enqueue(second)];
      for (const id of blocking) await expect.poll(() => state(id), patience).toBe('running');
      const later = await enqueue(waiting);
      await expect.poll(() => state(later), patience).toBe('dispatched');
      const again = await sql.begin(async (tx) => {
        const [row] =
          await tx`select evenfall.enqueue(${kind.name}, ${tx.json({ n: interrupted })})::int as id`;
        await tx`update evenfall.job set run_no = 1 where id = ${row!['id']}`;
        return row!['id'] as number;
      });
      await expect.poll(() => state(again), patience).toBe('dispatched');
      gates[0]!.resolve();
      await expect.poll(() => state(later), patience).toBe('done');
      gates[1]!.resolve();
      await expect.poll(() => state(blocking[1]!), patience).toBe('done');
      expect(began.slice(2)).toEqual([interrupted, waiting]);
    });

    test('a snooze comes back at its time and uses no attempt', async () => {
      await start();
      let runNo = 0;
      runs((ctx) =>
        Promise.resolve(++runNo < 3 ? snoozed(new Date(ctx.now.getTime() + 30), 'not yet') : done()),
      );
      const id = await enqueue();
      await expect.poll(() => state(id), patience).toBe('done');
      expect(await job(id)).toMatchObject({ attempts: 0, runNo: 3 });
    });

    test('[P1] a dead job fails in BullMQ, its alert goes out and its letter says so', async () => {
      const worker = await start();
      runs(() => Promise.reject(new Terminal('refused for good', { facts: { class: 'refused' } })));
      const id = await enqueue();
      await expect.poll(() => state(id), patience).toBe('dead');
      const queue = lookAt(worker.backend, 'lifecycle');
      await expect.poll(async () => queue.getJobState(await ticket(id)), patience).toBe('failed');
      expect((await queue.getJob(await ticket(id)))?.failedReason).toBe('refused for good');
      const alerted = () =>
        sql`select from evenfall.dead_letter where job_id = ${id} and alerted_at is not null`;
      await expect.poll(async () => (await alerted()).length, patience).toBe(1);
      runs(() => Promise.resolve(done()));
    });

    test('[P1] what BullMQ has forgotten altogether is brought back by the reconciler', async () => {
      runs(() => Promise.reject(new Retryable('later', { facts: { class: 'test' }, afterMs: 60_000 })));
      const first = await start();
      const id = await enqueue();
      const queue = lookAt(first.backend, 'lifecycle');
      await expect.poll(async () => queue.getJobState(await ticket(id)), patience).toBe('delayed');
      await first.stop(0);

      const emptied = openBackend(url, redisUrl);
      await lookAt(emptied, 'lifecycle').obliterate({ force: true });
      await emptied.close();
      await sql`update evenfall.job set run_at = clock_timestamp(), dispatched_at = clock_timestamp() - interval '1 minute' where id = ${id}`;
      runs(() => Promise.resolve(done()));
      await start();
      await expect.poll(() => state(id), patience).toBe('done');
    });

    test('[P6] at shutdown a job that does not end is given back, and the next worker runs it', async () => {
      const inside = Promise.withResolvers<void>();
      runs(async (ctx) => {
        inside.resolve();
        await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
        ctx.signal.throwIfAborted();
        return done();
      });
      const first = await start();
      const id = await enqueue();
      await inside.promise;
      await first.stop(50);
      expect(await job(id)).toMatchObject({ state: 'queued', attempts: 0, crashes: 0 });
      runs(() => Promise.resolve(done()));
      await start();
      await expect.poll(() => state(id), patience).toBe('done');
    });

    test('a future job waits in Postgres and runs at its time; a withdrawn one never', async () => {
      await start();
      const later = { kind: kind.name, payload: { n: next++ }, key: null, teamId: null, priority: 0 };
      const [soon] = await database.statements.enqueue({ ...later, runAt: new Date(Date.now() + 300) });
      const [never] = await database.statements.enqueue({
        ...later,
        payload: { n: next },
        runAt: new Date(Date.now() + 300),
      });
      expect(await state(soon!.id)).toBe('queued');
      await database.statements.cancelJob({ kind: kind.name, key: `n=${next++}` });
      await expect.poll(() => state(soon!.id), patience).toBe('done');
      expect(await state(never!.id)).toBe('cancelled');
    });

    test('[P2] two workers side by side run each of 200 jobs once', async () => {
      const times = new Map<number, number>();
      runs((_ctx, { n }) => Promise.resolve((times.set(n, (times.get(n) ?? 0) + 1), done())));
      await Promise.all([start(), start()]);
      const ids = await Promise.all(Array.from({ length: 200 }, () => enqueue()));
      const open = () => sql`select from evenfall.job where id = any(${ids}) and state <> 'done'`;
      await expect.poll(async () => (await open()).length, patience).toBe(0);
      expect([...times.values()].every((count) => count === 1)).toBe(true);
      expect(times.size).toBe(200);
    });
  });
}
