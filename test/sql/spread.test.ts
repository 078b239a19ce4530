import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { deleteInactiveTeam } from '../../jobs/delete-inactive-team.ts';
import { markTeamForDeletion } from '../../jobs/mark-team-for-deletion.ts';
import { readFuses } from '../../src/core/fuse.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { spreadBacklog } from '../../src/queue/spread.ts';
import { appRows } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { countedActs, mostInADay, passTime, untilNext } from '../support/time.ts';

const { database, sql } = await createTestDatabase();
const rows = appRows(sql);
const kind = markTeamForDeletion.name;
const order = { why: 'looked at', who: 'test' };
const hour = 3_600_000;

beforeEach(() => rows.clear());

const policyOf = (allowed: number) => ({ ...defaultPolicy, fuseMax: allowed, fuseShare: 1 });
const spread = (allowed: number, perDay?: number) =>
  spreadBacklog(database, { kind, perDay, policy: policyOf(allowed), order });

/** Teams of which each wants to be marked, from the first to the last number. */
async function wanting(first: number, last: number): Promise<void> {
  await sql`
    select evenfall.enqueue(${kind}, jsonb_build_object('teamId', n::text))
    from generate_series(${first}::int, ${last}::int) n order by n`;
}

interface Job {
  teamId: string;
  state: string;
  due: boolean;
  /** Hours from now. */
  runsIn: number;
  placeIn: number | null;
}
const jobs = () => sql<Job[]>`
  select team_id, state, due, round(extract(epoch from run_at - clock_timestamp()) / 3600, 1)::float8 as runs_in,
    round(extract(epoch from spread_at - clock_timestamp()) / 3600, 1)::float8 as place_in
  from evenfall.job where kind = ${kind} order by spread_at, id`;
const job = async (team: number) => (await jobs()).find(({ teamId }) => teamId === String(team))!;
const set = (team: number, changes: Record<string, unknown>) =>
  sql`update evenfall.job set ${sql(changes as never)} where team_id = ${String(team)}`;
const begins = (team: number) => set(team, { state: 'running', due: false, worker_id: 'w' });
const status = async (allowed = 50) => (await readFuses(database.statements, policyOf(allowed), [kind]))[0]!;

/** The job of a team, which runs, comes to the fuse. */
async function attempt(team: number, allowed = 50, occasion = 'mark 1') {
  const [row] = await sql`
    select evenfall.try_fuse(${kind}, ${`team:${team}`}, ${occasion}, null, ${allowed}::int) as verdict`;
  return String(row!['verdict']);
}
const roomIn = async (teamId: number, fuseMax = 50) =>
  (await database.statements.roomInFuse({ kind, teamId: String(teamId), fuseMax, fuseShare: 1 }))[0]!.inMs;
const acted = (team: number, ago: string, isSpread = false) => sql`
  insert into evenfall.fuse_act (kind, subject, occasion, at, spread)
  values (${kind}, ${`team:${team}`}, 'mark 1', clock_timestamp() - ${ago}::text::interval, ${isSpread})`;
const blow = () => sql`
  insert into evenfall.fuse (kind, blown_at, blown_by) values (${kind}, clock_timestamp(), 'too many')
  on conflict (kind) do update set blown_at = excluded.blown_at, blown_by = excluded.blown_by`;

describe('[P3] a spread gives places', () => {
  test('in the order in which they wait, half of what the fuse allows in a day; it is whole, and its limit stays', async () => {
    await wanting(1, 12);
    await acted(99, '25 hours');
    await blow();
    expect(await spread(8)).toMatchObject({ jobs: 12, allowed: 8, perDay: 4, blownBy: 'too many' });
    expect((await jobs()).map(({ teamId, state, placeIn }) => [teamId, state, placeIn])).toEqual(
      Array.from({ length: 12 }, (_, n) => [
        String(n + 1),
        'queued',
        Math.round((n * (24 + 1 / 60)) / 0.4) / 10,
      ]),
    );
    expect(await status(8)).toMatchObject({
      allowed: 8,
      blownAt: null,
      releasedAt: null,
      waiting: 0,
      spread: 12,
      spreadPerDay: 4,
    });
  });

  test('of what is dispatched, whose dispatch is void then, and of what runs; not of what is parked or is another kind', async () => {
    await wanting(1, 5);
    await sql`select evenfall.enqueue(${deleteInactiveTeam.name}, '{"teamId": "9"}')`;
    await set(2, { state: 'dispatched', due: false, dispatch_no: 7, waiting_since: new Date() });
    await begins(3);
    await set(4, { state: 'parked', due: false });
    expect(await spread(50, 1)).toMatchObject({ jobs: 4 });
    expect((await jobs()).map(({ teamId, state, due, placeIn }) => [teamId, state, due, placeIn])).toEqual([
      ['1', 'queued', false, 0],
      ['2', 'queued', false, 24],
      ['3', 'running', false, 48],
      ['5', 'queued', false, 72],
      ['4', 'parked', false, null],
    ]);
    const [moved] = await sql`
      select waiting_since, last_error->>'class' as class from evenfall.job where team_id = '2'`;
    expect(moved).toEqual({ waitingSince: null, class: 'fuse_spread' });
    const ticket = { dispatchNo: 7, workerId: 'w', lease: 'PT5S', payloadVersion: 1 };
    const [id] = await sql`select id::int from evenfall.job where team_id = '2'`;
    expect(await database.statements.start({ id: id!['id'] as number, ...ticket })).toMatchObject([
      { verdict: 'gone' },
    ]);
    expect(
      await sql`select from evenfall.job where kind = ${deleteInactiveTeam.name} and spread_at is not null`,
    ).toEqual([]);
  });

  test('where the day has room: what has acted already counts, and a spread forgets nothing of it', async () => {
    await wanting(1, 3);
    await acted(98, '20 hours');
    await acted(99, '1 hour');
    await spread(50, 2);
    expect((await jobs()).map(({ placeIn }) => placeIn)).toEqual([4, 23, 35]);
    await begins(1);
    await passTime(sql, 3 * hour);
    await sql`update evenfall.job set spread_at = clock_timestamp()`;
    expect(await attempt(1)).toBe('later');
  });

  test('with the time to give up counted from the place', async () => {
    await wanting(1, 3);
    await spread(50, 1);
    const [left] = await sql`
      select min(deadline_at - run_at) = interval '5 days' as "isWhole" from evenfall.job where kind = ${kind}`;
    expect(left).toEqual({ isWhole: true });
  });

  test('nobody sooner than somebody asked for', async () => {
    await wanting(1, 3);
    await set(1, { run_at: new Date(Date.now() + 5 * hour), due: false });
    await set(2, { run_at: new Date(Date.now() + 30 * hour), due: false });
    expect(await spread(50, 24)).toMatchObject({ jobs: 2 });
    expect([(await job(1)).runsIn, (await job(3)).runsIn]).toEqual([5, 1]);
    // for a date of its own, which is not today
    expect(await job(2)).toMatchObject({ runsIn: 30, placeIn: null });
  });

  test('not of what has acted for its mark already: that goes on at once', async () => {
    await wanting(1, 3);
    const mark = (team: number) => sql`
      insert into evenfall.team_deletion (team_id, marked_at, announced_delete_at) values (${String(team)}, now(), now())
      returning id`;
    for (const team of [1, 2]) {
      const [row] = await mark(team);
      const occasion = team === 1 ? `mark ${String(row!['id'])}` : 'mark 0';
      await sql`
        insert into evenfall.fuse_act (kind, subject, occasion, at)
        values (${kind}, ${`team:${team}`}, ${occasion}, clock_timestamp() - interval '3 days')`;
    }
    expect(await spread(50)).toMatchObject({ jobs: 2 });
    expect(await job(1)).toMatchObject({ placeIn: null, due: true });
  });

  test('again: what still waits keeps its order, what has come to it is behind it', async () => {
    await wanting(1, 4);
    await spread(50, 1);
    await wanting(5, 6);
    await sql`delete from evenfall.job where team_id = '1'`;
    await passTime(sql, 30 * hour);
    expect(await spread(50, 4)).toMatchObject({ jobs: 5, perDay: 4 });
    expect((await jobs()).map(({ teamId, placeIn }) => [teamId, placeIn])).toEqual([
      ['2', 0],
      ['3', 6],
      ['4', 12],
      ['5', 18],
      ['6', 24],
    ]);
    expect(await status()).toMatchObject({ spread: 5, spreadPerDay: 4 });
  });

  test('more a day than the fuse allows is refused, and nothing is changed', async () => {
    await wanting(1, 3);
    await blow();
    await expect(spread(8, 9)).rejects.toThrow(
      `9 a day are more than the fuse of ${kind} allows in 24 hours, which is 8.`,
    );
    expect(await status(8)).toMatchObject({ spread: 0, blownAt: expect.any(Date) });
    expect(await spread(8, 8)).toMatchObject({ perDay: 8 });
  });

  test('a dry run says the same and changes nothing', async () => {
    await wanting(1, 3);
    await blow();
    const before = await sql`select * from evenfall.job`;
    const dry = await spreadBacklog(database, {
      kind,
      perDay: 2,
      policy: policyOf(50),
      order: undefined,
    });
    expect(dry).toMatchObject({ dryRun: true, jobs: 3, perDay: 2 });
    expect(dry.days.map((day) => day.jobs)).toEqual([2, 1]);
    expect(await sql`select * from evenfall.job`).toEqual(before);
    expect(await sql`select blown_at is not null as blown, spread_per_day from evenfall.fuse`).toEqual([
      { blown: true, spreadPerDay: null },
    ]);
    expect(await sql`select from evenfall.history`).toEqual([]);
  });
});

describe('[P3] at the fuse', () => {
  test('a spread job acts at its place, and not before', async () => {
    await wanting(1, 2);
    await spread(50, 1);
    await begins(1);
    await begins(2);
    expect([await attempt(1), await attempt(2)]).toEqual(['holds', 'later']);
    expect(Math.round(((await roomIn(2)) ?? 0) / hour)).toBe(24);
    await passTime(sql, 24 * hour + 60_000);
    expect(await attempt(2)).toBe('holds');
    expect(await sql`select spread from evenfall.fuse_act`).toEqual([{ spread: true }, { spread: true }]);
  });

  test('no more of them in 24 hours than was said, however late they come: the next waits for room', async () => {
    await wanting(1, 4);
    await spread(50, 2);
    for (const team of [1, 2, 3, 4]) await begins(team);
    await passTime(sql, 100 * hour);
    expect([await attempt(1), await attempt(2)]).toEqual(['holds', 'holds']);
    await passTime(sql, hour);
    expect([await attempt(3), await attempt(4)]).toEqual(['later', 'later']);
    expect(Math.round(((await roomIn(3)) ?? 0) / hour)).toBe(23);
    await passTime(sql, 23 * hour);
    expect([await attempt(3), await attempt(4)]).toEqual(['holds', 'holds']);
  });

  test('no more than the fuse allows by then, when that has become less', async () => {
    await wanting(1, 8);
    await spread(8, 8);
    await passTime(sql, 24 * hour);
    const verdicts = [];
    for (let team = 1; team <= 6; team++) {
      await begins(team);
      verdicts.push(await attempt(team, 5));
    }
    expect(verdicts).toEqual(['holds', 'holds', 'holds', 'holds', 'holds', 'later']);
  });

  test('what was spread blows nothing: not by waiting, not when all of it comes at once, not for whoever comes newly', async () => {
    await wanting(1, 40);
    await spread(8, 4);
    await passTime(sql, 300 * hour);
    await wanting(41, 44);
    for (let team = 1; team <= 44; team++) await begins(team);
    const verdicts = new Map<string, number>();
    for (let team = 1; team <= 44; team++) {
      const verdict = await attempt(team, 8);
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
    }
    expect(Object.fromEntries(verdicts)).toEqual({ holds: 8, later: 36 });
    expect(await status(8)).toMatchObject({ blownAt: null, acts: 4, spreadActs: 4 });
  });

  test('a day that others have filled makes it wait, and blows nothing; so does what was released at once', async () => {
    await wanting(1, 1);
    await spread(5, 5);
    await begins(1);
    for (let team = 11; team <= 15; team++) await acted(team, '2 hours');
    expect(await attempt(1, 5)).toBe('later');
    await sql`update evenfall.fuse set released_at = clock_timestamp() - interval '1 hour', released_acts = 9`;
    expect(await attempt(1, 5)).toBe('later');
    await passTime(sql, 22 * hour);
    expect(await attempt(1, 5)).toBe('holds');
  });

  test('who comes newly waits where the spread has filled the day, and goes when there is room', async () => {
    await wanting(1, 4);
    await spread(5, 5);
    for (let team = 1; team <= 4; team++) await begins(team);
    await passTime(sql, 20 * hour);
    for (let team = 1; team <= 4; team++) expect(await attempt(team, 5)).toBe('holds');
    await acted(5, '1 hour', true);
    await wanting(6, 6);
    await begins(6);
    expect(await attempt(6, 5)).toBe('later');
    expect(Math.round(((await roomIn(6, 5)) ?? 0) / hour)).toBe(23);
    await passTime(sql, 23 * hour + 1_000);
    expect(await attempt(6, 5)).toBe('holds');
  });

  test('too many who come newly blow it, as without a spread; what is spread stops with it', async () => {
    await wanting(1, 4);
    await spread(8, 4);
    await wanting(11, 19);
    await begins(11);
    expect(await status(8)).toMatchObject({ waiting: 9, spread: 4 });
    expect(await attempt(11, 8)).toBe('blows');
    await begins(1);
    expect(await attempt(1, 8)).toBe('blown');
    const [fuse] = await sql`select blown_by from evenfall.fuse`;
    expect(fuse!['blownBy']).toMatch(/^0 acts since .*, 9 waiting, 8 allowed$/);
  });

  test('only the job that runs has a place: not one that waits while a person acts without it, nor one of another kind', async () => {
    await wanting(1, 2);
    await spread(50, 1);
    expect(await attempt(2)).toBe('holds');
    await sql`
      update evenfall.job set kind = ${deleteInactiveTeam.name}, state = 'running', due = false, worker_id = 'w'
      where team_id = '1'`;
    await passTime(sql, -hour);
    expect(await attempt(1)).toBe('holds');
    expect(await sql`select spread from evenfall.fuse_act`).toEqual([{ spread: false }, { spread: false }]);
  });

  test('one that is asked for again while it runs is a new one: nobody has answered for it', async () => {
    await wanting(1, 1);
    await spread(8);
    await sql`update evenfall.job set state = 'running', due = false, worker_id = 'w', run_no = 1`;
    await wanting(1, 1);
    const [{ id }] = (await sql`select id::int from evenfall.job`) as unknown as [{ id: number }];
    await database.statements.finish({ id, runNo: 1, state: 'done', outcome: {} });
    expect(await job(1)).toMatchObject({ state: 'queued', placeIn: null });
  });

  test('one that died and is replayed is a new one, too', async () => {
    await wanting(1, 1);
    await spread(8);
    await sql`update evenfall.job set state = 'running', due = false, worker_id = 'w', run_no = 1`;
    const [{ id }] = (await sql`select id::int from evenfall.job`) as unknown as [{ id: number }];
    const error = { class: 'test', message: 'test' };
    await database.statements.bury({ id, runNo: 1, error, publicMessage: null, class: 'test', code: null });
    await database.statements.replay({ id, resolution: 'test' });
    expect(await job(1)).toMatchObject({ state: 'queued', placeIn: null });
  });

  test('asked for by its own name it goes to the fuse now, and back to its place', async () => {
    await wanting(1, 3);
    await spread(50, 1);
    await wanting(3, 3);
    expect(await job(3)).toMatchObject({ due: true, placeIn: 48 });
    await begins(3);
    expect(await attempt(3)).toBe('later');
    expect(Math.round(((await roomIn(3)) ?? 0) / hour)).toBe(48);
  });
});

describe('a property', () => {
  interface World {
    readonly allowed: number;
    /** Of the fuse, that the spread may use. */
    readonly share: number;
    readonly count: number;
    /** Minutes ago. */
    readonly acts: number[];
    /** How late each is carried to the fuse. */
    readonly lateMs: number[];
    /** How many come newly, at each step. */
    readonly newly: number[];
  }
  const worlds: fc.Arbitrary<World> = fc.record({
    allowed: fc.integer({ min: 5, max: 14 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    count: fc.integer({ min: 1, max: 40 }),
    acts: fc.array(fc.integer({ min: 1, max: 1_439 }), { maxLength: 14 }),
    lateMs: fc.array(fc.nat({ max: 120_000 }), { minLength: 1, maxLength: 9 }),
    newly: fc.array(fc.nat({ max: 3 }), { maxLength: 6 }),
  });

  /** Played through to its end: who acts when, in milliseconds from the first. */
  async function play({ allowed, share, count, acts, lateMs, newly }: World) {
    await rows.clear();
    const perDay = 1 + Math.floor(share * (allowed - 1));
    const before = acts.slice(0, allowed);
    for (const [n, minutes] of before.entries()) await acted(1_001 + n, `${minutes} minutes`);
    await wanting(1, count);
    await blow();
    await spread(allowed, perDay);
    let came = count;
    for (let round = 0; ; round++) {
      const next = await untilNext(sql, kind);
      if (next === undefined) break;
      if (round > 4_000) throw new Error('it does not come to an end');
      await passTime(sql, next + lateMs[round % lateMs.length]!);
      // with more of them a person is asked
      const fresh = Math.min(newly[round] ?? 0, allowed - before.length - (came - count));
      if (fresh > 0) await wanting(came + 1, (came += fresh));
      const due = await sql<{ teamId: string }[]>`
        select team_id from evenfall.job
        where kind = ${kind} and state = 'queued' and run_at <= clock_timestamp() order by run_at, id`;
      for (const { teamId } of due) {
        await begins(Number(teamId));
        const verdict = await attempt(Number(teamId), allowed);
        if (verdict === 'holds') {
          await set(Number(teamId), { state: 'done', worker_id: null, finished_at: new Date() });
        } else {
          expect(verdict).toBe('later');
          const waits = Math.max(1_000, Math.ceil((await roomIn(Number(teamId), allowed)) ?? 0));
          await set(Number(teamId), { state: 'queued', worker_id: null });
          await sql`
            update evenfall.job set run_at = clock_timestamp() + ${waits} * interval '1 millisecond'
            where team_id = ${teamId}`;
        }
      }
    }
    return { perDay, came, acts: await countedActs(sql, kind) };
  }

  async function check(world: World) {
    const { perDay, came, acts } = await play(world);
    const teamOf = ({ subject }: { subject: string }) => Number(subject.slice('team:'.length));
    // nobody is lost; nobody goes twice, for an act has a row
    const went = acts.map(teamOf).filter((team) => team <= 1_000);
    expect(went.toSorted((one, other) => one - other)).toEqual(Array.from({ length: came }, (_, n) => n + 1));
    expect(mostInADay(acts.map(({ at }) => at))).toBeLessThanOrEqual(world.allowed);
    const ofSpread = acts.filter(({ spread: isSpread }) => isSpread);
    expect(ofSpread).toHaveLength(world.count);
    expect(mostInADay(ofSpread.map(({ at }) => at))).toBeLessThanOrEqual(perDay);
    // the order in which they waited
    const inOrder = ofSpread.map(teamOf);
    if (world.newly.length === 0) expect(inOrder).toEqual(inOrder.toSorted((one, other) => one - other));
    expect((await status(world.allowed)).blownAt).toBeNull();
  }

  test(
    '[P3] whatever waits and whatever has acted: no day sees more than the fuse allows, nor of the spread more than was said',
    { timeout: 120_000 },
    async () => {
      await fc.assert(fc.asyncProperty(worlds, check), { numRuns: 12 });
    },
  );
});
