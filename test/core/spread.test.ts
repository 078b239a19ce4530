import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { daysOfSpread, planSpread } from '../../src/core/spread.ts';
import { mostInADay } from '../support/time.ts';

const now = new Date('2028-02-29T10:00:00Z');
const hour = 3_600_000;
const minute = 60_000;
const at = (ms: number) => new Date(now.getTime() + ms);
const msOf = (instants: readonly Date[]) => instants.map((instant) => instant.getTime());

describe('[P3] the places of a backlog', () => {
  test('300 at 25 a day: the first at once, then one every 57.64 minutes; 25 on each of 12 days', () => {
    const places = planSpread({ now, acts: [], count: 300, perDay: 25 });
    expect(places.slice(0, 3)).toEqual([now, at(3_458_400), at(2 * 3_458_400)]);
    expect(daysOfSpread(now, places)).toEqual(
      Array.from({ length: 12 }, (_, day) => ({ from: at(day * 24 * hour), jobs: 25 })),
    );
  });

  test('what has acted within the day leaves that much less room', () => {
    const acts = [at(-10 * hour), at(-2 * hour), at(-hour)];
    expect(planSpread({ now, acts, count: 1, perDay: 4 })).toEqual([now]);
    expect(planSpread({ now, acts, count: 3, perDay: 3 })).toEqual([
      at(14 * hour + minute),
      at(22 * hour + 80_000),
      at(30 * hour + 100_000),
    ]);
    expect(planSpread({ now, acts, count: 1, perDay: 1 })).toEqual([at(23 * hour + minute)]);
  });

  test('nothing waits: no places, no days', () => {
    expect(planSpread({ now, acts: [], count: 0, perDay: 5 })).toEqual([]);
    expect(daysOfSpread(now, [])).toEqual([]);
  });

  test('a property: no 24 hours see more than so many, nobody overtakes, none comes before now, and all come', () => {
    const backlog = fc.record({
      count: fc.nat({ max: 400 }),
      perDay: fc.integer({ min: 1, max: 60 }),
      ago: fc.array(fc.nat({ max: 24 * 60 }), { maxLength: 80 }),
    });
    fc.assert(
      fc.property(backlog, ({ count, perDay, ago }) => {
        const acts = ago.map((minutes) => at(-minutes * minute));
        const places = planSpread({ now, acts, count, perDay });
        expect(places).toHaveLength(count);
        const [first] = places;
        if (!first) return;
        expect(first.getTime()).toBeGreaterThanOrEqual(now.getTime());
        // evenly: never closer than a day's share
        for (const [index, place] of places.slice(1).entries()) {
          expect(place.getTime() - places[index]!.getTime()).toBeGreaterThanOrEqual((24 * hour) / perDay);
        }
        const recent = acts.filter((act) => act.getTime() > now.getTime() - 24 * hour);
        expect(mostInADay(msOf([...recent, ...places]))).toBeLessThanOrEqual(Math.max(perDay, recent.length));
        // and no later than it must: a day has its whole share, when nothing has acted before
        if (recent.length === 0) {
          const last = now.getTime() + (count - 1) * Math.ceil((24 * hour + minute) / perDay);
          expect(places.at(-1)!.getTime()).toBe(last);
        }
        expect(daysOfSpread(now, places).reduce((sum, { jobs }) => sum + jobs, 0)).toBe(count);
      }),
    );
  });
});
