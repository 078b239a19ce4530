import { describe, expect, test } from 'vitest';
import { addDuration, addMonths, cardEnds, takeDuration } from './time.ts';

const at = (iso: string) => Date.parse(iso);
const iso = (instant: number) => new Date(instant).toISOString();

describe('months', () => {
  test.each([
    ['2025-08-31T12:00:00.000Z', 6, '2026-02-28T12:00:00.000Z'],
    ['2025-08-28T12:00:00.000Z', 6, '2026-02-28T12:00:00.000Z'],
    ['2023-08-30T23:59:59.999Z', 6, '2024-02-29T23:59:59.999Z'],
    ['2024-02-29T00:00:00.001Z', 6, '2024-08-29T00:00:00.001Z'],
    ['2024-02-29T00:00:00.000Z', 12, '2025-02-28T00:00:00.000Z'],
    ['2024-02-29T00:00:00.000Z', 48, '2028-02-29T00:00:00.000Z'],
    ['1999-08-31T00:00:00.000Z', 6, '2000-02-29T00:00:00.000Z'],
    ['2099-08-31T00:00:00.000Z', 6, '2100-02-28T00:00:00.000Z'],
    ['2025-12-31T00:00:00.000Z', 2, '2026-02-28T00:00:00.000Z'],
    ['2025-10-31T22:30:00.000Z', 1, '2025-11-30T22:30:00.000Z'],
    ['2025-07-01T00:00:00.000Z', 6, '2026-01-01T00:00:00.000Z'],
    ['1969-08-31T23:59:59.999Z', 6, '1970-02-28T23:59:59.999Z'],
  ])('d35: %s and %i months is %s', (anchor, months, expected) => {
    expect(iso(addMonths(at(anchor), months))).toBe(expected);
  });

  test('d37: from the anchor there is no drift', () => {
    const anchor = at('2025-01-31T00:00:00.000Z');
    expect([1, 2, 3].map((months) => iso(addMonths(anchor, months)).slice(0, 10))).toEqual([
      '2025-02-28',
      '2025-03-31',
      '2025-04-30',
    ]);
  });

  test('a later anchor never has an earlier end', () => {
    const start = at('2023-12-01T06:00:00.000Z');
    const ends = Array.from({ length: 800 }, (_, day) => addMonths(start + day * 86_400_000, 6));
    expect(ends).toEqual(ends.toSorted((one, other) => one - other));
  });
});

describe('durations', () => {
  test.each([
    ['P7D', '2026-03-28T12:00:00.000Z', '2026-04-04T12:00:00.000Z'],
    ['P10D', '2026-10-20T01:30:00.000Z', '2026-10-30T01:30:00.000Z'],
    ['P1M1D', '2026-01-31T00:00:00.000Z', '2026-03-01T00:00:00.000Z'],
    ['P1Y2M3W4DT5H6M7S', '2025-01-01T00:00:00.000Z', '2026-03-26T05:06:07.000Z'],
    ['PT24H', '2026-03-29T00:30:00.000Z', '2026-03-30T00:30:00.000Z'],
  ])('d36: %s is counted in UTC, where a day has 24 hours', (duration, anchor, expected) => {
    expect(iso(addDuration(at(anchor), duration))).toBe(expected);
  });

  test('d35: there and back is not always the same instant', () => {
    const anchor = at('2025-08-31T12:00:00.000Z');
    const there = addDuration(anchor, 'P6M');
    expect(iso(there)).toBe('2026-02-28T12:00:00.000Z');
    expect(iso(takeDuration(there, 'P6M'))).toBe('2025-08-28T12:00:00.000Z');
    expect(iso(takeDuration(at('2026-03-31T00:00:00.000Z'), 'P1M1DT1H'))).toBe('2026-02-26T23:00:00.000Z');
  });

  test('what is no duration is refused', () => {
    expect(() => addDuration(0, '6 months')).toThrow('no ISO 8601 duration');
  });
});

describe('2.4: a card is good to the end of its month', () => {
  test.each([
    [2026, 2, '2026-03-01T00:00:00.000Z'],
    [2026, 12, '2027-01-01T00:00:00.000Z'],
  ])('%i-%i ends at %s', (year, month, expected) => {
    expect(iso(cardEnds(year, month))).toBe(expected);
  });
});
