import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readConfig } from '../src/config.ts';
import { daysOf, isoDuration } from '../src/core/policy.ts';
import { createTestDatabase } from './support/database.ts';

const { sql } = await createTestDatabase();

/** What is wrong with these settings; nothing when they are taken. */
function problems(changes: Record<string, string>): string[] {
  try {
    readConfig('database', changes, { DATABASE_URL: 'postgres://localhost/app' });
    return [];
  } catch (error) {
    return (error as Error).message.split('\n').slice(1);
  }
}

describe('how long records are kept', () => {
  test.for([
    ['POLICY_KEEP_JOBS', 'P31D', 'P1M', 'must be at least P31D: Stripe may send an event again for 30 days'],
    [
      'POLICY_KEEP_JOBS',
      'P4W3D',
      'P30DT23H59M59S',
      'must be at least P31D: Stripe may send an event again for 30 days',
    ],
    [
      'POLICY_KEEP_EFFECTS',
      'P90D',
      'P3M',
      'must be at least P90D: what is forgotten is no longer known to be done',
    ],
    [
      'POLICY_KEEP_HISTORY',
      'P12M',
      'P11M27D',
      'must be at least P1Y: people ask long afterwards why a team is gone',
    ],
    ['POLICY_KEEP_HISTORY', 'P100Y', 'P100Y1D', 'must be P100Y or less'],
    ['POLICY_KEEP_EFFECTS', 'P100Y', 'a year', 'must be an ISO 8601 duration, such as P3D or PT36H'],
  ] as const)('%s: %s is taken, %s is refused with the reason', ([name, good, bad, why]) => {
    expect(problems({ [name]: good })).toEqual([]);
    expect(problems({ [name]: bad })).toEqual([`  ${name}: ${why}`]);
  });

  const tooShort = (name: string) =>
    `  POLICY_KEEP_EFFECTS: must be longer than ${name}, by a day or more: a mail that is forgotten within it is sent again`;

  test('[P2] a ledger that forgets a mail while its window is open is refused, whichever of the two is set', () => {
    const window = { POLICY_CARD_WINDOW: 'P100D' };
    expect(problems({ ...window, POLICY_KEEP_EFFECTS: 'P101D' })).toEqual([]);
    expect(problems({ ...window, POLICY_KEEP_EFFECTS: 'P100D' })).toEqual([tooShort('POLICY_CARD_WINDOW')]);
    expect(problems({ POLICY_CARD_WINDOW: 'P400D' })).toEqual([tooShort('POLICY_CARD_WINDOW')]);
    expect(problems({ POLICY_TRIAL_REMINDERS: 'P3D,P400D,P7D' })).toEqual([
      tooShort('POLICY_TRIAL_REMINDERS'),
    ]);
  });

  test('[P2] so is one that forgets the reminder of a deletion before its date', () => {
    const notice = { POLICY_DELETION_NOTICE: 'P200D', POLICY_KEEP_EFFECTS: 'P100D' };
    expect(problems({ ...notice, POLICY_DELETION_REMINDER: 'P99D' })).toEqual([]);
    expect(problems({ ...notice, POLICY_DELETION_REMINDER: 'P100D' })).toEqual([
      tooShort('POLICY_DELETION_REMINDER'),
    ]);
  });

  test('every problem is named at once', () => {
    const all = {
      POLICY_KEEP_JOBS: 'P1D',
      POLICY_KEEP_HISTORY: 'P1D',
      POLICY_KEEP_EFFECTS: 'P1Y',
      POLICY_CARD_WINDOW: 'P12M',
      POLICY_TRIAL_REMINDERS: 'P365D',
    };
    expect(problems(all).map((line) => line.trim().split(':', 1)[0])).toEqual([
      'POLICY_KEEP_JOBS',
      'POLICY_KEEP_HISTORY',
      'POLICY_KEEP_EFFECTS',
      'POLICY_KEEP_EFFECTS',
    ]);
  });

  test('a month has 28 to 31 days, a year 365 or 366, and twelve months are a year', () => {
    expect(daysOf('P1M')).toEqual({ least: 28, most: 31 });
    expect(daysOf('P12M')).toEqual(daysOf('P1Y'));
    expect(daysOf('P1Y1M1W1DT24H')).toEqual({ least: 365 + 28 + 9, most: 366 + 31 + 9 });
  });

  test('a duration has in the calendar no fewer and no more days than it is compared by', async () => {
    const part = (unit: string, max: number) =>
      fc.option(fc.nat({ max }), { nil: undefined }).map((n) => (n === undefined ? '' : `${n}${unit}`));
    const durations = fc
      .tuple(
        part('Y', 30),
        part('M', 40),
        part('W', 9),
        part('D', 99),
        part('H', 99),
        part('M', 99),
        part('S', 99),
      )
      .map(([y, m, w, d, ...time]) => `P${y}${m}${w}${d}${time.join('') && `T${time.join('')}`}`)
      .filter((text) => isoDuration.test(text));
    const anchors = fc.date({
      min: new Date('2000-01-01'),
      max: new Date('2060-01-01'),
      noInvalidDate: true,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(durations, anchors), { minLength: 20, maxLength: 20 }),
        async (cases) => {
          const rows = await sql`
          select d as duration, extract(epoch from a + d::interval - a)::float8 / 86400 as days
          from unnest(${cases.map(([duration]) => duration)}::text[], ${cases.map(([, at]) => at.toISOString())}::timestamptz[]) as c (d, a)`;
          for (const { duration, days } of rows) {
            const { least, most } = daysOf(duration as string);
            expect(days, duration as string).toBeGreaterThanOrEqual(least - 1e-6);
            expect(days, duration as string).toBeLessThanOrEqual(most + 1e-6);
          }
        },
      ),
      { numRuns: 50 },
    );
  });
});
