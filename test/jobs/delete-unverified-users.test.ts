import { beforeEach, describe, expect, test } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { deleteUnverifiedUsers } from '../../jobs/delete-unverified-users.ts';
import { agreeingApp } from '../../src/core/app-callback.ts';
import type { Failpoint } from '../../src/core/failpoints.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import type { Policy } from '../../src/core/policy.ts';
import { runInline } from '../../src/queue/inline.ts';
import { shutdownReason } from '../../src/queue/runner.ts';
import type { RunnerOptions } from '../../src/queue/runner.ts';
import { sweepNow } from '../../src/queue/sweep.ts';
import { createTestDatabase } from '../support/database.ts';
import { days, startEndings } from '../support/endings.ts';
import {
  createRunner,
  noMail,
  recordingAlerts,
  silentLog,
  testHash,
  testKeepLink,
} from '../support/machine.ts';
import { everythingKept } from '../support/mailing.ts';

const { database, sql } = await createTestDatabase();
const world = await startEndings(database, sql);
const { standIn, rows } = world;
const kind = deleteUnverifiedUsers.name;

/** In the night before Europe's clocks go forward. */
const created = new Date('2028-03-25T10:00:00Z');
const after = (ms: number) => new Date(created.getTime() + ms);

beforeEach(async () => {
  await world.clear();
  world.at(after(days(11)));
});

/** Never verified, never seen, created at `created`. */
const stranger = (changes: Record<string, unknown> = {}) =>
  rows.user({ email_verified_at: null, last_seen_at: null, created_at: created, ...changes });

const lives = (id: string) => rows.exists('users', id);
const emailOf = async (id: string) =>
  String((await sql`select email from public.users where id = ${id}`)[0]!['email']);
const left = async () =>
  (await sql`select id::text from public.users order by users.id`).map((row) => row['id'] as string);
const due = async (at?: Date, policy?: Partial<Policy>) =>
  (await world.list(kind, at, policy)).map(({ subject }) => subject);

async function ask() {
  await world.ask(kind, {});
}

async function run(options: Partial<RunnerOptions> = {}) {
  await ask();
  await world.runOnce(options);
  return await world.job(kind);
}

/** At this very millisecond. */
async function runAt(now: Date, more: { policy?: Partial<Policy>; dryRun?: boolean } = {}) {
  return await runInline(
    deleteUnverifiedUsers,
    {},
    {
      database,
      stripe: world.stripe,
      mail: noMail,
      alerts: recordingAlerts(),
      hash: testHash,
      app: agreeingApp,
      keepLink: testKeepLink,
      log: silentLog,
      now,
      dryRun: more.dryRun ?? false,
      policy: { ...defaultPolicy, ...more.policy },
    },
  );
}

const history = () => sql`select what, subject, detail from evenfall.history order by id`;

describe('4.2: when', () => {
  test.for([
    ['exactly 10 days', days(10), false],
    ['10 days and a millisecond', days(10) + 1, true],
    ['10 days and a second', days(10) + 1_000, true],
  ] as const)('%s after the creation: %s', async ([, age, deleted]) => {
    const id = await stranger();
    expect(await due(after(age))).toEqual(deleted ? [id] : []);
    expect(await runAt(after(age))).toMatchObject({ outcome: 'done', detail: { deleted: deleted ? 1 : 0 } });
    expect(await lives(id)).toBe(!deleted);
  });

  test('verified: kept at 20 days, and for ever', async () => {
    const id = await stranger({ email_verified_at: after(days(1)) });
    for (const age of [days(20), days(4_000)]) {
      expect(await due(after(age))).toEqual([]);
      await runAt(after(age));
    }
    expect(await lives(id)).toBe(true);
  });

  test.for([
    ['over a leap day', '2028-02-25T10:00:00Z', '2028-03-06T10:00:00Z'],
    ['over a change of clocks', '2028-03-20T00:30:00Z', '2028-03-30T00:30:00Z'],
    ['over the turn of a year', '2027-12-28T23:59:59.999Z', '2028-01-07T23:59:59.999Z'],
  ] as const)('ten days are ten times 24 hours, %s', async ([, from, until]) => {
    const id = await stranger({ created_at: new Date(from) });
    expect(await due(new Date(until))).toEqual([]);
    expect(await due(new Date(Date.parse(until) + 1))).toEqual([id]);
  });

  test('months of the policy are counted forward from the creation, in UTC', async () => {
    const id = await stranger({ created_at: new Date('2027-08-31T10:00:00Z') });
    const policy = { unverifiedUserAge: 'P6M' };
    const boundary = new Date('2028-02-29T10:00:00Z');
    expect(await due(boundary, policy)).toEqual([]);
    await runAt(boundary, { policy });
    expect(await lives(id)).toBe(true);
    const later = new Date(boundary.getTime() + 1);
    expect(await due(later, policy)).toEqual([id]);
    await runAt(later, { policy });
    expect(await lives(id)).toBe(false);
  });

  test('what was done is told, once, without a name; nobody is written to', async () => {
    const id = await stranger({ name: 'Nobody Inparticular' });
    expect(await run()).toMatchObject({ state: 'done' });
    expect(await history()).toEqual([
      {
        what: 'user.deleted',
        subject: `user:${id}`,
        detail: { why: 'created at 2028-03-25T10:00:00.000Z, more than P10D ago, and never verified' },
      },
    ]);
    expect(world.inbox.messages).toEqual([]);
    expect(await everythingKept(sql)).not.toMatch(/people\.example|Inparticular/);
  });
});

/** Each of them alone keeps the user `$1`. */
const ties = [
  ['has verified', 'update public.users set email_verified_at = now() where id = $1'],
  ['has logged in', 'update public.users set last_seen_at = now() where id = $1'],
  ['has a customer', "update public.users set stripe_customer_id = 'cus_own' where id = $1"],
  ['owns a team', "insert into public.teams (name, owner_id) values ('his', $1)"],
  ['is a member, or invited', "insert into public.memberships values (4711, $1, 'invited')"],
] as const;

/** What they may refer to. */
async function elsewhere(): Promise<void> {
  await sql`insert into evenfall.customer (id, livemode, read_at) values ('cus_own', false, now())`;
  await sql`insert into public.teams (id, name) values (4711, 'another')`;
}

describe('[P3] ruling 8: what keeps a user, each alone', () => {
  test.for(ties)('%s', async ([, tie]) => {
    const [kept, gone] = [await stranger(), await stranger()];
    await elsewhere();
    await sql.unsafe(tie, [kept]);
    expect(await due()).toEqual([gone]);
    await run();
    expect([await lives(kept), await lives(gone)]).toEqual([true, false]);
  });

  test.for([
    ...ties,
    ['has another address', "update public.users set email = 'other@people.example' where id = $1"],
  ] as const)(
    '%s between the list and the lock: the deletion waits for that, and keeps the user',
    async ([, tie]) => {
      const id = await stranger();
      await elsewhere();
      await ask();
      const waited = await world.beside(
        (app) => app.unsafe(tie, [id]),
        async (open) => {
          await open();
          await world.runOnce();
        },
      );
      expect(waited).toBe(true);
      expect(await lives(id)).toBe(true);
      expect(await world.job(kind)).toMatchObject({ state: 'done' });
      expect(await history()).toEqual([]);
    },
  );
});

describe('[P3] Stripe is asked first', () => {
  test('a customer with the exact address: kept, and told once, not each day', async () => {
    const [known, other] = [await stranger(), await stranger()];
    const customer = standIn.seed.customer({ email: await emailOf(known) }).id;
    for (let day = 11; day < 14; day++) {
      world.at(after(days(day)));
      expect(await run()).toMatchObject({ state: 'done' });
    }
    expect([await lives(known), await lives(other)]).toEqual([true, false]);
    expect((await history()).filter((row) => row['what'] === 'user.spared')).toEqual([
      {
        what: 'user.spared',
        subject: `user:${known}`,
        detail: { why: `Stripe has a customer with this address: ${customer}` },
      },
    ]);
  });

  test('what stands for an address is none that Stripe can be asked by: kept, the others go', async () => {
    const [odd, other] = [await stranger({ email: 'no address' }), await stranger()];
    expect(await run()).toMatchObject({ state: 'done' });
    expect([await lives(odd), await lives(other)]).toEqual([true, false]);
    expect((await history()).map((row) => [row['what'], row['subject']])).toEqual([
      ['user.spared', `user:${odd}`],
      ['user.deleted', `user:${other}`],
    ]);
  });

  test('down: nobody is deleted; back again, everybody who is due', async () => {
    await stranger();
    await stranger();
    standIn.faults.add({ kind: 'server-error', times: 'forever' });
    expect(await run()).toMatchObject({ state: 'dispatched', class: 'stripe_unavailable' });
    expect(await left()).toHaveLength(2);
    standIn.faults.clear();
    await world.runAll();
    expect(await left()).toEqual([]);
  });

  test('down in the middle: who was not asked about waits', async () => {
    // ten are asked about together
    for (let n = 0; n < 12; n++) await stranger();
    await ask();
    await world.meanwhileAt('transaction.committed', () => {
      standIn.faults.add({ kind: 'server-error', times: 'forever' });
      return Promise.resolve();
    });
    expect(await left()).toHaveLength(2);
    standIn.faults.clear();
    await world.runAll();
    expect(await left()).toEqual([]);
  });

  test('refuses the key: dead, and nobody is deleted', async () => {
    const id = await stranger();
    const error = { type: 'invalid_request_error', code: 'api_key_expired', message: 'no' };
    standIn.faults.add({ kind: 'refused', status: 401, error });
    expect(await run()).toMatchObject({ state: 'dead', class: 'stripe_auth' });
    expect(await lives(id)).toBe(true);
  });

  test('no full picture of it that is younger than a day: it waits', async () => {
    const id = await stranger();
    await sql`update evenfall.backfill set finished_at = clock_timestamp() - interval '25 hours'`;
    expect(await run()).toMatchObject({ state: 'dispatched' });
    expect([await lives(id), standIn.requests]).toEqual([true, []]);
    await rows.freshPicture();
    await world.runOnce();
    expect(await lives(id)).toBe(false);
  });

  test('an answer that has grown old behind a lock is asked for anew', async () => {
    const id = await stranger();
    const old = new Proxy(database, {
      get(target, name) {
        if (name !== 'statements') return Reflect.get(target, name) as unknown;
        const readBegins = () => Promise.resolve([{ readAt: '2026-01-01 00:00:00+00' }]);
        return { ...target.statements, readBegins };
      },
    });
    expect(await run({ database: old })).toMatchObject({ class: 'answer_too_old' });
    expect(await lives(id)).toBe(true);
    await world.runAll();
    expect(await lives(id)).toBe(false);
  });
});

describe("the app's own tables", () => {
  test('1,203 users, one of whom they hold on to: the others go, and the job says who and by what', async () => {
    await sql`
      insert into public.users (email, created_at)
      select 'bulk-' || n || '@people.example', ${created} from generate_series(1, 1203) n`;
    const all = await left();
    const held = all[601]!;
    await sql`create table public.invoices (user_id bigint references public.users)`;
    await sql`insert into public.invoices values (${held})`;
    try {
      expect(await run()).toMatchObject({ state: 'dead', class: 'contract_refused' });
      expect(await left()).toEqual([held]);
      const [job] = await sql`select last_error from evenfall.job where kind = ${kind}`;
      expect(job!['lastError']).toEqual({
        class: 'contract_refused',
        code: '23503 invoices_user_id_fkey',
        message:
          `the app refused to delete 1 of the users: ${held} (23503 invoices_user_id_fkey); ` +
          'all others are dealt with. Extend app_delete_user in the contract, migrate, then replay',
      });
      expect(await history()).toHaveLength(1_202);
    } finally {
      await sql`drop table public.invoices`;
    }
    // each of them is to be erased, which is another kind's business
    expect(await sql`delete from evenfall.job where kind = 'erase-person' returning id`).toHaveLength(1_202);
    const [dead] = await sql`select id from evenfall.job where kind = ${kind}`;
    await database.statements.replay({ id: dead!['id'] as number, resolution: 'test' });
    await world.runAll();
    expect(await left()).toEqual([]);
    expect(await world.job(kind)).toMatchObject({ state: 'done' });
  }, 180_000);

  test('[P7] a trigger that raises: rolled back whole, counted, and nothing of what it says is kept', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 13; n++) ids.push(await stranger());
    await withTrigger(
      `if old.id % 2 = 0 then raise exception 'hands off %', old.email; end if;`,
      async () => {
        for (const id of ids) await sql`insert into public.sessions (id, user_id) values (${id}, ${id})`;
        await run();
      },
    );
    const even = ids.filter((id) => Number(id) % 2 === 0);
    expect(await left()).toEqual(even);
    expect(await sql`select from public.sessions`).toHaveLength(even.length);
    const dead = await world.job(kind);
    expect(dead!['message']).toContain(`${even.length} of the users: ${even[0]} (P0001), `);
    expect(await everythingKept(sql)).not.toMatch(/hands off|people\.example/);
    expect(await sql`select from evenfall.fuse_act`).toHaveLength(ids.length - even.length);
  });

  test('passing trouble is no refusal: the job waits and uses no attempt', async () => {
    const id = await stranger();
    await withTrigger(`raise exception 'busy' using errcode = '40P01';`, async () => {
      expect(await run()).toMatchObject({ state: 'dispatched', class: 'unexpected' });
    });
    const [job] = await sql`select attempts from evenfall.job where kind = ${kind}`;
    expect(job).toMatchObject({ attempts: 0 });
    await world.runAll();
    expect(await lives(id)).toBe(false);
  });
});

async function withTrigger(body: string, during: () => Promise<void>): Promise<void> {
  await sql.unsafe(`
    create function public.stay() returns trigger language plpgsql as $$ begin ${body} return old; end $$`);
  await sql`create trigger stay before delete on public.users for each row execute function public.stay()`;
  try {
    await during();
  } finally {
    await sql`drop function public.stay() cascade`;
  }
}

describe('[P3] the fuse', () => {
  const tight = { policy: { ...defaultPolicy, fuseUsers: 2 } };
  const release = () => sql`
    update evenfall.fuse set blown_at = null, blown_by = null, released_at = clock_timestamp(),
      released_acts = 3, released_by = 'test' where kind = ${kind}`;

  test('too many are due: none goes, people are told once, the job waits; released, they go', async () => {
    for (let n = 0; n < 3; n++) await stranger();
    expect(await run(tight)).toMatchObject({ state: 'dispatched', class: 'fuse_blown' });
    await world.runOnce(tight);
    await run(tight);
    expect(await left()).toHaveLength(3);
    expect(await world.findings()).toMatchObject([{ kind: 'fuse-blown', subject: `fuse:${kind}` }]);
    const [job] = await sql`select attempts from evenfall.job where kind = ${kind}`;
    expect(job).toMatchObject({ attempts: 0 });
    await release();
    await world.runAll(tight);
    expect(await left()).toEqual([]);
  });

  test('as many as are allowed go; one more within the day waits', async () => {
    for (let n = 0; n < 2; n++) await stranger();
    expect(await run(tight)).toMatchObject({ state: 'done' });
    expect(await left()).toEqual([]);
    const id = await stranger();
    expect(await run(tight)).toMatchObject({ class: 'fuse_blown' });
    expect(await lives(id)).toBe(true);
  });

  test('who is spared, or not due any more, does not count as an act', async () => {
    const ids = [await stranger(), await stranger()];
    standIn.seed.customer({ email: await emailOf(ids[0]!) });
    await run(tight);
    expect(await left()).toEqual([ids[0]]);
    await sql`delete from public.users`;
    const another = await stranger();
    expect(await run(tight)).toMatchObject({ state: 'done' });
    expect(await lives(another)).toBe(false);
  });
});

describe('[P1] [P2] more than one run', () => {
  const points: Failpoint[] = [
    'run.started',
    'transaction.written',
    'transaction.committed',
    'run.ended',
    'outcome.written',
  ];
  test.for(points)('killed at %s: seen through, each deleted once', async (point) => {
    for (let n = 0; n < 3; n++) await stranger();
    await ask();
    await world.dieAt(point);
    await world.runAll();
    expect(await left()).toEqual([]);
    expect(await history()).toHaveLength(3);
    expect(await world.job(kind)).toMatchObject({ state: 'done' });
  });

  const clock = { clockOffsetMs: () => world.now().getTime() - Date.now() };
  const claim = () => database.statements.claim({ queue: 'lifecycle', slots: 10, after: '', kinds: [kind] });

  test('two jobs at once: each user once', async () => {
    for (let n = 0; n < 20; n++) await stranger();
    await ask();
    await ask();
    const { runner } = await createRunner(database, allJobs, { stripe: world.stripe, ...clock });
    const jobs = await claim();
    expect(jobs).toHaveLength(2);
    await Promise.all(jobs.map((row) => runner.run(row, new AbortController().signal)));
    expect(await left()).toEqual([]);
    expect(await history()).toHaveLength(20);
    expect(await sql`select distinct state from evenfall.job where kind = ${kind}`).toEqual([
      { state: 'done' },
    ]);
  });

  test('the worker shuts down: nobody more is deleted, and the job is given back', async () => {
    for (let n = 0; n < 3; n++) await stranger();
    await ask();
    const shutdown = new AbortController();
    const failpoint = (at: Failpoint) => {
      if (at === 'transaction.committed') shutdown.abort(shutdownReason);
      return Promise.resolve();
    };
    const { runner } = await createRunner(database, allJobs, { stripe: world.stripe, ...clock, failpoint });
    const [row] = await claim();
    await runner.run(row!, shutdown.signal);
    expect(await left()).toHaveLength(2);
    expect(await world.job(kind)).toMatchObject({ state: 'queued' });
    await world.runAll();
    expect(await left()).toEqual([]);
  });

  test('the fence: a stale run deletes nobody', async () => {
    const id = await stranger();
    await ask();
    await world.meanwhileAt('run.started', async () => {
      await sql`update evenfall.job set run_no = run_no + 1 where kind = ${kind}`;
    });
    expect(await lives(id)).toBe(true);
  });
});

describe('before anybody is deleted', () => {
  test('`evenfall sweep --dry-run` lists whom, and why', async () => {
    const [first, second] = [await stranger(), await stranger({ created_at: after(1) })];
    await stranger({ created_at: after(days(5)) });
    const asked = { now: world.now(), policy: defaultPolicy, dryRun: true };
    expect(await sweepNow(database, kind, asked)).toMatchObject({
      due: 2,
      enqueued: 0,
      targets: [
        { id: first, why: 'created at 2028-03-25T10:00:00Z, more than P10D ago, and never verified' },
        { id: second },
      ],
    });
  });

  test('the sweep asks for one job, however many are due, and for no second one while it lives', async () => {
    for (let n = 0; n < 3; n++) await stranger();
    expect(await world.sweep(kind)).toEqual({ due: 3, enqueued: 1 });
    expect(await world.sweep(kind)).toEqual({ due: 3, enqueued: 0 });
    await world.runAll();
    expect(await left()).toEqual([]);
  });

  test('a dry run of the job says how many, and deletes nobody', async () => {
    const [known] = [await stranger(), await stranger()];
    standIn.seed.customer({ email: await emailOf(known) });
    expect(await runAt(world.now(), { dryRun: true })).toMatchObject({
      outcome: 'done',
      detail: { due: 2, deleted: 1, spared: 1 },
    });
    expect(await left()).toHaveLength(2);
    expect([await history(), await sql`select from evenfall.fuse_act`]).toEqual([[], []]);
  });

  test('a dry run goes on behind a refusal, and says the same as the job would', async () => {
    for (let n = 0; n < 3; n++) await stranger();
    const [first] = await left();
    // in a class of its own, as an app's trigger may raise
    await withTrigger(
      `if old.id = ${first} then raise exception 'no' using errcode = 'AB123'; end if;`,
      async () => {
        expect(await runAt(world.now(), { dryRun: true })).toMatchObject({
          outcome: 'failed',
          detail: { class: 'contract_refused', code: 'AB123' },
          reason: expect.stringContaining(`1 of the users: ${first} (AB123)`) as string,
        });
      },
    );
    expect(await left()).toHaveLength(3);
  });
});
