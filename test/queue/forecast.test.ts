import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { forecastCommand } from '../../src/cli/commands/forecast.ts';
import { WrongCall } from '../../src/cli/exit.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { forecast } from '../../src/queue/forecast.ts';
import { appRows } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { runCommand } from '../support/printed.ts';

const { url, database, sql } = await createTestDatabase();
const rows = appRows(sql);
const now = new Date('2028-02-20T09:00:00Z');
const dayMs = 86_400_000;
const later = (days: number, ms = 0) => new Date(now.getTime() + days * dayMs + ms);
const policy = defaultPolicy;
const mark = 'mark-team-for-deletion';

beforeEach(async () => {
  vi.stubEnv('DATABASE_URL', url);
  await rows.clear();
});
afterEach(() => vi.unstubAllEnvs());

/** A team that becomes due to be marked right after that time. */
async function sleeping(dueAfter: Date): Promise<string> {
  const [row] = await sql`select ${dueAfter}::timestamptz - interval '6 months' as at`;
  return await rows.team(await rows.user(), { created_at: row!['at'] });
}

async function trial(id: string, end: Date): Promise<void> {
  await sql`
    insert into evenfall.subscription
      (id, customer_id, status, cancel_at_period_end, trial_start, trial_end, livemode, created_at, read_at)
    values (${id}, ${`cus_${id}`}, 'trialing', false, ${new Date(end.getTime() - 14 * dayMs)}, ${end}, false, now(), now())`;
}

async function marked(teamId: string, deleteAfter: Date): Promise<void> {
  const sentAt = new Date(deleteAfter.getTime() - 7 * dayMs);
  await sql`
    insert into evenfall.team_deletion (team_id, state, marked_at, announced_delete_at, notice_sent_at, delete_after)
    values (${teamId}, 'noticed', ${sentAt}, ${deleteAfter}, ${sentAt}, ${deleteAfter})`;
}

describe('[P8] what is foreseen', () => {
  test('each with the first day by which it is due, and why', async () => {
    const team = await sleeping(later(10));
    const doomed = await sleeping(later(-40));
    await marked(doomed, later(3, -1));
    await trial('sub_1', later(8));
    const { targets, perDay } = await forecast(database, { now, days: 30, policy });
    expect(targets).toEqual([
      {
        at: later(3),
        sweep: 'delete-inactive-team',
        id: doomed,
        why: expect.stringContaining('it was to be deleted after 2028-02-23T08:59:59Z'),
      },
      {
        at: later(6),
        sweep: 'trial-ending-email',
        id: 'sub_1',
        why: expect.stringContaining('the trial ends at'),
      },
      { at: later(11), sweep: mark, id: team, why: expect.stringContaining('never subscribed') },
    ]);
    expect(perDay).toEqual(targets.map(({ at, sweep }) => ({ at, sweep, due: 1 })));
  });

  test('two reminders of one trial are two mails; users of one job are each foreseen', async () => {
    await trial('sub_1', later(8));
    const unverified = { email_verified_at: null, last_seen_at: null };
    const users = [];
    for (const days of [-20, -8]) users.push(await rows.user({ ...unverified, created_at: later(days, -1) }));
    const trialReminders = ['P3D', 'P7D'];
    const { targets } = await forecast(database, { now, days: 7, policy: { ...policy, trialReminders } });
    expect(targets.map(({ at, id }) => [at, id])).toEqual([
      [now, users[0]],
      [later(2), users[1]],
      [later(2), 'sub_1'],
      [later(6), 'sub_1'],
    ]);
  });

  test('the reminder of a deletion before the deletion, where the policy asks for it', async () => {
    const doomed = await sleeping(later(-40));
    await marked(doomed, later(5, -1));
    const reminding = { ...policy, deletionReminder: 'P2D' };
    const { targets } = await forecast(database, { now, days: 7, policy: reminding });
    expect(targets.map(({ at, sweep, id }) => [at, sweep, id])).toEqual([
      [later(3), 'deletion-reminder-email', doomed],
      [later(5), 'delete-inactive-team', doomed],
    ]);
  });

  test('nothing is changed by looking', async () => {
    await sleeping(later(-1));
    await forecast(database, { now, days: 2, policy });
    expect(await sql`select from evenfall.job`).toEqual([]);
    expect(await sql`select from evenfall.team_deletion`).toEqual([]);
  });

  test('a property: what it names for a day is what the sweep lists on that day, and not before', async () => {
    const days = 12;
    const day = fc.integer({ min: -3, max: days + 2 });
    const ms = fc.constantFrom(-1, 0, 1);
    const moment = fc.tuple(day, ms).map(([d, m]) => later(d, m));
    const world = fc.record({
      asleep: fc.array(fc.record({ due: moment, snoozed: fc.option(moment), marked: fc.option(moment) }), {
        maxLength: 5,
      }),
      trials: fc.array(moment, { maxLength: 4 }),
      users: fc.array(moment, { maxLength: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(world, async ({ asleep, trials, users }) => {
        await rows.clear();
        for (const team of asleep) {
          const id = await sleeping(team.due);
          if (team.snoozed) {
            await sql`insert into evenfall.team_protection ${sql({ team_id: id, kind: 'snooze', until: team.snoozed, why: 'x', who: 'x', at: now })}`;
          }
          if (team.marked) await marked(id, team.marked);
        }
        for (const [n, end] of trials.entries()) await trial(`sub_${n}`, end);
        for (const due of users) {
          const created = new Date(due.getTime() - 10 * dayMs);
          await rows.user({ email_verified_at: null, last_seen_at: null, created_at: created });
        }
        const { targets, perDay } = await forecast(database, { now, days, policy });
        for (const [sweep, { list }] of database.sweeps) {
          const before = new Set<string>();
          for (let n = 0; n <= days; n++) {
            const at = later(n);
            const listed = (await list({ ...policy, now: at })).map(({ subject }) => subject);
            const named = targets.filter((one) => one.sweep === sweep && one.at.getTime() === at.getTime());
            expect(named.map(({ id }) => id)).toEqual(listed.filter((id) => !before.has(id)));
            const counted = perDay.find((one) => one.sweep === sweep && one.at.getTime() === at.getTime());
            expect(counted?.due ?? 0).toBe(named.length);
            for (const id of listed) before.add(id);
          }
        }
      }),
      { numRuns: 25 },
    );
  });
});

describe('[P3] the fuse is foreseen', () => {
  const ofDays = async () =>
    (await forecast(database, { now, days: 5, policy })).perDay.map(({ due, fuse }) => [due, fuse]);
  const grow = async (teams: number, dueAfter: Date) => {
    for (let n = 0; n < teams; n++) await sleeping(dueAfter);
  };

  test('more in a day than are allowed would blow it; exactly as many would not', async () => {
    await grow(5, later(0, -1));
    await grow(6, later(2, -1));
    expect(await ofDays()).toEqual([
      [5, undefined],
      [6, 'would blow: 5 acts allowed in 24 hours'],
    ]);
  });

  test('today with what has acted, and by what is released; on later days by the policy', async () => {
    await grow(3, later(0, -1));
    await grow(6, later(2, -1));
    const acts = (number: number) => sql`
      insert into evenfall.fuse_act (kind, subject, occasion)
      select ${mark}, 'team:x' || n, 'x' from generate_series(1, ${number}::int) n`;
    await acts(3);
    expect(await ofDays()).toEqual([
      [3, 'would blow: 5 acts allowed in 24 hours'],
      [6, 'would blow: 5 acts allowed in 24 hours'],
    ]);
    await sql`
      insert into evenfall.fuse (kind, released_at, released_acts, released_by)
      values (${mark}, clock_timestamp() - interval '1 hour', 100, 'test')`;
    expect(await ofDays()).toEqual([
      [3, undefined],
      [6, 'would blow: 5 acts allowed in 24 hours'],
    ]);
  });

  test('blown, it lets nothing through', async () => {
    await grow(1, later(1, -1));
    await sql`insert into evenfall.fuse (kind, blown_at) values (${mark}, clock_timestamp())`;
    expect(await ofDays()).toEqual([[1, 'has blown: nothing happens until it is released']]);
  });
});

describe('evenfall forecast', () => {
  test('begins at the database’s clock; JSON has it all, with what is not foreseen', async () => {
    const { out } = await runCommand(() => forecastCommand({ days: '2', json: true }));
    const report = JSON.parse(out) as Record<string, string>;
    expect(report).toMatchObject({ days: 2, perDay: [], targets: [] });
    expect(report['footnotes']).toContainEqual(expect.stringContaining('Nothing is simulated'));
    const [clock] = await sql`
      select clock_timestamp() - ${report['now']!}::timestamptz < interval '1 minute' as "isNow"`;
    expect(clock).toEqual({ isNow: true });
  });

  test('prints whom, what a day brings, and what is not foreseen', async () => {
    const [clock] = await sql`select clock_timestamp() + interval '36 hours' as soon`;
    for (let n = 0; n < 6; n++) await sleeping(clock!['soon'] as Date);
    const { out } = await runCommand(() => forecastCommand({ days: '30' }));
    expect(out.split('\n').filter((line) => line.includes('never subscribed'))).toHaveLength(6);
    expect(out).toMatch(/mark-team-for-deletion +6 +would blow: 5 acts allowed in 24 hours/);
    expect(out).toContain('Nothing is simulated');
    const { out: tomorrow } = await runCommand(() => forecastCommand({ days: '1' }));
    expect(tomorrow).toContain('nobody will be due within 1 day\n');
  });

  test.for(['0', '367', '1.5', 'x'])('--days %s is a wrong call', async (days) => {
    await expect(runCommand(() => forecastCommand({ days }))).rejects.toBeInstanceOf(WrongCall);
  });
});
