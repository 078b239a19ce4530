import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { searchForAll, timeMachine } from '../../demo/time-machine.ts';
import { clockOffsetOf } from '../../src/clock-file.ts';
import { keepToken } from '../../src/core/keep-token.ts';
import { appRows } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { openWeb } from '../web/web.ts';

const { sql, url } = await createTestDatabase();
const dayMs = 86_400_000;

let dir: string;
let file: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'evenfall clock '));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  file = join(dir, 'clock');
});

describe('the clock file', () => {
  it('is 0 without a name, while it is absent, and while it is empty', async () => {
    const offsetMs = clockOffsetOf(file);
    expect([clockOffsetOf(undefined)(), offsetMs()]).toEqual([0, 0]);
    await writeFile(file, ' \n');
    expect(offsetMs()).toBe(0);
  });

  it('is read at each call', async () => {
    const offsetMs = clockOffsetOf(file);
    await writeFile(file, '86400000\n');
    expect(offsetMs()).toBe(dayMs);
    await writeFile(file, '172800000');
    expect(offsetMs()).toBe(2 * dayMs);
  });

  it.each([['tomorrow'], ['1.5'], ['1 2']])('refuses %j, and names itself', async (text) => {
    await writeFile(file, text);
    expect(clockOffsetOf(file)).toThrow(
      `${file}, named by EVENFALL_CLOCK_FILE, must hold whole milliseconds`,
    );
  });
});

describe('the time machine', () => {
  it('moves on from where it stands, for every reader of its file and at the next start', async () => {
    const time = timeMachine(file);
    await time.moveOn(1);
    await time.moveOn(7);
    expect([time.offsetMs(), clockOffsetOf(file)(), timeMachine(file).offsetMs()]).toEqual([
      8 * dayMs,
      8 * dayMs,
      8 * dayMs,
    ]);
    expect(await readdir(dir)).toEqual(['clock']);
    await time.reset();
    expect(time.offsetMs()).toBe(0);
  });

  it('is that of the keep page too: the team is kept from the date on the screen', async () => {
    await timeMachine(file).moveOn(30);
    const SECRET_KEY = 'the key that signs the links of these tests';
    const web = await openWeb(url, { config: { SECRET_KEY, EVENFALL_CLOCK_FILE: file } });
    const rows = appRows(sql);
    const teamId = await rows.team(await rows.user({ email: 'olivia@people.example' }));
    const [mark] = await sql<{ id: number }[]>`
      insert into evenfall.team_deletion
        (team_id, state, marked_at, announced_delete_at, notice_sent_at, delete_after)
      select ${teamId}, 'noticed', now, now + interval '60 days', now, now + interval '60 days'
      from clock_timestamp() as now returning id::int`;
    const kept = await web.get(`/keep/${keepToken(SECRET_KEY, mark!.id)}`, { method: 'POST' });
    expect(kept.status).toBe(303);
    const [snooze] = await sql`
      select until > clock_timestamp() + interval '29 days' + interval '6 months' as "isAhead"
      from evenfall.team_protection where team_id = ${teamId}`;
    expect(snooze).toEqual({ isAhead: true });
  });

  it('asks for one search of each kind that is searched for', async () => {
    await searchForAll(sql);
    const jobs =
      await sql`select payload->>'sweep' as sweep from evenfall.job where kind = 'sweep' order by 1`;
    expect(jobs.map(({ sweep }) => sweep as string)).toEqual([
      'delete-inactive-team',
      'delete-unverified-users',
      'deletion-reminder-email',
      'expiring-card-email',
      'mark-team-for-deletion',
      'trial-ending-email',
    ]);
  });
});
