import { beforeEach, describe, expect, test } from 'vitest';
import { markTeamForDeletion } from '../../jobs/mark-team-for-deletion.ts';
import { readFuses } from '../../src/core/fuse.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { appRows } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { untilBlocked } from '../support/locks.ts';
import { openPool } from '../support/sql.ts';

const { database, sql, url } = await createTestDatabase();
const rows = appRows(sql);
const kind = markTeamForDeletion.name;

beforeEach(() => rows.clear());

interface Try {
  subject?: string;
  occasion?: string;
  waiting?: number | null;
  allowed?: number;
}

let tries = 0;
/** One more act; of another team each time, unless it says which. */
async function attempt({ subject, occasion = 'mark 1', waiting = 1, allowed = 5 }: Try = {}, on = sql) {
  const whom = subject ?? `team:${++tries}`;
  const [row] = await on`
    select evenfall.try_fuse(${kind}, ${whom}, ${occasion}, ${waiting}::int, ${allowed}::int) as verdict`;
  return String(row!['verdict']);
}

async function attempts(count: number, options: Try = {}) {
  const verdicts = [];
  for (let n = 0; n < count; n++) verdicts.push(await attempt(options));
  return verdicts;
}

const acts = async () => (await sql`select from evenfall.fuse_act`).length;
const repeat = (verdict: string, times: number) => Array.from({ length: times }, () => verdict);
const age = (what: string) =>
  sql`update evenfall.fuse_act set at = clock_timestamp() - ${what}::text::interval`;
const released = (ago: string, number: number) => sql`
  insert into evenfall.fuse (kind, released_at, released_acts, released_by)
  values (${kind}, clock_timestamp() - ${ago}::text::interval, ${number}, 'test')
  on conflict (kind) do update
    set blown_at = null, released_at = excluded.released_at, released_acts = excluded.released_acts`;
const status = async () => {
  const [fuse] = await readFuses(database.statements, defaultPolicy, [kind]);
  return fuse!;
};

describe('[P3] acts in a day', () => {
  test('as many as are allowed; one more blows it and is not counted, and from there nothing goes', async () => {
    expect(await attempts(8)).toEqual([...repeat('holds', 5), 'blows', 'blown', 'blown']);
    expect(await acts()).toBe(5);
    expect(await status()).toMatchObject({
      acts: 5,
      blownAt: expect.any(Date),
      blownBy: expect.stringMatching(/^5 acts since \d{4}-.*Z, 1 waiting, 5 allowed$/),
    });
  });

  test('a day that rolls: what is older counts no more, what is a minute younger does', async () => {
    await attempts(5);
    await age('24 hours 1 second');
    expect(await attempts(5)).toEqual(repeat('holds', 5));
    await age('23 hours 59 minutes');
    expect(await attempt()).toBe('blows');
  });

  test('blown, a new day does not make it whole', async () => {
    await attempts(6);
    await age('3 days');
    expect(await attempts(2)).toEqual(repeat('blown', 2));
  });

  test('an act counts once an occasion, however often it is tried, and goes on when the fuse has blown meanwhile', async () => {
    const same = { subject: 'team:same' };
    expect(await attempts(10, same)).toEqual(repeat('holds', 10));
    expect(await acts()).toBe(1);
    expect(await attempts(5)).toEqual([...repeat('holds', 4), 'blows']);
    expect(await attempt(same)).toBe('holds');
    expect(await attempt({ ...same, occasion: 'mark 2' })).toBe('blown');
    expect(await acts()).toBe(5);
  });

  test('each kind has a fuse of its own', async () => {
    await attempts(6);
    const [other] =
      await sql`select evenfall.try_fuse('delete-inactive-team', 'team:1', 'x', 1, 5) as verdict`;
    expect(other).toEqual({ verdict: 'holds' });
  });

  test('twenty transactions at once: exactly as many as are allowed', async () => {
    const pool = openPool(url, { max: 20, name: 'test' });
    const verdicts = await Promise.all(
      Array.from({ length: 20 }, () =>
        pool.begin((tx) => attempt({ allowed: 7 }, tx as unknown as typeof sql)),
      ),
    );
    await pool.end();
    expect(verdicts.toSorted()).toEqual([...repeat('blown', 12), 'blows', ...repeat('holds', 7)]);
    expect(await acts()).toBe(7);
  });

  test('an act that is rolled back was none', async () => {
    const broken = sql.begin(async (tx) => {
      await attempt({}, tx as unknown as typeof sql);
      throw new Error('broken off');
    });
    await expect(broken).rejects.toThrow('broken off');
    expect(await acts()).toBe(0);
  });
});

describe('[P3] what waits to act counts', () => {
  const enqueue = async (teams: number) => {
    for (let n = 1; n <= teams; n++) {
      await sql`select evenfall.enqueue(${kind}, jsonb_build_object('teamId', ${n}::text))`;
    }
  };

  test('too many: it blows before the first of them', async () => {
    expect(await attempts(2, { waiting: 6 })).toEqual(['blows', 'blown']);
    expect(await acts()).toBe(0);
  });

  test('as many as are allowed go, though each sees the others wait', async () => {
    for (let left = 5; left > 0; left--) expect(await attempt({ waiting: left })).toBe('holds');
  });

  test('counted from the jobs: those that live, want to act within the day, and have not acted', async () => {
    const waiting = async () =>
      (await sql`select evenfall.waiting_to_act(${kind}) as jobs`)[0]!['jobs'] as number;
    await enqueue(6);
    expect(await waiting()).toBe(6);
    expect(await attempt({ subject: 'team:1', waiting: null, allowed: 6 })).toBe('holds');
    expect(await waiting()).toBe(5);
    await sql`update evenfall.job set state = 'done', due = false, finished_at = now() where team_id = '2'`;
    await sql`update evenfall.job set run_at = now() + interval '25 hours' where team_id = '3'`;
    await sql`select evenfall.enqueue('delete-inactive-team', '{"teamId": "9"}')`;
    expect(await waiting()).toBe(3);
    expect(await attempt({ subject: 'team:4', waiting: null, allowed: 3 })).toBe('blows');
  });

  test('an act that commits while another waits for the fuse is not counted twice', async () => {
    await enqueue(5);
    const commit = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    const first = sql.begin(async (tx) => {
      const verdict = await attempt({ subject: 'team:1', waiting: null }, tx as unknown as typeof sql);
      held.resolve();
      await commit.promise;
      return verdict;
    });
    await held.promise;
    const second = attempt({ subject: 'team:2', waiting: null });
    await untilBlocked(sql);
    commit.resolve();
    expect([await first, await second]).toEqual(['holds', 'holds']);
  });
});

describe('[P3] a release', () => {
  test('allows its own number, counted from there, for a day', async () => {
    await attempts(5);
    await released('1 second', 2);
    expect(await status()).toMatchObject({ allowed: 2, acts: 5 });
    await age('1 hour');
    expect(await status()).toMatchObject({ allowed: 2, acts: 0, policy: 5 });
    expect(await attempts(3)).toEqual(['holds', 'holds', 'blows']);
  });

  test('a day later the policy counts again, and not what was released', async () => {
    await attempts(20, { allowed: 20 });
    await age('20 hours');
    await released('24 hours 30 minutes', 20);
    expect(await status()).toMatchObject({ allowed: 5, acts: 0 });
    expect(await attempts(6)).toEqual([...repeat('holds', 5), 'blows']);
    await sql`delete from evenfall.fuse`;
    await released('3 days', 20);
    expect(await status()).toMatchObject({ allowed: 5, acts: 25 });
  });
});

describe('how many are allowed', () => {
  const limit = async (most: number, share: number) =>
    (await sql`select evenfall.team_fuse_limit(${most}, ${share}::float8) as acts`)[0]!['acts'] as number;

  test('the smaller of the number and the share of the teams, but at least 5', async () => {
    let teams = 0;
    const grow = async (to: number) => {
      await sql`
        insert into public.teams (name, created_at)
        select 'Team', now() from generate_series(${teams + 1}::int, ${to})`;
      teams = to;
    };
    for (const to of [0, 99, 100, 119, 120, 400, 999, 1000, 1500]) {
      await grow(to);
      const expected = Math.max(5, Math.min(50, Math.floor(to / 20)));
      expect(await limit(50, 0.05), `${to} teams`).toBe(expected);
    }
    expect(await limit(3, 0.05)).toBe(5);
    expect(await limit(50, 1)).toBe(50);
    expect(await limit(2000, 0.5)).toBe(750);
  });
});
