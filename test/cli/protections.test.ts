import { userInfo } from 'node:os';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { deleteInactiveTeam } from '../../jobs/delete-inactive-team.ts';
import { markTeamForDeletion } from '../../jobs/mark-team-for-deletion.ts';
import { WrongCall } from '../../src/cli/exit.ts';
import { protectCommand, protections } from '../../src/cli/commands/protections.ts';
import type { Protection } from '../../src/cli/commands/protections.ts';
import { createTestDatabase } from '../support/database.ts';
import { afterSixMonths, days, startEndings } from '../support/endings.ts';
import { runCommand } from '../support/printed.ts';

const { url, database, sql } = await createTestDatabase();
const world = await startEndings(database, sql);
const { rows } = world;
const who = `${userInfo().username}, by the command line`;
const kinds = Object.keys(protections) as Protection[];

beforeEach(async () => {
  vi.stubEnv('DATABASE_URL', url);
  await world.clear();
});
afterEach(() => vi.unstubAllEnvs());

type Options = { until?: string; lift?: boolean };

async function protect(kind: Protection, teamId: string, options: Options = {}) {
  const why = 'the customer called';
  const { out, ...rest } = await runCommand(() =>
    protectCommand(kind, `team:${teamId}`, { why, json: true, ...options }),
  );
  return { ...rest, printed: JSON.parse(out) as Record<string, unknown> };
}

const due = async (at?: Date) =>
  (await world.list(markTeamForDeletion.name, at)).map(({ subject }) => subject);
const stored = () => sql`select * from evenfall.team_protection`;
const lastHistory = (what: string) =>
  sql`select what, team_id, subject, detail, source from evenfall.history where what = ${what} order by id desc limit 1`;
const wait = (condition: string) =>
  expect
    .poll(async () => (await sql.unsafe(`select from pg_stat_activity where ${condition}`)).length, {
      interval: 5,
      timeout: 5_000,
    })
    .toBeGreaterThan(0);
const waitsForLock = `datname = current_database() and application_name = 'evenfall cli' and wait_event_type = 'Lock'`;

test('[P7] a reason that holds an address is refused, and nothing is done', async () => {
  const { teamId } = await world.sleepingTeam();
  const options = { why: 'Ann <ann@example.org> has called' };
  await expect(protectCommand('hold', `team:${teamId}`, options)).rejects.toThrow(/--why is kept for years/);
  expect(await stored()).toEqual([]);
});

describe.for(kinds)('[P3] %s', (kind) => {
  test('spares a team in the real sweep, to the millisecond of its end', async () => {
    const { teamId } = await world.sleepingTeam();
    const until = afterSixMonths(days(30));
    expect(await due()).toEqual([teamId]);
    const { exit, printed } = await protect(kind, teamId, { until: until.toISOString() });
    expect(exit).toBe(0);
    expect(printed).toEqual({
      team: `team:${teamId}`,
      protection: kind,
      recorded: true,
      until: until.toISOString(),
      why: 'the customer called',
      who,
      tooLate: false,
      markCleared: null,
    });
    expect(await due(new Date(until.getTime() - 1))).toEqual([]);
    expect(await due(until)).toEqual([teamId]);
    expect(await due(new Date(until.getTime() + 1))).toEqual([teamId]);
    expect(await lastHistory(`team.${protections[kind]}`)).toEqual([
      {
        what: `team.${protections[kind]}`,
        teamId,
        subject: `team:${teamId}`,
        detail: { why: 'the customer called', until: until.toISOString(), who },
        source: 'cli',
      },
    ]);
  });

  test('takes the mark back: after its date nothing is deleted', async () => {
    const { teamId } = await world.sleepingTeam();
    const date = await world.marked(teamId);
    const mark = await world.mark(teamId);
    const { printed } = await protect(kind, teamId, { until: afterSixMonths(days(900)).toISOString() });
    expect(printed).toMatchObject({ recorded: true, markCleared: mark!['id'] });
    const why = `${protections[kind]} by an operator`;
    expect(await world.mark(teamId)).toMatchObject({ state: 'cleared', clearedWhy: why });
    // xmin: the transaction that wrote the row
    expect(
      await sql`select p.xmin = d.xmin as together from evenfall.team_protection p, evenfall.team_deletion d`,
    ).toEqual([{ together: true }]);
    expect(await world.history(teamId)).toEqual([
      'notice.sent',
      'team.marked',
      `team.${protections[kind]}`,
      'team.mark-cleared',
    ]);
    expect(await lastHistory('team.mark-cleared')).toMatchObject([{ detail: { mark: mark!['id'], why } }]);
    world.at(new Date(date.getTime() + days(30)));
    await world.ask(deleteInactiveTeam.name, { teamId });
    await world.sweepAndRun(deleteInactiveTeam.name);
    expect(await rows.exists('teams', teamId)).toBe(true);
  });

  test('lifted, it protects no more; a second time there is nothing to lift', async () => {
    const { teamId } = await world.sleepingTeam();
    await protect(kind, teamId, { until: afterSixMonths(days(30)).toISOString() });
    expect(await due()).toEqual([]);
    const { exit, printed } = await protect(kind, teamId, { lift: true });
    expect([exit, printed]).toMatchObject([0, { team: `team:${teamId}`, protection: kind, lifted: true }]);
    expect(await due()).toEqual([teamId]);
    expect(await lastHistory(`team.${kind}-lifted`)).toMatchObject([
      { teamId, detail: { why: 'the customer called', who } },
    ]);
    await expect(protect(kind, teamId, { lift: true })).rejects.toThrow(
      new WrongCall(`team ${teamId} was not ${protections[kind]}: there is nothing to lift`),
    );
  });

  test('a mark that is opened while it is being recorded is taken back too', async () => {
    const { teamId, ownerId } = await world.sleepingTeam();
    await sql.unsafe(`
      create function public.pause() returns trigger language plpgsql as
        'begin perform pg_advisory_xact_lock_shared(1); return null; end';
      create constraint trigger pause after insert on evenfall.team_protection
        deferrable initially deferred for each row execute function public.pause()`);
    try {
      const commit = Promise.withResolvers<void>();
      const holding = sql.begin(async (tx) => {
        await tx`select pg_advisory_xact_lock(1)`;
        await commit.promise;
      });
      const protecting = protect(kind, teamId);
      await wait(waitsForLock);
      const now = world.now();
      const deletionNotice = 'P7D';
      await database.statements.openMark({ teamId, ownerId, now, deletionNotice });
      commit.resolve();
      await holding;
      expect(await protecting).toMatchObject({ exit: 0, printed: { markCleared: expect.any(Number) } });
      expect(await world.mark(teamId)).toMatchObject({ state: 'cleared' });
    } finally {
      await sql.unsafe('drop trigger pause on evenfall.team_protection; drop function public.pause()');
    }
  });
});

describe('without --until', () => {
  test.for(['P6M', 'P1Y'])('a snooze lasts as long as the policy says, from now: %s', async (age) => {
    vi.stubEnv('POLICY_INACTIVE_TEAM_AGE', age);
    const { teamId } = await world.sleepingTeam();
    await protect('snooze', teamId);
    expect(
      await sql`select until = at + ${age}::text::interval as lasts from evenfall.team_protection`,
    ).toEqual([{ lasts: true }]);
    const [clock] =
      await sql`select clock_timestamp() - at < interval '1 minute' as young from evenfall.team_protection`;
    expect(clock).toEqual({ young: true });
  });

  test.for(['exempt', 'hold'] as const)('[P3] %s has no end', async (kind) => {
    const { teamId } = await world.sleepingTeam();
    expect((await protect(kind, teamId)).printed).toMatchObject({ until: null });
    expect(await due(afterSixMonths(days(36_500)))).toEqual([]);
  });
});

test('said again, the last word counts', async () => {
  const { teamId } = await world.sleepingTeam();
  await protect('hold', teamId);
  await protect('hold', teamId, { until: '2090-01-01T00:00:00Z' });
  await protect('exempt', teamId);
  expect(await sql`select kind, until from evenfall.team_protection order by kind`).toEqual([
    { kind: 'exempt', until: null },
    { kind: 'hold', until: new Date('2090-01-01T00:00:00Z') },
  ]);
});

describe('a deletion that has begun', () => {
  /** The team is gone from the app, its owner may follow. */
  async function begun() {
    const team = await world.sleepingTeam();
    const date = await world.marked(team.teamId);
    world.at(new Date(date.getTime() + 1));
    await sql`update evenfall.team_deletion set state = 'deleting', deleting_at = now()`;
    await sql`select evenfall.app_delete_team(${team.teamId})`;
    return team;
  }

  test.for(['snooze', 'exempt'] as const)(
    '%s comes too late: it says so, and records nothing',
    async (kind) => {
      const { teamId } = await begun();
      const { exit, err, printed } = await protect(kind, teamId);
      expect([exit, printed]).toMatchObject([1, { recorded: false, tooLate: true }]);
      expect(err).toBe(
        `The deletion of team ${teamId} has begun: it is gone from the app, and nothing was recorded.\n`,
      );
      expect(await stored()).toEqual([]);
    },
  );

  test('[P3] a hold still keeps the owner; lifted, he goes', async () => {
    const held = await begun();
    const { exit, err, printed } = await protect('hold', held.teamId);
    expect([exit, printed]).toMatchObject([1, { recorded: true, tooLate: true }]);
    expect(err).toContain('The hold keeps its owner.');
    await world.ask(deleteInactiveTeam.name, { teamId: held.teamId });
    await world.runAll();
    expect(await rows.exists('users', held.ownerId)).toBe(true);
    expect(await world.mark(held.teamId)).toMatchObject({ ownerOutcome: 'the team is held' });

    await world.clear();
    const lifted = await begun();
    await protect('hold', lifted.teamId);
    await protect('hold', lifted.teamId, { lift: true });
    await world.ask(deleteInactiveTeam.name, { teamId: lifted.teamId });
    await world.runAll();
    expect(await rows.exists('users', lifted.ownerId)).toBe(false);
  });

  test('of a team that is deleted nothing is recorded, whatever is said', async () => {
    const { teamId } = await begun();
    await world.ask(deleteInactiveTeam.name, { teamId });
    await world.runAll();
    expect(await world.mark(teamId)).toMatchObject({ state: 'deleted' });
    for (const kind of kinds) {
      expect(await protect(kind, teamId)).toMatchObject({ exit: 1, printed: { recorded: false } });
    }
    expect(await stored()).toEqual([]);
  });

  test('[P3] begun by another at this moment: it waits for the mark, and then says so', async () => {
    const { teamId } = await world.sleepingTeam();
    await world.marked(teamId);
    const commit = Promise.withResolvers<void>();
    const deleting = sql.begin(async (tx) => {
      await tx`update evenfall.team_deletion set state = 'deleting', deleting_at = now()`;
      await tx`select evenfall.app_delete_team(${teamId})`;
      await commit.promise;
    });
    const protecting = protect('exempt', teamId);
    await wait(waitsForLock);
    commit.resolve();
    await deleting;
    expect(await protecting).toMatchObject({ exit: 1, printed: { recorded: false } });
    expect(await stored()).toEqual([]);
  });
});

describe('a wrong call', () => {
  const call =
    (team: string, options: Options = {}) =>
    () =>
      protectCommand('hold', team, { why: 'x', ...options });

  test.for([
    ['a team that the app does not have', 'team:4711', {}, 'there is no team 4711'],
    ['an id that it cannot have', 'team:x', {}, 'is not an id of the app (bigint)'],
    ['an id that it writes otherwise', 'team:007', {}, 'the app writes this id 7'],
    ['no team', '7', {}, 'say which team, as in team:7'],
    ['a time that is none', 'team:7', { until: 'tomorrow' }, '--until must be an ISO 8601 instant'],
    ['--lift with --until', 'team:7', { lift: true, until: '2090-01-01T00:00:00Z' }, 'leave out --until'],
  ] as const)('%s', async ([, team, options, says]) => {
    const calling = runCommand(call(team, options));
    await expect(calling).rejects.toBeInstanceOf(WrongCall);
    await expect(calling).rejects.toThrow(says);
    expect(await stored()).toEqual([]);
  });

  test('a time that has passed', async () => {
    const { teamId } = await world.sleepingTeam();
    const calling = runCommand(call(`team:${teamId}`, { until: '2026-01-01T00:00:00Z' }));
    await expect(calling).rejects.toThrow('--until must be in the future');
    expect(await stored()).toEqual([]);
  });
});

test('for people it is a table', async () => {
  const { teamId } = await world.sleepingTeam();
  const { out } = await runCommand(() => protectCommand('exempt', `team:${teamId}`, { why: 'a partner' }));
  expect(out.split('\n').slice(0, 5)).toEqual([
    `team         team:${teamId}`,
    'protection   exempt',
    'recorded     true',
    'until        -',
    'why          a partner',
  ]);
});
