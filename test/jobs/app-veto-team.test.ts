import { beforeEach, describe, expect, test } from 'vitest';
import { deleteInactiveTeam } from '../../jobs/delete-inactive-team.ts';
import { createAppCallback } from '../../src/app/callback.ts';
import type { RunnerOptions } from '../../src/queue/runner.ts';
import { runInline } from '../../src/queue/inline.ts';
import { tellOfWaiting } from '../../src/queue/waiting.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { agrees, callbackSecret, hangs, refuses, startCallbackApp } from '../support/callback-app.ts';
import type { AppSays } from '../support/callback-app.ts';
import { createTestDatabase } from '../support/database.ts';
import { days, startEndings } from '../support/endings.ts';
import { noMail, recordingAlerts, silentLog, testHash, testKeepLink } from '../support/machine.ts';
import { everythingKept } from '../support/mailing.ts';

const { database, sql } = await createTestDatabase();
const world = await startEndings(database, sql);
const { standIn, rows } = world;
const app = await startCallbackApp();
const kind = deleteInactiveTeam.name;

beforeEach(async () => {
  await world.clear();
  app.clear();
});

const withApp = { app: createAppCallback({ url: app.url, secret: callbackSecret, timeoutMs: 5_000 }) };
/** It gives up at once where the app hangs. */
const impatient = { app: createAppCallback({ url: app.url, secret: callbackSecret, timeoutMs: 50 }) };

interface Doomed {
  readonly teamId: string;
  readonly ownerId: string;
  readonly customer: string;
  readonly date: Date;
}

/** A marked team with a customer that has never subscribed, a second after its date. */
async function doomed(): Promise<Doomed> {
  const customer = standIn.seed.customer().id;
  const { teamId, ownerId } = await world.sleepingTeam({ stripe_customer_id: customer });
  await world.mirror(customer);
  const date = await world.marked(teamId);
  world.at(new Date(date.getTime() + 1_000));
  return { teamId, ownerId, customer, date };
}

const left = async ({ teamId, ownerId }: Doomed) => [
  await rows.exists('teams', teamId),
  await rows.exists('users', ownerId),
];
const both = [true, true];
const owner = [false, true];
const nobody = [false, false];

/** One run of the team's deletion, as the sweep asks for it. */
async function run({ teamId }: Doomed, options: Partial<RunnerOptions> = withApp) {
  await world.ask(kind, { teamId });
  await world.runOnce(options);
  return await world.job(kind);
}

const attempts = async () =>
  (await sql`select attempts from evenfall.job where kind = ${kind}`)[0]!['attempts'] as number;

describe('[P3] the question', () => {
  test('about the team, then about its owner, in ids and dates alone', async () => {
    const team = await doomed();
    const { id: mark } = (await world.mark(team.teamId))!;
    expect(await run(team)).toMatchObject({ state: 'done' });
    expect(await left(team)).toEqual(nobody);
    expect(app.asked.map(({ body }) => body)).toEqual([
      {
        id: `mark-${mark}-team`,
        type: 'team.deleting',
        teamId: team.teamId,
        markId: mark,
        deleteAfter: team.date.toISOString(),
        reason: 'inactive-team',
      },
      {
        id: `mark-${mark}-owner`,
        type: 'user.deleting',
        teamId: team.teamId,
        userId: team.ownerId,
        markId: mark,
        reason: 'last-team-deleted',
      },
    ]);
  });

  test('after Stripe has answered, and before anything is locked', async () => {
    const team = await doomed();
    await world.ask(kind, { teamId: team.teamId });
    const before = standIn.requests.length;
    const seen: unknown[] = [];
    app.decides(async ({ body }) => {
      if (body['type'] !== 'team.deleting') return agrees;
      expect(standIn.requests.length).toBeGreaterThan(before);
      expect(await left(team)).toEqual(both);
      await sql.begin(async (tx) => {
        seen.push(await tx`select id::text from public.teams where id = ${team.teamId} for update nowait`);
        seen.push(await tx`select id::text from public.users where id = ${team.ownerId} for update nowait`);
        seen.push(await tx`select state from evenfall.team_deletion for update nowait`);
      });
      return agrees;
    });
    await world.runOnce(withApp);
    expect(seen).toEqual([[{ id: team.teamId }], [{ id: team.ownerId }], [{ state: 'noticed' }]]);
    expect(await left(team)).toEqual(nobody);
  });

  test('is not asked of whom Stripe speaks for, nor of a team that is held', async () => {
    const paying = await doomed();
    standIn.seed.subscription({ customer: paying.customer });
    await run(paying);
    const held = await doomed();
    await world.protect(held.teamId, 'hold');
    await run(held);
    expect([await left(paying), await left(held), app.asked]).toEqual([both, both, []]);
  });

  test('is not asked while the fuse is blown', async () => {
    const team = await doomed();
    await sql`
      insert into evenfall.fuse (kind, blown_at, blown_by) values (${kind}, clock_timestamp(), 'the tests')
      on conflict (kind) do update set blown_at = excluded.blown_at, blown_by = excluded.blown_by`;
    expect(await run(team)).toMatchObject({ state: 'dispatched', class: 'fuse_blown' });
    expect([await left(team), app.asked]).toEqual([both, []]);
    await sql`update evenfall.fuse set blown_at = null, blown_by = null`;
    await world.runOnce(withApp);
    expect(await left(team)).toEqual(nobody);
  });

  test('is not asked by a dry run, on which the app may act', async () => {
    const { teamId } = await doomed();
    const options = { ...withApp, database, stripe: world.stripe, mail: noMail, alerts: recordingAlerts() };
    const more = { hash: testHash, keepLink: testKeepLink, log: silentLog, policy: defaultPolicy };
    const result = await runInline(
      deleteInactiveTeam,
      { teamId },
      { ...options, ...more, now: world.now(), dryRun: true },
    );
    expect(result).toMatchObject({ outcome: 'done', detail: { team: 'deleted' } });
    expect(app.asked).toEqual([]);
  });
});

describe('[P3] the app refuses a team', () => {
  test('it lives, its mark is taken back, it is snoozed, and the timeline says why', async () => {
    const team = await doomed();
    app.says(refuses());
    const at = new Date('2028-03-08T10:00:00Z');
    expect(await run(team, { ...withApp, ...world.standingAt(at) })).toMatchObject({
      state: 'skipped',
      reason: 'the app refused',
    });
    expect([await left(team), app.asked.length]).toEqual([both, 1]);
    expect(await world.mark(team.teamId)).toMatchObject({ state: 'cleared', clearedWhy: 'the app refused' });
    const [snooze] = await sql`select kind, until, why, who, at from evenfall.team_protection`;
    expect(snooze).toEqual({
      kind: 'snooze',
      until: new Date('2028-09-08T10:00:00Z'),
      why: 'an open export',
      who: 'app',
      at,
    });
    const timeline = await database.statements.teamTimeline({ teamId: team.teamId, limit: 100 });
    expect(timeline.filter(({ what }) => what === 'team.vetoed-by-app')).toMatchObject([
      {
        subject: `team:${team.teamId}`,
        detail: { why: 'an open export', who: 'app', until: '2028-09-08T10:00:00.000Z' },
        source: `job:${kind}`,
      },
    ]);
    expect(await world.history(team.teamId)).toEqual(['notice.sent', 'team.marked', 'team.vetoed-by-app']);
  });

  test('nobody is told or asked anew before the snooze ends; then it gets another notice, and another id', async () => {
    const team = await doomed();
    app.says({ status: 409, body: { reason: 'not yet' } });
    await run(team);
    const [first] = app.ids();
    const mails = world.inbox.messages.length;
    const [{ until } = { until: new Date(0) }] = await sql<
      { until: Date }[]
    >`select until from evenfall.team_protection`;
    for (const at of [team.date.getTime() + days(1), team.date.getTime() + days(30), until.getTime() - 1]) {
      world.at(new Date(at));
      await rows.freshPicture();
      for (const sweep of ['mark-team-for-deletion', kind]) {
        expect(await world.sweepAndRun(sweep)).toEqual({ due: 0, enqueued: 0 });
      }
    }
    expect([world.inbox.messages.length, app.asked.length]).toEqual([mails, 1]);
    world.at(new Date(until.getTime() + 1_000));
    const date = await world.marked(team.teamId);
    world.at(new Date(date.getTime() + 1_000));
    app.says(agrees);
    await run(team);
    expect(await left(team)).toEqual(nobody);
    expect(app.ids()[1]).toMatch(/^mark-\d+-team$/);
    expect(app.ids()[1]).not.toBe(first);
  });

  test('whose mark somebody takes back meanwhile: that is what is kept', async () => {
    const team = await doomed();
    app.decides(async () => {
      await world.mirrorSubscription(team.customer);
      return refuses();
    });
    expect(await run(team)).toMatchObject({ state: 'skipped' });
    expect(await world.mark(team.teamId)).toMatchObject({ clearedWhy: 'it has subscribed' });
    expect(await sql`select from evenfall.team_protection`).toEqual([]);
    expect(await world.history(team.teamId)).not.toContain('team.vetoed-by-app');
  });

  test('a snooze is made no shorter by it', async () => {
    const team = await doomed();
    const until = new Date('2031-01-01T00:00:00Z');
    app.decides(async () => {
      await world.protect(team.teamId, 'snooze', until);
      return refuses();
    });
    await run(team);
    expect(await sql`select until, who from evenfall.team_protection`).toEqual([{ until, who: 'app' }]);
  });

  test('by a run that is no longer current: nothing is written', async () => {
    const team = await doomed();
    app.decides(async () => {
      await sql`update evenfall.job set run_no = run_no + 1 where kind = ${kind}`;
      return refuses();
    });
    await run(team);
    expect(await world.mark(team.teamId)).toMatchObject({ state: 'noticed' });
    expect(await sql`select from evenfall.team_protection`).toEqual([]);
  });

  test('[P7] with an address in its reason: it is not kept, nor is the rest of the answer', async () => {
    const team = await doomed();
    app.says({
      status: 200,
      body: { veto: `Ann <ann@people.example> has\u0000 an export ${'🗂'.repeat(300)}`, note: 'unheard-of' },
    });
    await run(team);
    const [snooze] = await sql`select why from evenfall.team_protection`;
    expect(snooze!['why']).toMatch(/^Ann \(address\) has an export 🗂+$/u);
    expect(await everythingKept(sql)).not.toMatch(/people\.example|unheard-of/);
    expect(await sql`select from evenfall.job where to_jsonb(job)::text like '%export%'`).toEqual([]);
  });
});

describe('[P3] the app is away', () => {
  test('for hours, in every way: the team waits without using attempts, people are told; back again, it goes', async () => {
    const team = await doomed();
    const ways: AppSays[] = [{ status: 503 }, { status: 500 }, { status: 429 }, hangs];
    for (const says of [...ways, ...ways]) {
      app.says(says);
      await (app.asked.length === 0 ? run(team, impatient) : world.runOnce(impatient));
      expect(await world.job(kind)).toMatchObject({
        state: 'dispatched',
        class: 'app_callback_unavailable',
      });
      expect([await left(team), await attempts()]).toEqual([both, 0]);
    }
    expect(await world.mark(team.teamId)).toMatchObject({ state: 'noticed' });
    await sql`update evenfall.job set waiting_since = clock_timestamp() - interval '3 hours' where kind = ${kind}`;
    await tellOfWaiting(database.statements);
    expect(await world.findings()).toMatchObject([
      { kind: 'jobs-waiting', subject: 'waiting:app_callback_unavailable' },
    ]);
    app.says(agrees);
    await world.runOnce(withApp);
    expect(await left(team)).toEqual(nobody);
    const ids = app.ids();
    expect(new Set(ids.slice(0, -1)).size).toBe(1);
    expect(ids).toHaveLength(10);
  });

  test.for([401, 404, 302, 418])(
    '%i: dead, nothing is deleted; mended and replayed, it goes',
    async (status) => {
      const team = await doomed();
      app.says({ status });
      expect(await run(team)).toMatchObject({ state: 'dead', class: 'app_callback_misconfigured' });
      expect([await left(team), await world.list(kind)]).toEqual([both, []]);
      app.says(agrees);
      const [dead] = await sql`select id from evenfall.job where kind = ${kind}`;
      await database.statements.replay({ id: dead!['id'] as number, resolution: 'test' });
      await world.runAll(withApp);
      expect(await left(team)).toEqual(nobody);
    },
  );
});

describe('[P3] what happens while the app thinks', () => {
  test('a subscription that is mirrored saves the team, though the app agrees', async () => {
    const team = await doomed();
    app.decides(async () => {
      await world.mirrorSubscription(team.customer);
      return agrees;
    });
    expect(await run(team)).toMatchObject({ state: 'skipped', reason: 'its mark was taken back meanwhile' });
    expect([await left(team), app.asked.length]).toEqual([both, 1]);
  });

  test('a hold saves it, too', async () => {
    const team = await doomed();
    app.decides(async () => {
      await world.protect(team.teamId, 'hold');
      return agrees;
    });
    expect(await run(team)).toMatchObject({ state: 'skipped', reason: 'it is held' });
    expect(await left(team)).toEqual(both);
  });

  test("Stripe's answer grows too old: both are asked anew, the app under the same id", async () => {
    const team = await doomed();
    await run(team, { ...withApp, ...world.askingSince('61 seconds') });
    expect(await world.job(kind)).toMatchObject({ state: 'dispatched', class: 'answer_too_old' });
    expect(await left(team)).toEqual(both);
    await world.runOnce(withApp);
    expect(await left(team)).toEqual(nobody);
    expect(app.ids()[1]).toBe(app.ids()[0]);
  });
});

describe('[P3] the owner', () => {
  test('whom the app refuses to let go stays, and the history says why', async () => {
    const team = await doomed();
    app.decides(({ body }) => (body['type'] === 'user.deleting' ? refuses('writes for two blogs') : agrees));
    expect(await run(team)).toMatchObject({ state: 'done' });
    expect(await left(team)).toEqual(owner);
    expect(await world.mark(team.teamId)).toMatchObject({
      state: 'deleted',
      ownerOutcome: 'the app refused',
    });
    expect(
      await sql`select what, subject, team_id, detail from evenfall.history where subject like 'user:%'`,
    ).toEqual([
      {
        what: 'user.spared',
        subject: `user:${team.ownerId}`,
        teamId: team.teamId,
        detail: { why: 'writes for two blogs', who: 'app' },
      },
    ]);
  });

  test('who stays is not deleted for never having verified, either', async () => {
    const team = await doomed();
    await sql`
      update public.users set email_verified_at = null, last_seen_at = null where id = ${team.ownerId}`;
    const users = 'delete-unverified-users';
    app.decides(({ body }) => (body['type'] === 'user.deleting' ? refuses() : agrees));
    await run(team);
    expect(await world.list(users)).toEqual([]);
    await sql`delete from evenfall.history`;
    expect(await world.list(users)).toHaveLength(1);
  });

  test.for([
    ['owns another team', ({ ownerId }: Doomed) => rows.team(ownerId)],
    ['the team is held', ({ teamId }: Doomed) => world.protect(teamId, 'hold')],
    ['is gone already', ({ ownerId }: Doomed) => database.statements.deleteUser({ userId: ownerId })],
  ] as const)('%s: the app is not asked', async ([outcome, happens]) => {
    const team = await doomed();
    await world.ask(kind, { teamId: team.teamId });
    await world.meanwhileAt('transaction.committed', () => happens(team), withApp);
    expect(app.asked.map(({ body }) => body['type'])).toEqual(['team.deleting']);
    expect(await world.mark(team.teamId)).toMatchObject({ ownerOutcome: outcome });
  });

  test('about whom the app was not asked stays, though nothing ties them any more behind the lock', async () => {
    const team = await doomed();
    await world.ask(kind, { teamId: team.teamId });
    const holdsOnTeam: typeof database.statements.holdsOnTeam = async (parameters) => {
      const found = await database.statements.holdsOnTeam(parameters);
      await sql`delete from evenfall.team_protection`;
      return found;
    };
    await world.meanwhileAt('transaction.committed', () => world.protect(team.teamId, 'hold'), {
      ...withApp,
      database: { ...database, statements: { ...database.statements, holdsOnTeam } },
    });
    expect(app.asked).toHaveLength(1);
    expect(await left(team)).toEqual(owner);
    expect(await world.mark(team.teamId)).toMatchObject({ ownerOutcome: 'the team is held' });
  });

  test('another membership that comes while the app thinks keeps them', async () => {
    const team = await doomed();
    const other = await rows.team(await rows.user());
    app.decides(async ({ body }) => {
      if (body['type'] === 'user.deleting') await rows.member(other, team.ownerId);
      return agrees;
    });
    await run(team);
    expect(await left(team)).toEqual(owner);
    expect(await world.mark(team.teamId)).toMatchObject({ ownerOutcome: 'is a member of another team' });
  });

  test('waits for an app that is away, and the team is not asked about again', async () => {
    const team = await doomed();
    app.decides(({ body }) => (body['type'] === 'user.deleting' ? { status: 503 } : agrees));
    expect(await run(team)).toMatchObject({ state: 'dispatched', class: 'app_callback_unavailable' });
    expect(await left(team)).toEqual(owner);
    app.clear();
    await world.runOnce(withApp);
    expect(await left(team)).toEqual(nobody);
    expect(app.asked.map(({ body }) => body['type'])).toEqual(['user.deleting']);
  });
});

describe('[P1] [P2] more than one run', () => {
  test('the worker dies between the answer and the commit: asked again under the same id', async () => {
    const team = await doomed();
    await world.ask(kind, { teamId: team.teamId });
    await world.dieAt('transaction.written', withApp);
    expect([await left(team), app.asked.length]).toEqual([both, 1]);
    await world.runAll(withApp);
    expect(await left(team)).toEqual(nobody);
    const [first, second, ofOwner] = app.ids();
    expect([second, ofOwner]).toEqual([first, expect.stringMatching(/-owner$/)]);
  });

  test('it dies when the team is gone: the run that goes on asks about the owner alone, who may yet be refused', async () => {
    const team = await doomed();
    await world.ask(kind, { teamId: team.teamId });
    await world.dieAt('transaction.committed', withApp);
    expect(await left(team)).toEqual(owner);
    app.clear();
    app.says(refuses());
    await world.runAll(withApp);
    expect(app.asked.map(({ body }) => body['type'])).toEqual(['user.deleting']);
    expect(await left(team)).toEqual(owner);
    expect(await world.mark(team.teamId)).toMatchObject({
      state: 'deleted',
      ownerOutcome: 'the app refused',
    });
  });

  test('it dies when the refusal is written: taken back once, and asked about no more', async () => {
    const team = await doomed();
    app.says(refuses());
    await world.ask(kind, { teamId: team.teamId });
    await world.dieAt('transaction.committed', withApp);
    app.says(agrees);
    await world.runAll(withApp);
    expect([await left(team), app.asked.length]).toEqual([both, 1]);
    expect(await world.history(team.teamId)).toEqual(['notice.sent', 'team.marked', 'team.vetoed-by-app']);
  });

  test('asked for again when it is over: nobody is asked', async () => {
    const team = await doomed();
    app.says(refuses());
    await run(team);
    expect(await run(team)).toMatchObject({ reason: 'it bears no mark' });
    expect(app.asked).toHaveLength(1);
  });
});
