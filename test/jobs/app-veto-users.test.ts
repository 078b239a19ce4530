import { beforeEach, describe, expect, test } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { deleteUnverifiedUsers } from '../../jobs/delete-unverified-users.ts';
import { createAppCallback } from '../../src/app/callback.ts';
import { shutdownReason } from '../../src/queue/runner.ts';
import type { RunnerOptions } from '../../src/queue/runner.ts';
import { agrees, callbackSecret, hangs, refuses, startCallbackApp } from '../support/callback-app.ts';
import { createTestDatabase } from '../support/database.ts';
import { days, startEndings } from '../support/endings.ts';
import { createRunner } from '../support/machine.ts';

const { database, sql } = await createTestDatabase();
const world = await startEndings(database, sql);
const { standIn, rows } = world;
const app = await startCallbackApp();
const kind = deleteUnverifiedUsers.name;

const created = new Date('2028-03-25T10:00:00Z');
const after = (ms: number) => new Date(created.getTime() + ms);

beforeEach(async () => {
  await world.clear();
  app.clear();
  world.at(after(days(11)));
});

const withApp = { app: createAppCallback({ url: app.url, secret: callbackSecret, timeoutMs: 5_000 }) };
const impatient = { app: createAppCallback({ url: app.url, secret: callbackSecret, timeoutMs: 50 }) };

/** Never verified, never seen, created at `created`. */
const stranger = (changes: Record<string, unknown> = {}) =>
  rows.user({ email_verified_at: null, last_seen_at: null, created_at: created, ...changes });

async function strangers(count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) ids.push(await stranger());
  return ids;
}

async function run(options: Partial<RunnerOptions> = withApp) {
  await world.ask(kind, {});
  await world.runOnce(options);
  return await world.job(kind);
}

const left = async () =>
  (await sql`select id::text from public.users order by users.id`).map((row) => row['id'] as string);
const spared = () => sql`select subject, detail from evenfall.history where what = 'user.spared' order by id`;
const askedAbout = () => app.asked.map(({ body }) => body['userId']);
const due = async (at: Date) => (await world.list(kind, at)).map(({ subject }) => subject);

describe('[P3] the question', () => {
  test('of each user, after Stripe and before the lock; who is agreed about goes', async () => {
    const id = await stranger();
    const seen: unknown[] = [];
    app.decides(async () => {
      expect(standIn.requests).toHaveLength(1);
      seen.push(await sql`select id::text from public.users where id = ${id} for update nowait`);
      return agrees;
    });
    expect(await run()).toMatchObject({ state: 'done' });
    const [job] = await sql`select id from evenfall.job where kind = ${kind}`;
    expect(app.asked.map(({ body }) => body)).toEqual([
      { id: `job-${job!['id']}.1-user-${id}`, type: 'user.deleting', userId: id, reason: 'never-verified' },
    ]);
    expect([seen, await left()]).toEqual([[[{ id }]], []]);
  });

  test('not of whom Stripe speaks for', async () => {
    const [known, other] = (await strangers(2)) as [string, string];
    standIn.seed.customer({ email: await world.emailOf(known) });
    await run();
    expect([await left(), askedAbout()]).toEqual([[known], [other]]);
  });

  test('of ten at once, and of no more', async () => {
    await strangers(20);
    let [thinking, most] = [0, 0];
    let all = Promise.withResolvers<void>();
    app.decides(async () => {
      most = Math.max(most, ++thinking);
      const batch = all;
      if (thinking === 10) {
        all = Promise.withResolvers();
        batch.resolve();
      }
      await batch.promise;
      thinking--;
      return agrees;
    });
    expect(await run()).toMatchObject({ state: 'done' });
    expect([most, app.asked.length, await left()]).toEqual([10, 20, []]);
  });

  test('not while the fuse is blown', async () => {
    const ids = await strangers(2);
    await sql`
      insert into evenfall.fuse (kind, blown_at, blown_by) values (${kind}, clock_timestamp(), 'the tests')
      on conflict (kind) do update set blown_at = excluded.blown_at, blown_by = excluded.blown_by`;
    expect(await run()).toMatchObject({ state: 'dispatched', class: 'fuse_blown' });
    expect([await left(), app.asked]).toEqual([ids, []]);
    await sql`update evenfall.fuse set blown_at = null, blown_by = null`;
  });

  test('a new address while the app thinks keeps the user for now', async () => {
    const id = await stranger();
    app.decides(async () => {
      await sql`update public.users set email = 'other@people.example' where id = ${id}`;
      return agrees;
    });
    await run();
    expect(await left()).toEqual([id]);
  });
});

describe('[P3] the app refuses a user', () => {
  test('spared, the others go; told once, and not asked again for half a year, strictly', async () => {
    const [kept, gone] = (await strangers(2)) as [string, string];
    app.decides(({ body }) => (body['userId'] === kept ? refuses('an open invoice') : agrees));
    const runAt = (at: Date) => run({ ...withApp, ...world.standingAt(at) });
    expect(await runAt(after(days(11)))).toMatchObject({ state: 'done' });
    expect([await left(), askedAbout().toSorted()]).toEqual([[kept], [kept, gone]]);
    const until = new Date('2028-10-05T10:00:00Z');
    for (const at of [after(days(12)), after(days(90)), new Date(until.getTime() - 1)]) {
      expect(await due(at)).toEqual([]);
      await runAt(at);
      const [job] = await sql`select outcome->'detail' as detail from evenfall.job order by id desc limit 1`;
      expect(job).toEqual({ detail: { due: 0, deleted: 0, spared: 0, changed: 0 } });
    }
    expect(await spared()).toEqual([
      { subject: `user:${kept}`, detail: { why: 'an open invoice', who: 'app' } },
    ]);
    expect([await left(), app.asked.length]).toEqual([[kept], 2]);
    expect(await due(until)).toEqual([kept]);
    await runAt(until);
    expect(await spared()).toHaveLength(2);
    const ids = app.asked.filter(({ body }) => body['userId'] === kept).map(({ body }) => body['id']);
    expect(new Set(ids).size).toBe(2);
  });

  test('the policy says how long: strictly, to the millisecond', async () => {
    const id = await stranger();
    app.says(refuses());
    await run({ ...withApp, ...world.standingAt(world.now()) });
    const policy = { inactiveTeamAge: 'P1D' };
    const end = world.now().getTime() + days(1);
    for (const [ms, found] of [
      [end - 1, []],
      [end, [id]],
    ] as const) {
      const listed = await world.list(kind, new Date(ms), policy);
      expect(listed.map(({ subject }) => subject)).toEqual(found);
    }
  });

  test('once the history is forgotten, it is asked again', async () => {
    const id = await stranger();
    app.says(refuses());
    await run();
    await sql`delete from evenfall.history`;
    await run();
    expect([await left(), app.asked.length]).toEqual([[id], 2]);
  });

  const who = async () => (await spared()).map(({ detail }) => (detail as { who?: string }).who);

  test('for whom Stripe spoke before: that is told, too, and keeps the user by itself', async () => {
    const id = await stranger();
    const { id: customer } = standIn.seed.customer({ email: await world.emailOf(id) });
    await run();
    standIn.store.customers.get(customer)!.email = 'other@people.example';
    expect(await due(world.now())).toEqual([id]);
    app.says(refuses());
    await run();
    expect([await who(), await left(), await due(world.now())]).toEqual([[undefined, 'app'], [id], []]);
  });

  test('for whom Stripe speaks afterwards: that is told, too', async () => {
    const id = await stranger();
    app.says(refuses());
    await run();
    standIn.seed.customer({ email: await world.emailOf(id) });
    world.at(after(days(400)));
    await rows.freshPicture();
    await run();
    expect([await who(), await left()]).toEqual([['app', undefined], [id]]);
  });

  test('two jobs at once: it is told once', async () => {
    await stranger();
    app.says(refuses());
    await world.ask(kind, {});
    await world.ask(kind, {});
    const { runner } = await createRunner(database, allJobs, {
      ...withApp,
      stripe: world.stripe,
      clockOffsetMs: () => world.now().getTime() - Date.now(),
    });
    const jobs = await database.statements.claim({ queue: 'lifecycle', slots: 10, after: '', kinds: [kind] });
    expect(jobs).toHaveLength(2);
    const both = Promise.withResolvers<void>();
    app.decides(async () => {
      if (app.asked.length === 2) both.resolve();
      await both.promise;
      return refuses();
    });
    await Promise.all(jobs.map((row) => runner.run(row, new AbortController().signal)));
    expect(await spared()).toHaveLength(1);
  });
});

describe('[P3] the app does not answer', () => {
  test.for([
    ['503', { status: 503 }],
    ['not at all', hangs],
  ] as const)(
    '%s: nobody goes, and no attempt is used; back again, everybody who is due',
    async ([, says]) => {
      const ids = await strangers(12);
      app.says(says);
      expect(await run(impatient)).toMatchObject({ state: 'dispatched', class: 'app_callback_unavailable' });
      const [job] = await sql`select attempts from evenfall.job where kind = ${kind}`;
      // the second batch was not asked about: nobody is there
      expect([await left(), job!['attempts'], app.asked.length]).toEqual([ids, 0, 10]);
      app.says(agrees);
      await world.runOnce(withApp);
      expect(await left()).toEqual([]);
    },
  );

  test('about one: the others go, batch after batch, and that one waits under the same id', async () => {
    const ids = await strangers(25);
    app.decides(({ body }) => (body['userId'] === ids[3] ? { status: 500 } : agrees));
    expect(await run()).toMatchObject({ state: 'dispatched', class: 'app_callback_unavailable' });
    expect(await left()).toEqual([ids[3]]);
    app.says(agrees);
    await world.runOnce(withApp);
    expect(await left()).toEqual([]);
    const [first, second, ...more] = app.asked.filter(({ body }) => body['userId'] === ids[3]);
    expect([second?.body['id'], more]).toEqual([first?.body['id'], []]);
  });

  test('is misconfigured, be it about one of them: dead, and nobody goes', async () => {
    const ids = await strangers(3);
    app.decides(({ body }) => (body['userId'] === ids[2] ? { status: 404 } : agrees));
    expect(await run()).toMatchObject({ state: 'dead', class: 'app_callback_misconfigured' });
    expect(await left()).toEqual(ids);
  });

  test('and the worker shuts down: the question is dropped, nobody goes, the job is given back', async () => {
    const ids = await strangers(2);
    await world.ask(kind, {});
    const shutdown = new AbortController();
    app.decides(() => {
      shutdown.abort(shutdownReason);
      return hangs;
    });
    const { runner } = await createRunner(database, allJobs, {
      ...withApp,
      stripe: world.stripe,
      clockOffsetMs: () => world.now().getTime() - Date.now(),
    });
    const [row] = await database.statements.claim({
      queue: 'lifecycle',
      slots: 10,
      after: '',
      kinds: [kind],
    });
    await runner.run(row!, shutdown.signal);
    expect(await left()).toEqual(ids);
    expect(await world.job(kind)).toMatchObject({ state: 'queued' });
    app.says(agrees);
    await world.runAll(withApp);
    expect(await left()).toEqual([]);
  });
});

describe('[P1] [P2] more than one run', () => {
  test.for(['transaction.written', 'transaction.committed'] as const)(
    'killed at %s: asked again under the same ids, each deleted once',
    async (point) => {
      await strangers(3);
      await world.ask(kind, {});
      await world.dieAt(point, withApp);
      await world.runAll(withApp);
      expect(await left()).toEqual([]);
      expect(new Set(app.ids()).size).toBe(3);
      expect(await sql`select from evenfall.history where what = 'user.deleted'`).toHaveLength(3);
    },
  );
});
