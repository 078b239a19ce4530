import { beforeEach, describe, expect, test } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { forgetOldRecords } from '../../jobs/forget-old-records.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { shutdownReason } from '../../src/queue/runner.ts';
import type { RunnerOptions } from '../../src/queue/runner.ts';
import { scheduledJobs, tick } from '../../src/queue/schedules.ts';
import { createTestDatabase } from '../support/database.ts';
import { claimOne, createRunner, forgetHeartbeat } from '../support/machine.ts';
import {
  backfillRow,
  effectRow,
  erasureRow,
  findingRow,
  forgetting,
  historyRow,
  horizons,
  jobRow,
  letterRow,
  markRow,
  noticeRow,
  now,
  plus,
  protectionRow,
  retentionWorld,
  runRow,
  samples,
  tables,
} from '../support/retention.ts';

const { database, sql } = await createTestDatabase();
const { clear, put, left, keys, forget } = retentionWorld(database, sql);
const old = plus(horizons.history, -1);
const kind = forgetOldRecords.name;

beforeEach(clear);

/** Rows of history that may go, made by the server. */
const putHistory = (count: number) =>
  sql`insert into evenfall.history (at, what, subject, source)
      select ${old}::timestamptz - n * interval '1 second', 'team.deleted', 'team:' || n, 'test'
      from generate_series(1, ${count}::int) n`;

describe('[P8] how long', () => {
  test.for(tables)('%s: strictly longer than the policy says, to the millisecond', async (table) => {
    const { keptFor, row } = samples[table]!;
    const at = horizons[keptFor];
    await put(table, [row(1, plus(at, -1)), row(2, at), row(3, plus(at, 1))]);
    const result = await forget();
    expect(await left(table)).toEqual([at, plus(at, 1)]);
    const counts = Object.fromEntries(tables.map((name) => [name, name === table ? 1 : 0]));
    expect(result).toMatchObject({ outcome: 'done', detail: counts });
  });

  test.for(tables)('%s: it is the policy that says so', async (table) => {
    const { keptFor, row } = samples[table]!;
    await put(table, [row(1, plus(horizons[keptFor], -1)), row(2, now)]);
    const policy = { ...defaultPolicy, keepJobs: 'P91D', keepEffects: 'P401D', keepHistory: 'P4Y' };
    await forget({ policy });
    // answers to an Idempotency-Key are a promise of seven days, which no policy changes
    expect(await left(table)).toHaveLength(table === 'idempotency' ? 1 : 2);
  });

  test.for([
    ['P3Y', '2025-02-28T12:00:00Z', '2022-02-28T12:00:00Z'],
    ['P13M', '2025-03-31T12:00:00Z', '2024-02-29T12:00:00Z'],
    ['P18M', '2024-08-30T12:00:00Z', '2023-02-28T12:00:00Z'],
  ] as const)(
    '%s at the end of a month: never sooner than counted forward',
    async ([keepHistory, at, edge]) => {
      const days = Array.from({ length: 11 }, (_, n) => plus(new Date(edge), (n - 5) * 86_400_000));
      await put(
        'history',
        days.map((day, n) => historyRow(n, day)),
      );
      const young = await sql`
      select at from evenfall.history where at + ${keepHistory}::text::interval >= ${at}::text::timestamptz`;
      await forget({ now: new Date(at), policy: { ...defaultPolicy, keepHistory } });
      const kept = await left('history');
      expect(kept).toEqual(expect.arrayContaining(young.map((row) => row['at'])));
      expect(kept).toEqual(days.slice(5));
    },
  );

  test('a business clock that is ahead, such as the demo’s, forgets nothing before its time', async () => {
    await sql`insert into evenfall.history (at, what, subject, source) values (clock_timestamp(), 'x', 'y', 'z')`;
    await sql`insert into evenfall.fuse_act (kind, subject, occasion) values ('k', 's', 'o')`;
    expect(await forget({ now: new Date('2099-01-01') })).toMatchObject({ outcome: 'skipped' });
    expect([...(await left('history')), ...(await left('fuse_act'))]).toHaveLength(2);
  });

  test('a run with nothing to do says so', async () => {
    expect(await forget()).toMatchObject({ outcome: 'skipped', reason: 'nothing is older than it is kept' });
  });

  test('the mirror of Stripe is no record: it stays, however old', async () => {
    await sql`insert into evenfall.customer (id, livemode, read_at) values ('cus_1', false, '2000-01-01')`;
    await sql`
      insert into evenfall.subscription (id, customer_id, status, cancel_at_period_end, livemode, created_at, gone, read_at)
      values ('sub_1', 'cus_1', 'canceled', false, false, '2000-01-01', true, '2000-01-01')`;
    await sql`
      insert into evenfall.card (id, exp_month, exp_year, expires_at, detached, read_at)
      values ('pm_1', 1, 2000, '2000-02-01', true, '2000-01-01')`;
    await forget();
    for (const table of ['customer', 'subscription', 'card']) expect(await keys(table)).toHaveLength(1);
    await sql`truncate evenfall.customer, evenfall.subscription, evenfall.card`;
  });
});

describe('what never goes, however old', () => {
  test.for(['queued', 'dispatched', 'running', 'parked'])('[P1] a job that is %s', async (state) => {
    await put('job', [jobRow(1, state, old)]);
    await forget();
    expect(await keys('job')).toEqual(['1']);
  });

  test.for(['done', 'skipped', 'cancelled', 'dead'])('one that is %s goes', async (state) => {
    await put('job', [jobRow(1, state, old)]);
    await forget();
    expect(await keys('job')).toEqual([]);
  });

  test.for(['dead', 'done'])('[P1] a job that is %s and has an open dead letter', async (state) => {
    await put('job', [jobRow(1, state, old)]);
    await put('dead_letter', [letterRow(1, 1, old), letterRow(2, 1, null)]);
    await forget();
    expect([await keys('job'), await keys('dead_letter')]).toEqual([['1'], ['1', '2']]);
    await sql`update evenfall.dead_letter set resolved_at = ${old}, resolution = 'settled' where id = 2`;
    await forget();
    expect([await keys('job'), await keys('dead_letter')]).toEqual([[], []]);
  });

  test('a job whose dead letter was resolved lately, and the letter with it', async () => {
    await put('job', [jobRow(1, 'dead', old)]);
    await put('dead_letter', [letterRow(1, 1, old), letterRow(2, 1, horizons.jobs)]);
    await forget();
    expect([await keys('job'), await keys('dead_letter')]).toEqual([['1'], ['1', '2']]);
  });

  test.for(['claimed', 'unknown'])('[P2] an effect that is %s, nor its job', async (state) => {
    await put('job', [jobRow(1, 'dead', old)]);
    await put('effect', [effectRow(1, state, old, 1), effectRow(2, state, old, null)]);
    await forget();
    expect([await keys('job'), await keys('effect')]).toEqual([['1'], ['1', '2']]);
  });

  test('[P2] an effect whose job is there still: it may be replayed, and ask again', async () => {
    await put('job', [jobRow(1, 'dead', old), jobRow(2, 'running', old), jobRow(3, 'done', old)]);
    await put('dead_letter', [letterRow(1, 1, null)]);
    await put(
      'effect',
      [1, 2, 3].flatMap((id) => [effectRow(id, 'settled', old, id)]),
    );
    await forget();
    expect(await keys('effect')).toEqual(['1', '2']);
  });

  test('a released effect goes by when it was claimed, one that a person settled by when', async () => {
    const at = horizons.effects;
    await put('effect', [
      effectRow(1, 'released', plus(at, -1), null),
      effectRow(2, 'released', at, null),
      effectRow(3, 'settled', at, null),
    ]);
    await forget();
    expect(await keys('effect')).toEqual(['2', '3']);
  });

  test('[P2] a mail that nobody can vouch for', async () => {
    await put(
      'notice',
      ['sent', 'unknown', 'suppressed'].map((state, n) => noticeRow(n, state, old)),
    );
    await forget();
    expect(await keys('notice')).toEqual(['1']);
  });

  test('a finding that nobody has acknowledged', async () => {
    await put('finding', [findingRow(1, null), findingRow(2, old)]);
    await forget();
    expect(await keys('finding')).toEqual(['1']);
  });

  test('an erasure that is not done', async () => {
    await put('erasure', [erasureRow(1, null), erasureRow(2, old)]);
    await forget();
    expect(await keys('erasure')).toEqual(['1']);
  });

  test('[P3] a live mark, and a protection that has no end or has not ended', async () => {
    const states = ['marking', 'noticed', 'deleting', 'deleted', 'cleared'];
    await put(
      'team_deletion',
      states.map((state, n) => markRow(n, state, old)),
    );
    await put('team_protection', [protectionRow(1, null), protectionRow(2, now), protectionRow(3, old)]);
    await forget();
    expect(await keys('team_deletion')).toEqual(['0', '1', '2']);
    expect(await keys('team_protection', 'team_id')).toEqual(['1', '2']);
  });

  test('[P3] the last complete backfill, nor one under way', async () => {
    await put('backfill', [backfillRow(1, old), backfillRow(2, plus(old, -1)), backfillRow(3, null)]);
    await forget();
    expect(await keys('backfill')).toEqual(['1', '3']);
    const [picture] = await database.statements.pictureOfStripe();
    expect(picture!.finishedAt).toEqual(old);
  });

  test('[P5] the last occurrence of a schedule that had a job, what came after it, and that job', async () => {
    await put('job', [jobRow(1, 'done', old), jobRow(2, 'done', old), jobRow(3, 'done', old)]);
    await put('schedule_run', [
      runRow(1, 'nightly', old, 1),
      runRow(2, 'nightly', old, 2),
      runRow(3, 'nightly', old, null),
      runRow(4, 'hourly', old, null),
      runRow(5, 'hourly', old, 3),
    ]);
    await forget();
    expect(await keys('schedule_run', `to_char(due_at, 'MI')`)).toEqual(['02', '03', '05']);
    expect(await keys('job')).toEqual(['2', '3']);
  });

  test('[P5] so that after forgetting no occurrence is due again', async () => {
    const job = scheduledJobs(allJobs).find(({ name }) => name === kind);
    await sql`insert into evenfall.schedule (name, pattern, since) values (${kind}, '47 4 * * *', '2020-01-01')`;
    await sql`
      insert into evenfall.schedule_run (schedule, due_at, outcome, job_id, recorded_at)
      select ${kind}, at, 'ran', 7, at from generate_series('2020-01-01 04:47+00',
        date_trunc('day', clock_timestamp() - interval '5 hours') + interval '4 hours 47 minutes', interval '1 day') at`;
    const before = await tick(database, job!);
    await forget();
    expect((await left('schedule_run'))[0]).toEqual(horizons.jobs);
    expect(await tick(database, job!)).toEqual([]);
    expect(before.length).toBeLessThan(2);
  });
});

describe('in batches', () => {
  const ask = async () => {
    const wanted = { kind, payload: {}, key: null, runAt: null, teamId: null, priority: 0 };
    return (await database.statements.enqueue(wanted))[0]!.id;
  };
  const atNow: Partial<RunnerOptions> = { clockOffsetMs: () => now.getTime() - Date.now() };
  const jobOf = async (id: number) =>
    (await sql`select state, attempts, crashes, outcome from evenfall.job where id = ${id}`)[0];
  const due = () =>
    sql`update evenfall.job set state = 'queued', due = true, run_at = clock_timestamp() where state = 'dispatched'`;

  test('a thousand rows a statement, and none of them is looked for twice', async () => {
    await putHistory(2_500);
    const batches: { rows: number; after: Date | null }[] = [];
    const watched = forgetting(database, async (forgetBatch, parameters) => {
      const [gone] = await forgetBatch(parameters);
      if (gone!.rows > 0) batches.push({ rows: gone!.rows, after: parameters.after });
      return [gone!];
    });
    expect(await forget({ database: watched })).toMatchObject({ detail: { history: 2_500 } });
    expect(batches.map(({ rows }) => rows)).toEqual([1_000, 1_000, 500]);
    expect(batches.map(({ after }) => after)).toEqual([null, plus(old, -1_501_000), plus(old, -501_000)]);
  });

  test('[P6] a run is short: after 200 batches it gives way and goes on, which is no attempt', async () => {
    await putHistory(300);
    const id = await ask();
    const small = forgetting(database, (forgetBatch, parameters) => forgetBatch({ ...parameters, batch: 1 }));
    const runOnce = async () => {
      await due();
      return await (await createRunner(small, allJobs, atNow)).runNext('schedules');
    };
    expect(await runOnce()).toMatchObject({ as: 'later', summary: 'snoozed: there may be more to forget' });
    // the tables before it have taken a batch each
    expect(await keys('history')).toHaveLength(109);
    expect(await runOnce()).toMatchObject({ as: 'finished' });
    expect(await keys('history')).toEqual([]);
    expect(await jobOf(id)).toMatchObject({
      state: 'done',
      attempts: 0,
      outcome: { detail: { history: 109 } },
    });
  });

  test.for([
    ['the worker shuts down', shutdownReason],
    ['its time is up', new Error('its time is up')],
  ] as const)('[P6] when %s it stops behind the batch that is under way, and goes on', async ([, reason]) => {
    await putHistory(2_500);
    const id = await ask();
    const stop = new AbortController();
    const stopping = forgetting(database, async (forgetBatch, parameters) => {
      const [gone] = await forgetBatch(parameters);
      if (gone!.rows > 0) stop.abort(reason);
      return [gone!];
    });
    const first = await createRunner(stopping, allJobs, atNow);
    const [row] = await claimOne(database, allJobs, 'schedules');
    expect(await first.runner.run(row!, stop.signal)).toMatchObject({ as: 'later' });
    expect(await keys('history')).toHaveLength(1_500);
    await due();
    const second = await createRunner(database, allJobs, atNow);
    expect(await second.runNext('schedules')).toMatchObject({ as: 'finished' });
    expect(await keys('history')).toEqual([]);
    expect(await jobOf(id)).toMatchObject({ state: 'done', attempts: 0, crashes: 0 });
  });

  test.for([1, 2, 3, 4, 14])('[P1] [P6] killed before batch %i of two tables, it goes on', async (n) => {
    await putHistory(2_500);
    await put('job', [jobRow(1, 'done', old), jobRow(2, 'queued', old)]);
    const id = await ask();
    const reached = Promise.withResolvers<void>();
    let count = 0;
    const dying = forgetting(database, async (forgetBatch, parameters) => {
      if (++count < n) return await forgetBatch(parameters);
      reached.resolve();
      return await new Promise<never>(() => {});
    });
    const first = await createRunner(dying, allJobs, atNow);
    void first.runNext('schedules');
    await reached.promise;

    await forgetHeartbeat(database, first.workerId);
    await database.statements.rescue({ lease: 'PT5S' });
    const second = await createRunner(database, allJobs, atNow);
    expect(await second.runNext('schedules')).toMatchObject({ as: 'finished' });
    expect([await keys('history'), await keys('job')]).toEqual([[], [String(id), '2'].toSorted()]);
    // the last run's outcome: nothing was left to do for one that died at the very end
    const state = n < 14 ? 'done' : 'skipped';
    expect(await jobOf(id)).toMatchObject({ state, attempts: 0, crashes: 1 });
  });

  test('two at once, such as one thought dead, forget all of it between them and each row once', async () => {
    await putHistory(3_000);
    const results = await Promise.all([forget(), forget(), forget()]);
    const counts = results.map(({ detail }) => (detail as Record<string, number>)['history'] ?? 0);
    expect(counts.reduce((sum, rows) => sum + rows, 0)).toBe(3_000);
    await forget();
    expect(await keys('history')).toEqual([]);
  });

  test('a dry run counts and keeps everything', async () => {
    await putHistory(1_500);
    expect(await forget({ dryRun: true })).toMatchObject({ outcome: 'done', detail: { history: 1_500 } });
    expect(await keys('history')).toHaveLength(1_500);
  });
});
