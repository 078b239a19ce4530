import { beforeEach, describe, expect, test } from 'vitest';
import type postgres from 'postgres';
import { keepToken } from '../../src/core/keep-token.ts';
import { createTestDatabase } from '../support/database.ts';
import { untilBlocked } from '../support/locks.ts';
import { appRows } from '../support/app.ts';
import { openWeb } from './web.ts';

const { url: databaseUrl, sql, database } = await createTestDatabase();
const rows = appRows(sql);
const SECRET_KEY = 'the key that signs the links of these tests';
const web = await openWeb(databaseUrl, { config: { SECRET_KEY } });
const why = 'kept by the link in the notice';

let teamId: string;
beforeEach(async () => {
  await rows.clear();
  const owner = await rows.user({ email: 'olivia@people.example', name: 'Olivia Owner' });
  teamId = await rows.team(owner, { name: 'Harbour <Design>', time_zone: 'Europe/Berlin' });
});

/** A mark of the team, noticed and due in some days unless `changes` says otherwise; resolves to the id. */
async function mark(changes: Record<string, unknown> = {}): Promise<number> {
  const row = {
    team_id: teamId,
    state: 'noticed',
    marked_at: new Date('2026-10-01T08:00:00Z'),
    announced_delete_at: new Date('2099-03-14T08:26:53Z'),
    notice_sent_at: new Date('2026-10-01T08:00:01Z'),
    delete_after: new Date('2099-03-14T08:26:54Z'),
    ...changes,
  };
  const [made] = await sql`insert into evenfall.team_deletion ${sql(row as never)} returning id`;
  return Number(made!['id']);
}

const unnoticed = { state: 'marking', notice_sent_at: null, delete_after: null };
const deleting = { state: 'deleting', deleting_at: new Date('2026-10-09T08:00:00Z') };
const deleted = {
  ...deleting,
  state: 'deleted',
  deleted_at: new Date('2026-10-09T08:00:00Z'),
  owner_outcome: 'deleted',
};
const cleared = (cleared_why: string) => ({
  state: 'cleared',
  cleared_at: new Date('2026-10-05T08:00:00Z'),
  cleared_why,
});

const link = (id: number, secret = SECRET_KEY) => `/keep/${keepToken(secret, id)}`;
const look = async (path: string) => read(await web.get(path));
const press = async (path: string) => read(await web.get(path, { method: 'POST' }));

/** What a reader sees of an answer. */
async function read(response: Response) {
  const body = await response.text();
  const seen = body
    .slice(body.indexOf('<body'))
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  return { status: response.status, headers: response.headers, body, seen };
}

/** Every row of the app and of Evenfall, as text. */
async function everything(): Promise<Record<string, string[]>> {
  const tables = await sql<{ name: string }[]>`
    select format('%I.%I', schemaname, tablename) as name from pg_tables
    where schemaname in ('public', 'evenfall') order by 1`;
  const all: Record<string, string[]> = {};
  for (const { name } of tables) {
    const found = await sql.unsafe<{ row: string }[]>(`select t::text as row from ${name} t order by 1`);
    all[name] = found.map(({ row }) => row);
  }
  return all;
}

const stateOf = async (id: number) =>
  (await sql`select state, cleared_why, cleared_at from evenfall.team_deletion where id = ${id}`)[0];

describe('[P3] 4.6: looking at the keep link', () => {
  test('tells what happens when, has one button, and shows nothing of the owner', async () => {
    const path = link(await mark());
    const page = await look(path);

    expect(page.status).toBe(200);
    expect(page.seen).toContain('Your team will be deleted, unless you keep it');
    expect(page.seen).toContain(
      'after Saturday, 14 March 2099 at 09:26 (Europe/Berlin time), and not before',
    );
    expect(page.body).toContain('<bdi>Harbour &lt;Design&gt;</bdi>');
    expect(page.body.match(/<(button|a|input|script|img|link|iframe)\b/g)).toEqual(['<button']);
    expect(page.body).not.toMatch(/Olivia|people\.example/);
    expect(page.body).not.toContain(path);
  });

  test.for([
    ['marking', unnoticed],
    ['noticed', {}],
    ['deleting', deleting],
    ['deleted', deleted],
    ['kept', cleared(why)],
    ['cleared', cleared('it has subscribed')],
  ] as const)('changes nothing, whatever became of the mark: %s', async ([, changes]) => {
    const path = link(await mark(changes));
    const before = await everything();
    for (const method of ['GET', 'HEAD', 'GET']) await web.get(path, { method });
    expect(await everything()).toEqual(before);
    expect(Object.keys(before).length).toBeGreaterThan(10);
  });

  test('before the notice is known to be out it has the date that the notice prints', async () => {
    const page = await look(link(await mark(unnoticed)));
    expect(page.seen).toContain('14 March 2099 at 09:26');
    expect(page.body).toContain('<button');
  });

  test('when the date has passed and the team is still there, it can still be kept', async () => {
    const id = await mark({ delete_after: new Date('2026-10-08T08:00:01Z') });
    const page = await look(link(id));
    expect(page.seen).toContain('may be deleted at any moment');
    expect((await press(link(id))).status).toBe(303);
    expect(await stateOf(id)).toMatchObject({ state: 'cleared', clearedWhy: why });
  });

  test('a mark that subscribing or an operator has cleared: nothing is going to be deleted', async () => {
    const page = await look(link(await mark(cleared('it has subscribed'))));
    expect(page).toMatchObject({
      status: 200,
      seen: expect.stringContaining('Nothing is going to be deleted'),
    });
    expect(page.body).not.toContain('<button');
  });

  test('a time-out of the snooze ends the promise of the page', async () => {
    const id = await mark();
    await press(link(id));
    await sql`update evenfall.team_protection set until = clock_timestamp() - interval '1 second'`;
    const page = await look(link(id));
    expect(page.seen).toContain('that time is over');
    expect(page.seen).not.toContain('at least until');
  });

  test('the link of an earlier notice does not say that all is well, and keeps nothing', async () => {
    const earlier = await mark(cleared(why));
    const later = await mark();
    expect((await look(link(earlier))).seen).toContain('There is a newer notice');
    await press(link(earlier));
    expect(await stateOf(later)).toMatchObject({ state: 'noticed' });
    await sql`update evenfall.team_deletion set ${sql(deleted as never)} where id = ${later}`;
    expect((await look(link(earlier))).status).toBe(410);
  });
});

describe('[P3] 4.6: pressing the button of the keep link', () => {
  test.for([
    ['marking', unnoticed],
    ['noticed', {}],
  ] as const)('clears a %s mark, snoozes the team and records it', async ([, changes]) => {
    const id = await mark(changes);
    const answer = await press(link(id));

    expect(answer.status).toBe(303);
    expect(new URL(answer.headers.get('location')!, `${web.url}${link(id)}`).pathname).toBe(link(id));
    expect(await stateOf(id)).toMatchObject({ state: 'cleared', clearedWhy: why });
    const [snooze] = await sql`
      select team_id, kind, why, who, until, until = at + interval '6 months' as is_six_months, at,
        at between clock_timestamp() - interval '1 minute' and clock_timestamp() as is_now
      from evenfall.team_protection`;
    expect(snooze).toMatchObject({ teamId, kind: 'snooze', why, who: 'keep link' });
    expect(snooze).toMatchObject({ isSixMonths: true, isNow: true });
    expect(await sql`select what, team_id, subject, detail, source, job_id from evenfall.history`).toEqual([
      {
        what: 'team.kept',
        teamId,
        subject: `team:${teamId}`,
        detail: { until: (snooze!['until'] as Date).toISOString() },
        source: 'keep-link',
        jobId: null,
      },
    ]);
    const [spared] = await sql`select evenfall.team_spared(${teamId}, clock_timestamp()) as why`;
    expect(spared!['why']).toMatch(/^it is snoozed until/);

    const page = await look(link(id));
    expect(page).toMatchObject({ status: 200, seen: expect.stringContaining('Your team is kept') });
    expect(page.body).not.toContain('<button');
  });

  test('keeps it for as long as the policy says', async () => {
    const other = await openWeb(databaseUrl, { config: { SECRET_KEY, POLICY_INACTIVE_TEAM_AGE: 'P1Y2D' } });
    await other.get(link(await mark()), { method: 'POST' });
    const [snooze] = await sql`
      select until = at + interval '1 year 2 days' as is_it from evenfall.team_protection`;
    expect(snooze).toEqual({ isIt: true });
  });

  test('a second time changes nothing', async () => {
    const id = await mark();
    await press(link(id));
    const before = await everything();
    expect((await press(link(id))).status).toBe(303);
    expect(await everything()).toEqual(before);
  });

  test('many at once keep it once', async () => {
    const id = await mark();
    const answers = await Promise.all(Array.from({ length: 8 }, () => press(link(id))));
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(303));
    expect(await sql`select from evenfall.history`).toHaveLength(1);
  });

  test('never makes a longer snooze shorter', async () => {
    const until = new Date('2099-01-01T00:00:00Z');
    await sql`insert into evenfall.team_protection (team_id, kind, until, why, who, at)
      values (${teamId}, 'snooze', ${until}, 'asked for', 'operator', clock_timestamp())`;
    const id = await mark();
    await press(link(id));
    expect(await sql`select until from evenfall.team_protection`).toEqual([{ until }]);
    expect((await look(link(id))).seen).toContain('until Thursday, 1 January 2099');
  });

  test.for([
    ['deleting', deleting, 410],
    ['deleted', deleted, 410],
    ['cleared', cleared('it has subscribed'), 303],
  ] as const)('changes nothing when the mark is %s', async ([, changes, status]) => {
    const id = await mark(changes);
    const before = await everything();
    const answer = await press(link(id));
    expect(answer.status).toBe(status);
    if (status === 410) expect(answer.seen).toContain('It is too late');
    expect(await everything()).toEqual(before);
  });

  test('waits for a deletion that holds the mark, and comes too late when it has begun', async () => {
    const id = await mark();
    const answer = await pressAgainst(
      id,
      (tx) => tx`update evenfall.team_deletion set ${tx(deleting as never)} where id = ${id}`,
    );
    expect(answer.status).toBe(410);
    expect(await stateOf(id)).toMatchObject({ state: 'deleting' });
    expect(await sql`select from evenfall.team_protection`).toHaveLength(0);
    expect(await sql`select from evenfall.history`).toHaveLength(0);
  });

  test('waits for a deletion that holds the mark, and keeps the team when that has held back', async () => {
    const id = await mark();
    expect((await pressAgainst(id, () => Promise.resolve())).status).toBe(303);
    expect(await stateOf(id)).toMatchObject({ state: 'cleared', clearedWhy: why });
  });

  test('a body is of no interest, and has its limit', async () => {
    const id = await mark();
    const answer = await web.get(link(id), { method: 'POST', body: 'x'.repeat(70_000) });
    expect(answer.status).toBe(413);
    expect(await stateOf(id)).toMatchObject({ state: 'noticed' });
  });
});

/** Presses the button while another transaction holds the mark, which goes on when the press waits for it. */
async function pressAgainst(id: number, work: (tx: postgres.TransactionSql) => Promise<unknown>) {
  let answer: ReturnType<typeof press> | undefined;
  await sql.begin(async (tx) => {
    await tx`select from evenfall.team_deletion where id = ${id} for update`;
    answer = press(link(id));
    await untilBlocked(sql);
    await work(tx);
  });
  return await answer!;
}

describe('the keep link', () => {
  test('of another key, of no mark, garbled, or cut off leads nowhere, and does nothing', async () => {
    const id = await mark();
    const good = keepToken(SECRET_KEY, id);
    const before = await everything();
    const bad = [
      keepToken('another key of sixteen', id),
      keepToken(SECRET_KEY, id + 1),
      good.replace(/^\d+/, String(id + 1)),
      good.slice(0, -1),
      `${good}A`,
      `0${good}`,
      String(id),
      '%00',
      '%E0%A4%A',
      'x'.repeat(5_000),
    ];
    for (const token of bad) {
      for (const page of [await look(`/keep/${token}`), await press(`/keep/${token}`)]) {
        expect(page, token).toMatchObject({ status: 404, seen: expect.stringContaining('leads nowhere') });
        expect(page.headers.get('cache-control')).toBe('no-store');
      }
    }
    expect(await everything()).toEqual(before);
  });

  test('leads nowhere without a SECRET_KEY', async () => {
    const closed = await openWeb(databaseUrl);
    const id = await mark();
    for (const method of ['GET', 'POST']) {
      // what an empty or missing key would sign
      for (const secret of ['', 'undefined', SECRET_KEY]) {
        expect((await closed.get(link(id, secret), { method })).status).toBe(404);
      }
    }
    expect(await stateOf(id)).toMatchObject({ state: 'noticed' });
  });

  test('takes nothing but looks and presses', async () => {
    const id = await mark();
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      expect((await web.get(link(id), { method })).status).toBe(404);
    }
    expect(await stateOf(id)).toMatchObject({ state: 'noticed' });
  });

  test('answers HEAD as GET, without the page', async () => {
    const path = link(await mark());
    const [get, head] = [await web.get(path), await web.get(path, { method: 'HEAD' })];
    expect(head.status).toBe(200);
    expect(await head.text()).toBe('');
    for (const name of ['content-type', 'content-security-policy', 'cache-control', 'referrer-policy']) {
      expect(head.headers.get(name)).toBe(get.headers.get(name));
    }
  });

  test('[P7] is not kept, indexed, framed or passed on by a browser, and runs no script', async () => {
    const path = link(await mark());
    for (const answer of [await look(path), await press(path), await look(path), await look('/keep/1-x')]) {
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
      expect(answer.headers.get('x-robots-tag')).toBe('noindex');
      expect(answer.headers.get('x-frame-options')).toBe('DENY');
      if (answer.status === 303) continue;
      expect(answer.body).toContain('<meta name="robots" content="noindex"');
      const policy = answer.headers.get('content-security-policy')!;
      expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; .*form-action 'self'/);
      expect(policy).not.toMatch(/unsafe|script-src|\*/);
    }
  });

  test('[P7] the log has the route and never the token', async () => {
    const id = await mark();
    const before = web.lines.length;
    for (const path of [link(id), '/keep/1-garbled', `${link(id)}/`]) {
      await look(path);
      await press(path);
      await web.get(path, { method: 'PUT' });
    }
    const lines = web.lines.slice(before);
    expect(lines).toHaveLength(9);
    expect(lines.filter(({ fields }) => fields['route'] === '/keep/:token')).toHaveLength(4);
    const [, signature = ''] = link(id).split('-', 2);
    expect(signature.length).toBeGreaterThan(5);
    expect(JSON.stringify(lines)).not.toContain(signature);
    expect(JSON.stringify(lines)).not.toContain('garbled');
  });

  test('when the database fails a reader is told to try again, on a page, and the log has no token', async () => {
    const id = await mark();
    const fault = new Error('the disk is full');
    const statements = { ...database.statements, keepTeam: () => Promise.reject(fault) };
    const faulty = await openWeb(databaseUrl, {
      database: { statements, transaction: database.transaction },
      config: { SECRET_KEY },
    });
    const page = await read(await faulty.get(link(id), { method: 'POST' }));

    expect(page).toMatchObject({ status: 500, seen: expect.stringContaining('Please try again') });
    expect(page.body).not.toContain('disk');
    const errors = faulty.lines.filter(({ level }) => level === 'error');
    expect(errors).toMatchObject([{ fields: { err: fault, route: '/keep/:token' } }]);
  });
});
