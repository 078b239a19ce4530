import { beforeEach, describe, expect, test } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { declareSchedule, reportSchedules, scheduledJobs, tick } from '../../src/queue/schedules.ts';
import { createMetrics } from '../../src/web/metrics.ts';
import { createTestDatabase } from '../support/database.ts';

const { database, sql } = await createTestDatabase();
const metrics = createMetrics(database, allJobs);
const name = 'trial-ending-email';
const job = scheduledJobs(allJobs).find((known) => known.name === name)!;

/** The value of a series of this schedule; undefined where it is absent. */
async function gauge(metric: 'late' | 'age', schedule = name): Promise<number | undefined> {
  const line = new RegExp(`^evenfall_schedule_${metric}_seconds\\{schedule="${schedule}"\\} (.*)$`, 'm');
  const [, value] = line.exec(await metrics.render()) ?? [];
  return value === undefined ? undefined : Number(value);
}
const report = async () => (await reportSchedules(database, allJobs)).find((one) => one.name === name)!;
const sinceHours = (hours: number) =>
  sql`update evenfall.schedule set since = clock_timestamp() - ${hours} * interval '1 hour' where name = ${name}`;
const endAll = (state: string) => sql`
  update evenfall.job set state = ${state}, due = false, finished_at = clock_timestamp() where state = 'queued'`;

beforeEach(async () => {
  await sql`truncate evenfall.schedule, evenfall.schedule_run, evenfall.job`;
});

describe('[P5] schedules in /metrics', () => {
  test('late by its oldest occurrence that nobody has accounted for, until somebody has', async () => {
    await declareSchedule(database, job);
    expect(await gauge('late')).toBe(0);
    await sinceHours(2);
    expect(await gauge('late')).toBeGreaterThanOrEqual(6_600);
    await tick(database, job);
    expect(await gauge('late')).toBe(0);
  });

  test('the age is that of the last occurrence whose job ran to its end; before the first, since it is known', async () => {
    await declareSchedule(database, job);
    await sinceHours(5);
    await tick(database, job);
    // accounted for in time, and no job has ended: waiting and dead are no end
    for (const state of [undefined, 'dead']) {
      if (state) await endAll(state);
      expect(await gauge('age')).toBeGreaterThanOrEqual(5 * 3_600);
      expect(await report()).toMatchObject({ finished: null });
    }
    for (const state of ['done', 'skipped']) {
      await sql`update evenfall.job set state = ${state}`;
      expect(await gauge('age')).toBeLessThan(3_600);
      const { finished, last, age } = await report();
      expect(finished).toEqual(last?.dueAt);
      expect(age).toBeLessThan(3_600);
    }
  });

  test('the last that ended counts, not a later one that died', async () => {
    await declareSchedule(database, job);
    await sinceHours(1);
    await tick(database, job);
    await endAll('done');
    await sql`update evenfall.schedule_run set due_at = due_at - interval '3 hours'`;
    await sql`update evenfall.schedule set since = clock_timestamp() - interval '1 hour'`;
    await tick(database, job);
    await endAll('dead');
    expect(await gauge('age')).toBeGreaterThanOrEqual(3 * 3_600);
    expect(await gauge('late')).toBe(0);
    await sql`update evenfall.job set state = 'done'`;
    expect(await gauge('age')).toBeLessThan(3_600);
  });

  test('a schedule that no worker has declared has no number, for 0 would say that all is well', async () => {
    await declareSchedule(database, job);
    expect(await gauge('late', 'backfill-stripe')).toBeUndefined();
    expect(await gauge('age', 'backfill-stripe')).toBeUndefined();
    expect(await gauge('late')).toBe(0);
    await sql`truncate evenfall.schedule cascade`;
    expect(await gauge('late')).toBeUndefined();
  });
});
