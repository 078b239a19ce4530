import { userInfo } from 'node:os';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { deleteInactiveTeam } from '../../jobs/delete-inactive-team.ts';
import { allJobs } from '../../jobs/index.ts';
import { markTeamForDeletion } from '../../jobs/mark-team-for-deletion.ts';
import { sweeps } from '../../sql/queries.gen.ts';
import { WrongCall } from '../../src/cli/exit.ts';
import { fuseReleaseCommand, fuseStatusCommand } from '../../src/cli/commands/fuse.ts';
import { sweepCommand } from '../../src/cli/commands/schedules.ts';
import { fusedKinds } from '../../src/core/fuse.ts';
import { createTestDatabase } from '../support/database.ts';
import { startEndings } from '../support/endings.ts';
import { runCommand } from '../support/printed.ts';

const { url, database, sql } = await createTestDatabase();
const world = await startEndings(database, sql);
const { inbox } = world;
const kind = markTeamForDeletion.name;
const who = `${userInfo().username}, by the command line`;

beforeEach(async () => {
  vi.stubEnv('DATABASE_URL', url);
  await world.clear();
});
afterEach(() => vi.unstubAllEnvs());

async function status() {
  const { out } = await runCommand(() => fuseStatusCommand({ json: true }));
  return JSON.parse(out) as Record<string, unknown>[];
}
async function release(options: { acts?: string } = {}, of: string = kind) {
  const { out } = await runCommand(() =>
    fuseReleaseCommand(of, { why: 'a clean-up, looked at', json: true, ...options }),
  );
  return JSON.parse(out) as Record<string, unknown>;
}
const sleeping = async (teams: number) => {
  for (let n = 0; n < teams; n++) await world.sleepingTeam();
};
/** Six teams are due, and five a day are allowed. */
async function blow() {
  await sleeping(6);
  await world.sweepAndRun(kind);
}
const states = async (of = kind) =>
  (await sql`select state from evenfall.job where kind = ${of} order by id`).map((row) => row['state']);

test('every fused kind is a kind that is swept', () => {
  for (const fused of Object.keys(fusedKinds)) {
    expect(
      allJobs.map((job) => job.name),
      fused,
    ).toContain(fused);
    expect(Object.keys(sweeps)).toContain(fused);
  }
});

describe('evenfall fuse status', () => {
  const whole = {
    acts: 0,
    waiting: 0,
    spread: 0,
    spreadActs: 0,
    spreadPerDay: null,
    spreadUntil: null,
    blownAt: null,
    blownBy: null,
    releasedAt: null,
    releasedActs: null,
    releasedBy: null,
  };

  test('each destructive kind, with what the policy allows', async () => {
    vi.stubEnv('POLICY_FUSE_USERS', '7');
    expect(await status()).toEqual([
      { kind: 'mark-team-for-deletion', allowed: 5, ...whole },
      { kind: 'delete-inactive-team', allowed: 5, ...whole },
      { kind: 'delete-unverified-users', allowed: 7, ...whole },
    ]);
    await sql`insert into public.teams (name, created_at) select 'Team', now() from generate_series(1, 400)`;
    vi.stubEnv('POLICY_FUSE_SHARE', '0.1');
    vi.stubEnv('POLICY_FUSE_MAX', '30');
    expect(await status()).toMatchObject([{ allowed: 30 }, { allowed: 30 }, { allowed: 7 }]);
  });

  test('[P3] six at once, and five are allowed: blown before the first, since when and by what; six wait', async () => {
    await blow();
    expect(inbox.messages).toEqual([]);
    const [fuse] = await status();
    expect(fuse).toMatchObject({
      kind,
      allowed: 5,
      acts: 0,
      waiting: 6,
      blownAt: expect.stringMatching(/^\d{4}-.*Z$/),
      blownBy: expect.stringMatching(/^0 acts since .*, 6 waiting, 5 allowed$/),
    });
  });

  test('acts of a day, and none that is older', async () => {
    await sleeping(2);
    await world.sweepAndRun(kind);
    expect((await status())[0]).toMatchObject({ acts: 2, waiting: 0, blownAt: null });
    await sql`update evenfall.fuse_act set at = at - interval '24 hours'`;
    expect((await status())[0]).toMatchObject({ acts: 0 });
  });
});

describe('evenfall fuse release', () => {
  test('[P3] with enough acts: what waited goes on at once, all of it, each once', async () => {
    await blow();
    expect(await release({ acts: '6' })).toMatchObject({
      kind,
      acts: 6,
      waiting: 6,
      woken: 6,
      blownAt: expect.any(String),
    });
    expect(await states()).toEqual(Array.from({ length: 6 }, () => 'queued'));
    expect((await status())[0]).toMatchObject({
      allowed: 6,
      blownAt: null,
      blownBy: null,
      releasedActs: 6,
      releasedBy: who,
    });
    await world.runAll();
    expect(inbox.messages).toHaveLength(6);
    expect((await status())[0]).toMatchObject({ allowed: 6, acts: 6, waiting: 0, blownAt: null });
    await world.sleepingTeam();
    await world.sweepAndRun(kind);
    expect((await status())[0]).toMatchObject({ blownAt: expect.any(String) });
    expect(inbox.messages).toHaveLength(6);
  });

  test('[P3] with too few it blows again, before the first; it said so', async () => {
    await blow();
    const { out } = await runCommand(() => fuseReleaseCommand(kind, { why: 'x' }));
    expect(out).toContain('It will blow again at once, for 6 wait to act: --acts 6 would let them through.');
    await world.runOnce();
    expect((await status())[0]).toMatchObject({ releasedActs: 5, blownAt: expect.any(String), acts: 0 });
    expect(inbox.messages).toEqual([]);
  });

  test('[P8] says in the history who, why and how many, and what had blown it', async () => {
    await blow();
    const [before] = await status();
    await release({ acts: '6' });
    expect(await sql`select what, subject, detail, source, team_id from evenfall.history`).toEqual([
      {
        what: 'fuse.released',
        subject: `fuse:${kind}`,
        detail: {
          why: 'a clean-up, looked at',
          acts: 6,
          who,
          blownAt: before!['blownAt'],
          blownBy: before!['blownBy'],
        },
        source: 'cli',
        teamId: null,
      },
    ]);
  });

  test('wakes those of the kind that wait for the fuse, at once, and nothing else; their old dispatch is void', async () => {
    await sql`
      insert into evenfall.job (kind, queue, payload, payload_version, state, due, run_at, deadline_at, dispatch_no,
        last_error, source)
      select t.kind, 'lifecycle', '{}', 1, t.state, false, now() + interval '1 minute', now() + interval '1 day', n,
        jsonb_build_object('class', t.class), 'test'
      from (values (1, ${kind}, 'dispatched', 'fuse_blown'), (2, ${kind}, 'dispatched', 'stripe_unavailable'),
        (3, ${deleteInactiveTeam.name}, 'dispatched', 'fuse_blown'), (4, ${kind}, 'parked', 'fuse_blown'))
        as t (n, kind, state, class)
      order by n`;
    let knocks = 0;
    await database.listen('evenfall_job', () => knocks++);
    const before = knocks;
    expect(await release()).toMatchObject({ woken: 1 });
    const jobs = await sql`
      select id::int, state, due, run_at <= clock_timestamp() as is_past from evenfall.job order by dispatch_no`;
    expect(jobs.map(({ state, due, isPast }) => [state, due, isPast])).toEqual([
      ['queued', true, true],
      ['dispatched', false, false],
      ['dispatched', false, false],
      ['parked', false, false],
    ]);
    await expect.poll(() => knocks).toBeGreaterThan(before);
    const [started] = await database.statements.start({
      id: jobs[0]!['id'] as number,
      dispatchNo: 1,
      workerId: 'w',
      lease: 'PT5S',
      payloadVersion: 1,
    });
    expect(started).toMatchObject({ verdict: 'gone' });
  });

  test('an intact one may be released: it says so, and allows the number for a day', async () => {
    const { out } = await runCommand(() => fuseReleaseCommand(kind, { why: 'a clean-up', acts: '40' }));
    expect(out).toContain('It had not blown: from here on, and for a day, 40 acts are allowed.');
    expect((await status())[0]).toMatchObject({ allowed: 40, releasedActs: 40 });
    await sql`update evenfall.fuse set released_at = released_at - interval '24 hours'`;
    expect((await status())[0]).toMatchObject({ allowed: 5, releasedActs: 40 });
  });

  test('a kind without a fuse, or a number that is none, is a wrong call', async () => {
    await expect(release({}, 'cancel-subscription')).rejects.toThrow(
      new WrongCall(
        'cancel-subscription has no fuse. Kinds that have one: mark-team-for-deletion, delete-inactive-team, delete-unverified-users',
      ),
    );
    await expect(release({ acts: '0' })).rejects.toThrow(WrongCall);
    expect(await sql`select from evenfall.fuse`).toEqual([]);
  });
});

describe('evenfall sweep --dry-run', () => {
  const dryRun = (name: string, json: boolean) =>
    runCommand(() => sweepCommand(name, { dryRun: true, json, now: world.now().toISOString() }));

  test('[P3] shows the fuse of a kind that has one, and that it would blow', async () => {
    await sleeping(5);
    expect((await dryRun(kind, false)).out).toContain(
      'fuse  holds: 5 acts allowed, 0 in 24 hours, 0 waiting\n',
    );
    await sleeping(1);
    expect((await dryRun(kind, false)).out).toContain('fuse  would blow: 5 acts allowed');
    expect(JSON.parse((await dryRun(kind, true)).out)).toMatchObject({
      due: 6,
      enqueued: 0,
      fuse: { allowed: 5, acts: 0, waiting: 0, spread: 0, blown: false },
    });
    await world.sweepAndRun(kind);
    expect((await dryRun(kind, false)).out).toContain(
      'fuse  has blown: 5 acts allowed, 0 in 24 hours, 6 waiting',
    );
  });

  test('and says nothing of one for a kind that has none', async () => {
    expect(JSON.parse((await dryRun('trial-ending-email', true)).out)).not.toHaveProperty('fuse');
  });
});
