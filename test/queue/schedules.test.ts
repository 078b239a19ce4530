import fc from 'fast-check';
import { Redis } from 'ioredis';
import { beforeEach, describe, expect, inject, onTestFinished, test } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { defineJob } from '../../src/core/job.ts';
import { done } from '../../src/core/outcome.ts';
import { payload } from '../../src/core/payload.ts';
import { seconds } from '../../src/core/retry.ts';
import { account } from '../../src/core/schedule.ts';
import type { CatchUp, Schedule } from '../../src/core/schedule.ts';
import { connectDatabase } from '../../src/db/connect.ts';
import { Scheduler, tickName } from '../../src/queue/scheduler.ts';
import type { SchedulerQueue } from '../../src/queue/scheduler.ts';
import {
  declareSchedule,
  lateSeconds,
  nextOccurrence,
  occurrences,
  reportSchedules,
  tick,
} from '../../src/queue/schedules.ts';
import type { ScheduledJob } from '../../src/queue/schedules.ts';
import { createTestDatabase } from '../support/database.ts';
import { testKind } from '../support/kinds.ts';
import { silentLog } from '../support/machine.ts';
import { generateSweeps, sweepThings, thingsTable } from '../support/sweeps.ts';
import { lookAt, openBackend, ownRedis, startTestWorker } from '../support/worker.ts';

const patience = { timeout: 20_000, interval: 20 };

/** A kind that takes nothing, and is due by itself. */
function scheduledKind(name: string, schedule: Partial<Schedule> = {}): ScheduledJob {
  return {
    ...defineJob({
      name,
      summary: 'Does nothing.',
      queue: 'lifecycle',
      payload: payload({}),
      key: [],
      retry: { attempts: 3, firstDelayMs: 20, maxDelayMs: 100, giveUpAfter: 'PT1H', crashBudget: 3 },
      timeoutMs: seconds(30),
      run: () => Promise.resolve(done()),
    }),
    schedule: { cron: '*/10 * * * *', catchUp: 'once', windowHours: 24, ...schedule },
  };
}

const iso = (dates: Date[]) => dates.map((date) => date.toISOString());

describe('occurrences', () => {
  test('are in UTC: a day of summer time has no other hours', () => {
    // New York's clocks go from 02:00 to 03:00 on 8 March 2026, and back on 1 November
    for (const day of ['2026-03-08', '2026-11-01', '2026-03-29', '2026-10-25']) {
      const from = new Date(`${day}T00:00:00Z`);
      const to = new Date(from.getTime() + 86_400_000);
      expect(iso(occurrences('30 1 * * *', from, to)), day).toEqual([`${day}T01:30:00.000Z`]);
      expect(iso(occurrences('30 2 * * *', from, to)), day).toEqual([`${day}T02:30:00.000Z`]);
      expect(occurrences('15 * * * *', from, to), day).toHaveLength(24);
    }
  });

  test('at the ends of months, in leap years and not', () => {
    const year = (n: number): [Date, Date] => [
      new Date(`${n - 1}-12-31T23:59:59Z`),
      new Date(`${n}-12-31T23:59:59Z`),
    ];
    expect(occurrences('0 0 31 * *', ...year(2026)).map((at) => at.getUTCMonth() + 1)).toEqual([
      1, 3, 5, 7, 8, 10, 12,
    ]);
    expect(iso(occurrences('0 0 29 2 *', ...year(2028)))).toEqual(['2028-02-29T00:00:00.000Z']);
    expect(occurrences('0 0 29 2 *', ...year(2027))).toEqual([]);
    expect(occurrences('0 0 L * *', ...year(2027)).map((at) => at.getUTCDate())).toEqual([
      31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31,
    ]);
  });

  test('begin after the last one and end with now', () => {
    const at = (time: string) => new Date(`2026-12-01T${time}Z`);
    expect(iso(occurrences('*/10 * * * *', at('09:00:00'), at('09:20:00')))).toEqual(
      iso([at('09:10:00'), at('09:20:00')]),
    );
    expect(occurrences('*/10 * * * *', at('09:00:00'), at('09:09:59.999'))).toEqual([]);
    expect(nextOccurrence('23 7 * * *', at('07:23:00'))).toEqual(new Date('2026-12-02T07:23:00Z'));
  });
});

describe('[P5] policies', () => {
  const now = new Date('2026-12-01T09:20:30Z');
  const due = ['08:50', '09:00', '09:10', '09:20'].map((time) => new Date(`2026-12-01T${time}:00Z`));
  const outcomes = (schedule: Omit<Schedule, 'cron'>, at = now) =>
    account(due, schedule, at).map((one) => one.outcome);

  test.for<[CatchUp, string[]]>([
    ['once', ['skipped', 'skipped', 'skipped', 'ran']],
    ['all', ['caught_up', 'caught_up', 'caught_up', 'ran']],
    ['skip', ['skipped', 'skipped', 'skipped', 'ran']],
  ])('%s', ([catchUp, expected]) => {
    expect(outcomes({ catchUp, windowHours: 24 })).toEqual(expected);
  });

  test('the last one, too late, is caught up, or skipped where nothing is', () => {
    const late = new Date('2026-12-01T09:21:00.001Z');
    expect(outcomes({ catchUp: 'once', windowHours: 24 }, late).at(-1)).toBe('caught_up');
    expect(outcomes({ catchUp: 'all', windowHours: 24 }, late).at(-1)).toBe('caught_up');
    expect(outcomes({ catchUp: 'skip', windowHours: 24 }, late).at(-1)).toBe('skipped');
  });

  test('what is older than the window is skipped, and every skip has its reason', () => {
    const accounted = account(due, { catchUp: 'all', windowHours: 0.5 }, now);
    expect(accounted).toMatchObject([
      { outcome: 'skipped', reason: 'older than the catch-up window' },
      { outcome: 'caught_up' },
      { outcome: 'caught_up' },
      { outcome: 'ran' },
    ]);
    expect(account(due, { catchUp: 'once', windowHours: 24 }, now)[0]).toMatchObject({
      reason: 'superseded by the run due at 2026-12-01T09:20:00.000Z',
    });
  });
});

describe('[P5] a tick', async () => {
  const kinds = {
    once: scheduledKind('tick-once', { catchUp: 'once' }),
    all: scheduledKind('tick-all', { catchUp: 'all' }),
    skip: scheduledKind('tick-skip', { catchUp: 'skip' }),
  };
  const jobs = Object.values(kinds);
  const { database, sql } = await createTestDatabase(jobs);

  beforeEach(async () => {
    await sql`truncate evenfall.schedule_run, evenfall.schedule, evenfall.job`;
  });

  const runsOf = (job: ScheduledJob) => sql`
    select due_at, outcome, reason, job_id, recorded_at from evenfall.schedule_run
    where schedule = ${job.name} order by due_at`;
  const databaseNow = async () => (await database.statements.databaseNow())[0]!.now;
  /** As if nothing had run for so long. */
  const sleepFor = (job: ScheduledJob, minutes: number) =>
    sql.begin(async (tx) => {
      const move = async (by: string) => {
        await tx`update evenfall.schedule set since = since + ${by}::interval where name = ${job.name}`;
        await tx`
          update evenfall.schedule_run set due_at = due_at + ${by}::interval, recorded_at = recorded_at + ${by}::interval
          where schedule = ${job.name}`;
      };
      // first out of each other's way: two rows of one time may not be there even for a moment
      await move('-4000 days');
      await move(`4000 days ${-minutes} minutes`);
    });

  test('of a schedule seen for the first time misses nothing that was before', async () => {
    await declareSchedule(database, kinds.all);
    expect(await tick(database, kinds.all)).toEqual([]);
    expect(await runsOf(kinds.all)).toEqual([]);
  });

  test('of a schedule that nobody has declared does nothing', async () => {
    expect(await tick(database, kinds.all)).toEqual([]);
  });

  test('of a kind that cannot be enqueued holds up no other', async () => {
    const wrong = scheduledKind('no-such-kind', { catchUp: 'all' });
    const scheduler = new Scheduler({
      database,
      queue: {} as SchedulerQueue,
      jobs: [wrong, kinds.all],
      log: silentLog,
    });
    await scheduler.catchUp();
    await sleepFor(wrong, 30);
    await sleepFor(kinds.all, 30);
    await expect(scheduler.catchUp()).rejects.toThrow('could not be accounted for');
    expect(await runsOf(kinds.all)).toHaveLength(3);
    expect(await runsOf(wrong)).toEqual([]);
  });

  test('rows and jobs are one transaction', async () => {
    await declareSchedule(database, kinds.all);
    await sleepFor(kinds.all, 30);
    const broken = {
      ...database,
      transaction: (work: any) =>
        database.transaction((tx) =>
          work({ ...tx, recordScheduleRuns: () => Promise.reject(new Error('the database goes away')) }),
        ),
    };
    await expect(tick(broken as typeof database, kinds.all)).rejects.toThrow('goes away');
    expect(await sql`select from evenfall.job`).toHaveLength(0);
    expect(await tick(database, kinds.all)).toHaveLength(3);
    expect(await sql`select source, kind, payload from evenfall.job`).toEqual([
      { source: 'schedule:tick-all', kind: 'tick-all', payload: {} },
    ]);
  });

  test('another pattern counts from now on; what was due by the old one is accounted for first', async () => {
    await declareSchedule(database, kinds.all);
    await sleepFor(kinds.all, 30);
    const changed = { ...kinds.all, schedule: { ...kinds.all.schedule, cron: '* * * * *' } };
    const before = await databaseNow();
    await declareSchedule(database, changed);
    const runs = await runsOf(kinds.all);
    expect(runs).toHaveLength(3);
    expect(runs.every((run) => run['dueAt'].getUTCMinutes() % 10 === 0)).toBe(true);
    const [state] = await database.statements.scheduleStates({ names: [changed.name] });
    expect(state!.pattern).toBe('* * * * *');
    expect(state!.accountedTo.getTime()).toBeGreaterThanOrEqual(before.getTime());
    await declareSchedule(database, changed);
    const [again] = await database.statements.scheduleStates({ names: [changed.name] });
    expect(again!.accountedTo).toEqual(state!.accountedTo);
  });

  test('`evenfall schedules`: last, next and how late', async () => {
    await declareSchedule(database, kinds.once);
    await declareSchedule(database, kinds.all);
    await sleepFor(kinds.once, 20);
    await sleepFor(kinds.all, 20);
    await tick(database, kinds.once);
    const [once, all, skip] = JSON.parse(JSON.stringify(await reportSchedules(database, jobs)));
    const [last] = (await runsOf(kinds.once)).slice(-1);
    expect(once).toEqual({
      name: 'tick-once',
      pattern: '*/10 * * * *',
      last: { dueAt: last!['dueAt'].toISOString(), outcome: expect.stringMatching(/^(ran|caught_up)$/) },
      next: expect.stringMatching(/T\d\d:\d0:00\.000Z$/),
      late: 0,
      finished: null,
      age: expect.any(Number),
    });
    expect(all).toMatchObject({ last: null });
    expect(all.late).toBeGreaterThanOrEqual(600);
    expect(skip).toMatchObject({ name: 'tick-skip', last: null, late: 0 });
  });

  test('lateness counts from the oldest occurrence that nobody has accounted for', () => {
    const at = (time: string) => new Date(`2026-12-01T${time}Z`);
    const state = { pattern: '*/10 * * * *', accountedTo: at('09:00:00'), now: at('09:31:07') };
    expect(lateSeconds(state)).toBe(21 * 60 + 7);
    expect(lateSeconds({ ...state, now: at('09:09:59') })).toBe(0);
  });

  /** What must have become of an occurrence, said otherwise than the code says it. */
  function expectedOutcome(job: ScheduledJob, dueAt: number, last: number, now: number): string {
    const { catchUp, windowHours } = job.schedule;
    const age = now - dueAt;
    if (age > windowHours * 3_600_000) return 'skipped';
    if (catchUp === 'once' && dueAt !== last) return 'skipped';
    if (age <= 60_000) return 'ran';
    return catchUp === 'skip' ? 'skipped' : 'caught_up';
  }

  test('[P5] any number of racing ticks, any outages, any policy: each occurrence once, jobs as the policy says', async () => {
    const outages = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 4 });
    const policy = fc.record({
      catchUp: fc.constantFrom<CatchUp>('once', 'all', 'skip'),
      windowHours: fc.constantFrom(0.25, 1, 3, 48),
    });
    const property = fc.asyncProperty(outages, policy, async (tens, { catchUp, windowHours }) => {
      await sql`truncate evenfall.schedule_run, evenfall.schedule, evenfall.job`;
      const base = kinds[catchUp];
      const job = { ...base, schedule: { ...base.schedule, windowHours } };
      await declareSchedule(database, job);
      let slept = 0;
      for (const ten of tens) {
        slept += ten;
        await sleepFor(job, ten * 10);
        const known = await sql`select max(due_at) as last from evenfall.schedule_run`;
        const before = await databaseNow();
        await Promise.all(Array.from({ length: 10 }, () => tick(database, job)));

        const runs = await runsOf(job);
        const fresh = runs.filter((run) => !known[0]!['last'] || run['dueAt'] > known[0]!['last']);
        // one may come due while they race: then two of them were the last of a tick
        const lasts = [fresh.at(-1), fresh.findLast((run) => run['dueAt'] <= before)].map((run) =>
          run?.['dueAt'].getTime(),
        );
        for (const run of fresh) {
          const dueAt = run['dueAt'].getTime();
          const verdicts = [before, run['recordedAt']].flatMap((now) =>
            lasts.map((last) => expectedOutcome(job, dueAt, last, now.getTime())),
          );
          expect(verdicts).toContain(run['outcome']);
          expect(run['jobId'] === null, 'a job, unless it was skipped').toBe(run['outcome'] === 'skipped');
          expect(run['reason'] === null, 'a reason, if it was').toBe(run['outcome'] !== 'skipped');
        }
      }
      // one row an occurrence and none left out, from when it was declared until now
      const all = (await runsOf(job)).map((run) => run['dueAt'].getTime());
      const [state] = await database.statements.scheduleStates({ names: [job.name] });
      const [first] = await sql`select since from evenfall.schedule`;
      expect(all).toEqual(
        occurrences(job.schedule.cron, first!['since'], state!.accountedTo).map((at) => at.getTime()),
      );
      expect(all.length).toBeGreaterThanOrEqual(slept);
      const ran =
        await sql`select job_id from evenfall.schedule_run where outcome <> 'skipped' order by job_id`;
      expect(await sql`select id as job_id from evenfall.job order by id`, 'a job a run, no more').toEqual(
        ran,
      );
    });
    // jobs that end at once: no live one takes up what a second tick might ask for
    await sql`
      create function end_at_once() returns trigger language plpgsql as $$
      begin
        new.state := 'done'; new.due := false; new.finished_at := now();
        return new;
      end $$`;
    await sql`create trigger end_at_once before insert on evenfall.job for each row execute function end_at_once()`;
    onTestFinished(async () => {
      await sql`drop function end_at_once cascade`;
    });
    await fc.assert(property, { numRuns: 30 });
  }, 120_000);
});

async function forgetInRedis(url: string, id: string): Promise<void> {
  const client = new Redis(url);
  await client.multi().zrem('{evenfall}:schedules:delayed', id).del(`{evenfall}:schedules:${id}`).exec();
  await client.quit();
}

for (const backend of ['redis', 'postgres'] as const) {
  const redis = inject('redisUrl');
  describe.skipIf(backend === 'redis' && redis === undefined)(`schedulers on ${backend}`, async () => {
    const things = testKind().kind;
    const everySecond: ScheduledJob = {
      ...things,
      schedule: { cron: '* * * * * *', catchUp: 'once', windowHours: 24 },
    };
    const policies = [
      scheduledKind('down-once', { catchUp: 'once' }),
      scheduledKind('down-all', { catchUp: 'all' }),
      scheduledKind('down-skip', { catchUp: 'skip' }),
      scheduledKind('down-window', { catchUp: 'all', windowHours: 1 / 3 }),
    ];
    const { url, sql } = await createTestDatabase([...policies, things]);
    await sql.unsafe(thingsTable);
    const sweeps = await generateSweeps(sql, { 'test-kind': sweepThings });
    const redisUrl = backend === 'redis' && redis !== undefined ? await ownRedis(redis, 8) : undefined;

    function connect() {
      const database = connectDatabase(url, { max: 4, name: 'test scheduler', sweeps });
      onTestFinished(() => database.close());
      return database;
    }

    /** A scheduler as a process of its own would have it. */
    function openScheduler(jobs: readonly ScheduledJob[]) {
      const opened = openBackend(url, redisUrl);
      onTestFinished(() => opened.close());
      const queue = lookAt(opened, 'schedules');
      const scheduler = new Scheduler({
        database: connect(),
        queue,
        jobs,
        log: silentLog,
      });
      return { queue, scheduler };
    }

    const armed = async (queue: ReturnType<typeof openScheduler>['queue']) =>
      (await queue.getJobs(['delayed', 'waiting', 'prioritized'])).map((job) => job.id).toSorted();

    beforeEach(async () => {
      const { queue } = openScheduler([]);
      await queue.obliterate({ force: true });
      await sql`truncate evenfall.schedule_run, evenfall.schedule, evenfall.job`;
    });

    test('six at once leave one of each, and remove what nobody knows', async () => {
      const six = Array.from({ length: 6 }, () => openScheduler(policies));
      const { queue } = six[0]!;
      const gone = { name: tickName, data: { schedule: 'gone' }, opts: {} };
      await queue.upsertJobScheduler('gone', { pattern: '*/10 * * * *', tz: 'UTC' }, gone);
      for (let round = 0; round < 3; round++) {
        await Promise.all(six.map(({ scheduler }) => scheduler.setUp()));
        const there = await queue.getJobSchedulers();
        expect(there.map((one) => one.key).toSorted()).toEqual(policies.map((job) => job.name).toSorted());
        expect(await armed(queue)).toHaveLength(policies.length);
      }
    });

    test('a changed pattern is replaced, one job waits for it', async () => {
      const before = openScheduler([scheduledKind('down-once', { cron: '0 3 * * *' })]);
      await before.scheduler.setUp();
      const { scheduler, queue } = openScheduler([scheduledKind('down-once', { cron: '0 4 * * *' })]);
      await scheduler.setUp();
      expect(await queue.getJobSchedulers()).toMatchObject([
        { key: 'down-once', pattern: '0 4 * * *', tz: 'UTC' },
      ]);
      const [waiting, ...more] = await queue.getJobs(['delayed']);
      expect(more).toEqual([]);
      expect(new Date(waiting!.opts.prevMillis!).getUTCHours()).toBe(4);
    });

    test('an unchanged one that is overdue is not lost', async () => {
      const { scheduler, queue } = openScheduler([everySecond]);
      await scheduler.setUp();
      const ids = await armed(queue);
      const overdue = async () => (await queue.getJobSchedulers())[0]!.next! < Date.now();
      await expect.poll(overdue, patience).toBe(true);
      for (let round = 0; round < 3; round++) await scheduler.setUp();
      expect(await armed(queue)).toEqual(ids);
    });

    test('a scheduler that has lost its next job is set up anew', async () => {
      const { scheduler, queue } = openScheduler([policies[0]!]);
      await scheduler.setUp();
      const [id = ''] = await armed(queue);
      if (redisUrl === undefined) await sql`delete from bullmq.job where id = ${id}`;
      else await forgetInRedis(redisUrl, id);
      expect(await queue.getJobSchedulers()).toHaveLength(1);
      expect(await armed(queue)).toEqual([]);
      await scheduler.setUp();
      expect(await queue.getJobSchedulers()).toHaveLength(1);
      expect(await armed(queue)).toHaveLength(1);
    });

    test('a tick that comes before its time by the clock of the database waits for it', async () => {
      const database = connect();
      const { scheduler } = openScheduler([everySecond]);
      await scheduler.catchUp();
      const now = async () => (await database.statements.databaseNow())[0]!.now.getTime();
      const slot = (await now()) + 300;
      expect(await scheduler.onTick({ data: { schedule: 'test-kind' }, opts: { prevMillis: slot } })).toMatch(
        /due$/,
      );
      expect(await now()).toBeGreaterThanOrEqual(slot);
    });

    test('a tick never fails in BullMQ: its failed jobs are the dead letters', async () => {
      const { scheduler } = openScheduler([everySecond]);
      expect(await scheduler.onTick({ data: { schedule: 'gone' }, opts: {} })).toBe(
        'not a schedule of this version',
      );
      expect(await scheduler.onTick({ data: null, opts: {} })).toBe('not a schedule of this version');
      const closed = connectDatabase(url, { max: 1, name: 'test scheduler', sweeps });
      await closed.close();
      const queue = {} as SchedulerQueue;
      const away = new Scheduler({ database: closed, queue, jobs: [everySecond], log: silentLog });
      expect(await away.onTick({ data: { schedule: 'test-kind' }, opts: {} })).toMatch(/^failed/);
    });

    test('[P5] a worker ticks, the tick asks for a sweep, the sweep for what is due, and it runs', async () => {
      await sql`truncate thing`;
      const jobs = [...allJobs, everySecond];
      const worker = await startTestWorker(url, redisUrl, { jobs, database: connect() });
      const queue = lookAt(worker.backend, 'schedules');
      const ticks = async () => (await queue.getJobs(['completed'])).filter((job) => job.name === tickName);
      await expect.poll(async () => (await ticks()).length, patience).toBeGreaterThanOrEqual(2);
      await sql`insert into thing values (7, now(), null)`;
      const done = () =>
        sql`select source from evenfall.job where kind = 'test-kind' and key = 'n=7' and state = 'done'`;
      await expect.poll(async () => (await done()).length, patience).toBeGreaterThanOrEqual(1);
      expect((await done())[0]).toEqual({ source: 'sweep:test-kind' });
      // at a full ten minutes others tick as well
      expect((await ticks()).map((job) => job.data)).toContainEqual({ schedule: 'test-kind' });
      expect(await queue.getJobs(['failed'])).toEqual([]);
      const sweepsRun = await sql`select outcome from evenfall.job where kind = 'sweep' and state = 'done'`;
      expect(sweepsRun[0]!['outcome'].detail).toMatchObject({ sweep: 'test-kind' });
      await worker.stop(1_000);
      // by ticks and watchdog alike, each second once
      const runs =
        await sql`select due_at, outcome from evenfall.schedule_run where schedule = 'test-kind' order by due_at`;
      expect(runs.length).toBeGreaterThanOrEqual(2);
      for (const [index, run] of runs.entries()) {
        if (index > 0) expect(run['dueAt'] - runs[index - 1]!['dueAt']).toBe(1_000);
      }
    });

    test('[P5] three occurrences missed in a downtime are accounted for when the worker is back', async () => {
      const jobs = [...allJobs, ...policies, things];
      const first = await startTestWorker(url, redisUrl, { jobs, database: connect() });
      const queue = lookAt(first.backend, 'schedules');
      const names = policies.map((job) => job.name);
      const known = async () =>
        (await queue.getJobSchedulers()).filter((one) => names.includes(one.key)).length;
      await expect.poll(known, patience).toBe(policies.length);
      await first.stop(0);

      // the last one before the downtime was half an hour before the latest
      await sql`delete from evenfall.schedule_run`;
      await sql`
        update evenfall.schedule
        set since = to_timestamp(floor(extract(epoch from clock_timestamp()) / 600) * 600) - interval '30 minutes'
        where name = any(${names})`;
      await startTestWorker(url, redisUrl, { jobs, database: connect() });

      const runs = () =>
        sql`select * from evenfall.schedule_run where schedule = any(${names}) order by due_at`;
      await expect
        .poll(async () => (await runs()).length, patience)
        .toBeGreaterThanOrEqual(3 * policies.length);
      for (const job of policies) {
        const mine = (await runs()).filter((run) => run['schedule'] === job.name);
        const [oldest, middle] = mine;
        const last = mine.at(-1)!;
        expect(last['outcome'], job.name).toMatch(
          job.name === 'down-skip' ? /^(ran|skipped)$/ : /^(ran|caught_up)$/,
        );
        expect(oldest!['outcome'], job.name).toBe(job.name === 'down-all' ? 'caught_up' : 'skipped');
        // ten to twenty minutes old, unless the next occurrence came by while this ran
        const tooOld = middle!['recordedAt'] - middle!['dueAt'] > job.schedule.windowHours * 3_600_000;
        const caughtUp = job.schedule.catchUp === 'all' && !tooOld;
        expect(middle!['outcome'], job.name).toBe(caughtUp ? 'caught_up' : 'skipped');
        if (last['jobId'] !== null) {
          const state = async () =>
            (await sql`select state from evenfall.job where id = ${last['jobId']}`)[0]!['state'];
          await expect.poll(state, patience).toBe('done');
        }
      }
    });
  });
}
