import { userInfo } from 'node:os';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { deleteInactiveTeam } from '../../jobs/delete-inactive-team.ts';
import { markTeamForDeletion } from '../../jobs/mark-team-for-deletion.ts';
import { fuseReleaseCommand, fuseStatusCommand } from '../../src/cli/commands/fuse.ts';
import { forecastCommand } from '../../src/cli/commands/forecast.ts';
import { sweepCommand } from '../../src/cli/commands/schedules.ts';
import { WrongCall } from '../../src/cli/exit.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { createTestDatabase } from '../support/database.ts';
import { days, startEndings } from '../support/endings.ts';
import { runCommand } from '../support/printed.ts';
import { countedActs, mostInADay, passTime, untilNext } from '../support/time.ts';

const { url, database, sql } = await createTestDatabase();
const world = await startEndings(database, sql);
const { inbox, standIn } = world;
const kind = markTeamForDeletion.name;
const who = `${userInfo().username}, by the command line`;
const why = 'the first day, looked at';

beforeEach(async () => {
  vi.stubEnv('DATABASE_URL', url);
  await world.clear();
});
afterEach(() => vi.unstubAllEnvs());

type Options = Parameters<typeof fuseReleaseCommand>[1];

const spread = async (options: Options = {}, of: string = kind) =>
  JSON.parse((await spreadPrinted({ json: true, ...options }, of)).out) as Record<string, unknown>;
const spreadPrinted = (options: Options = {}, of: string = kind) =>
  runCommand(() => fuseReleaseCommand(of, { spread: true, why, ...options }));
async function status() {
  const { out } = await runCommand(() => fuseStatusCommand({ json: true }));
  return JSON.parse(out) as Record<string, unknown>[];
}
const sleeping = async (teams: number) => {
  for (let n = 0; n < teams; n++) await world.sleepingTeam();
};
const order = async (of = kind) =>
  (await sql`select team_id from evenfall.job where kind = ${of} order by spread_at, id`).map((row) =>
    String(row['teamId']),
  );

/**
 * Plays on until no job of the kind lives, each when its time has come; `each` happens before, with the milliseconds since
 * the first. Resolves to the acts, the oldest first.
 */
async function playOn(
  policy = defaultPolicy,
  each: (now: number) => Promise<void> = async () => {},
  of: string = kind,
) {
  let now = 0;
  for (let rounds = 0; rounds < 2_000; rounds++) {
    const next = await untilNext(sql, of);
    if (next === undefined) return await countedActs(sql, of);
    // a worker is never quite on time
    const step = next + ((rounds * 7) % 20) * 1_000;
    await passTime(sql, step);
    world.at(new Date(world.now().getTime() + step));
    now += step;
    await each(now);
    await world.runDue({ policy });
  }
  throw new Error('it does not come to an end');
}

describe('evenfall fuse release --spread', () => {
  test(
    '[P3] the first day: 300 teams wait and 50 are allowed: 25 a day for 12 days; no day sees more, none is lost or told twice, and the fuse holds',
    { timeout: 180_000 },
    async () => {
      vi.stubEnv('POLICY_FUSE_SHARE', '1');
      const policy = { ...defaultPolicy, fuseShare: 1 };
      await sleeping(300);
      await world.sweep(kind);
      await world.runOnce({ policy });
      expect(inbox.messages).toEqual([]);
      expect((await status())[0]).toMatchObject({ allowed: 50, waiting: 300, blownAt: expect.any(String) });

      const report = await spread();
      expect(report).toMatchObject({ jobs: 300, allowed: 50, perDay: 25, dryRun: false });
      expect((report['days'] as { jobs: number }[]).map(({ jobs }) => jobs)).toEqual(
        Array.from({ length: 12 }, () => 25),
      );
      const waited = await order();
      const subscribes = waited[200]!;
      const customer = standIn.seed.customer().id;
      await sql`insert into evenfall.customer (id, livemode, read_at) values (${customer}, false, now())`;
      await sql`update public.teams set stripe_customer_id = ${customer} where id = ${subscribes}`;
      const begun = new Set<number>();
      const acts = await playOn(policy, async (now) => {
        const day = Math.floor(now / days(1));
        if (begun.has(day)) return;
        begun.add(day);
        // what the sweep finds each day is asked for already
        expect(await world.sweep(kind)).toMatchObject({ enqueued: 0 });
        if (day === 3) await world.mirrorSubscription(customer);
      });

      const told = waited.filter((teamId) => teamId !== subscribes);
      expect(acts.map(({ subject }) => subject)).toEqual(told.map((teamId) => `team:${teamId}`));
      expect(mostInADay(acts.map(({ at }) => at))).toBeLessThanOrEqual(25);
      const took = acts.at(-1)!.at - acts[0]!.at;
      expect(took).toBeGreaterThan(days(11.9));
      expect(took).toBeLessThan(days(12));
      expect(inbox.messages).toHaveLength(told.length);
      expect(new Set(inbox.messages.map(({ envelope }) => envelope.to[0])).size).toBe(told.length);
      // whoever waited for days is told of a day that leaves the whole notice
      expect(
        await sql`
          select from evenfall.team_deletion
          where announced_delete_at < notice_sent_at + interval '7 days' - interval '1 hour'`,
      ).toEqual([]);
      expect((await status())[0]).toMatchObject({ spread: 0, waiting: 0, blownAt: null, spreadPerDay: null });
      const blown = (await world.findings()).filter((finding) => finding['kind'] === 'fuse-blown');
      expect(blown).toHaveLength(1);
    },
  );

  test('[P3] a team that subscribes, or is held, before its turn is spared', async () => {
    const customer = standIn.seed.customer().id;
    await sql`insert into evenfall.customer (id, livemode, read_at) values (${customer}, false, now())`;
    await sleeping(4);
    const subscribes = await world.sleepingTeam({ stripe_customer_id: customer });
    const held = await world.sleepingTeam();
    await world.sweepAndRun(kind);
    await spread();
    const acts = await playOn(defaultPolicy, async (now) => {
      if (now > 60_000) return;
      await world.mirrorSubscription(customer);
      await world.protect(held.teamId, 'hold');
    });
    expect(acts).toHaveLength(4);
    expect(inbox.messages).toHaveLength(4);
    expect(await world.mark(held.teamId)).toMatchObject({ state: 'cleared' });
    expect(acts.map(({ subject }) => subject)).not.toContain(`team:${subscribes.teamId}`);
  });

  test('[P3] deletions: so many a day, and each team is there until its turn', async () => {
    for (let n = 0; n < 6; n++) {
      const { teamId } = await world.sleepingTeam();
      await sql`truncate evenfall.fuse_act`;
      await world.marked(teamId);
    }
    world.at(new Date(world.now().getTime() + days(8)));
    const of = deleteInactiveTeam.name;
    await world.sweepAndRun(of);
    expect((await status())[1]).toMatchObject({ waiting: 6, blownAt: expect.any(String) });
    expect(await spread({}, of)).toMatchObject({ jobs: 6, perDay: 2 });
    const left: number[] = [];
    const acts = await playOn(
      defaultPolicy,
      async () => {
        left.push((await sql`select from public.teams`).length);
      },
      of,
    );
    expect(left).toEqual([6, 5, 4, 3, 2, 1]);
    expect(mostInADay(acts.map(({ at }) => at))).toBe(2);
    expect(await sql`select from public.teams`).toEqual([]);
    expect((await sql`select state from evenfall.team_deletion`).map((row) => row['state'])).toEqual(
      Array.from({ length: 6 }, () => 'deleted'),
    );
  });

  test('again, with other numbers: what is left goes on in its order, and what has come meanwhile is behind it', async () => {
    await sleeping(6);
    await world.sweepAndRun(kind);
    await spread({ perDay: '1' });
    const waited = await order();
    const first = await playOn(defaultPolicy, async (now) => {
      if (now > days(1.5)) throw new Error('enough');
    }).catch(() => undefined);
    expect(first).toBeUndefined();
    expect(inbox.messages).toHaveLength(2);
    const { teamId } = await world.sleepingTeam();
    expect(await world.sweep(kind)).toMatchObject({ enqueued: 1 });
    expect(await spread({ perDay: '4' })).toMatchObject({ jobs: 5, perDay: 4, blownAt: null });
    const acts = await playOn();
    expect(acts.slice(2).map(({ subject }) => subject)).toEqual(
      [...waited.slice(2), teamId].map((id) => `team:${id}`),
    );
    expect(inbox.messages).toHaveLength(7);
    expect((await status())[0]).toMatchObject({ blownAt: null });
  });

  test('who comes newly goes at once in the room that is left; too many of them blow the fuse, and a plain release goes on with the spread', async () => {
    await sleeping(6);
    await world.sweepAndRun(kind);
    await spread();
    await sleeping(3);
    expect(await world.sweep(kind)).toMatchObject({ enqueued: 3 });
    await world.runDue();
    expect(inbox.messages).toHaveLength(4);
    expect((await status())[0]).toMatchObject({ acts: 3, spreadActs: 1, spread: 5, blownAt: null });
    await sleeping(3);
    await world.sweep(kind);
    await world.runDue();
    expect(inbox.messages).toHaveLength(4);
    expect((await status())[0]).toMatchObject({ blownAt: expect.any(String) });
    await runCommand(() => fuseReleaseCommand(kind, { why, acts: '3' }));
    const acts = await playOn();
    expect(acts).toHaveLength(12);
    expect((await status())[0]).toMatchObject({ spread: 0, blownAt: null });
  });

  test('[P8] says in the history who, why, how many, until when, and what had blown it', async () => {
    await sleeping(6);
    await world.sweepAndRun(kind);
    const [before] = await status();
    const report = await spread();
    expect(report).toMatchObject({
      kind,
      jobs: 6,
      allowed: 5,
      perDay: 2,
      from: expect.stringMatching(/Z$/),
      until: expect.stringMatching(/Z$/),
      blownAt: before!['blownAt'],
      blownBy: before!['blownBy'],
    });
    expect(await sql`select what, subject, detail, source from evenfall.history`).toEqual([
      {
        what: 'fuse.spread',
        subject: `fuse:${kind}`,
        detail: {
          why,
          who,
          perDay: 2,
          jobs: 6,
          until: report['until'],
          blownAt: before!['blownAt'],
          blownBy: before!['blownBy'],
        },
        source: 'cli',
      },
    ]);
    expect((await status())[0]).toMatchObject({
      spread: 6,
      spreadPerDay: 2,
      spreadUntil: report['until'],
      releasedAt: null,
    });
    const [job] = await sql`
      select detail from evenfall.team_timeline where what = 'job.waiting' and team_id = ${(await order())[5]!}`;
    expect(job!['detail']).toMatchObject({
      class: 'fuse_spread',
      why: `a person has spread over days what waits for ${kind}: its turn comes then`,
    });
  });

  test('--dry-run prints how many on which day, asks for no reason, and changes nothing', async () => {
    await sleeping(6);
    await world.sweepAndRun(kind);
    const before = await sql`select id, state, run_at, deadline_at, spread_at from evenfall.job order by id`;
    const { out } = await runCommand(() => fuseReleaseCommand(kind, { spread: true, dryRun: true }));
    expect(out).toMatch(/^jobs +6$/m);
    expect(out).toMatch(/^perDay +2$/m);
    expect(out.split('\n').filter((line) => /^\d{4}-.*Z +2$/.test(line))).toHaveLength(3);
    expect(await sql`select id, state, run_at, deadline_at, spread_at from evenfall.job order by id`).toEqual(
      before,
    );
    expect((await status())[0]).toMatchObject({ blownAt: expect.any(String), spread: 0 });
  });

  test('an intact fuse, of a kind that is paused on the first day: nothing blows at all', async () => {
    await sleeping(6);
    await world.sweep(kind);
    expect(await spread()).toMatchObject({ jobs: 6, blownAt: null });
    expect(await playOn()).toHaveLength(6);
    expect(await world.findings()).toEqual([]);
  });

  test('nothing waits: says so, and makes the fuse whole', async () => {
    await sql`insert into evenfall.fuse (kind, blown_at) values (${kind}, now())`;
    expect(await spread()).toMatchObject({ jobs: 0, from: null, until: null, days: [] });
    expect((await status())[0]).toMatchObject({ blownAt: null });
    const { out } = await spreadPrinted({ dryRun: true });
    expect(out).toContain('nothing waits');
  });

  test('sweep --dry-run and forecast do not say that what is spread would blow it', async () => {
    await sleeping(6);
    await world.sweepAndRun(kind);
    await spread();
    const now = world.now().toISOString();
    const swept = await runCommand(() => sweepCommand(kind, { dryRun: true, now }));
    expect(swept.out).toContain('fuse  holds: 5 acts allowed, 0 in 24 hours, 0 waiting, 6 spread over days');
    await sql`update public.teams set created_at = clock_timestamp() - interval '7 months'`;
    const { out } = await runCommand(() => forecastCommand({ days: '2' }));
    expect(out).toMatch(/mark-team-for-deletion +6 +6 are spread: 2 a day, until \d{4}-/);
    await world.sleepingTeam();
    const more = await runCommand(() => sweepCommand(kind, { dryRun: true, json: true, now }));
    expect(JSON.parse(more.out)).toMatchObject({ fuse: { spread: 6, blown: false } });
  });

  test.for([
    [{ perDay: '6' }, kind, /^6 a day are more than the fuse of .* allows in 24 hours, which is 5\./],
    [{ perDay: '0' }, kind, /^--per-day must be a whole number from 1$/],
    [{ acts: '6' }, kind, /^--acts is all at once/],
    [{ why: ' ' }, kind, /^say --why/],
    [{ spread: false, perDay: '2' }, kind, /^--per-day and --dry-run go with --spread$/],
    [{ spread: false, dryRun: true }, kind, /^--per-day and --dry-run go with --spread$/],
    [{}, 'cancel-subscription', /has no fuse/],
    [
      {},
      'delete-unverified-users',
      /^--spread does not apply to delete-unverified-users: it is one job for all users/,
    ],
  ] as const)('%o of %s is a wrong call, and changes nothing', async ([options, of, says]) => {
    await sleeping(6);
    await world.sweepAndRun(kind);
    const failure = await spread(options, of).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(WrongCall);
    expect((failure as Error).message).toMatch(says);
    expect((await status())[0]).toMatchObject({ blownAt: expect.any(String), spread: 0 });
  });
});
