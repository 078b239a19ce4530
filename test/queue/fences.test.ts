import { beforeEach, describe, expect, test } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import type { Context } from '../../src/core/context.ts';
import { Retryable, StaleRun, Terminal } from '../../src/core/errors.ts';
import { done, snoozed } from '../../src/core/outcome.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { lease } from '../../src/queue/heartbeat.ts';
import { shutdownReason } from '../../src/queue/runner.ts';
import { createTestDatabase } from '../support/database.ts';
import { testKind } from '../support/kinds.ts';
import { claimOne, createRunner, forgetHeartbeat } from '../support/machine.ts';

const { kind, runs } = testKind();
const jobs = [...allJobs, kind];
const { database, sql } = await createTestDatabase([kind]);
const { statements } = database;

beforeEach(async () => {
  await sql`truncate evenfall.job, evenfall.effect, evenfall.history, evenfall.dead_letter, evenfall.worker`;
});

async function enqueue() {
  const wanted = { kind: kind.name, payload: { n: 1 }, key: null, runAt: null, teamId: null, priority: 0 };
  const [row] = await statements.enqueue(wanted);
  return row!.id;
}

async function job(id: number) {
  const [row] = await sql`select * from evenfall.job where id = ${id}`;
  return row!;
}

const never = new AbortController().signal;

describe('[P2] a dispatch that is not current', () => {
  test('starts nothing, although the job was dispatched anew', async () => {
    const id = await enqueue();
    let times = 0;
    runs(() => Promise.resolve((times++, done())));
    const { runner } = await createRunner(database, jobs);
    const [lost] = await claimOne(database, jobs);
    await statements.requeueLost({ ids: [id], dispatchNos: [lost!.dispatchNo] });
    const [current] = await claimOne(database, jobs);

    expect(await runner.run(lost!, never)).toEqual({ as: 'nothing', summary: 'no longer current' });
    expect(await job(id)).toMatchObject({ state: 'dispatched', runNo: 0 });
    expect(await runner.run(current!, never)).toMatchObject({ as: 'finished' });
    expect(times).toBe(1);
  });

  test('takes nothing over from a worker that died under the current one', async () => {
    const id = await enqueue();
    const { runner } = await createRunner(database, jobs);
    const [row] = await claimOne(database, jobs);
    await statements.start({ ...row!, workerId: 'gone', lease, payloadVersion: 1 });
    expect(await runner.run({ ...row!, dispatchNo: row!.dispatchNo - 1 }, never)).toMatchObject({
      as: 'nothing',
    });
    expect(await job(id)).toMatchObject({ state: 'running', workerId: 'gone', runNo: 1 });
  });
});

describe('[P2] while another run is the current one, a stale run', () => {
  const ends: Record<string, (ctx: Context, drain: AbortController) => Promise<Outcome>> = {
    'finishes nothing': () => Promise.resolve(done()),
    'finishes nothing with its last write': (_ctx) =>
      Promise.resolve(
        done({}, async (tx) => {
          const entry = { what: 'x', teamId: null, subject: 's', detail: {}, jobId: null, source: 't' };
          await tx.recordHistory({ at: new Date(), ...entry });
        }),
      ),
    'retries nothing': () => Promise.reject(new Retryable('r', { facts: { class: 'test' } })),
    'snoozes nothing': (ctx) => Promise.resolve(snoozed(ctx.now, 's')),
    'buries nothing': () => Promise.reject(new Terminal('t', { facts: { class: 'test' } })),
    'gives nothing back, at a shutdown': (_ctx, drain) => {
      drain.abort(shutdownReason);
      return Promise.reject(shutdownReason);
    },
    'gives nothing back, knowing that it is stale': () => Promise.reject(new StaleRun(1, 1)),
  };

  test.each(Object.keys(ends))('%s', async (name) => {
    const id = await enqueue();
    const stale = await createRunner(database, jobs);
    const living = await createRunner(database, jobs);
    const [row] = await claimOne(database, jobs);
    const drain = new AbortController();
    runs(async (ctx) => {
      await forgetHeartbeat(database, stale.workerId);
      const took = await statements.start({ ...row!, workerId: living.workerId, lease, payloadVersion: 1 });
      expect(took).toMatchObject([{ verdict: 'started', runNo: 2 }]);
      return await ends[name]!(ctx, drain);
    });
    expect(await stale.runner.run(row!, drain.signal)).toMatchObject({ as: 'nothing' });
    expect(await job(id)).toMatchObject({
      state: 'running',
      runNo: 2,
      workerId: living.workerId,
      attempts: 0,
      crashes: 1,
      lastError: null,
      outcome: null,
    });
    expect(await sql`select from evenfall.dead_letter`).toEqual([]);
    expect(await sql`select from evenfall.history`).toEqual([]);
  });

  test('settles no effect and writes no domain fact', async () => {
    const id = await enqueue();
    const claim = { jobId: id, runNo: 1, key: 'k', kind: 'test', about: {} };
    await sql`update evenfall.job set state = 'running', run_no = 1, worker_id = 'w', due = false`;
    expect(await statements.claimEffect(claim)).toMatchObject([{ verdict: 'claimed' }]);
    await sql`update evenfall.job set run_no = 2`;
    expect(await statements.settleEffect({ ...claim, evidence: {} })).toEqual([]);
    expect(await statements.releaseEffect({ ...claim, evidence: {} })).toEqual([]);
    expect(await statements.giveUpEffect(claim)).toEqual([]);
    expect(await sql`select state, run_no from evenfall.effect`).toEqual([{ state: 'claimed', runNo: 1 }]);
  });
});

test('[P1] a run that only seems stale, and is current, is given back and not left running for ever', async () => {
  const id = await enqueue();
  runs(() => Promise.reject(new StaleRun(1, 1)));
  const { runNext } = await createRunner(database, jobs);
  expect(await runNext()).toMatchObject({ as: 'nothing' });
  expect(await job(id)).toMatchObject({ state: 'queued', due: true, attempts: 0, crashes: 0 });
});

test("[P6] the crash budget of the kind's row counts, not that of the worker's code", async () => {
  await enqueue();
  await sql`update evenfall.job_kind set crash_budget = 1 where kind = ${kind.name}`;
  const { runner } = await createRunner(database, jobs);
  const [row] = await claimOne(database, jobs);
  await statements.start({ ...row!, workerId: 'gone', lease, payloadVersion: 1 });
  await sql`update evenfall.job set crashes = 1`;
  expect(kind.retry.crashBudget).toBeGreaterThan(1);
  expect(await runner.run(row!, never)).toMatchObject({ as: 'dead' });
  expect(await sql`select class from evenfall.dead_letter`).toEqual([{ class: 'poison' }]);
});
