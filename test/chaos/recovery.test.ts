import { describe, expect, test } from 'vitest';
import { percentile, recoveries } from '../../chaos/recovery.ts';
import type { JournalEvent } from '../../chaos/recovery.ts';

const event = (state: string, at: number, more: Partial<JournalEvent> = {}): JournalEvent => ({
  jobId: '1',
  state,
  pid: state === 'running' ? 10 : undefined,
  at,
  runAt: 0,
  ...more,
});
const began = event('running', 1_000);
const again = event('running', 9_000, { pid: 11 });

describe('[P6] the time until an interrupted job runs again', () => {
  test('counts from the death of its worker', () => {
    const events = [
      event('dispatched', 900),
      began,
      event('queued', 7_500),
      event('dispatched', 7_600),
      again,
    ];
    expect(recoveries(events, new Map([[10, 2_000]]), [])).toEqual([7_000]);
  });

  test('counts from when it was given back, where it was', () => {
    const events = [began, event('queued', 1_500), event('dispatched', 1_600), again];
    expect(recoveries(events, new Map([[10, 2_000]]), [])).toEqual([7_500]);
  });

  test('is none of a job that had ended when its worker died', () => {
    expect(recoveries([began, event('done', 1_500)], new Map([[10, 2_000]]), [])).toEqual([]);
  });

  test('counts from when the service is back, where that is later', () => {
    expect(recoveries([began, again], new Map([[10, 2_000]]), [{ from: 1_990, until: 5_000 }])).toEqual([
      4_000,
    ]);
  });

  test('of what waited in a queue that was lost, from then on; not before its own time', () => {
    const lost = [{ from: 2_000, until: 3_000 }];
    expect(recoveries([event('dispatched', 900), again], new Map(), lost)).toEqual([6_000]);
    expect(recoveries([event('dispatched', 900, { runAt: 8_000 }), again], new Map(), lost)).toEqual([1_000]);
    expect(recoveries([event('queued', 900), again], new Map(), lost)).toEqual([]);
  });

  test('begins anew where a service goes away before it ran again, and is counted once', () => {
    const outages = [
      { from: 2_000, until: 3_000 },
      { from: 4_000, until: 6_000 },
    ];
    expect(recoveries([event('dispatched', 900), again], new Map(), outages)).toEqual([3_000]);
    expect(recoveries([began, again], new Map([[10, 1_500]]), outages)).toEqual([3_000]);
  });
});

test('a percentile is the nearest rank, and none of nothing', () => {
  expect(percentile([], 0.95)).toBeUndefined();
  expect(percentile([3, 1, 2], 1)).toBe(3);
  expect(
    percentile(
      Array.from({ length: 100 }, (_none, n) => n + 1),
      0.95,
    ),
  ).toBe(95);
});
