import type postgres from 'postgres';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { defineJob } from '../../src/core/job.ts';
import { done } from '../../src/core/outcome.ts';
import { choice, count, payload, stripeId, teamId, userId } from '../../src/core/payload.ts';
import { bindStatements } from '../support/sql.ts';
import { lease } from '../../src/queue/heartbeat.ts';
import { createTestDatabase } from '../support/database.ts';

const kindOf = {
  retry: { attempts: 3, firstDelayMs: 20, maxDelayMs: 100, giveUpAfter: 'PT1H', crashBudget: 3 },
};
const run = () => Promise.resolve(done());
const everyField = defineJob({
  ...kindOf,
  name: 'every-field',
  summary: 'Takes a field of every sort.',
  queue: 'lifecycle',
  payload: payload({
    teamId: teamId(),
    userId: userId().optional(),
    subscriptionId: stripeId('sub').optional(),
    word: choice(['one', 'two']).optional(),
    tries: count(2).optional(),
  }),
  key: ['teamId', 'tries'],
  team: 'teamId',
  timeoutMs: 1000,
  run,
});
const counted = defineJob({
  ...kindOf,
  name: 'counted',
  summary: 'Has a number for its key.',
  queue: 'mail',
  payload: payload({ n: count() }),
  key: ['n'],
  timeoutMs: 1000,
  run,
});
const keyless = defineJob({
  ...kindOf,
  name: 'keyless',
  summary: 'Has no key of its own.',
  queue: 'mail',
  payload: payload({}),
  key: [],
  timeoutMs: 1000,
  run,
});

const { database, sql } = await createTestDatabase([everyField, counted, keyless]);
const { statements } = database;
const cancelKind = 'cancel-subscription';
const now = { teamId: '7', when: 'now' };
const atPeriodEnd = { teamId: '7', when: 'at_period_end' };

beforeEach(async () => {
  await sql`truncate evenfall.job, evenfall.worker`;
  await sql`select setval('evenfall.dispatch_no', 1, false)`;
});

type Connection = postgres.Sql | postgres.ReservedSql;
interface Asking {
  key?: string | null;
  runAt?: Date | string | null;
  teamId?: string | null;
  priority?: number | null;
}

async function enqueue(
  kind: string,
  asked: unknown,
  options: Asking = {},
  on: Connection = sql,
): Promise<number> {
  const { key = null, runAt = null, teamId: team = null, priority = 0 } = options;
  const [row] = await on<{ id: number }[]>`
    select evenfall.enqueue(${kind}, ${JSON.stringify(asked)}::text::jsonb, ${key},
      ${runAt instanceof Date ? runAt.toISOString() : runAt}::text::timestamptz, ${team}, ${priority}) as id`;
  return row!.id;
}

const ask = (asked: unknown, options: Asking = {}, on: Connection = sql) =>
  enqueue(cancelKind, asked, options, on);

async function job(id: number) {
  const [row] = await sql`
    select *, run_at + interval '120 hours' = deadline_at as five_days, run_at <= clock_timestamp() as come,
      deadline_at >= clock_timestamp() + interval '119 hours 59 minutes' as has_days
    from evenfall.job where id = ${id}`;
  return row!;
}

async function countJobs(): Promise<number> {
  const [row] = await sql<{ jobs: number }[]>`select count(*) as jobs from evenfall.job`;
  return row!.jobs;
}

type State = 'queued' | 'dispatched' | 'running' | 'parked' | 'done' | 'skipped' | 'dead' | 'cancelled';

/** Puts a row into a state, as the machine's statements would leave it. */
async function put(id: number, state: State): Promise<void> {
  await sql`
    update evenfall.job set state = ${state}, due = ${state} = 'queued' and run_at <= clock_timestamp(),
      worker_id = case when ${state} = 'running' then 'worker' end,
      run_no = run_no + (${state} = 'running')::int,
      dispatch_no = case when ${state} = 'queued' then dispatch_no else nextval('evenfall.dispatch_no') end,
      finished_at = case when ${state} in ('done', 'skipped', 'dead', 'cancelled') then clock_timestamp() end
    where id = ${id}`;
}

/** What a refused enqueue says, and proof that it left nothing behind. */
async function refusal(asking: () => PromiseLike<unknown>) {
  const before = await countJobs();
  const error = await asking().then(
    () => expect.fail('it was taken'),
    (caught: unknown) => caught as postgres.PostgresError,
  );
  expect(await countJobs()).toBe(before);
  return { code: error.code, field: error.column_name, message: error.message, hint: error.hint };
}

/** A session of its own, for what only several sessions at once can show. */
async function session(): Promise<postgres.ReservedSql & AsyncDisposable & { pid: number }> {
  const reserved = await sql.reserve();
  const [row] = await reserved<{ pid: number }[]>`select pg_backend_pid() as pid`;
  return Object.assign(reserved, {
    pid: row!.pid,
    async [Symbol.asyncDispose]() {
      // a test that failed half-way must not leave its transaction to the next one
      await reserved`rollback`.catch(() => {});
      await reserved`reset all`;
      reserved.release();
    },
  });
}

/** Until a session waits for a lock that another one holds: nothing else orders two transactions surely. */
async function untilBlocked(pid: number): Promise<void> {
  await vi.waitUntil(
    async () => (await sql`select from pg_locks where pid = ${pid} and not granted`).length > 0,
    { timeout: 10_000, interval: 5 },
  );
}

const inAnHour = () => new Date(Date.now() + 3_600_000);
const inTwoHours = () => new Date(Date.now() + 7_200_000);

describe('a new job', () => {
  test('[P1] a rolled-back transaction leaves nothing, a committed one a queued row with everything in it', async () => {
    await using tx = await session();
    await tx`begin`;
    await ask(now, {}, tx);
    await tx`rollback`;
    expect(await countJobs()).toBe(0);

    await tx`begin`;
    const id = await ask(now, {}, tx);
    await tx`commit`;
    expect(await job(id)).toMatchObject({
      kind: cancelKind,
      queue: 'stripe',
      payload: now,
      payloadVersion: 1,
      key: 'teamId=7',
      teamId: '7',
      priority: 0,
      state: 'queued',
      due: true,
      come: true,
      fiveDays: true,
      attempts: 0,
      crashes: 0,
      asks: 1,
      runNo: 0,
      dispatchNo: null,
      finishedAt: null,
      cancelRequested: false,
      source: 'sql',
    });
  });

  test('a savepoint that is rolled back takes its job along, the rest of the transaction stays', async () => {
    await using tx = await session();
    await tx`begin`;
    const kept = await ask({ ...now, teamId: '1' }, {}, tx);
    await tx`savepoint half`;
    await ask(now, {}, tx);
    await tx`rollback to half`;
    await tx`commit`;
    expect(await sql`select id from evenfall.job`).toEqual([{ id: kept }]);
  });

  test('a date in the future waits: not due, and its days of retrying begin then', async () => {
    const runAt = inAnHour();
    const row = await job(await ask(now, { runAt }));
    expect(row).toMatchObject({ state: 'queued', due: false, runAt, fiveDays: true });
  });

  test('[P4] a date long past is due at once and still has all its days of retrying', async () => {
    const runAt = new Date(Date.now() - 30 * 86_400_000);
    expect(await job(await ask(now, { runAt }))).toMatchObject({ due: true, runAt, hasDays: true });
  });

  test('the days of retrying have 24 hours, whatever time zone the caller lives in', async () => {
    await using caller = await session();
    await caller`set timezone = 'America/New_York'`;
    // a change of the clocks lies within the five days
    const id = await ask(now, { runAt: new Date('2099-03-06T12:00:00Z') }, caller);
    expect(await job(id)).toMatchObject({ fiveDays: true });
  });

  test.each(['infinity', '-infinity'])(
    'no date at all (%s) is refused: it would stop the dispatcher',
    async (runAt) => {
      expect(await refusal(() => ask(now, { runAt }))).toMatchObject({ code: 'EF422', field: 'run_at' });
    },
  );

  test('an explicit key, priority and team stand as given; null for the priority is 0', async () => {
    const id = await ask(now, { key: 'mine', priority: -5, teamId: '8' });
    expect(await job(id)).toMatchObject({ key: 'mine', priority: -5, teamId: '8', payload: now });
    expect(await job(await ask(now, { key: 'other', priority: null }))).toMatchObject({ priority: 0 });
  });

  test('the default key has the key fields in their order, with the names of those that were given', async () => {
    expect(await job(await enqueue('every-field', { tries: 3, teamId: '7' }))).toMatchObject({
      key: 'teamId=7,tries=3',
      teamId: '7',
    });
    expect(await job(await ask({ customerId: 'cus_7', when: 'now' }))).toMatchObject({
      key: 'customerId=cus_7',
      teamId: null,
    });
    const keyed = await enqueue('keyless', {});
    expect(await job(keyed)).toMatchObject({ key: null });
    expect(await enqueue('keyless', {}), 'without a key each asking is a job').not.toBe(keyed);
  });

  test('[P2] one number has one key, however SQL writes it', async () => {
    const [first] = await sql`select evenfall.enqueue('counted', '{"n": 1}') as id`;
    const [second] = await sql`select evenfall.enqueue('counted', '{"n": 1.00}') as id`;
    expect(second).toEqual(first);
    expect(await job(first!['id'])).toMatchObject({ key: 'n=1' });
  });

  test('the source is who speaks: sql, or what the session says of itself', async () => {
    await using tx = await session();
    await tx`begin`;
    await tx`select set_config('evenfall.source', 'http', true)`;
    const id = await ask(now, {}, tx);
    await tx`commit`;
    expect(await job(id)).toMatchObject({ source: 'http' });
  });

  test('an enqueue by every row of a query is one statement like any other', async () => {
    const rows = await sql`
      select evenfall.enqueue('cancel-subscription', jsonb_build_object('teamId', n::text, 'when', 'now')) as id
      from generate_series(1, 50) n`;
    expect(new Set(rows.map((row) => row['id'])).size).toBe(50);
  });
});

describe('the knock', () => {
  /** What arrives on the channel while `work` runs, up to a mark that comes after all of it. */
  async function knocks(work: () => Promise<unknown>): Promise<string[]> {
    const heard: string[] = [];
    const { unlisten } = await sql.listen('evenfall_job', (text) => heard.push(text));
    try {
      await work();
      // notifications arrive in the order of commits
      await sql`select pg_notify('evenfall_job', 'mark')`;
      await vi.waitUntil(() => heard.includes('mark'), { timeout: 10_000, interval: 5 });
    } finally {
      await unlisten();
    }
    return heard.slice(0, -1);
  }

  test('[P1] one for a committed statement, however many rows; none after a rollback', async () => {
    const many = () => sql`
      select evenfall.enqueue('cancel-subscription', jsonb_build_object('teamId', n::text, 'when', 'now'))
      from generate_series(1, 20) n`;
    expect(await knocks(many)).toEqual(['']);
    await using tx = await session();
    const rolledBack = async () => {
      await tx`begin`;
      await ask(now, {}, tx);
      await tx`rollback`;
    };
    expect(await knocks(rolledBack)).toEqual([]);
  });

  test('one for a committed transaction, and not before it commits', async () => {
    await using tx = await session();
    await tx`begin`;
    expect(await knocks(() => ask(now, {}, tx))).toEqual([]);
    await ask({ ...now, teamId: '8' }, {}, tx);
    expect(await knocks(() => tx`commit`)).toEqual(['']);
  });

  test('one when a waiting job is brought forward', async () => {
    await ask(now, { runAt: inAnHour() });
    expect(await knocks(() => ask(now))).toEqual(['']);
  });
});

describe('what is refused at the door', () => {
  test('an unknown kind, EF404', async () => {
    expect(await refusal(() => enqueue('no-such-kind', {}))).toMatchObject({
      code: 'EF404',
      message: expect.stringContaining("'no-such-kind'"),
    });
    expect(await refusal(() => sql`select evenfall.enqueue(null)`)).toMatchObject({ code: 'EF404' });
  });

  const long = 'x'.repeat(256);
  test.each<[what: string, kind: string, asked: unknown, field: string]>([
    ['a missing field', cancelKind, { teamId: '7' }, 'when'],
    ['an unknown field', cancelKind, { ...now, soon: true }, 'soon'],
    ['a field of another case', cancelKind, { TeamId: '7', when: 'now' }, 'TeamId'],
    ['a number for a text', cancelKind, { teamId: 7, when: 'now' }, 'teamId'],
    ['null for a text', cancelKind, { teamId: null, when: 'now' }, 'teamId'],
    ['a list for a text', cancelKind, { teamId: ['7'], when: 'now' }, 'teamId'],
    ['an object for a text', cancelKind, { teamId: { id: '7' }, when: 'now' }, 'teamId'],
    ['a word that is not a choice', cancelKind, { teamId: '7', when: 'later' }, 'when'],
    ['a choice in another case', cancelKind, { teamId: '7', when: 'Now' }, 'when'],
    ['a list of a choice', cancelKind, { teamId: '7', when: ['now'] }, 'when'],
    ['an empty id', cancelKind, { teamId: '', when: 'now' }, 'teamId'],
    ['an id with a space', cancelKind, { teamId: '7 8', when: 'now' }, 'teamId'],
    ['an id with a newline at its end', cancelKind, { teamId: '7\n', when: 'now' }, 'teamId'],
    ['an id outside ASCII', cancelKind, { teamId: '７', when: 'now' }, 'teamId'],
    ['an id that is too long', cancelKind, { teamId: long, when: 'now' }, 'teamId'],
    ['an empty Stripe id', cancelKind, { customerId: '', when: 'now' }, 'customerId'],
    ['a bare Stripe prefix', cancelKind, { customerId: 'cus_', when: 'now' }, 'customerId'],
    ['a Stripe id of another sort', cancelKind, { customerId: 'sub_1', when: 'now' }, 'customerId'],
    ['a Stripe id that is a path', cancelKind, { customerId: 'cus_1/../x', when: 'now' }, 'customerId'],
    ['a Stripe id that is too long', cancelKind, { customerId: `cus_${long}`, when: 'now' }, 'customerId'],
    ['none of the fields of which one is needed', cancelKind, { when: 'now' }, 'teamId'],
    ['two of them', cancelKind, { teamId: '7', customerId: 'cus_7', when: 'now' }, 'teamId'],
    ['text for a number', 'every-field', { teamId: '7', tries: '3' }, 'tries'],
    ['a fraction for a whole number', 'every-field', { teamId: '7', tries: 2.5 }, 'tries'],
    ['a number below the least', 'every-field', { teamId: '7', tries: 1 }, 'tries'],
    ['a number that JavaScript cannot hold', 'every-field', { teamId: '7', tries: 2 ** 53 }, 'tries'],
    ['yes for a number', 'every-field', { teamId: '7', tries: true }, 'tries'],
    ['a list for the payload', cancelKind, [now], 'payload'],
    ['a text for the payload', cancelKind, 'teamId=7', 'payload'],
    ['null for the payload', cancelKind, null, 'payload'],
    ['an empty payload where fields are needed', 'every-field', {}, 'teamId'],
    ['an id that is no bigint', cancelKind, { teamId: '7x', when: 'now' }, 'teamId'],
    ['an id beyond bigint', cancelKind, { teamId: '99999999999999999999', when: 'now' }, 'teamId'],
    ['a user id that is no bigint', 'every-field', { teamId: '7', userId: 'anna' }, 'userId'],
    ['an id that the app would write otherwise', cancelKind, { teamId: '+7', when: 'now' }, 'teamId'],
    ['an id with zeros before it', cancelKind, { teamId: '007', when: 'now' }, 'teamId'],
  ])('%s, EF422 naming the field', async (_what, kind, asked, field) => {
    expect(await refusal(() => enqueue(kind, asked))).toMatchObject({
      code: 'EF422',
      field,
      message: expect.stringContaining(`payload of ${kind}: ${field}: `),
    });
  });

  test('SQL null for the payload, EF422; no payload at all is an empty one', async () => {
    expect(await refusal(() => sql`select evenfall.enqueue(${cancelKind}, null)`)).toMatchObject({
      code: 'EF422',
      field: 'payload',
    });
    const [row] = await sql`select evenfall.enqueue('keyless') as id`;
    expect(await job(row!['id'])).toMatchObject({ payload: {} });
  });

  test('an id that the app cannot hold says of what type the app’s ids are', async () => {
    const { message } = await refusal(() => ask({ teamId: '7x', when: 'now' }));
    expect(message).toContain('bigint');
    expect((await refusal(() => ask({ teamId: '007', when: 'now' }))).message).toContain('7');
  });

  test('a key or a team that is empty or too long, EF422', async () => {
    expect(await refusal(() => ask(now, { key: '' }))).toMatchObject({ code: 'EF422', field: 'key' });
    expect(await refusal(() => ask(now, { key: 'é'.repeat(513) }))).toMatchObject({
      code: 'EF422',
      field: 'key',
    });
    expect(await refusal(() => ask(now, { teamId: '' }))).toMatchObject({ code: 'EF422', field: 'team_id' });
    expect(await refusal(() => ask(now, { teamId: 'x'.repeat(256) }))).toMatchObject({ field: 'team_id' });
    // the longest of both, in letters that take four bytes and do not compress, fit the indexes
    const letters = Array.from({ length: 512 }, (_, n) => String.fromCodePoint(0x20000 + n * 37)).join('');
    expect(
      await job(await ask(now, { key: letters, teamId: [...letters].slice(0, 255).join('') })),
    ).toMatchObject({ key: letters });
  });

  test('[P7] a key or a team that holds an address, EF422, and is not repeated', async () => {
    for (const text of ['ann@example.org', 'goodbye to <Ann.O@mail.example.org>', 'a@b.c']) {
      for (const [options, field] of [
        [{ key: text }, 'key'],
        [{ teamId: text }, 'team_id'],
      ] as const) {
        const refused = await refusal(() => ask(now, options));
        expect(refused).toMatchObject({ code: 'EF422', field });
        expect(refused.message).not.toContain(text);
      }
    }
    // what only looks a little like one
    for (const key of ['build@42', '@7', 'a@', '1 @ 2.50']) await ask(now, { key });
  });

  test('a refused enqueue ends the transaction that asked: nothing of it is left', async () => {
    await using tx = await session();
    await tx`begin`;
    await ask({ ...now, teamId: '1' }, {}, tx);
    await expect(ask({ teamId: '7' }, {}, tx)).rejects.toMatchObject({ code: 'EF422' });
    await tx`commit`;
    expect(await countJobs()).toBe(0);
  });
});

describe('a live key', () => {
  const live = ['queued', 'dispatched', 'running', 'parked'] as const;

  test.each(live)('[P2] %s: the same payload returns the same id', async (state) => {
    const id = await ask(now);
    await put(id, state);
    expect(await ask(now)).toBe(id);
    expect(await countJobs()).toBe(1);
    expect(await job(id)).toMatchObject({ state, payload: now });
  });

  test.each(live)('%s: another payload is refused, EF409, where the kind declares nothing', async (state) => {
    const id = await enqueue('every-field', { teamId: '7', word: 'one' });
    await put(id, state);
    expect(await refusal(() => enqueue('every-field', { teamId: '7', word: 'two' }))).toMatchObject({
      code: 'EF409',
      message: expect.stringContaining(`job ${id}`),
      hint: expect.stringContaining('evenfall.cancel'),
    });
    expect(await job(id)).toMatchObject({ state, payload: { teamId: '7', word: 'one' }, rerunPayload: null });
  });

  test.each(['queued', 'dispatched', 'parked'] as const)(
    '[P4] %s: now beats at_period_end, and at_period_end does not weaken now',
    async (state) => {
      const id = await ask(atPeriodEnd);
      await put(id, state);
      expect(await ask(now)).toBe(id);
      expect(await job(id)).toMatchObject({ state, payload: now });
      expect(await ask(atPeriodEnd)).toBe(id);
      expect(await job(id)).toMatchObject({ state, payload: now });
      expect(await countJobs()).toBe(1);
    },
  );

  test('what wins is for payloads that differ in nothing else: one explicit key for two teams is EF409', async () => {
    const id = await ask(atPeriodEnd, { key: 'shared' });
    expect(await refusal(() => ask({ ...now, teamId: '8' }, { key: 'shared' }))).toMatchObject({
      code: 'EF409',
    });
    const customer = { customerId: 'cus_7', when: 'now' };
    expect(await refusal(() => ask(customer, { key: 'shared' }))).toMatchObject({ code: 'EF409' });
    expect(await job(id)).toMatchObject({ payload: atPeriodEnd });
  });

  test('another team, another customer, another kind and another key are no conflict', async () => {
    const ids = [
      await ask(now),
      await ask({ teamId: '8', when: 'at_period_end' }),
      await ask({ customerId: 'cus_7', when: 'at_period_end' }),
      await ask({ subscriptionId: 'sub_7', when: 'at_period_end' }),
      await ask(atPeriodEnd, { key: 'another' }),
      await enqueue('every-field', { teamId: '7' }, { key: 'teamId=7' }),
    ];
    expect(new Set(ids).size).toBe(ids.length);
  });

  test.each(['done', 'skipped', 'dead', 'cancelled'] as const)('%s is not live: a new row', async (state) => {
    const id = await ask(now);
    await put(id, state);
    const second = await ask(atPeriodEnd);
    expect(second).not.toBe(id);
    expect(await job(second)).toMatchObject({ state: 'queued', payload: atPeriodEnd });
    expect(await job(id)).toMatchObject({ state, payload: now });
  });

  test('[P4] a stronger payload is never put off: what wins must not come later than what it replaces', async () => {
    // "at period end, at once" and "now, in an hour" have no common job: either would harm one who asked
    const id = await ask(atPeriodEnd);
    expect(await refusal(() => ask(now, { runAt: inAnHour() }))).toMatchObject({ code: 'EF409' });
    expect(await job(id)).toMatchObject({ payload: atPeriodEnd, due: true });
  });

  test('[P3] a stronger payload is never brought forward by a weaker one', async () => {
    const runAt = inAnHour();
    const id = await ask(now, { runAt });
    expect(await refusal(() => ask(atPeriodEnd))).toMatchObject({ code: 'EF409' });
    expect(await job(id)).toMatchObject({ payload: now, due: false, runAt });
    expect(await ask(atPeriodEnd, { runAt: inTwoHours() })).toBe(id);
    expect(await job(id)).toMatchObject({ payload: now, due: false, runAt });
  });

  test('[P4] two clocks never quite agree: a few seconds are no other date', async () => {
    const soon = new Date(Date.now() + 5_000);
    const id = await ask(atPeriodEnd);
    expect(await ask(now, { runAt: soon })).toBe(id);
    expect(await job(id)).toMatchObject({ payload: now, due: true });
    const [runAt, later] = [inAnHour(), new Date(Date.now() + 3_605_000)];
    const other = await ask({ ...atPeriodEnd, teamId: '8' }, { runAt });
    expect(await ask({ ...now, teamId: '8' }, { runAt: later })).toBe(other);
    expect(await job(other)).toMatchObject({ payload: { ...now, teamId: '8' }, due: false, runAt });
  });

  test('a newer release’s payload makes the live row newer too: an older worker must not run it', async () => {
    const id = await ask(atPeriodEnd);
    await sql`update evenfall.job_kind set payload_version = 2 where kind = ${cancelKind}`;
    try {
      await ask(now);
      expect(await job(id)).toMatchObject({ payload: now, payloadVersion: 2 });
    } finally {
      await sql`update evenfall.job_kind set payload_version = 1 where kind = ${cancelKind}`;
    }
  });
});

describe('asked for again while it runs', () => {
  test('[P1] it is noted to run once more with this payload, the run itself is not touched', async () => {
    const id = await ask(now);
    await put(id, 'running');
    expect(await ask(now)).toBe(id);
    const row = await job(id);
    expect(row).toMatchObject({ state: 'running', payload: now, rerunPayload: now, runNo: 1, asks: 1 });
    expect(row['rerunAt']).toBeInstanceOf(Date);
  });

  test('[P4] the strongest payload asked for stands, over the run’s own and over what was noted before', async () => {
    const id = await ask(atPeriodEnd);
    await put(id, 'running');
    await ask(atPeriodEnd);
    expect(await job(id)).toMatchObject({ rerunPayload: atPeriodEnd });
    await ask(now);
    await ask(atPeriodEnd);
    expect(await job(id)).toMatchObject({ payload: atPeriodEnd, rerunPayload: now });
  });

  test('the soonest date asked for stands', async () => {
    const id = await ask(now);
    await put(id, 'running');
    const later = inTwoHours();
    const sooner = inAnHour();
    await ask(now, { runAt: later });
    expect(await job(id)).toMatchObject({ rerunAt: later });
    await ask(now, { runAt: sooner });
    await ask(now, { runAt: later });
    expect(await job(id)).toMatchObject({ rerunAt: sooner });
  });

  test('[P4] a date long past does not shorten the days of retrying of the run to come', async () => {
    const id = await ask(now);
    await put(id, 'running');
    await ask(now, { runAt: new Date(Date.now() - 30 * 86_400_000) });
    await statements.finish({ id, runNo: 1, state: 'done', outcome: {} });
    expect(await job(id)).toMatchObject({ state: 'queued', due: true, hasDays: true });
  });

  test('a conflicting payload is refused, EF409, and the run and what was noted stay', async () => {
    const id = await enqueue('every-field', { teamId: '7', word: 'one' });
    await put(id, 'running');
    await enqueue('every-field', { teamId: '7', word: 'one' });
    const other = () => enqueue('every-field', { teamId: '7', word: 'two' });
    expect(await refusal(other)).toMatchObject({ code: 'EF409' });
    expect(await job(id)).toMatchObject({ rerunPayload: { teamId: '7', word: 'one' } });
  });

  test('[P1] asked for anew after it was withdrawn: the newer word counts, and it is tried again', async () => {
    const id = await ask(now);
    await put(id, 'running');
    await statements.cancelJob({ kind: cancelKind, key: 'teamId=7' });
    expect(await ask(now)).toBe(id);
    const retried = await statements.retry({ id, runNo: 1, delayMs: 0, error: {}, publicMessage: null });
    expect(retried).toMatchObject([{ state: 'dispatched' }]);
    expect(await job(id)).toMatchObject({ payload: now, cancelRequested: false });
  });

  test('[P3] a withdrawn payload binds nobody: the weaker one asked for afterwards stands', async () => {
    const id = await ask(now);
    await put(id, 'running');
    await statements.cancelJob({ kind: cancelKind, key: 'teamId=7' });
    expect(await ask(atPeriodEnd)).toBe(id);
    expect(await job(id)).toMatchObject({ payload: now, rerunPayload: atPeriodEnd });
  });
});

describe('the date of a live job', () => {
  test('a sooner date brings a waiting job forward, a later one does not put it off', async () => {
    const sooner = inAnHour();
    const id = await ask(now, { runAt: inTwoHours() });
    await ask(now, { runAt: sooner });
    expect(await job(id)).toMatchObject({ due: false, runAt: sooner });
    await ask(now, { runAt: inTwoHours() });
    expect(await job(id)).toMatchObject({ due: false, runAt: sooner });
    await ask(now);
    expect(await job(id)).toMatchObject({ state: 'queued', due: true, come: true });
    await ask(now, { runAt: sooner });
    expect(await job(id)).toMatchObject({ due: true, come: true });
  });

  test('[P4] now brings a cancellation that waits for a date forward', async () => {
    const id = await ask(atPeriodEnd, { runAt: inAnHour() });
    await ask(now);
    expect(await job(id)).toMatchObject({ payload: now, due: true, come: true });
  });

  test.each(['dispatched', 'queued'] as const)('a retry’s back-off is not shortened (%s)', async (state) => {
    const id = await ask(atPeriodEnd);
    await put(id, 'running');
    await statements.retry({ id, runNo: 1, delayMs: 3_600_000, error: {}, publicMessage: null });
    if (state === 'queued') {
      const { dispatchNo } = await job(id);
      await statements.requeueLost({ ids: [id], dispatchNos: [dispatchNo as number] });
    }
    const { runAt } = await job(id);
    expect(await ask(now)).toBe(id);
    expect(await job(id)).toMatchObject({ state, payload: now, due: false, come: false, runAt });
  });
});

describe('two transactions at once', () => {
  test.each(['commit', 'rollback'] as const)(
    '[P2] the first ends with %s: one live row, and the id of it',
    async (end) => {
      await using first = await session();
      await using second = await session();
      for (const [one, other] of [
        [first, second],
        [second, first],
      ] as const) {
        await sql`truncate evenfall.job`;
        await one`begin`;
        const id = await ask(now, {}, one);
        await other`begin`;
        const waiting = ask(now, {}, other);
        await untilBlocked(other.pid);
        await one.unsafe(end);
        const got = await waiting;
        await other`commit`;
        if (end === 'commit') expect(got).toBe(id);
        expect(await sql`select id from evenfall.job`).toEqual([{ id: got }]);
      }
    },
  );

  test('[P4] both orders of a stronger and a weaker payload end with the stronger', async () => {
    await using first = await session();
    await using second = await session();
    for (const [one, other] of [
      [now, atPeriodEnd],
      [atPeriodEnd, now],
    ]) {
      await sql`truncate evenfall.job`;
      await first`begin`;
      const id = await ask(one, {}, first);
      const waiting = ask(other, {}, second);
      await untilBlocked(second.pid);
      await first`commit`;
      expect(await waiting).toBe(id);
      expect(await job(id)).toMatchObject({ payload: now });
    }
  });

  test('the key that is freed while it waits for it is taken anew', async () => {
    const id = await ask(now);
    await using first = await session();
    await using second = await session();
    await first`begin`;
    await first`select evenfall.cancel(${cancelKind}, 'teamId=7')`;
    const waiting = ask(now, {}, second);
    await untilBlocked(second.pid);
    await first`commit`;
    const next = await waiting;
    expect(next).not.toBe(id);
    expect(await job(next)).toMatchObject({ state: 'queued' });
  });

  test('many at once: one live row, one id', async () => {
    const asked = Array.from({ length: 40 }, (_, n) =>
      statements.enqueue({
        kind: cancelKind,
        payload: n % 3 === 0 ? now : atPeriodEnd,
        key: null,
        runAt: null,
        teamId: null,
        priority: 0,
      }),
    );
    const ids = new Set((await Promise.all(asked)).map(([row]) => row!.id));
    expect(ids.size).toBe(1);
    expect(await sql`select payload from evenfall.job`).toEqual([{ payload: now }]);
  });

  test('[P1] a start waits for the transaction that merged into its row, and sees its payload', async () => {
    const id = await ask(atPeriodEnd);
    await statements.beat({ id: 'worker', concurrency: 1, kinds: [], queueBackend: 'redis' });
    const [claimed] = await statements.claim({ queue: 'stripe', slots: 1, after: '', kinds: [cancelKind] });
    await using app = await session();
    await using worker = await session();
    await app`begin`;
    await ask(now, {}, app);
    const starting = bindStatements(worker).start({
      id,
      dispatchNo: claimed!.dispatchNo,
      workerId: 'worker',
      payloadVersion: 1,
      lease,
    });
    await untilBlocked(worker.pid);
    await app`commit`;
    expect(await starting).toMatchObject([{ verdict: 'started', payload: now }]);
  });

  test('[P1] the same payload too holds a start back: the app may be changing what it acts on', async () => {
    const id = await ask(now);
    const [claimed] = await statements.claim({ queue: 'stripe', slots: 1, after: '', kinds: [cancelKind] });
    await using app = await session();
    await using worker = await session();
    await app`begin`;
    await ask(now, {}, app);
    const starting = bindStatements(worker).start({
      id,
      dispatchNo: claimed!.dispatchNo,
      workerId: 'worker',
      payloadVersion: 1,
      lease,
    });
    await untilBlocked(worker.pid);
    await app`rollback`;
    expect(await starting).toMatchObject([{ verdict: 'started', payload: now }]);
  });

  test('it fails with 55P03 instead of hanging, and leaves the app’s own time-out alone', async () => {
    await using open = await session();
    await using merging = await session();
    await using caller = await session();
    await open`begin`;
    await ask(now, {}, open);
    const held = await ask({ ...now, teamId: '8' });
    await merging`begin`;
    expect(await ask({ ...now, teamId: '8' }, {}, merging)).toBe(held);
    await caller`set lock_timeout = 0`;
    // behind an open insert, and behind an open merge
    expect(await refusal(() => ask(now, {}, caller))).toMatchObject({ code: '55P03' });
    expect(await refusal(() => ask({ ...now, teamId: '8' }, {}, caller))).toMatchObject({ code: '55P03' });
    await ask({ ...now, teamId: '9' }, {}, caller);
    expect(await caller`show lock_timeout`).toEqual([{ lockTimeout: '0' }]);
  });
});
