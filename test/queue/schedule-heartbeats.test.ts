import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { sweep } from '../../jobs/sweep.ts';
import { createScheduleHeartbeats } from '../../src/alerts/schedule-heartbeats.ts';
import { agreeingApp } from '../../src/core/app-callback.ts';
import type { Context } from '../../src/core/context.ts';
import { Retryable, Terminal } from '../../src/core/errors.ts';
import { defineJob } from '../../src/core/job.ts';
import { done, skipped } from '../../src/core/outcome.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { payload } from '../../src/core/payload.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { seconds } from '../../src/core/retry.ts';
import type { CatchUp } from '../../src/core/schedule.ts';
import { connectDatabase } from '../../src/db/connect.ts';
import { runInline } from '../../src/queue/inline.ts';
import { ScheduleHeartbeats } from '../../src/queue/schedule-heartbeats.ts';
import { declareSchedule, tick } from '../../src/queue/schedules.ts';
import type { ScheduledJob } from '../../src/queue/schedules.ts';
import { sweepNow } from '../../src/queue/sweep.ts';
import { createTestDatabase } from '../support/database.ts';
import { testKind } from '../support/kinds.ts';
import {
  createRunner,
  noMail,
  noStripe,
  recordingAlerts,
  silentLog,
  testHash,
  testKeepLink,
} from '../support/machine.ts';
import { generateSweeps, sweepThings, thingsTable } from '../support/sweeps.ts';
import { startTestWorker } from '../support/worker.ts';

const patience = { timeout: 20_000, interval: 20 };

/** What an occurrence's job does; each test says. */
let run: (context: Context) => Promise<Outcome> = () => Promise.resolve(done());

function scheduled(cron: string, catchUp: CatchUp): ScheduledJob {
  const kind = defineJob({
    name: 'beating',
    summary: 'Does what the test says.',
    queue: 'lifecycle',
    payload: payload({}),
    key: [],
    retry: { attempts: 3, firstDelayMs: 20, maxDelayMs: 100, giveUpAfter: 'PT1H', crashBudget: 3 },
    timeoutMs: seconds(30),
    run: (context) => run(context),
  });
  return { ...kind, schedule: { cron, catchUp, windowHours: 24 } };
}

const beating = scheduled('*/10 * * * *', 'all');
const swept: ScheduledJob = { ...testKind().kind, schedule: { ...beating.schedule, catchUp: 'once' } };
const { url, sql } = await createTestDatabase([beating, swept]);
await sql.unsafe(thingsTable);
const sweeps = await generateSweeps(sql, { 'test-kind': sweepThings });
const database = connectDatabase(url, { max: 10, name: 'test heartbeats', sweeps });

/** A monitor as Healthchecks is one: it takes what asks for its URL. */
const heard: string[] = [];
/** The status of each answer to come; then 200. */
let answers: number[] = [];
/** Called instead of an answer, where a test wants another. */
let answer: ((response: ServerResponse) => void) | undefined;
const monitor = createServer((request, response) => {
  heard.push(`${request.method} ${request.url}`);
  if (answer) answer(response);
  else response.writeHead(answers.shift() ?? 200, { location: '/elsewhere' }).end('OK');
}).listen(0, '127.0.0.1');
await once(monitor, 'listening');
const address = `http://127.0.0.1:${(monitor.address() as AddressInfo).port}`;
const urls = {
  beating: `${address}/s3cret/beating?state=complete`,
  'test-kind': `${address}/s3cret/test-kind`,
};
const beat = 'GET /s3cret/beating?state=complete';

afterAll(async () => {
  monitor.close();
  monitor.closeAllConnections();
  await database.close();
});

let lines: unknown[] = [];
const write = (fields: object, message: string) => void lines.push({ ...fields, message });
const log = { info: write, warn: write, error: write, debug: write };

beforeEach(async () => {
  await sql`truncate evenfall.schedule_run, evenfall.schedule, evenfall.job, evenfall.dead_letter, thing`;
  run = () => Promise.resolve(done());
  heard.length = 0;
  answers = [];
  answer = undefined;
  lines = [];
});
afterEach(() => {
  // the URL is the secret, whole or in part; of the port Postgres may have written too
  expect(inspect(lines, { depth: 10, showHidden: true })).not.toMatch(/s3cret|http:/);
});

/** The watch of one worker. */
function watch(given: Readonly<Record<string, string>> = urls, timeoutMs = 10_000): ScheduleHeartbeats {
  return new ScheduleHeartbeats({
    database,
    heartbeats: createScheduleHeartbeats(given, { timeoutMs }),
    log,
  });
}

/** As many occurrences as have come in these minutes are accounted for; their jobs wait. */
async function occur(job: ScheduledJob = beating, minutes = 10): Promise<void> {
  await declareSchedule(database, job);
  await sql`
    update evenfall.schedule set since = clock_timestamp() - ${minutes} * interval '1 minute' where name = ${job.name}`;
  await tick(database, job);
}

const { runNext } = await createRunner(database, [beating, sweep, swept]);
/** What is true of the occurrences that there are: each is told, none is, or some. */
const told = async () =>
  (await sql`select distinct told_at is not null as told from evenfall.schedule_run order by 1`).map(
    (row) => row['told'],
  );
const jobOf = async (kind = 'beating') =>
  (await sql`select id, state from evenfall.job where kind = ${kind}`)[0];
const stateOfJob = async () => (await jobOf())?.['state'];

describe('[P5] a heartbeat', () => {
  test.for([
    ['done', () => Promise.resolve(done())],
    ['skipped', () => Promise.resolve(skipped('nothing to do'))],
  ] as const)('is told after the job of an occurrence has ended %s, once', async ([state, ends]) => {
    run = ends;
    await occur();
    await runNext();
    expect(await stateOfJob()).toBe(state);
    await watch().look();
    expect(heard).toEqual([beat]);
    expect(await told()).toEqual([true]);
    await watch().look();
    expect(heard).toEqual([beat]);
    expect(lines).toEqual([]);
  });

  test('of a swept kind is told after its sweep', async () => {
    await occur(swept);
    await runNext('schedules');
    await watch().look();
    expect(heard).toEqual(['GET /s3cret/test-kind']);
  });

  test('is not told while the job waits or runs', async () => {
    const started = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    run = async () => {
      started.resolve();
      await end.promise;
      return done();
    };
    await occur();
    await watch().look();
    const running = runNext();
    await started.promise;
    expect(await stateOfJob()).toBe('running');
    await watch().look();
    expect(heard).toEqual([]);
    end.resolve();
    await running;
    await watch().look();
    expect(heard).toEqual([beat]);
  });

  test('is not told while the job is tried again', async () => {
    run = () => Promise.reject(new Retryable('not now', { facts: { class: 'timeout' } }));
    await occur();
    await runNext();
    expect(await stateOfJob()).toBe('dispatched');
    await watch().look();
    expect([heard, await told()]).toEqual([[], [false]]);
  });

  test('is not told of a dead job: the silence is the message; replayed and done it is', async () => {
    run = () => Promise.reject(new Terminal('never', { facts: { class: 'not_found' } }));
    await occur();
    await runNext();
    expect(await stateOfJob()).toBe('dead');
    await watch().look();
    expect([heard, await told()]).toEqual([[], [false]]);

    run = () => Promise.resolve(done());
    const job = await jobOf();
    await database.statements.replay({ id: job?.['id'], resolution: 'a test' });
    await runNext();
    await watch().look();
    expect(heard).toEqual([beat]);
  });

  test('is not told of a paused kind: what it waits for is its job', async () => {
    await database.statements.pauseKind({ kind: 'beating', why: 'a test' });
    onTestFinished(async () => void (await database.statements.resumeKind({ kind: 'beating' })));
    await occur();
    const worker = await startTestWorker(url, undefined, { jobs: [beating, swept], database, log });
    // behind it in the same queue: by its end the dispatcher has passed over what is paused
    await sql`select evenfall.enqueue('test-kind', '{"n": 1}')`;
    await expect.poll(async () => (await jobOf('test-kind'))?.['state'], patience).toBe('done');
    await watch().look();
    expect([heard, await stateOfJob()]).toEqual([[], 'queued']);

    await database.statements.resumeKind({ kind: 'beating' });
    await sql`notify evenfall_job`;
    await expect.poll(stateOfJob, patience).toBe('done');
    await worker.stop(1_000);
    await watch().look();
    expect(heard).toEqual([beat]);
  });

  test('is not told of an occurrence that was skipped and so has no job', async () => {
    await occur({ ...beating, schedule: { ...beating.schedule, windowHours: 0 } });
    await watch().look();
    expect([heard, await told()]).toEqual([[], [false]]);
  });

  test('is never told because of a sweep that a person runs, inline or by the command', async () => {
    await occur(swept);
    const policy = defaultPolicy;
    await sweepNow(database, 'test-kind', { now: undefined, policy, dryRun: false });
    const adapters = {
      stripe: noStripe,
      alerts: recordingAlerts(),
      app: agreeingApp,
      mail: noMail,
      hash: testHash,
    };
    const inline = { ...adapters, database, policy, keepLink: testKeepLink, log: silentLog, dryRun: false };
    expect(await runInline(sweep, { sweep: 'test-kind' }, inline)).toMatchObject({ outcome: 'done' });
    await watch().look();
    expect([heard, await told()]).toEqual([[], [false]]);
  });

  test('of several that wait is one for all of them', async () => {
    await occur(beating, 40);
    await runNext();
    await watch().look();
    expect(heard).toEqual([beat]);
    expect(await told()).toEqual([true]);
    const [runs] = await sql`select count(*)::int as n from evenfall.schedule_run`;
    expect(runs!['n']).toBeGreaterThanOrEqual(4);
  });

  test('is told once by workers that look at the same time, however long the monitor takes', async () => {
    await occur(beating, 40);
    await runNext();
    const asked = Promise.withResolvers<ServerResponse>();
    answer = asked.resolve;
    const first = watch().look();
    const response = await asked.promise;
    await Promise.all(Array.from({ length: 4 }, () => watch().look()));
    expect(heard).toEqual([beat]);
    response.end('OK');
    await first;
    expect(await told()).toEqual([true]);
    expect(lines).toEqual([]);

    answer = undefined;
    await sql`update evenfall.schedule_run set told_at = null`;
    await Promise.all(Array.from({ length: 8 }, () => watch().look()));
    expect(heard).toEqual([beat, beat]);
  });

  test('is not told any more when the occurrence is older than a day', async () => {
    await occur();
    await runNext();
    const lastWas = (ago: string) => sql`
      update evenfall.schedule_run r set due_at = r.due_at - last.at + clock_timestamp() - ${ago}::interval
      from (select max(due_at) as at from evenfall.schedule_run) last`;
    await lastWas('1 day');
    await watch().look();
    expect([heard, await told()]).toEqual([[], [false]]);
    await lastWas('23 hours 59 minutes');
    await watch().look();
    expect(heard).toEqual([beat]);
  });
});

describe('[P5] a monitor that does not take a heartbeat', () => {
  beforeEach(async () => {
    await occur();
    await runNext();
  });
  const warned = (status: number | string) => ({
    schedule: 'beating',
    status,
    message: 'a heartbeat was not taken; it is tried again',
  });

  test.for([500, 404, 302])('with %i hears of it again at the next look, until it does', async (status) => {
    answers = [status, status];
    for (const before of [0, 1]) {
      expect(heard).toHaveLength(before);
      await watch().look();
      expect(await told()).toEqual([false]);
    }
    expect(lines).toEqual([warned(status), warned(status)]);
    await watch().look();
    expect(heard).toEqual([beat, beat, beat]);
    expect(await told()).toEqual([true]);
  });

  test('because it says nothing in time, or is not there, is named by its schedule alone', async () => {
    answer = () => {};
    await watch(urls, 50).look();
    await watch({ beating: 'http://127.0.0.1:1/s3cret' }).look();
    expect(lines).toEqual([warned('no answer'), warned('no answer')]);
    expect(await told()).toEqual([false]);
  });

  test('holds up no other', async () => {
    await occur(swept);
    await runNext('schedules');
    answers = [500];
    await watch().look();
    expect(heard).toEqual([beat, 'GET /s3cret/test-kind']);
    expect(await told()).toEqual([false, true]);
  });

  test('holds up no tick while it hangs, and no stop', async () => {
    await sql`update evenfall.schedule_run set due_at = due_at - interval '30 minutes'`;
    await sql`update evenfall.schedule set since = since - interval '1 hour'`;
    const asked = Promise.withResolvers<void>();
    answer = () => asked.resolve();
    const watching = watch(urls, 600_000);
    watching.start();
    await asked.promise;
    expect((await tick(database, beating)).length).toBeGreaterThanOrEqual(3);
    await watching.stop();
    expect(lines).toEqual([]);
    expect(await told()).toEqual([false]);
  });

  test('and a database that is away are told apart in the log, and neither throws', async () => {
    const away = connectDatabase('postgres://nobody@127.0.0.1:1/none', { max: 1, name: 'test' });
    const heartbeats = createScheduleHeartbeats(urls);
    await new ScheduleHeartbeats({ database: away, heartbeats, log }).look();
    expect(heard).toEqual([]);
    expect(lines[0]).toMatchObject({ message: 'a heartbeat could not be looked after' });
  });
});

test.for([
  ['a kind', beating],
  ['a swept kind', swept],
] as const)('[P5] a worker tells of %s soon after its job, not a minute later', async ([, job]) => {
  const everySecond = {
    ...job,
    schedule: { cron: '* * * * * *', catchUp: 'once', windowHours: 24 },
  } as const;
  const heartbeats = createScheduleHeartbeats({ [job.name]: `${address}/s3cret` });
  const worker = await startTestWorker(url, undefined, {
    jobs: [...allJobs, everySecond],
    database,
    log,
    heartbeats,
  });
  await expect.poll(() => heard.length, patience).toBeGreaterThanOrEqual(3);
  await worker.stop(1_000);
  const [untrue] = await sql`
    select count(*)::int as n from evenfall.schedule_run r left join evenfall.job j on j.id = r.job_id
    where r.told_at is not null and (j.state is null or j.state not in ('done', 'skipped'))`;
  expect(untrue).toEqual({ n: 0 });
});

test('without any monitor nothing is looked for', async () => {
  await occur();
  await runNext();
  const watching = new ScheduleHeartbeats({ database, log });
  watching.start();
  await watching.look();
  await watching.stop();
  expect(await told()).toEqual([false]);
});
