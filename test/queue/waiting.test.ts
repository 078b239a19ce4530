import { beforeEach, describe, expect, test } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import type { Context } from '../../src/core/context.ts';
import { Retryable } from '../../src/core/errors.ts';
import { snoozed } from '../../src/core/outcome.ts';
import { tellOfWaiting } from '../../src/queue/waiting.ts';
import { createTestDatabase } from '../support/database.ts';
import { testKind } from '../support/kinds.ts';
import { untilBlocked } from '../support/locks.ts';
import { createRunner } from '../support/machine.ts';
import { startTestWorker } from '../support/worker.ts';

const { kind, runs } = testKind();
const jobs = [...allJobs, kind];
const { database, sql, url } = await createTestDatabase([kind]);
const { statements } = database;

beforeEach(async () => {
  await sql`truncate evenfall.job, evenfall.finding, evenfall.dead_letter, evenfall.worker`;
  await sql`update evenfall.job_kind set paused_at = null, paused_why = null`;
});

async function enqueue(n = 1): Promise<number> {
  const asked = { kind: kind.name, payload: { n }, key: null, runAt: null, teamId: null, priority: 0 };
  const [row] = await statements.enqueue(asked);
  return row!.id;
}

const job = async (id: number) => (await sql`select * from evenfall.job where id = ${id}`)[0]!;
const setDeadline = (id: number, away: string) =>
  sql`update evenfall.job set deadline_at = clock_timestamp() + ${away}::text::interval where id = ${id}`;

const down = (options: { held?: boolean } = {}) =>
  new Retryable('it is down', { facts: { class: 'stripe_down' }, waiting: true, afterMs: 2_000, ...options });

describe('giving up is by attempts and by the clock', () => {
  test('[P1] what waits past its time is a dead letter with an alert, and the person who asked can read so', async () => {
    const { runNext } = await createRunner(database, jobs);
    runs(() => Promise.reject(down()));
    const id = await enqueue();
    await setDeadline(id, '1 minute');
    expect(await runNext()).toMatchObject({ as: 'later', inMs: 2_000 });
    expect(await job(id)).toMatchObject({
      state: 'dispatched',
      attempts: 0,
      publicMessage: 'We are still at it.',
      waitingSince: expect.any(Date) as Date,
    });

    await sql`update evenfall.job set state = 'queued', due = true, run_at = clock_timestamp()`;
    await setDeadline(id, '1 second');
    expect(await runNext()).toEqual({ as: 'dead', summary: 'it is down' });
    expect(await job(id)).toMatchObject({
      state: 'dead',
      waitingSince: null,
      publicMessage: 'We hit a problem, please contact support.',
    });
    expect(await sql`select job_id, class from evenfall.dead_letter`).toEqual([
      { jobId: id, class: 'stripe_down' },
    ]);
    expect(await sql`select from evenfall.job where kind = 'alert-dead-letter'`).toHaveLength(1);
  });

  test('so is what meets trouble with Postgres past its time', async () => {
    const { runNext } = await createRunner(database, jobs);
    runs(() => Promise.reject(Object.assign(new Error('deadlock detected'), { code: '40P01' })));
    const id = await enqueue();
    await setDeadline(id, '0 seconds');
    expect(await runNext()).toMatchObject({ as: 'dead' });
    expect(await job(id)).toMatchObject({ state: 'dead', lastError: { code: '40P01' } });
  });

  test('what a person holds back has all the time that takes, and does not count as waiting', async () => {
    const { runNext } = await createRunner(database, jobs);
    runs(() => Promise.reject(down({ held: true })));
    const id = await enqueue();
    await setDeadline(id, '-1 day');
    expect(await runNext()).toMatchObject({ as: 'later', inMs: 2_000 });
    expect(await job(id)).toMatchObject({
      state: 'dispatched',
      attempts: 0,
      waitingSince: null,
      lastError: { class: 'stripe_down' },
    });
  });

  test.each([
    ['a person held it back', () => Promise.reject(down({ held: true }))],
    [
      'it was to wait',
      (ctx: Context) => Promise.resolve(snoozed(new Date(ctx.now.getTime() + 1_000), 'later')),
    ],
  ])('[P6] its time begins anew when %s: an outage afterwards is waited for', async (_why, first) => {
    const { runNext } = await createRunner(database, jobs);
    runs(first);
    const id = await enqueue();
    await setDeadline(id, '-1 day');
    expect(await runNext()).toMatchObject({ as: 'later' });
    await sql`update evenfall.job set state = 'queued', due = true, run_at = clock_timestamp()`;
    runs(() => Promise.reject(down()));
    expect(await runNext()).toMatchObject({ as: 'later' });
    expect(await job(id)).toMatchObject({ state: 'dispatched', attempts: 0 });
  });

  test('[P6] so it does when its kind is resumed, and not when it never was paused', async () => {
    const id = await enqueue();
    await setDeadline(id, '-1 day');
    const past = (await job(id))['deadlineAt'] as Date;
    expect(await statements.resumeKind({ kind: kind.name })).toEqual([{ kind: kind.name }]);
    expect((await job(id))['deadlineAt']).toEqual(past);
    await statements.pauseKind({ kind: kind.name, why: 'a test' });
    expect(await statements.resumeKind({ kind: kind.name })).toEqual([{ kind: kind.name }]);
    const { deadlineAt, createdAt } = await job(id);
    expect((deadlineAt as Date).getTime()).toBeGreaterThan((createdAt as Date).getTime());
  });

  test.each([
    ['0 seconds', 1_500],
    ['20 seconds', 15_000],
    ['3 days', 45_000],
  ])('the longer it has waited (%s), the later it looks again: a minute at most', async (waited, inMs) => {
    const { runNext } = await createRunner(database, jobs);
    runs(() => Promise.reject(new Retryable('down', { facts: { class: 'down' }, waiting: true })));
    await enqueue();
    await sql`update evenfall.job set waiting_since = clock_timestamp() - ${waited}::text::interval`;
    expect(await runNext()).toMatchObject({ as: 'later', inMs: expect.closeTo(inMs, -3) as number });
  });
});

/** A job that has been waiting, as an earlier run of it has written. */
async function waits(
  cause: string,
  ago: string,
  { state = 'dispatched', of = 'cancel-subscription' } = {},
): Promise<void> {
  const over = ['done', 'cancelled'].includes(state);
  await sql`
    insert into evenfall.job (kind, queue, payload, payload_version, state, due, run_at, deadline_at, dispatch_no,
      source, waiting_since, last_error, finished_at, worker_id)
    values (${of}, 'stripe', '{"teamId": "secret-7", "when": "now"}', 1, ${state}, false, clock_timestamp(),
      clock_timestamp() + interval '5 days', nextval('evenfall.dispatch_no'), 'test',
      clock_timestamp() - ${ago}::text::interval, ${sql.json({ class: cause, message: 'secret-8' })},
      ${over ? sql`clock_timestamp()` : null}, ${state === 'running' ? 'a worker' : null})`;
}

const findings = () => sql`select * from evenfall.finding order by id`;
const alerts = () => sql`select payload from evenfall.job where kind = 'alert-finding' order by id`;
const goOn = (cause = '%') =>
  sql`update evenfall.job set waiting_since = null where last_error->>'class' like ${cause}`;

describe('after half an hour of waiting people are told', () => {
  test('not before; then of each cause once, how many, of which kinds and since when, in ids and classes only', async () => {
    await waits('stripe_down', '29 minutes');
    await tellOfWaiting(statements);
    expect(await findings()).toEqual([]);

    await waits('stripe_unavailable', '31 minutes', { of: 'sync-customer', state: 'queued' });
    await waits('stripe_budget', '1 second', { state: 'running' });
    await waits('unexpected', '40 minutes');
    await tellOfWaiting(statements);
    await tellOfWaiting(statements);
    const [first, second, ...more] = await findings();
    expect(more).toEqual([]);
    expect(first).toMatchObject({ kind: 'jobs-waiting', subject: 'waiting:postgres', jobId: null });
    expect(second).toMatchObject({
      subject: 'waiting:stripe',
      message: expect.stringMatching(
        /^3 jobs wait for stripe, the first since \S+Z \(cancel-subscription, sync-customer; stripe_budget, stripe_down, stripe_unavailable\)\. /,
      ) as string,
      detail: {
        jobs: 3,
        kinds: ['cancel-subscription', 'sync-customer'],
        classes: ['stripe_budget', 'stripe_down', 'stripe_unavailable'],
      },
    });
    expect(await alerts()).toEqual([first, second].map((one) => ({ payload: { findingId: one!['id'] } })));
    // [P7]
    expect(JSON.stringify([first, second])).not.toContain('secret');
  });

  test('it is one outage though each job says something else of it at each try', async () => {
    await waits('stripe_down', '31 minutes');
    await tellOfWaiting(statements);
    await sql`update evenfall.job set last_error = '{"class": "stripe_unclear"}' where waiting_since is not null`;
    await tellOfWaiting(statements);
    expect(await findings()).toMatchObject([{ acknowledgedAt: null }]);
  });

  test('two workers that look at once tell once, though each sees another as the oldest', async () => {
    await waits('stripe_down', '31 minutes');
    let second: Promise<void> | undefined;
    await database.transaction(async (tx) => {
      await tellOfWaiting(tx);
      await waits('stripe_down', '32 minutes');
      second = tellOfWaiting(statements);
      await untilBlocked(sql);
    });
    await second;
    expect([(await findings()).length, (await alerts()).length]).toEqual([1, 1]);
  });

  test('it closes by itself when nobody waits any more, and the next outage is told anew', async () => {
    await waits('stripe_down', '31 minutes');
    await tellOfWaiting(statements);
    await goOn();
    // what comes back takes its turn: a short wait is no outage
    await waits('stripe_budget', '4 minutes');
    await tellOfWaiting(statements);
    expect(await findings()).toMatchObject([
      { acknowledgedBy: 'evenfall', note: 'nobody waits for it any more' },
    ]);

    // that very job waits on, into the next one
    await sql`update evenfall.job set waiting_since = waiting_since - interval '27 minutes'`;
    await tellOfWaiting(statements);
    expect(await findings()).toMatchObject([
      { acknowledgedBy: 'evenfall' },
      { acknowledgedAt: null, subject: 'waiting:stripe' },
    ]);
    expect(await alerts()).toHaveLength(2);
  });

  test('a cause that is over is closed though another lasts', async () => {
    await waits('stripe_down', '31 minutes');
    await waits('unexpected', '31 minutes');
    await tellOfWaiting(statements);
    await goOn('stripe%');
    await tellOfWaiting(statements);
    expect(await findings()).toMatchObject([
      { subject: 'waiting:postgres', acknowledgedAt: null },
      { subject: 'waiting:stripe', acknowledgedBy: 'evenfall' },
    ]);
  });

  test('acknowledged by a person while it lasts it is not told again; the next outage is', async () => {
    await waits('stripe_down', '31 minutes');
    await tellOfWaiting(statements);
    const [found] = await findings();
    await statements.acknowledgeFinding({
      id: found!['id'] as number,
      who: 'ann',
      why: 'Stripe says so too',
    });
    // the oldest is cancelled by who asked for it, another has waited nearly as long
    await waits('stripe_down', '30 minutes 30 seconds');
    await sql`update evenfall.job set waiting_since = null where id = (select min(id) from evenfall.job)`;
    await tellOfWaiting(statements);
    expect(await findings()).toHaveLength(1);

    // told and acknowledged yesterday
    await sql`update evenfall.finding set found_at = found_at - interval '1 day'`;
    await tellOfWaiting(statements);
    expect(await findings()).toHaveLength(2);
  });

  test('what has ended waits for nothing, nor does what a person has paused', async () => {
    await waits('stripe_down', '2 hours', { state: 'cancelled' });
    await waits('stripe_down', '2 hours', { state: 'parked' });
    await waits('stripe_down', '2 hours', { of: 'sync-customer' });
    await statements.pauseKind({ kind: 'sync-customer', why: 'a test' });
    await tellOfWaiting(statements);
    expect(await findings()).toEqual([]);
  });

  test('a worker looks when it starts and every minute, and the alert goes out', async () => {
    await waits('stripe_down', '31 minutes', { state: 'running' });
    await sql`insert into evenfall.worker (id, concurrency, heartbeat_at)
      values ('a worker', 1, clock_timestamp() + interval '1 hour')`;
    const told: string[] = [];
    await startTestWorker(url, undefined, {
      jobs: allJobs,
      alerts: {
        deadLetter: () => Promise.resolve([]),
        finding: ({ kind: of, subject }) => Promise.resolve((told.push(`${of} ${subject}`), ['test'])),
      },
    });
    await expect.poll(() => told, { timeout: 10_000 }).toEqual(['jobs-waiting waiting:stripe']);
  });
});
