import { randomInt } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { asksOf } from './checks/asks.ts';
import { disagreement, explain } from './checks/compare.ts';
import { checks } from './checks/index.ts';
import type { Asks, Check } from './checks/index.ts';
import { insertWorld } from './insert-world.ts';
import { reasons, tally } from './tally.ts';
import { makeWorld } from './world/index.ts';

/** Another world at each run. Put the number that a failure names in its place, and it is that world again. */
const seed = randomInt(2 ** 31);
const world = makeWorld(seed);
/** Whole worlds are asked about, and others may be using the machine. */
const patience = { timeout: 120_000 };
const { database, sql } = await createTestDatabase();
const agreed = async (...asked: Parameters<typeof disagreement>) => {
  const found = await disagreement(...asked);
  expect(found && `seed ${seed}: ${explain(found)}`).toBeUndefined();
};

beforeAll(() => insertWorld(sql, world));

describe(
  '[P3] the SQL and the oracle say the same of ten thousand teams, to the millisecond',
  patience,
  () => {
    const asks: Asks = {
      ...asksOf(sql, {}),
      sweep: async (kind, parameters) => (await database.sweeps.get(kind)?.list(parameters)) ?? [],
    };
    test.for(checks.map((check) => [check.name, check] as const))('%s', async ([, check]) => {
      await agreed(check, world, asks);
    });
  },
);

describe('d36: what is counted in UTC is so in a session of another time zone', patience, () => {
  const aroundTheChange = ({ now }: { now: number }) => /^2026-(03|10)/.test(new Date(now).toISOString());
  const pinned = checks
    .filter(({ files }) => files.some((file) => /trial_reminder|card_expiry/.test(file)))
    .map((check) => ({ ...check, askings: check.askings.filter(aroundTheChange) }));
  test.for(pinned.map((check) => [check.name, check] as const))('%s', async ([, check]) => {
    await sql.begin(async (tx) => {
      await tx.unsafe(`set local timezone = 'Europe/Brussels'`);
      await agreed(check, world, asksOf(tx, {}));
    });
  });
});

describe('the world is rich enough to show a difference', patience, () => {
  test('it has more than ten thousand teams', () => {
    expect(world.teams.length, `seed ${seed}`).toBeGreaterThan(10_000);
  });

  const counted = tally(world, checks);
  test.for(Object.entries(reasons))('%s', ([rule, expected]) => {
    const poor = expected.filter((reason) => (counted.get(`${rule}: ${reason}`) ?? 0) < 25);
    expect(poor, `seed ${seed}`).toEqual([]);
  });

  test('each of its rules turns within a millisecond of a moment, for many', () => {
    const poor = checks
      .filter(({ askings }) => askings.length > 1)
      .map((check) => [check.name, turning(check)] as const)
      .filter(([, count]) => count < 25);
    expect(poor, `seed ${seed}`).toEqual([]);
  });

  /** For how many subjects an asking's verdict is another one a millisecond later. */
  function turning(check: Check): number {
    let count = 0;
    for (const { now, policies } of check.askings.slice(0, 3)) {
      const [before, after] = [now, now + 1].map((at) => check.byOracle({ ...world, now: at, policies }));
      for (const subject of new Set([...before!.keys(), ...after!.keys()])) {
        if (before!.get(subject) !== after!.get(subject)) count++;
      }
    }
    return count;
  }
});
