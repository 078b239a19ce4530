import { beforeEach, expect, test, vi } from 'vitest';
import { createTestDatabase } from '../support/database.ts';

const { database, sql } = await createTestDatabase();
const { statements } = database;
const kind = 'cancel-subscription';
const key = 'teamId=7';

beforeEach(async () => {
  await sql`truncate evenfall.job`;
});

async function ask(when: 'now' | 'at_period_end' = 'now', team = '7'): Promise<number> {
  const asked = { teamId: team, when };
  const [row] = await statements.enqueue({
    kind,
    payload: asked,
    key: null,
    runAt: null,
    teamId: null,
    priority: 0,
  });
  return row!.id;
}

async function cancel(what: { kind?: string | null; key?: string | null } = {}): Promise<boolean> {
  const asked = { kind, key, ...what };
  const [row] = await sql<{ cancelled: boolean }[]>`
    select evenfall.cancel(${asked.kind}, ${asked.key}) as cancelled`;
  return row!.cancelled;
}

async function job(id: number) {
  const [row] = await sql`select * from evenfall.job where id = ${id}`;
  return row!;
}

async function run(id: number): Promise<void> {
  await sql`update evenfall.job set state = 'running', due = false, worker_id = 'worker', run_no = 1 where id = ${id}`;
}

test.each(['queued', 'dispatched', 'parked'])('%s: true, and it is cancelled', async (state) => {
  const id = await ask();
  await sql`update evenfall.job set state = ${state}, due = ${state === 'queued'} where id = ${id}`;
  expect(await cancel()).toBe(true);
  const row = await job(id);
  expect(row).toMatchObject({
    state: 'cancelled',
    due: false,
    outcome: { reason: expect.stringContaining('cancelled') },
  });
  expect(row['finishedAt']).toBeInstanceOf(Date);
});

test('a job that waits for its date too: true', async () => {
  await ask();
  await sql`update evenfall.job set due = false, run_at = clock_timestamp() + interval '1 day'`;
  expect(await cancel()).toBe(true);
});

test('[P2] cancelled after its dispatch, it does not start', async () => {
  const id = await ask();
  const [claimed] = await statements.claim({ queue: 'stripe', slots: 1, after: '', kinds: [kind] });
  expect(await cancel()).toBe(true);
  const started = await statements.start({
    id,
    dispatchNo: claimed!.dispatchNo,
    workerId: 'worker',
    payloadVersion: 1,
    lease: '10 seconds',
  });
  expect(started).toMatchObject([{ verdict: 'gone' }]);
});

test('none: false, and nothing else is touched', async () => {
  const id = await ask();
  expect(await cancel({ key: 'teamId=8' })).toBe(false);
  expect(await cancel({ kind: 'alert-dead-letter' })).toBe(false);
  expect(await cancel({ kind: 'no-such-kind' })).toBe(false);
  expect(await cancel({ key: null })).toBe(false);
  expect(await cancel({ kind: null })).toBe(false);
  expect(await job(id)).toMatchObject({ state: 'queued' });
});

test.each(['done', 'skipped', 'dead', 'cancelled'])(
  '%s is over: false, and it stays what it is',
  async (state) => {
    const id = await ask();
    await sql`update evenfall.job set state = ${state}, due = false, finished_at = '2026-01-01' where id = ${id}`;
    expect(await cancel()).toBe(false);
    expect(await job(id)).toMatchObject({
      state,
      finishedAt: new Date('2026-01-01'),
      cancelRequested: false,
    });
  },
);

test('running: false, it is marked as withdrawn and does not run once more', async () => {
  const id = await ask();
  await run(id);
  await ask();
  expect(await job(id)).toMatchObject({ rerunPayload: { teamId: '7', when: 'now' } });
  expect(await cancel()).toBe(false);
  expect(await job(id)).toMatchObject({
    state: 'running',
    cancelRequested: true,
    rerunPayload: null,
    rerunAt: null,
    finishedAt: null,
  });
  const retried = await statements.retry({ id, runNo: 1, delayMs: 0, error: {}, publicMessage: null });
  expect(retried).toMatchObject([{ state: 'cancelled' }]);
});

test('a key freed by a cancel can be used again, with another payload', async () => {
  const id = await ask('now');
  await cancel();
  const second = await ask('at_period_end');
  expect(second).not.toBe(id);
  expect(await job(second)).toMatchObject({
    state: 'queued',
    payload: { teamId: '7', when: 'at_period_end' },
  });
  expect(await cancel()).toBe(true);
  expect(await job(id)).toMatchObject({ state: 'cancelled', payload: { teamId: '7', when: 'now' } });
});

test('[P1] a rolled-back cancel leaves the job as it was', async () => {
  const id = await ask();
  await sql
    .begin(async (tx) => {
      await tx`select evenfall.cancel(${kind}, ${key})`;
      throw new Error('the app changes its mind');
    })
    .catch(() => {});
  expect(await job(id)).toMatchObject({ state: 'queued', due: true, finishedAt: null });
});

test('of two at once one withdraws it, the other finds nothing', async () => {
  await ask();
  expect((await Promise.all([cancel(), cancel()])).toSorted()).toEqual([false, true]);
});

test('it waits for a start that is not committed, and then leaves the run to end', async () => {
  const id = await ask();
  const worker = await sql.reserve();
  const app = await sql.reserve();
  try {
    const [me] = await app<{ pid: number }[]>`select pg_backend_pid() as pid`;
    await worker`begin`;
    await worker`
      update evenfall.job set state = 'running', due = false, worker_id = 'worker', run_no = 1 where id = ${id}`;
    const waiting = app`select evenfall.cancel(${kind}, ${key}) as cancelled`.then((rows) => rows);
    await vi.waitUntil(
      async () => (await sql`select from pg_locks where pid = ${me!.pid} and not granted`).length > 0,
      { timeout: 10_000, interval: 5 },
    );
    await worker`commit`;
    expect(await waiting).toMatchObject([{ cancelled: false }]);
    expect(await job(id)).toMatchObject({ state: 'running', cancelRequested: true });
  } finally {
    await worker`rollback`;
    worker.release();
    app.release();
  }
});

test('it fails with 55P03 instead of hanging on a transaction that was forgotten', async () => {
  const id = await ask();
  const open = await sql.reserve();
  const app = await sql.reserve();
  try {
    await open`begin`;
    await open`select from evenfall.job where id = ${id} for update`;
    await app`set lock_timeout = 0`;
    const cancelling = app`select evenfall.cancel(${kind}, ${key})`.then((rows) => rows);
    await expect(cancelling).rejects.toMatchObject({ code: '55P03' });
  } finally {
    await open`rollback`;
    await app`reset all`;
    open.release();
    app.release();
  }
  expect(await job(id)).toMatchObject({ state: 'queued' });
});
