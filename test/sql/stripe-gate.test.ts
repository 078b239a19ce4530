import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { untilBlocked } from '../support/locks.ts';
import { openPool } from '../support/sql.ts';

const { sql, url } = await createTestDatabase();
const noon = Date.parse('2030-01-01T12:00:00Z');
const patience = 2_000;
const threshold = 5;

async function closed(): Promise<void> {
  await sql`update evenfall.stripe_gate set next_at = '-infinity', failures = 0, opened_at = null`;
}
beforeEach(closed);

type Asks = typeof sql;

/** Somebody asks for a turn, so many milliseconds after noon. */
async function ask(ms: number, spacing = 50, on: Asks = sql) {
  const [turn] = await on`
    select verdict, round(wait_ms::numeric)::int as wait, failures, opened_at from evenfall.stripe_turn(
      ${new Date(noon + ms)}, ${spacing} * interval '1 ms', ${patience} * interval '1 ms')`;
  return turn as { verdict: 'go' | 'busy' | 'down'; wait: number; failures: number; openedAt: Date | null };
}

async function answered(ms: number, worked: boolean, on: Asks = sql): Promise<string> {
  const [row] = await on`
    select evenfall.stripe_answered(${new Date(noon + ms)}, ${worked}, ${threshold}) as changed`;
  return row!['changed'] as string;
}

async function failures(count: number, from = 0) {
  const said = [];
  for (let n = 0; n < count; n++) said.push(await answered(from + n, false));
  return said;
}

const gate = async () => (await sql`select * from evenfall.stripe_gate`)[0]!;

describe('the budget', () => {
  test('turns are never closer than the budget says, in whatever order processes ask; none is wasted, nobody waits long', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 10, max: 1_000 }),
        // processes read the clock, then wait for the row: later ones may come with an earlier instant
        fc.array(fc.integer({ min: -300, max: 1_500 }), { minLength: 5, maxLength: 30 }),
        async (spacing, steps) => {
          await closed();
          let at = 0;
          let last = Number.NEGATIVE_INFINITY;
          for (const step of steps) {
            at += step;
            const { verdict, wait } = await ask(at, spacing);
            const next = Math.max(at, last + spacing);
            expect(verdict).toBe(next - at > patience ? 'busy' : 'go');
            expect(wait).toBe(next - at);
            if (verdict === 'go') last = next;
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test('whoever asks at the same instant, on as many connections: each has a turn of its own', async () => {
    const turns = await Promise.all(Array.from({ length: 60 }, () => ask(0)));
    const waits = turns.filter(({ verdict }) => verdict === 'go').map(({ wait }) => wait);
    expect(waits.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 41 }, (_, n) => n * 50));
    expect(turns.filter(({ verdict }) => verdict === 'busy')).toHaveLength(19);
  });

  test('a pause earns no burst: after an hour of silence the turns are as far apart as ever', async () => {
    await ask(0);
    const waits = [];
    for (let n = 0; n < 4; n++) waits.push((await ask(3_600_000)).wait);
    expect(waits).toEqual([0, 50, 100, 150]);
  });

  test('a clock that was set back, or a backup, does not keep everybody out', async () => {
    await ask(3_600_000);
    expect(await ask(0)).toMatchObject({ verdict: 'go', wait: 0 });
    expect(await ask(0)).toMatchObject({ verdict: 'go', wait: 50 });
  });
});

describe('the breaker', () => {
  test('opens at the fifth failure in a row, whoever met them; a good answer between begins the count anew', async () => {
    expect(await failures(4)).toEqual(['same', 'same', 'same', 'same']);
    expect(await answered(5, true)).toBe('same');
    expect(await failures(5, 10)).toEqual(['same', 'same', 'same', 'same', 'opened']);
    expect(await gate()).toMatchObject({ failures: 5, openedAt: new Date(noon + 14) });
    // those that were under way change nothing: it is open since the fifth
    expect(await failures(3, 20)).toEqual(['same', 'same', 'same']);
    expect(await gate()).toMatchObject({ openedAt: new Date(noon + 14) });
  });

  test('open, it lets through one a second at most, and nobody waits; in any order, at any budget', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 10, max: 1_000 }),
        fc.array(fc.tuple(fc.integer({ min: -100, max: 900 }), fc.boolean()), {
          minLength: 10,
          maxLength: 30,
        }),
        async (spacing, steps) => {
          await closed();
          for (let n = 0; n < 10; n++) await ask(0, spacing);
          await failures(threshold);
          let at = 0;
          let last = 4;
          for (const [step, fails] of steps) {
            at += step;
            const { verdict, wait } = await ask(at, spacing);
            expect(verdict).toBe(at >= last + 1_000 ? 'go' : 'down');
            if (verdict !== 'go') continue;
            expect(wait).toBe(0);
            last = at;
            // a probe fails, or its process dies and never says
            if (fails) await answered(at, false);
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  test('it is half open for nobody in particular: a probe that never answers does not keep the next from going', async () => {
    await failures(threshold);
    const asked = [];
    for (const ms of [500, 1_004, 1_500, 2_004, 3_004]) asked.push((await ask(ms)).verdict);
    expect(asked).toEqual(['down', 'go', 'down', 'go', 'go']);
  });

  test('the first good answer closes it, and what waited comes at the budget, without a burst', async () => {
    await failures(threshold);
    expect(await ask(1_004)).toMatchObject({
      verdict: 'go',
      failures: 5,
      openedAt: expect.any(Date) as Date,
    });
    expect(await answered(1_100, true)).toBe('closed');
    expect(await gate()).toMatchObject({ failures: 0, openedAt: null });
    const waits = [];
    for (let n = 0; n < 4; n++) waits.push((await ask(1_100)).wait);
    // the probe's own second first
    expect(waits).toEqual([904, 954, 1_004, 1_054]);
  });

  test('turns that were taken ahead are void when it opens: the first probe is a second later', async () => {
    for (let n = 0; n < 40; n++) await ask(0);
    await failures(threshold);
    expect(await ask(1_003)).toMatchObject({ verdict: 'down' });
    expect(await ask(1_004)).toMatchObject({ verdict: 'go' });
  });

  test('opened by a clock that was then set back, it still probes', async () => {
    await failures(threshold, 3_600_000);
    expect(await ask(0)).toMatchObject({ verdict: 'go' });
    expect(await ask(999)).toMatchObject({ verdict: 'down' });
    expect(await ask(1_000)).toMatchObject({ verdict: 'go' });
  });
});

test('whoever comes while another is at it waits for what the other writes: no turn is given twice, no failure lost', async () => {
  await failures(3);
  const other = openPool(url, { max: 1, name: 'another process' });
  let late: Promise<unknown> | undefined;
  const behind = async (first: (on: Asks) => Promise<unknown>, second: (on: Asks) => Promise<unknown>) => {
    await sql.begin(async (tx) => {
      await first(tx as unknown as Asks);
      late = second(other);
      await untilBlocked(sql);
    });
    return await late;
  };
  expect(
    await behind(
      (on) => ask(0, 50, on),
      (on) => ask(0, 50, on),
    ),
  ).toMatchObject({ wait: 50 });
  expect(
    await behind(
      (on) => answered(1, false, on),
      (on) => answered(1, false, on),
    ),
  ).toBe('opened');
  await other.end();
});

test('there is one gate, and no second can be made', async () => {
  await expect(sql`insert into evenfall.stripe_gate (id) values (2)`).rejects.toMatchObject({
    code: '23514',
  });
});
