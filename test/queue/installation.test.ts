import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { done } from '../../src/core/outcome.ts';
import type { QueueBackend } from '../../src/queue/backend.ts';
import { Dispatcher } from '../../src/queue/dispatcher.ts';
import { noFailpoints } from '../../src/core/failpoints.ts';
import { pausedByRestore } from '../../src/cli/doctor/after-restore.ts';
import { lookAtInstallation, untilTrusted } from '../../src/queue/installation.ts';
import type { QueueMemory } from '../../src/queue/memory.ts';
import { factsOf } from '../../scripts/kind-facts.ts';
import { createTestDatabase } from '../support/database.ts';
import { testKind } from '../support/kinds.ts';
import { silentLog } from '../support/machine.ts';
import { startTestWorker } from '../support/worker.ts';

const { kind, runs } = testKind();
const jobs = [...allJobs, kind];
const { url, database, sql } = await createTestDatabase([kind]);
const { statements } = database;
const patience = { timeout: 20_000, interval: 20 };

beforeEach(async () => {
  await sql`truncate evenfall.installation, evenfall.job`;
});

/** Queues that remember what the test says, of whatever database. */
function remembering(highest: number | undefined | Error) {
  const memory: QueueMemory = {
    life: () => Promise.resolve('one'),
    highestDispatchNo: () => (highest instanceof Error ? Promise.reject(highest) : Promise.resolve(highest)),
    noteDispatched: () => Promise.resolve(),
  };
  return { memoryOf: () => memory };
}

const look = async (highest?: number | Error) =>
  (await lookAtInstallation(statements, remembering(highest)))?.hold;

describe('[P2] whether this is the database that workers have worked on', () => {
  test('the first worker writes down which it is, and a later one nothing', async () => {
    expect(await lookAtInstallation(statements, remembering(9))).toBeUndefined();
    await statements.recordInstallation();
    const [first] = await sql`select * from evenfall.installation`;
    const [database] = await sql`select oid::int from pg_database where datname = current_database()`;
    const [cluster] = await sql`select system_identifier::text as id from pg_control_system()`;
    expect(first).toMatchObject({ systemIdentifier: cluster!['id'], heldAt: null });
    expect(Number(first!['databaseOid'])).toBe(database!['oid']);
    await statements.recordInstallation();
    expect(await sql`select * from evenfall.installation`).toEqual([first]);
    expect(await look()).toBeUndefined();
  });

  test.for([
    ['a dump that was restored beside it: another oid', 'database_oid = database_oid + 1'],
    ['one that was restored on another server', `system_identifier = '1' || system_identifier`],
  ])('%s', async ([, change]) => {
    await statements.recordInstallation();
    await sql.unsafe(`update evenfall.installation set ${change}`);
    expect(await look(3)).toEqual({ sign: 'another_database', highestDispatchNo: 3 });
  });

  test('a server that does not say which it is: the oid decides alone', async () => {
    await statements.recordInstallation();
    await sql`update evenfall.installation set system_identifier = null`;
    expect(await look()).toBeUndefined();
    await sql`update evenfall.installation set database_oid = database_oid + 1`;
    expect(await look()).toMatchObject({ sign: 'another_database' });
  });

  test('a role that may not ask the server gets no answer and no error', async () => {
    const role = `evenfall_role_${randomBytes(4).toString('hex')}`;
    await sql.unsafe(`create role ${role} login password 'asker'; grant usage on schema evenfall to ${role}`);
    const asker = new URL(url);
    asker.username = role;
    asker.password = 'asker';
    const session = postgres(asker.href, { max: 1, onnotice: () => {} });
    onTestFinished(async () => {
      await session.end({ timeout: 1 });
      await sql`grant execute on function pg_control_system() to public`;
      await sql.unsafe(`drop owned by ${role}; drop role ${role}`);
    });
    const ask = () => session`select evenfall.system_identifier() as id`;
    expect((await ask())[0]!['id']).toMatch(/^\d+$/);
    await sql`revoke execute on function pg_control_system() from public`;
    expect(await ask()).toEqual([{ id: null }]);
  });
});

describe('[P2] whether it is at the time that workers left it', () => {
  const dispatch = () => sql`select nextval('evenfall.dispatch_no')`;

  test('behind what Redis has seen, it has gone back; level with it, or ahead, it has not', async () => {
    await statements.recordInstallation();
    await dispatch();
    const [row] = await statements.findInstallation();
    const { dispatchNo } = row!;
    expect(await look(dispatchNo + 1)).toEqual({ sign: 'went_back', highestDispatchNo: dispatchNo + 1 });
    expect(await look(dispatchNo)).toBeUndefined();
    expect(await look(dispatchNo - 1)).toBeUndefined();
  });

  test('a Redis that has lost it says nothing', async () => {
    await statements.recordInstallation();
    expect(await look(undefined)).toBeUndefined();
  });

  test('one that does not answer is waited for', async () => {
    await statements.recordInstallation();
    await expect(look(new Error('ECONNREFUSED'))).rejects.toThrow('does not answer');
  });
});

describe('[P2] a worker on it', () => {
  /** Waits as a worker does; resolves with what it was told. */
  function wait(backend: Pick<QueueBackend, 'memoryOf'> = remembering(undefined)) {
    const told: (string | undefined)[] = [];
    const lines: string[] = [];
    const log = { ...silentLog, warn: (_: object, line: string) => void lines.push(line) };
    const trusted = untilTrusted({ database, backend, log, onHeld: (why) => void told.push(why) });
    return { told, lines, trusted };
  }

  test('goes on at once where nothing speaks against it', async () => {
    const { told, lines, trusted } = wait();
    await trusted;
    expect([told, lines]).toEqual([[undefined], []]);
  });

  test('is held, says once what to do, writes it down, and goes on when it was answered', async () => {
    await statements.recordInstallation();
    await sql`update evenfall.installation set database_oid = 1`;
    const [before] = await statements.findInstallation();
    // of the database that it was before; of the one that it is Redis knows nothing
    const { told, lines, trusted } = wait({
      memoryOf: (identity) => remembering(identity === before!.identity ? 5 : undefined).memoryOf(),
    });
    await expect.poll(() => told.length, patience).toBeGreaterThan(1);
    expect(lines).toEqual([expect.stringMatching(/restored backup.*`evenfall doctor --after-restore`/)]);
    expect(await sql`select held_sign, highest_dispatch_no::int from evenfall.installation`).toEqual([
      { heldSign: 'another_database', highestDispatchNo: 5 },
    ]);
    await statements.settleInstallation({ who: 'me', why: 'a test', lastSignOfLifeAt: null });
    await trusted;
    expect(told.at(-1)).toBeUndefined();
  });

  test('is held although Redis has forgotten meanwhile why', async () => {
    await statements.recordInstallation();
    await statements.holdInstallation({ sign: 'went_back', highestDispatchNo: 7 });
    expect(await look(undefined)).toEqual({ sign: 'went_back', highestDispatchNo: 7 });
  });

  test('waits for a Redis that does not answer, and says so once', async () => {
    let away: Error | undefined = new Error('ECONNREFUSED');
    const memory = { ...remembering(undefined).memoryOf() };
    memory.highestDispatchNo = () => (away ? Promise.reject(away) : Promise.resolve(undefined));
    const { lines, trusted } = wait({ memoryOf: () => memory });
    await expect.poll(() => lines, patience).toEqual([expect.stringContaining('does not answer')]);
    away = undefined;
    await trusted;
    expect(lines).toHaveLength(1);
  });

  test('that works already dispatches nothing more when another has found it, until it was answered', async () => {
    let ran = 0;
    runs(() => Promise.resolve((ran++, done())));
    let rounds = 0;
    const promoteDue: typeof statements.promoteDue = (batch) => (rounds++, statements.promoteDue(batch));
    const counted = { ...database, statements: { ...statements, promoteDue } };
    await startTestWorker(url, undefined, { jobs, database: counted });
    await statements.holdInstallation({ sign: 'went_back', highestDispatchNo: 7 });
    await enqueue(1);
    const before = rounds;
    // the second one begins when the first has ended
    await expect.poll(() => rounds, patience).toBeGreaterThan(before + 2);
    expect(await sql`select state from evenfall.job where kind = 'test-kind'`).toEqual([{ state: 'queued' }]);
    await statements.settleInstallation({ who: 'me', why: 'a test', lastSignOfLifeAt: null });
    await expect.poll(() => ran, patience).toBe(1);
  });

  test('that works already and is given a number again holds everybody', async () => {
    let ran = 0;
    runs(() => Promise.resolve((ran++, done())));
    await sql`select setval('evenfall.dispatch_no', 5000)`;
    await startTestWorker(url, undefined, { jobs });
    await enqueue(1);
    await expect.poll(() => ran, patience).toBe(1);
    await sql`select setval('evenfall.dispatch_no', 4000)`;
    await enqueue(2);
    const held = () => sql`select held_sign from evenfall.installation where held_at is not null`;
    await expect.poll(held, patience).toEqual([{ heldSign: 'went_back' }]);
    expect(ran).toBe(1);
    expect(await sql`select state from evenfall.job where state <> 'done' and kind = 'test-kind'`).toEqual([
      { state: 'queued' },
    ]);
  });

  test('that has lost its connections counts what others have dispatched, too', async () => {
    const nothing = () => Promise.resolve();
    const dispatcher = new Dispatcher({
      database: {
        ...database,
        statements: {
          ...statements,
          promoteDue: async (batch) => {
            if (isAway) throw Object.assign(new Error('terminated'), { code: '57P01' });
            return await statements.promoteDue(batch);
          },
        },
      },
      queues: new Map([['lifecycle', { addBulk: nothing } as never]]),
      jobOptions: {},
      jobs,
      log: silentLog,
      failpoint: noFailpoints,
      memory: { noteDispatched: nothing, highestDispatchNo: () => Promise.resolve(9_000) },
    });
    await statements.recordInstallation();
    await statements.beat({ id: 'a worker', concurrency: 5, kinds: [], queueBackend: 'redis' });
    await sql`select setval('evenfall.dispatch_no', 8000)`;
    let isAway = true;
    await dispatcher.start();
    onTestFinished(() => dispatcher.stop());
    await enqueue(1);
    isAway = false;
    const held = () => sql`select held_sign from evenfall.installation where held_at is not null`;
    await expect.poll(held, patience).toEqual([{ heldSign: 'went_back' }]);
    expect(await sql`select state from evenfall.job where kind = 'test-kind'`).toEqual([{ state: 'queued' }]);
  });

  async function enqueue(n: number): Promise<number> {
    const wanted = { kind: kind.name, payload: { n }, key: null, runAt: null, teamId: null, priority: 0 };
    return (await statements.enqueue(wanted))[0]!.id;
  }
});

test('[P2] [P3] what waits for a person after a restore is every kind that mails customers or deletes', () => {
  const wanted = allJobs
    .map(({ name }) => name)
    .filter((name) => {
      const { mails, inApp, inStripe } = factsOf(name);
      return (
        mails.length > 0 ||
        inApp.some((act) => act.startsWith('app_delete')) ||
        inStripe.includes('deletes customers')
      );
    });
  expect(Object.keys(pausedByRestore).toSorted()).toEqual(wanted.toSorted());
});
