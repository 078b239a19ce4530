import { beforeEach, afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Redis } from 'ioredis';
import { afterRestoreCommand, pausedByRestore } from '../../src/cli/doctor/after-restore.ts';
import { WrongCall } from '../../src/cli/exit.ts';
import { appRows } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { ownRedisServer } from '../support/processes.ts';
import { describeWithRedis } from '../support/services.ts';

const { url, database, sql } = await createTestDatabase();
const app = appRows(sql);
const { statements } = database;

beforeEach(async () => {
  await app.clear();
  await sql`truncate evenfall.installation`;
  await sql`update evenfall.job_kind set paused_at = null, paused_why = null`;
  vi.stubEnv('DATABASE_URL', url);
  vi.stubEnv('REDIS_URL', '');
  vi.stubEnv('QUEUE_BACKEND', 'postgres');
  vi.stubEnv('NODE_ENV', '');
});
afterEach(() => vi.unstubAllEnvs());

type Options = Parameters<typeof afterRestoreCommand>[0];

async function afterRestore(options: Options = {}): Promise<{ code: number; text: string; errors: string }> {
  const said = { text: '', errors: '' };
  const out = vi
    .spyOn(process.stdout, 'write')
    .mockImplementation((part) => ((said.text += String(part)), true));
  const err = vi
    .spyOn(process.stderr, 'write')
    .mockImplementation((part) => ((said.errors += String(part)), true));
  try {
    return { code: await afterRestoreCommand({ afterRestore: true, ...options }), ...said };
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
}

const answer = { why: 'restored the backup of last night' };

/** As if the rows came from a dump of another database. */
async function restored(): Promise<void> {
  await statements.recordInstallation();
  await sql`update evenfall.installation set database_oid = 1`;
}

async function snapshot() {
  const tables = ['installation', 'job', 'job_kind', 'backfill', 'history'] as const;
  const rows = [];
  for (const table of tables) rows.push(await sql`select * from ${sql(`evenfall.${table}`)} order by 1`);
  return [...rows, await sql`select last_value from evenfall.dispatch_no`];
}

/** A job in the middle of its life, with this much of it behind. */
async function job(state: string, changes: Record<string, unknown> = {}) {
  const row = {
    kind: 'sync-customer',
    queue: 'stripe',
    payload: sql.json({ customerId: 'cus_1' }),
    payload_version: 1,
    state,
    due: false,
    run_at: new Date('2026-01-01T00:00:00Z'),
    deadline_at: new Date('2030-01-01T00:00:00Z'),
    source: 'test',
    attempts: 2,
    crashes: 1,
    run_no: 3,
    ...changes,
  };
  const [made] = await sql`insert into evenfall.job ${sql(row as never)} returning id::int`;
  return made!['id'] as number;
}

const now = { worker_id: 'w', started_at: new Date('2026-02-01T10:00:00Z') };

describe('nothing is held', () => {
  test.for([['before a first worker'], ['where workers left it']])(
    '%s: says so, changes nothing, exit 0',
    async ([when]) => {
      if (when !== 'before a first worker') await statements.recordInstallation();
      const before = await snapshot();
      for (const options of [{}, answer]) {
        const { code, text } = await afterRestore(options);
        expect(code).toBe(0);
        expect(text).toContain('No worker is held');
      }
      expect(JSON.parse((await afterRestore({ json: true })).text)).toEqual({ held: false });
      expect(await snapshot()).toEqual(before);
    },
  );

  test('wrong use: exit 2', async () => {
    const wrong = [
      { afterRestore: false, why: 'x' },
      { afterRestore: false, unnoticed: true },
      { why: '  ' },
      { unnoticed: true },
    ];
    for (const options of wrong) await expect(afterRestore(options)).rejects.toThrow(WrongCall);
  });
});

describe('[P2] [P8] what is known of a restored database', () => {
  test('how far it goes, what it would begin with, and what answering does; it changes nothing, exit 1', async () => {
    await restored();
    await job('queued');
    await job('dispatched', { dispatch_no: 1, dispatched_at: new Date('2026-02-01T09:00:00Z') });
    await job('running', { dispatch_no: 2, ...now });
    // the app goes on asking and cancelling after the restore: no sign of life of a worker's
    await job('cancelled', { finished_at: new Date(), created_at: new Date() });
    await sql`insert into evenfall.worker (id, concurrency, heartbeat_at) values ('w', 1, '2026-02-01T10:00:03Z')`;
    await sql`insert into evenfall.notice (kind, subject, occasion, state, reason, at) values
      ('trial-ending', 'a', '1', 'sent', null, '2026-02-01T09:30:00Z'),
      ('trial-ending', 'b', '1', 'sent', null, '2026-01-31T10:00:04Z'),
      ('trial-ending', 'c', '1', 'sent', null, '2026-01-31T10:00:03Z'),
      ('expiring-card', 'd', '1', 'suppressed', 'why', '2026-02-01T09:30:00Z')`;
    const before = await snapshot();
    const { code, text } = await afterRestore({ json: true });
    expect(code).toBe(1);
    expect(JSON.parse(text)).toEqual({
      held: true,
      sign: 'another_database',
      lastSignOfLife: '2026-02-01T10:00:03.000Z',
      gap: expect.stringMatching(/^\d+ days? \d\d:\d\d:\d\d$/),
      jobs: { queued: 1, dispatched: 1, running: 1 },
      sentInTheDayBefore: { 'trial-ending': 2 },
      workersAtWork: 0,
    });
    const printed = await afterRestore();
    expect(printed.text).toMatch(/^Held: .*a restored backup, or a copy of it\.$/m);
    expect(printed.text).toContain('evenfall doctor --after-restore --why');
    for (const kind of Object.keys(pausedByRestore)) expect(printed.text).toContain(`  ${kind}\n`);
    expect(await snapshot()).toEqual(before);
  });

  test('workers that run all the same are named', async () => {
    await restored();
    await statements.beat({ id: 'a-worker', concurrency: 1, kinds: [], queueBackend: 'redis' });
    expect((await afterRestore()).text).toMatch(
      /^Workers that started before still run \(1\): stop them\.$/m,
    );
  });
});

describe('[P1] [P2] [P3] the answer', () => {
  test('who, why and how far is written down, and nothing is held any more', async () => {
    await restored();
    await sql`insert into evenfall.worker (id, concurrency, heartbeat_at) values ('w', 1, '2026-02-01T10:00:03Z')`;
    await statements.holdInstallation({ sign: 'another_database', highestDispatchNo: null });
    expect((await afterRestore(answer)).code).toBe(0);
    expect(await sql`select * from evenfall.installation`).toEqual([
      expect.objectContaining({
        heldAt: null,
        heldSign: null,
        answeredBy: expect.stringContaining('by the command line'),
        answeredWhy: answer.why,
        lastSignOfLifeAt: new Date('2026-02-01T10:00:03Z'),
      }),
    ]);
    const [row] = await statements.findInstallation();
    expect(row).toMatchObject({ isSame: true });
    expect(await sql`select what, subject, detail from evenfall.history`).toEqual([
      {
        what: 'installation.restored',
        subject: 'installation',
        detail: expect.objectContaining({ why: answer.why, sign: 'another_database' }),
      },
    ]);
    expect((await afterRestore(answer)).text).toContain('No worker is held');
    expect(await sql`select from evenfall.history`).toHaveLength(1);
  });

  test('requeueRestored: what was under way is queued as it was: no attempt, no crash; a withdrawn one ends', async () => {
    await restored();
    const dispatched = await job('dispatched', { dispatch_no: 1 });
    const delayed = await job('dispatched', { dispatch_no: 2, run_at: new Date('2030-01-01T00:00:00Z') });
    const running = await job('running', { dispatch_no: 3, ...now });
    const again = { rerun_payload: sql.json({ customerId: 'cus_2' }), rerun_at: new Date() };
    const askedAgain = await job('running', { dispatch_no: 4, ...now, ...again });
    const withdrawn = await job('running', { dispatch_no: 5, cancel_requested: true, ...now });
    const dead = await job('dead', { finished_at: new Date() });
    await afterRestore(answer);
    const rows = await sql`
      select id::int, state, due, attempts, crashes, worker_id, payload->>'customerId' as customer
      from evenfall.job where kind = 'sync-customer' order by id`;
    const as = (id: number, state: string, due: boolean, customer = 'cus_1') => ({
      id,
      state,
      due,
      attempts: 2,
      crashes: 1,
      workerId: null,
      customer,
    });
    expect(rows).toEqual([
      as(dispatched, 'queued', true),
      as(delayed, 'queued', false),
      as(running, 'queued', true),
      as(askedAgain, 'queued', true, 'cus_2'),
      as(withdrawn, 'cancelled', false),
      as(dead, 'dead', false),
    ]);
  });

  test('numbers of dispatches begin beyond all that may have been given out', async () => {
    await restored();
    await sql`select setval('evenfall.dispatch_no', 41)`;
    await afterRestore(answer);
    const [leapt] = await sql`select last_value::int from evenfall.dispatch_no`;
    expect(leapt!['lastValue']).toBe(1_000_000_041);
    await sql`select setval('evenfall.dispatch_no', 41)`;
    await statements.holdInstallation({ sign: 'went_back', highestDispatchNo: 7_000 });
    await afterRestore(answer);
    const [beyond] = await sql`select last_value::int from evenfall.dispatch_no`;
    expect(beyond!['lastValue']).toBe(1_000_007_000);
  });

  test('no picture of Stripe counts, neither a complete one nor half of one, and a new one is asked for', async () => {
    await restored();
    await app.freshPicture();
    await sql`insert into evenfall.backfill (phase, cursor) values ('customers', 'cus_1')`;
    await afterRestore(answer);
    expect((await statements.pictureOfStripe())[0]).toMatchObject({ isFresh: false, finishedAt: null });
    expect(await sql`select from evenfall.backfill`).toEqual([]);
    const asked = await sql`select state from evenfall.job where kind = 'backfill-stripe'`;
    expect(asked).toEqual([{ state: 'queued' }]);
  });

  test('what mails customers or deletes is paused with what to look for; what was paused keeps its reason', async () => {
    await restored();
    await sql`insert into evenfall.worker (id, concurrency, heartbeat_at) values ('w', 1, '2026-02-01T10:00:03Z')`;
    await statements.pauseKind({ kind: 'trial-ending-email', why: 'a case' });
    await statements.pauseKind({ kind: 'sweep', why: 'another' });
    const { text } = await afterRestore({ ...answer, json: true });
    const others = Object.keys(pausedByRestore).filter((kind) => kind !== 'trial-ending-email');
    expect((JSON.parse(text) as { paused: string[] }).paused).toEqual(others.toSorted());
    const paused = await sql`select kind, paused_why from evenfall.job_kind where paused_at is not null`;
    const why = new Map(paused.map((row) => [row['kind'], row['pausedWhy']]));
    expect([...why.keys()].toSorted()).toEqual([...Object.keys(pausedByRestore), 'sweep'].toSorted());
    expect(why.get('trial-ending-email')).toBe('a case');
    expect(why.get('expiring-card-email')).toBe(
      'restored from a backup: see what was sent since 2026-02-01T10:00:03.000Z, then `evenfall resume expiring-card-email`',
    );
    expect(why.get('delete-inactive-team')).toMatch(/snoozes and keep links since 2026-02-01T10:00:03.000Z/);
  });

  test('all of it or nothing', async () => {
    await restored();
    await job('dispatched', { dispatch_no: 1 });
    await app.freshPicture();
    await sql`alter table evenfall.history add constraint refused check (what <> 'installation.restored')`;
    onTestFinished(async () => void (await sql`alter table evenfall.history drop constraint refused`));
    const before = (await snapshot()).slice(0, -1);
    await expect(afterRestore(answer)).rejects.toThrow('refused');
    expect((await snapshot()).slice(0, -1)).toEqual(before);
  });

  test('by two people at once: one answer', async () => {
    await restored();
    const both = [1, 2].map(() => afterRestoreCommand({ afterRestore: true, json: true, ...answer }));
    const write = vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
    onTestFinished(() => write.mockRestore());
    expect(await Promise.all(both)).toEqual([0, 0]);
    expect(await sql`select from evenfall.history`).toHaveLength(1);
  });

  test('for a physical copy, which bears no sign, only when it is said', async () => {
    await statements.recordInstallation();
    await job('dispatched', { dispatch_no: 1 });
    expect((await afterRestore({ ...answer, unnoticed: true })).code).toBe(0);
    expect(await sql`select detail->'sign' as sign from evenfall.history`).toEqual([{ sign: null }]);
    expect(await sql`select from evenfall.job where state = 'dispatched'`).toEqual([]);
  });
});

describeWithRedis('with Redis', () => {
  test('[P2] before any worker has started: what Redis has seen is asked by the command itself', async () => {
    const server = await ownRedisServer();
    onTestFinished(() => server!.stop());
    vi.stubEnv('REDIS_URL', server!.url);
    vi.stubEnv('QUEUE_BACKEND', 'redis');
    await statements.recordInstallation();
    await sql`select setval('evenfall.dispatch_no', 41)`;
    const [row] = await statements.findInstallation();
    const redis = new Redis(server!.url);
    onTestFinished(() => redis.disconnect());
    await redis.hset(`{evenfall}:installation:${row!.identity}`, 'dispatched', '50');
    expect(JSON.parse((await afterRestore({ json: true })).text)).toMatchObject({
      held: true,
      sign: 'went_back',
    });
    expect((await afterRestore(answer)).code).toBe(0);
    const [leapt] = await sql`select last_value::int from evenfall.dispatch_no`;
    expect(leapt!['lastValue']).toBe(1_000_000_050);
    expect((await afterRestore()).text).toContain('No worker is held');
  });

  test('one that does not answer: exit 1, nothing is changed', async () => {
    vi.stubEnv('REDIS_URL', 'redis://127.0.0.1:1');
    vi.stubEnv('QUEUE_BACKEND', 'redis');
    await restored();
    const before = await snapshot();
    const { code, errors } = await afterRestore(answer);
    expect(code).toBe(1);
    expect(errors).toContain('does not answer');
    expect(await snapshot()).toEqual(before);
  });
});
