import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { which } from '../../src/embedded/binaries.ts';
import { startStripeStandIn } from '../../src/stand-ins/stripe/index.ts';
import { createTestDatabase } from '../support/database.ts';
import { asQuiet, build, evenfall, ownRedisServer, within, workerEnv } from '../support/processes.ts';
import type { Built, Running } from '../support/processes.ts';
import { openPool } from '../support/sql.ts';

const patience = { timeout: 60_000, interval: 50 };
const testTimeout = 150_000;
/** A host kills 25 to 30 seconds after its SIGTERM. */
const hostPatienceMs = 25_000;
const redisServer = await which('redis-server', process.env['PATH']);

const standIn = await startStripeStandIn();
afterAll(() => standIn.close());

let built: Built;
beforeAll(async () => {
  built = await build();
});
afterAll(() => built?.remove());

interface Where {
  readonly url: string;
  readonly sql: postgres.Sql;
  readonly redisUrl?: string | undefined;
}

/** What an operator does there, and what can be seen. */
function at({ url, sql, redisUrl }: Where) {
  const services = { databaseUrl: url, redisUrl, stripeUrl: standIn.url };
  const start = (args: string[], env: Record<string, string> = {}): Running => {
    const program = evenfall(built, args, { ...workerEnv(services), ...env });
    onTestFinished(() => program.end());
    return program;
  };
  return {
    start,
    async call(...args: string[]) {
      const program = start(args);
      const { code } = await within(hostPatienceMs, program.exited, args.join(' '));
      return { code, output: program.output() };
    },
    async stop(program: Running) {
      program.kill('SIGTERM');
      const exit = await within(hostPatienceMs, program.exited, 'the exit');
      expect(exit, program.output()).toEqual({ code: 0, signal: null });
    },
    /** One more customer to cancel. */
    async enqueue(): Promise<string> {
      const customer = standIn.seed.customer().id;
      const sub = standIn.seed.subscription({ customer }).id;
      const payload = { customerId: customer, when: 'now' };
      await sql`select evenfall.enqueue('cancel-subscription', ${payload as never})`;
      return sub;
    },
    count: async (condition: string) => {
      const [row] = await sql.unsafe(
        `select count(*)::int as jobs from evenfall.job where kind = 'cancel-subscription' and ${condition}`,
      );
      return row!['jobs'] as number;
    },
  };
}

const cancelled = (sub: string) => standIn.effects()[sub]?.canceled ?? 0;

/** A worker's first lines have its port. */
async function portOf(program: Running): Promise<string> {
  await program.saw(/"port":\d+/);
  return /"port":(\d+)/.exec(program.output())?.[1] ?? '';
}

/** A free port: whoever asks for one learns it by having it. */
async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

/** As pg_restore or `createdb --template` leaves it: the same rows in another database. */
async function copyOf(original: string): Promise<Where> {
  const name = `evenfall_copy_${randomBytes(4).toString('hex')}`;
  const url = new URL(original);
  const from = url.pathname.slice(1);
  url.pathname = `/${name}`;
  const maintenance = postgres(inject('databaseUrl'), { max: 1, onnotice: () => {} });
  await maintenance`
    select pg_terminate_backend(pid) from pg_stat_activity where datname = ${from} and pid <> pg_backend_pid()`;
  await maintenance.unsafe(`create database ${name} template ${from}`);
  const sql = openPool(url.href, { max: 2, name: 'test' });
  onTestFinished(async () => {
    await sql.end({ timeout: 1 });
    await maintenance.unsafe(`drop database ${name} with (force)`);
    await maintenance.end();
  });
  return { url: url.href, sql };
}

test(
  '[P1] [P2] [P3] a restored dump: nothing starts, which is said once; answered, it goes on by itself',
  { timeout: testTimeout },
  async () => {
    const source = await createTestDatabase();
    await asQuiet(source.sql);
    const before = at(source);
    const first = before.start(['worker']);
    await first.saw(/"working"/);
    await before.enqueue();
    await expect.poll(() => before.count(`state = 'done'`), patience).toBe(1);
    await before.stop(first);
    const sub = await before.enqueue();
    await source.sql`
      update evenfall.job set state = 'running', due = false, run_no = 1, worker_id = 'of the backup', dispatch_no = 9,
        started_at = clock_timestamp() where state = 'queued' and kind = 'cancel-subscription'`;

    const copy = await copyOf(source.url);
    const here = at(copy);
    const port = await freePort();
    const worker = here.start(['worker'], { PORT: String(port) });
    await worker.saw(/restored backup, or a copy of it.*`evenfall doctor --after-restore`/);
    const ready = () => fetch(`http://127.0.0.1:${port}/readyz`);
    await expect
      .poll(async () => (await ready()).json(), patience)
      .toMatchObject({ ready: false, held: expect.stringContaining('doctor --after-restore') });
    expect((await ready()).status).toBe(503);

    const waiting = here.start(['worker']);
    await waiting.saw(/doctor --after-restore/);
    await here.stop(waiting);

    const told = await here.call('doctor', '--after-restore');
    expect(told).toMatchObject({ code: 1, output: expect.stringContaining('"running":1') });
    // nobody was rescued, nobody beat, nothing ran
    expect(await here.count(`state = 'running' and crashes = 0`)).toBe(1);
    expect(await copy.sql`select from evenfall.worker`).toEqual([]);
    expect(cancelled(sub)).toBe(0);
    expect(worker.output().match(/doctor --after-restore/g)).toHaveLength(1);

    expect(await here.call('doctor', '--after-restore', '--why', 'a drill')).toMatchObject({ code: 0 });
    await worker.saw(/"working"/);
    await expect.poll(() => cancelled(sub), patience).toBe(1);
    await expect.poll(() => here.count(`state = 'done' and attempts = 0 and crashes = 0`), patience).toBe(2);
    await expect.poll(async () => (await ready()).json(), patience).toMatchObject({ ready: true });
    await here.stop(worker);
  },
);

test(
  '[P1] web and worker in one: the web serves and takes jobs while the worker is held',
  { timeout: testTimeout },
  async () => {
    const own = await createTestDatabase();
    await asQuiet(own.sql);
    await own.database.statements.recordInstallation();
    await own.sql`update evenfall.installation set database_oid = 1`;
    const here = at(own);
    const token = randomBytes(16).toString('hex');
    const both = here.start(['start'], { PORT: '0', API_TOKEN: token });
    await both.saw(/doctor --after-restore/);
    const web = `http://127.0.0.1:${await portOf(both)}`;
    const asked = await fetch(`${web}/v1/jobs/cancel-subscription`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ payload: { customerId: standIn.seed.customer().id, when: 'now' } }),
    });
    expect(asked.status).toBe(202);
    expect(await here.count(`state = 'queued'`)).toBe(1);
    await here.stop(both);
  },
);

describe.runIf(redisServer)('with Redis', () => {
  test(
    '[P1] [P2] a point-in-time restore: held by what Redis has seen, whatever becomes of Redis; then under numbers of its own',
    { timeout: testTimeout },
    async () => {
      const own = await createTestDatabase();
      await asQuiet(own.sql);
      const server = await ownRedisServer();
      onTestFinished(() => server!.stop());
      const here = at({ ...own, redisUrl: server!.url });
      const redis = new Redis(server!.url);
      onTestFinished(() => redis.disconnect());

      const first = here.start(['worker']);
      await first.saw(/"working"/);
      for (let n = 0; n < 3; n++) await here.enqueue();
      await expect.poll(() => here.count(`state = 'done'`), patience).toBe(3);
      const noted = async () => {
        const [key = ''] = await redis.keys('{evenfall}:installation:*');
        return Number(await redis.hget(key, 'dispatched'));
      };
      const [last] = await own.sql`select last_value::int from evenfall.dispatch_no`;
      await expect.poll(noted, patience).toBe(last!['lastValue']);
      await here.stop(first);

      // one job before the end of the world: the last of the three was never asked for, nor its number given out
      const [lost] = await own.sql`
        delete from evenfall.job where id = (select max(id) from evenfall.job where kind = 'cancel-subscription')
        returning id::int, dispatch_no::int`;
      await own.sql`select setval('evenfall.dispatch_no', ${lost!['dispatchNo']}, false)`;
      await own.sql`select setval(pg_get_serial_sequence('evenfall.job', 'id'), ${lost!['id']}, false)`;
      const sub = await here.enqueue();
      const held = here.start(['worker']);
      await held.saw(/gone back in time.*`evenfall doctor --after-restore`/);
      await here.stop(held);

      // what people do who have heard that Redis is disposable
      await redis.flushall();
      const still = here.start(['worker']);
      await still.saw(/gone back in time/);
      expect(await here.count(`state = 'queued'`)).toBe(1);
      expect(await here.call('doctor', '--after-restore', '--why', 'a drill')).toMatchObject({ code: 0 });
      await expect.poll(() => here.count(`state = 'done'`), patience).toBe(3);
      expect(cancelled(sub)).toBe(1);
      expect(await here.count('dispatch_no > 1000000000')).toBe(1);
      await here.stop(still);
    },
  );
});
