import { expect, test } from 'vitest';
import { connectDatabase } from '../../src/db/connect.ts';
import { isPassingTrouble } from '../../src/db/trouble.ts';
import { createTestDatabase } from '../support/database.ts';

const { url, sql } = await createTestDatabase();
const database = connectDatabase(url, { max: 2, name: 'cut' });
const patience = { timeout: 20_000, interval: 20 };

/** As a restart or an operator does it; resolves when the sessions are gone. */
async function cut(): Promise<void> {
  const sessions = () => sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'cut' and datname = current_database()`;
  await expect.poll(async () => (await sessions()).length, patience).toBe(0);
}

const told = { what: 'x', teamId: null, subject: 's', detail: { a: [1] }, jobId: null, source: 't' };
const history = async () => (await sql`select from evenfall.history`).length;

test('[P1] [P6] a transaction whose connection is cut fails as passing trouble, whole, and the process lives', async () => {
  for (const when of ['between two statements', 'before the commit', 'in a statement'] as const) {
    const failed = database.transaction(async (tx) => {
      await tx.recordHistory({ at: new Date(), ...told });
      if (when === 'in a statement') {
        const id = await lockedByAnother();
        const waiting = tx.claimEffect({ jobId: id.jobId, runNo: 1, key: 'k', kind: 'k', about: {} });
        // it must not count as unhandled while we are still cutting
        waiting.catch(() => {});
        await id.blocked();
        await cut();
        await id.free();
        await waiting;
      } else await cut();
      if (when === 'between two statements') await tx.recordHistory({ at: new Date(), ...told });
    });
    const error: unknown = await failed.then(
      () => undefined,
      (caught: unknown) => caught,
    );
    expect(isPassingTrouble(error), `${when}: ${String(error)}`).toBe(true);
    expect(await history()).toBe(0);
    // the pool goes on
    await database.transaction((tx) => tx.databaseNow());
    expect(await database.statements.databaseNow()).toHaveLength(1);
  }
});

/** A job's row that another session holds, so that a statement hangs on it. */
async function lockedByAnother() {
  const [row] = await sql`
    insert into evenfall.job
      (kind, queue, payload, payload_version, due, run_at, deadline_at, source, state, run_no, worker_id)
    values ('alert-dead-letter', 'dead-letter', '{}', 1, false, now(), now(), 'test', 'running', 1, 'w')
    returning id`;
  const holder = await sql.reserve();
  await holder`begin`;
  await holder`select from evenfall.job where id = ${row!['id']} for update`;
  const waits = () => sql`
    select from pg_stat_activity where application_name = 'cut' and wait_event_type = 'Lock'`;
  return {
    jobId: row!['id'] as number,
    blocked: () => expect.poll(async () => (await waits()).length, patience).toBe(1),
    async free() {
      await holder`rollback`;
      holder.release();
    },
  };
}

test('[P1] a transaction that swallowed a failed statement is not taken for committed', async () => {
  const swallowed = database.transaction(async (tx) => {
    await tx.recordHistory({ at: new Date(), ...told });
    await tx
      .enqueue({ kind: 'nothing', payload: {}, key: null, runAt: null, teamId: null, priority: 0 })
      .catch(() => {});
  });
  await expect(swallowed).rejects.toThrow('rolled back');
  expect(await history()).toBe(0);
});

test('[P6] listening goes on after its connection was cut, and knocks once for what it may have missed', async () => {
  let knocks = 0;
  await database.listen('evenfall_job', () => void knocks++);
  expect(knocks).toBe(1);
  await sql`select pg_notify('evenfall_job', '')`;
  await expect.poll(() => knocks, patience).toBe(2);
  await sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'cut' and datname = current_database() and query ilike 'listen%'`;
  await expect.poll(() => knocks, patience).toBe(3);
  await sql`select pg_notify('evenfall_job', '')`;
  await expect.poll(() => knocks, patience).toBe(4);
  await database.close();
});

test('values come back as the statements say: numbers, dates, JSON', async () => {
  const own = connectDatabase(url, { max: 1, name: 'values' });
  const at = new Date('2026-03-01T00:00:00.123Z');
  const [row] = await own.statements.enqueue({
    kind: 'cancel-subscription',
    payload: { customerId: 'cus_1', when: 'now' },
    key: 'ünï "quoted" {}',
    runAt: at,
    teamId: null,
    priority: -3,
  });
  const [job] = await own.statements.findJob({ id: row!.id });
  expect(job).toMatchObject({
    id: expect.any(Number),
    key: 'ünï "quoted" {}',
    runAt: at,
    teamId: null,
    payload: { customerId: 'cus_1', when: 'now' },
    attempts: 0,
    dispatchNo: null,
  });
  await own.close();
});
