import { beforeEach, describe, expect, test } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { Retryable, Terminal } from '../../src/core/errors.ts';
import { done, skipped, snoozed } from '../../src/core/outcome.ts';
import { lease } from '../../src/queue/heartbeat.ts';
import { shutdownReason } from '../../src/queue/runner.ts';
import { createTestDatabase } from '../support/database.ts';
import { untilBlocked } from '../support/locks.ts';
import { testKind } from '../support/kinds.ts';
import { claimOne, createRunner, forgetHeartbeat } from '../support/machine.ts';

const { kind, runs } = testKind();
const jobs = [...allJobs, kind];
const { database, sql } = await createTestDatabase([kind]);
const { statements } = database;

beforeEach(async () => {
  await sql`truncate evenfall.job, evenfall.effect, evenfall.history, evenfall.dead_letter, evenfall.worker`;
  runs(() => Promise.resolve(done()));
});

async function enqueue(n = 1, options: { runAt?: Date; teamId?: string; priority?: number } = {}) {
  const { runAt = null, teamId = null, priority = 0 } = options;
  const [row] = await statements.enqueue({
    kind: kind.name,
    payload: { n },
    key: null,
    runAt,
    teamId,
    priority,
  });
  return row!.id;
}

async function job(id: number) {
  const [row] = await sql`select * from evenfall.job where id = ${id}`;
  return row!;
}

const claimedIds = async (slots: number, after = '') =>
  (await statements.claim({ queue: 'lifecycle', slots, after, kinds: [kind.name] })).map((row) => row.id);

describe('dispatch', () => {
  test('[P1] promoteDue: a waiting row becomes due when its time has come, not before', async () => {
    const id = await enqueue(1, { runAt: new Date(Date.now() + 3_600_000) });
    expect(await statements.promoteDue({ batch: 10 })).toEqual([]);
    expect(await claimedIds(10)).toEqual([]);
    await sql`update evenfall.job set run_at = clock_timestamp()`;
    expect(await statements.promoteDue({ batch: 10 })).toEqual([{ id }]);
    expect(await claimedIds(10)).toEqual([id]);
  });

  test('claim: queued → dispatched, with a dispatch number that no other dispatch ever has', async () => {
    const id = await enqueue();
    const [first] = await claimOne(database, jobs);
    expect(first).toMatchObject({ id, kind: kind.name, payload: { n: 1 } });
    expect(await job(id)).toMatchObject({ state: 'dispatched', due: false, dispatchNo: first!.dispatchNo });
    await statements.requeueLost({ ids: [id], dispatchNos: [first!.dispatchNo] });
    const [second] = await claimOne(database, jobs);
    expect(second!.dispatchNo).toBeGreaterThan(first!.dispatchNo);
  });

  test('[P1] claim: a rolled-back dispatch leaves the row queued, and its number is not used again', async () => {
    const id = await enqueue();
    let lost = 0;
    await database
      .transaction(async (tx) => {
        const [row] = await tx.claim({ queue: 'lifecycle', slots: 1, after: '', kinds: [kind.name] });
        lost = row!.dispatchNo;
        throw new Error('the dispatcher dies');
      })
      .catch(() => {});
    expect(await job(id)).toMatchObject({ state: 'queued', dispatchNo: null });
    const [row] = await claimOne(database, jobs);
    expect(row!.dispatchNo).toBeGreaterThan(lost);
  });

  test('[P2] claim: two dispatchers at once never claim the same row', async () => {
    for (let n = 0; n < 40; n++) await enqueue(n);
    const claims = await Promise.all([claimedIds(40), claimedIds(40), claimedIds(40)]);
    const ids = claims.flat();
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('claim: lower priority numbers first, then one row a team in turn, then the oldest', async () => {
    const big = [];
    for (let n = 0; n < 6; n++) big.push(await enqueue(n, { teamId: 'a' }));
    const small = await enqueue(10, { teamId: 'b' });
    const smaller = await enqueue(11, { teamId: 'c' });
    const urgent = await enqueue(12, { teamId: 'a', priority: -1 });
    expect(await claimedIds(3)).toEqual([urgent]);
    expect((await claimedIds(3)).toSorted()).toEqual([big[0]!, small, smaller].toSorted());
    expect(await claimedIds(3)).toEqual(big.slice(1, 4));
  });

  test('claim: the round goes on after the team that was served last', async () => {
    const ids: Record<string, number> = {};
    for (const [n, team] of ['a', 'b', 'c'].entries()) ids[team] = await enqueue(n, { teamId: team });
    expect(await claimedIds(1, 'team a')).toEqual([ids['b']]);
    expect(await claimedIds(1, 'team b')).toEqual([ids['c']]);
    expect(await claimedIds(1, 'team c')).toEqual([]);
    expect(await claimedIds(1, '')).toEqual([ids['a']]);
  });

  test('claim: a paused kind waits', async () => {
    await enqueue();
    await statements.pauseKind({ kind: kind.name, why: 'test' });
    expect(await statements.activeKinds({ kinds: [kind.name] })).toEqual([]);
    await statements.resumeKind({ kind: kind.name });
    expect(await statements.activeKinds({ kinds: [kind.name] })).toHaveLength(1);
  });

  test('roomByQueue: twice what live workers run at once, less what is there; a retry that waits takes no room', async () => {
    await statements.beat({ id: 'w', concurrency: 2, kinds: [], queueBackend: 'redis' });
    const room = async () => (await statements.roomByQueue({ queues: ['lifecycle'], lease }))[0]!.room;
    expect(await room()).toBe(4);
    for (let n = 0; n < 3; n++) await enqueue(n);
    await claimedIds(2);
    expect(await room()).toBe(2);
    await sql`update evenfall.job set run_at = clock_timestamp() + interval '1 hour' where state = 'dispatched'`;
    expect(await room()).toBe(4);
    await forgetHeartbeat(database, 'w');
    expect(await room()).toBe(0);
  });
});

describe('start', () => {
  test('started: dispatched → running, with the next run number and this worker', async () => {
    const id = await enqueue();
    const { workerId, runner } = await createRunner(database, jobs);
    const [row] = await claimOne(database, jobs);
    runs(async () => {
      expect(await job(id)).toMatchObject({ state: 'running', runNo: 1, workerId, attempts: 0 });
      return done();
    });
    expect(await runner.run({ ...row!, kind: kind.name }, new AbortController().signal)).toMatchObject({
      as: 'finished',
    });
  });

  test('[P2] gone: the same dispatch delivered twice runs once, a dispatch that is not current never', async () => {
    await enqueue();
    const { runner } = await createRunner(database, jobs);
    const [row] = await claimOne(database, jobs);
    const ticket = { ...row!, kind: kind.name };
    let times = 0;
    runs(() => Promise.resolve((times++, done())));
    const signal = new AbortController().signal;
    await runner.run(ticket, signal);
    expect(await runner.run(ticket, signal)).toEqual({ as: 'nothing', summary: 'no longer current' });
    expect(await runner.run({ ...ticket, dispatchNo: 999_999 }, signal)).toMatchObject({ as: 'nothing' });
    expect(times).toBe(1);
  });

  test('[P2] busy: two workers with the same dispatch at the same moment, one runs', async () => {
    await enqueue();
    const first = await createRunner(database, jobs);
    const second = await createRunner(database, jobs);
    const [row] = await claimOne(database, jobs);
    const ticket = { ...row!, kind: kind.name };
    const inside = Promise.withResolvers<void>();
    const leave = Promise.withResolvers<void>();
    runs(async () => {
      inside.resolve();
      await leave.promise;
      return done();
    });
    const signal = new AbortController().signal;
    const running = first.runner.run(ticket, signal);
    await inside.promise;
    expect(await second.runner.run(ticket, signal)).toMatchObject({
      as: 'later',
      summary: 'another worker holds it',
    });
    leave.resolve();
    expect(await running).toMatchObject({ as: 'finished' });
  });

  test('[P2] busy: delivered again to the worker that runs it, it runs once', async () => {
    await enqueue();
    const { runner } = await createRunner(database, jobs);
    const [row] = await claimOne(database, jobs);
    const ticket = { ...row!, kind: kind.name };
    const inside = Promise.withResolvers<void>();
    const leave = Promise.withResolvers<void>();
    runs(async () => {
      inside.resolve();
      await leave.promise;
      return done();
    });
    const { signal } = new AbortController();
    const running = runner.run(ticket, signal);
    await inside.promise;
    expect(await runner.run(ticket, signal)).toMatchObject({ as: 'later' });
    leave.resolve();
    expect(await running).toMatchObject({ as: 'finished' });
    expect(await job(row!.id)).toMatchObject({ state: 'done', runNo: 1 });
  });

  test('[P1] [P6] forgetStart: the answer to a start was lost; delivered again it runs, and nothing is counted', async () => {
    const id = await enqueue();
    const lost = Object.assign(new Error('Connection terminated unexpectedly'), { code: '57P01' });
    let losses = 1;
    const start: typeof statements.start = async (ticket) => {
      const answer = await statements.start(ticket);
      if (losses-- > 0) throw lost;
      return answer;
    };
    const cut = { ...database, statements: { ...statements, start } };
    const { runner } = await createRunner(database, jobs, { database: cut });
    const [row] = await claimOne(database, jobs);
    const ticket = { ...row!, kind: kind.name };
    const { signal } = new AbortController();
    await expect(runner.run(ticket, signal)).rejects.toThrow(lost);
    expect(await job(id)).toMatchObject({ state: 'running', runNo: 1 });
    expect(await runner.run(ticket, signal)).toMatchObject({ as: 'finished' });
    expect(await job(id)).toMatchObject({ state: 'done', runNo: 2, attempts: 0, crashes: 0 });
  });

  test('[P1] a start waits for the dispatcher that has not committed yet', async () => {
    const id = await enqueue();
    const { runner } = await createRunner(database, jobs);
    let running: Promise<unknown> | undefined;
    await database.transaction(async (tx) => {
      const [row] = await tx.claim({ queue: 'lifecycle', slots: 1, after: '', kinds: [kind.name] });
      // BullMQ may deliver before the commit
      running = runner.run({ ...row!, kind: kind.name }, new AbortController().signal);
      await untilBlocked(sql);
    });
    expect(await running).toMatchObject({ as: 'finished' });
    expect(await job(id)).toMatchObject({ state: 'done' });
  });

  test('early: a job delivered before its time goes back until then', async () => {
    const id = await enqueue();
    const { runner } = await createRunner(database, jobs);
    const [row] = await claimOne(database, jobs);
    await sql`update evenfall.job set run_at = clock_timestamp() + interval '1 hour' where id = ${id}`;
    const ended = await runner.run({ ...row!, kind: kind.name }, new AbortController().signal);
    expect(ended).toMatchObject({ as: 'later', summary: 'not due yet' });
    expect(ended.as === 'later' && ended.inMs > 3_590_000).toBe(true);
  });

  test('park and unpark: a newer payload version waits for a newer worker, and uses no attempt', async () => {
    const id = await enqueue();
    await sql`update evenfall.job set payload_version = 2 where id = ${id}`;
    const old = await createRunner(database, jobs);
    expect(await old.runNext()).toMatchObject({ as: 'nothing', summary: 'parked for a newer worker' });
    expect(await job(id)).toMatchObject({ state: 'parked', attempts: 0 });
    expect(await statements.unpark({ kinds: [kind.name], payloadVersions: [1] })).toEqual([]);
    expect(await statements.unpark({ kinds: [kind.name], payloadVersions: [2] })).toEqual([{ id }]);
    const newer = testKind({ payloadVersion: 2 }).kind;
    const { runNext } = await createRunner(database, [newer]);
    expect(await runNext()).toMatchObject({ as: 'finished' });
  });

  test('dead: a dead job that BullMQ delivers once more fails there too', async () => {
    await enqueue();
    runs(() => Promise.reject(new Terminal('no', { facts: { class: 'test' } })));
    const { runner } = await createRunner(database, jobs);
    const [row] = await claimOne(database, jobs);
    const ticket = { ...row!, kind: kind.name };
    expect(await runner.run(ticket, new AbortController().signal)).toEqual({ as: 'dead', summary: 'no' });
    expect(await runner.run(ticket, new AbortController().signal)).toEqual({ as: 'dead', summary: 'no' });
    expect(await sql`select from evenfall.dead_letter`).toHaveLength(1);
  });
});

describe('outcomes', () => {
  test('finish: done and skipped, with the detail, the reason and the last write in one transaction', async () => {
    const [first, second] = [await enqueue(1), await enqueue(2)];
    const { runNext } = await createRunner(database, jobs);
    runs(() =>
      Promise.resolve(
        done({ count: 3 }, async (tx) => {
          await tx.recordHistory({
            at: new Date(),
            what: 'x',
            teamId: null,
            subject: 's',
            detail: {},
            jobId: first,
            source: 't',
          });
        }),
      ),
    );
    await runNext();
    runs(() => Promise.resolve(skipped('nothing to do')));
    await runNext();
    expect(await job(first)).toMatchObject({
      state: 'done',
      outcome: { detail: { count: 3 } },
      workerId: null,
    });
    expect(await job(second)).toMatchObject({ state: 'skipped', outcome: { reason: 'nothing to do' } });
    expect(await sql`select from evenfall.history`).toHaveLength(1);
  });

  test('[P2] a last write that fails takes the outcome back with it', async () => {
    const id = await enqueue();
    const { runNext } = await createRunner(database, jobs);
    runs(() => Promise.resolve(done({}, () => Promise.reject(new Error('the write fails')))));
    expect(await runNext()).toMatchObject({ as: 'later' });
    expect(await job(id)).toMatchObject({ state: 'dispatched', attempts: 1 });
  });

  test('retry: one attempt used, back-off, the same dispatch stays current', async () => {
    const id = await enqueue();
    const { runNext } = await createRunner(database, jobs);
    runs(() => Promise.reject(new Retryable('later', { facts: { class: 'test' } })));
    expect(await runNext()).toMatchObject({ as: 'later', inMs: 15 });
    expect(await job(id)).toMatchObject({
      state: 'dispatched',
      attempts: 1,
      publicMessage: 'We are still at it.',
      lastError: { class: 'test', message: 'later' },
    });
  });

  test('retry: never sooner than the other side asked for', async () => {
    await enqueue();
    const { runNext } = await createRunner(database, jobs);
    runs(() => Promise.reject(new Retryable('later', { facts: { class: 'test' }, afterMs: 7_000 })));
    expect(await runNext()).toMatchObject({ as: 'later', inMs: 7_000 });
  });

  test('snooze: no attempt used, by outcome or by waiting for what is down; waiting is remembered', async () => {
    const id = await enqueue();
    const { runNext } = await createRunner(database, jobs);
    runs((ctx) => Promise.resolve(snoozed(new Date(ctx.now.getTime() + 50), 'not yet')));
    expect(await runNext()).toMatchObject({ as: 'later', summary: 'snoozed: not yet' });
    expect(await job(id)).toMatchObject({ state: 'dispatched', attempts: 0, waitingSince: null });

    await sql`update evenfall.job set state = 'queued', due = true, run_at = clock_timestamp()`;
    runs(() => Promise.reject(new Retryable('down', { facts: { class: 'down' }, waiting: true })));
    await runNext();
    expect(await job(id)).toMatchObject({ state: 'dispatched', attempts: 0, waitingSince: expect.any(Date) });
  });

  test('[P6] a deadlock in the job runs it again without using an attempt', async () => {
    const id = await enqueue();
    const { runNext } = await createRunner(database, jobs);
    runs(() => Promise.reject(Object.assign(new Error('deadlock detected'), { code: '40P01' })));
    expect(await runNext()).toMatchObject({ as: 'later' });
    expect(await job(id)).toMatchObject({ attempts: 0, state: 'dispatched' });
  });

  test('[P1] bury: a Terminal failure is dead at once, with one dead letter and one alert job', async () => {
    const id = await enqueue();
    const { runNext } = await createRunner(database, jobs);
    runs(() => Promise.reject(new Terminal('never', { facts: { class: 'refused', code: 'c' } })));
    expect(await runNext()).toEqual({ as: 'dead', summary: 'never' });
    expect(await job(id)).toMatchObject({
      state: 'dead',
      publicMessage: 'We hit a problem, please contact support.',
    });
    const [letter] = await sql`select * from evenfall.dead_letter`;
    expect(letter).toMatchObject({ jobId: id, class: 'refused', code: 'c', attempts: 1, alertedAt: null });
    const alerts = await sql`select kind, payload from evenfall.job where kind = 'alert-dead-letter'`;
    expect(alerts).toEqual([{ kind: 'alert-dead-letter', payload: { deadLetterId: letter!['id'] } }]);
  });

  test('bury: when the attempts are used up, and when the time is up', async () => {
    const { runNext } = await createRunner(database, jobs);
    runs(() => Promise.reject(new Retryable('later', { facts: { class: 'test' } })));
    const worn = await enqueue(1);
    await sql`update evenfall.job set attempts = 2`;
    expect(await runNext()).toMatchObject({ as: 'dead' });
    const late = await enqueue(2);
    await sql`update evenfall.job set deadline_at = clock_timestamp() where id = ${late}`;
    expect(await runNext()).toMatchObject({ as: 'dead' });
    expect(await job(worn)).toMatchObject({ state: 'dead', attempts: 3 });
    expect(await job(late)).toMatchObject({ state: 'dead', attempts: 1 });
  });

  test('bury: a payload that no longer fits is dead, with the field named', async () => {
    const id = await enqueue();
    await sql`update evenfall.job set payload = '{"n": "x"}' where id = ${id}`;
    const { runNext } = await createRunner(database, jobs);
    expect(await runNext()).toMatchObject({ as: 'dead' });
    expect(await sql`select class, code from evenfall.dead_letter`).toEqual([
      { class: 'bad_payload', code: 'n' },
    ]);
  });

  test('[P7] an unexpected error is retried, and what is stored of it holds no message of its own', async () => {
    const id = await enqueue();
    const { runNext } = await createRunner(database, jobs);
    runs(() => Promise.reject(new TypeError('jane@example.com is not a function')));
    await runNext();
    expect(JSON.stringify(await job(id))).not.toContain('jane');
    expect(await job(id)).toMatchObject({ lastError: { class: 'unexpected' }, attempts: 1 });
  });

  test('the time a run may take: its signal is aborted, and it counts as a failed attempt', async () => {
    const quick = testKind({ timeoutMs: 20 });
    const { runNext } = await createRunner(database, [...allJobs, quick.kind]);
    const id = await enqueue();
    quick.runs(async (ctx) => {
      await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
      ctx.signal.throwIfAborted();
      return done();
    });
    expect(await runNext()).toMatchObject({ as: 'later' });
    expect(await job(id)).toMatchObject({ attempts: 1, lastError: { class: 'timeout' } });
  });
});

describe('asked for again while it runs', () => {
  test('[P1] it runs once more afterwards, as a new asking, with its attempts anew', async () => {
    const id = await enqueue();
    const { runNext } = await createRunner(database, jobs);
    const occasions: string[] = [];
    runs(async (ctx) => {
      occasions.push(ctx.occasion);
      if (occasions.length === 1) expect(await enqueue()).toBe(id);
      return done();
    });
    expect(await runNext()).toMatchObject({ as: 'finished' });
    expect(await job(id)).toMatchObject({ state: 'queued', due: true, finishedAt: null, asks: 2 });
    await runNext();
    expect(await job(id)).toMatchObject({ state: 'done' });
    expect(occasions).toEqual([`${id}.1`, `${id}.2`]);
  });

  test('a run that then dies is not buried: the new asking gets its own attempts', async () => {
    const id = await enqueue();
    const { runNext } = await createRunner(database, jobs);
    runs(async () => {
      await enqueue();
      throw new Terminal('no', { facts: { class: 'test' } });
    });
    expect(await runNext()).toMatchObject({ as: 'nothing' });
    expect(await job(id)).toMatchObject({ state: 'queued', attempts: 0 });
    expect(await sql`select from evenfall.dead_letter`).toEqual([]);
  });

  test('withdrawn while it runs: it is not tried again', async () => {
    const id = await enqueue();
    const { runNext } = await createRunner(database, jobs);
    runs(async () => {
      expect(await statements.cancelJob({ kind: kind.name, key: 'n=1' })).toEqual([{ cancelled: false }]);
      throw new Retryable('later', { facts: { class: 'test' } });
    });
    expect(await runNext()).toMatchObject({ as: 'finished' });
    expect(await job(id)).toMatchObject({ state: 'cancelled' });
  });
});

test.for(['rescue', 'giveBack'] as const)(
  'withdrawn while it runs: %s does not run it again',
  async (way) => {
    const id = await enqueue();
    const { runner, workerId } = await createRunner(database, jobs);
    const [row] = await claimOne(database, jobs);
    const drain = new AbortController();
    runs(async (ctx) => {
      await statements.cancelJob({ kind: kind.name, key: 'n=1' });
      if (way === 'rescue') {
        await forgetHeartbeat(database, workerId);
        await statements.rescue({ lease });
      } else {
        drain.abort(shutdownReason);
      }
      ctx.signal.throwIfAborted();
      return done();
    });
    await runner.run({ ...row!, kind: kind.name }, drain.signal);
    expect(await job(id)).toMatchObject({ state: 'cancelled', due: false, finishedAt: expect.any(Date) });
  },
);

test('[P2] withdrawn while it runs, with a claim open: it runs once more, to ask and to record', async () => {
  const id = await enqueue();
  const { runNext, workerId } = await createRunner(database, jobs);
  runs(async () => {
    await statements.cancelJob({ kind: kind.name, key: 'n=1' });
    await sql`
      insert into evenfall.effect (key, kind, job_id, run_no, state, claimed_at)
      values ('k', 'test', ${id}, 1, 'claimed', clock_timestamp())`;
    await forgetHeartbeat(database, workerId);
    await statements.rescue({ lease });
    return done();
  });
  await runNext();
  expect(await job(id)).toMatchObject({ state: 'queued', crashes: 1 });
});

describe('crashes and fences', () => {
  test('[P6] rescue: a dead worker’s job is queued again, one crash counted, no attempt used', async () => {
    const id = await enqueue();
    const { runNext, workerId } = await createRunner(database, jobs);
    runs(async () => {
      expect(await statements.rescue({ lease })).toEqual([]);
      await forgetHeartbeat(database, workerId);
      expect(await statements.rescue({ lease })).toEqual([{ id, kind: kind.name, crashes: 1 }]);
      return done();
    });
    expect(await runNext()).toEqual({ as: 'nothing', summary: 'no longer current' });
    expect(await job(id)).toMatchObject({ state: 'queued', attempts: 0, crashes: 1 });
  });

  test('[P6] rescue: a job that its frozen worker still locks holds up none of the others', async () => {
    const ids = [await enqueue(1), await enqueue(2)];
    const { workerId, runner } = await createRunner(database, jobs);
    runs(async () => {
      await forgetHeartbeat(database, workerId);
      const frozen = await sql.reserve();
      try {
        await frozen`begin`;
        await frozen`select from evenfall.job where id = ${ids[0]!} for update`;
        expect((await statements.rescue({ lease })).map(({ id }) => id)).toEqual([ids[1]]);
        await frozen`rollback`;
      } finally {
        frozen.release();
      }
      expect((await statements.rescue({ lease })).map(({ id }) => id)).toEqual([ids[0]]);
      return done();
    });
    const claimed = await statements.claim({ queue: 'lifecycle', slots: 2, after: '', kinds: [kind.name] });
    const first = claimed.find(({ id }) => id === ids[0])!;
    const second = claimed.find(({ id }) => id === ids[1])!;
    // both run; the first tells of both
    await statements.start({ ...second, workerId, lease, payloadVersion: 1 });
    await runner.run(first, new AbortController().signal);
    expect(await job(ids[0]!)).toMatchObject({ crashes: 1 });
    expect(await job(ids[1]!)).toMatchObject({ crashes: 1 });
  });

  test('[P2] the fence: a stale run writes no outcome, no retry, no dead letter, no last write', async () => {
    const id = await enqueue();
    const stale = await createRunner(database, jobs);
    let written = 0;
    for (const end of ['done', 'retry', 'dead', 'snooze'] as const) {
      await sql`
        update evenfall.job set state = 'queued', due = true, worker_id = null, run_at = clock_timestamp(), crashes = 0`;
      await statements.beat({ id: stale.workerId, concurrency: 1, kinds: [], queueBackend: 'redis' });
      runs(async (ctx) => {
        await forgetHeartbeat(database, stale.workerId);
        await statements.rescue({ lease });
        if (end === 'retry') throw new Retryable('r', { facts: { class: 'test' } });
        if (end === 'dead') throw new Terminal('t', { facts: { class: 'test' } });
        if (end === 'snooze') return snoozed(ctx.now, 's');
        return done({}, () => Promise.resolve(void written++));
      });
      expect(await stale.runNext()).toEqual({ as: 'nothing', summary: 'no longer current' });
      expect(await job(id)).toMatchObject({ state: 'queued', attempts: 0 });
    }
    expect(written).toBe(0);
    expect(await sql`select from evenfall.dead_letter`).toEqual([]);
  });

  test('[P6] start takes a running row over when its worker is dead', async () => {
    const id = await enqueue();
    const dead = await createRunner(database, jobs);
    const [row] = await claimOne(database, jobs);
    await statements.start({
      id,
      dispatchNo: row!.dispatchNo,
      workerId: dead.workerId,
      lease,
      payloadVersion: 1,
    });
    await forgetHeartbeat(database, dead.workerId);
    const { runner } = await createRunner(database, jobs);
    await runner.run({ ...row!, kind: kind.name }, new AbortController().signal);
    expect(await job(id)).toMatchObject({ state: 'done', runNo: 2, crashes: 1, attempts: 0 });
  });

  test('poison: over the crash budget it is dead, by the reconciler or by the next start', async () => {
    const id = await enqueue();
    const { runner, workerId } = await createRunner(database, jobs);
    const [row] = await claimOne(database, jobs);
    await statements.start({
      id,
      dispatchNo: row!.dispatchNo,
      workerId: 'gone',
      lease,
      payloadVersion: 1,
    });
    await sql`update evenfall.job set crashes = 3`;
    expect(await statements.rescue({ lease })).toEqual([]);
    expect(await statements.findPoison({ lease })).toMatchObject([{ id, crashes: 3 }]);
    expect(await runner.run({ ...row!, kind: kind.name }, new AbortController().signal)).toMatchObject({
      as: 'dead',
    });
    expect(await sql`select class from evenfall.dead_letter`).toEqual([{ class: 'poison' }]);
    expect(workerId).toBeTruthy();
  });

  test('giveBack: a shutdown returns the job to the queue, nothing is counted', async () => {
    const id = await enqueue();
    const { runner } = await createRunner(database, jobs);
    const [row] = await claimOne(database, jobs);
    const drain = new AbortController();
    runs(async (ctx) => {
      drain.abort(shutdownReason);
      ctx.signal.throwIfAborted();
      return done();
    });
    expect(await runner.run({ ...row!, kind: kind.name }, drain.signal)).toMatchObject({ as: 'nothing' });
    expect(await job(id)).toMatchObject({
      state: 'queued',
      due: true,
      attempts: 0,
      crashes: 0,
      workerId: null,
    });
  });

  test('[P1] requeueLost: dispatched → queued with its own run_at; a dispatch that is no longer current is left alone', async () => {
    const id = await enqueue();
    const [row] = await claimOne(database, jobs);
    expect(await statements.requeueLost({ ids: [id], dispatchNos: [row!.dispatchNo + 1] })).toEqual([]);
    await sql`update evenfall.job set run_at = clock_timestamp() + interval '1 hour'`;
    expect(await statements.requeueLost({ ids: [id], dispatchNos: [row!.dispatchNo] })).toEqual([{ id }]);
    expect(await job(id)).toMatchObject({ state: 'queued', due: false });
  });

  test('findDispatched and takeFailed: what the reconciler asks about, and takes to bury it', async () => {
    const id = await enqueue();
    const [row] = await claimOne(database, jobs);
    const page = { queue: 'lifecycle', afterId: 0, batch: 10 };
    expect(await statements.findDispatched({ ...page, settleTime: 'PT5S' })).toEqual([]);
    expect(await statements.findDispatched({ ...page, settleTime: 'PT0S' })).toMatchObject([{ id }]);
    const taken = await statements.takeFailed({ id, dispatchNo: row!.dispatchNo, workerId: 'reconciler' });
    expect(taken).toEqual([{ runNo: 1 }]);
    expect(await statements.takeFailed({ id, dispatchNo: row!.dispatchNo, workerId: 'reconciler' })).toEqual(
      [],
    );
  });
});

describe('replay', () => {
  async function deadJob(n = 1) {
    const id = await enqueue(n);
    runs(() => Promise.reject(new Terminal('no', { facts: { class: 'test' } })));
    const { runNext } = await createRunner(database, jobs);
    await runNext();
    return id;
  }

  test('dead → queued, attempts and deadline anew, its dead letter resolved', async () => {
    const id = await deadJob();
    expect(await statements.replay({ id, resolution: 'replayed by test' })).toMatchObject([{ id }]);
    expect(await job(id)).toMatchObject({ state: 'queued', due: true, attempts: 0, finishedAt: null });
    expect(await sql`select resolution from evenfall.dead_letter`).toEqual([
      { resolution: 'replayed by test' },
    ]);
  });

  test('[P2] twice at once replays once; not when a newer job holds the key', async () => {
    const id = await deadJob();
    const both = await Promise.all([
      statements.replay({ id, resolution: 'a' }),
      statements.replay({ id, resolution: 'b' }),
    ]);
    expect(both.flat()).toHaveLength(1);
    const { runNext } = await createRunner(database, jobs);
    await runNext();
    await enqueue(1);
    expect(await statements.replay({ id, resolution: 'c' })).toEqual([]);
  });
});
