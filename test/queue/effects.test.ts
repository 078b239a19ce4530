import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import type { Context } from '../../src/core/context.ts';
import type { Act, Evidence, Performed } from '../../src/core/effects.ts';
import { Retryable, Terminal } from '../../src/core/errors.ts';
import type { Failpoint } from '../../src/core/failpoints.ts';
import { noFailpoints } from '../../src/core/failpoints.ts';
import { done } from '../../src/core/outcome.ts';
import type { Database } from '../../src/db/connect.ts';
import { connectDatabase } from '../../src/db/connect.ts';
import { effectLedger } from '../../src/queue/effect-ledger.ts';
import { shutdownReason } from '../../src/queue/runner.ts';
import type { RunnerOptions } from '../../src/queue/runner.ts';
import { createTestDatabase } from '../support/database.ts';
import { untilBlocked } from '../support/locks.ts';
import { testKind } from '../support/kinds.ts';
import { claimOne, createRunner, forgetHeartbeat } from '../support/machine.ts';
import { ownPostgres } from '../support/processes.ts';
import type { OwnPostgres } from '../support/processes.ts';

const { kind, runs } = testKind({ attempts: 5 });
const jobs = [...allJobs, kind];
const { database, sql } = await createTestDatabase([kind]);
const { statements } = database;
const never = new AbortController().signal;
const about = { what: 'thing_1' };
const key = 'test:thing_1';

/** The other side: what was really done there, and how it answers. */
const world = { acted: 0, asked: 0, happened: false };
let performed: Performed[] = [];

beforeEach(async () => {
  await sql`truncate evenfall.job, evenfall.effect, evenfall.history, evenfall.dead_letter, evenfall.worker`;
  Object.assign(world, { acted: 0, asked: 0, happened: false });
  performed = [];
});

/** An act that works; each test changes what it is about. */
function act(ctx: Context, changes: Partial<Act> = {}): Act {
  return {
    key,
    kind: 'test.act',
    about,
    act: () => Promise.resolve(doItThere()),
    ask: () => Promise.resolve((world.asked++, world.happened ? { seen: true } : undefined)),
    settle: (tx, evidence) => ctx.history(tx, { what: 'thing.done', subject: 'thing_1', detail: evidence }),
    ...changes,
  };
}

function doItThere(): Evidence {
  world.acted++;
  world.happened = true;
  return { request: 'req_1' };
}

/** The job performs this act and is done. */
function performs(changes: Partial<Act> | ((ctx: Context) => Partial<Act>) = {}) {
  runs(async (ctx) => {
    const acting = act(ctx, typeof changes === 'function' ? changes(ctx) : changes);
    performed.push(await ctx.effects.perform(acting));
    return done();
  });
}

const withoutAsk = (changes: Partial<Act> = {}) => {
  runs(async (ctx) => {
    const { ask: _, ...rest } = act(ctx, changes);
    performed.push(await ctx.effects.perform(rest));
    return done();
  });
};

async function enqueue(n = 1) {
  const wanted = { kind: kind.name, payload: { n }, key: null, runAt: null, teamId: null, priority: 0 };
  const [row] = await statements.enqueue(wanted);
  return row!.id;
}

/** Brings what waits back, as if its time had come, and runs the next job. */
async function runNext(options: Partial<RunnerOptions> = {}) {
  await sql`
    update evenfall.job set state = 'queued', due = true, run_at = clock_timestamp()
    where state = 'dispatched' and kind = ${kind.name}`;
  const { runNext: next } = await createRunner(database, jobs, options);
  return await next();
}

/** A process that dies when its run reaches this point: it does nothing any more, and its worker is gone. */
async function runAndDieAt(point: Failpoint): Promise<void> {
  const reached = Promise.withResolvers<void>();
  const failpoint = (at: Failpoint) => {
    if (at !== point) return noFailpoints(at);
    reached.resolve();
    return new Promise<void>(() => {});
  };
  const { runNext: next, workerId } = await createRunner(database, jobs, { failpoint });
  void next();
  await reached.promise;
  await forgetHeartbeat(database, workerId);
  await statements.rescue({ lease: 'PT5S' });
}

async function job(id: number) {
  const [row] = await sql`select * from evenfall.job where id = ${id}`;
  return row!;
}

const effects = () => sql`select key, state, job_id, run_no, evidence from evenfall.effect order by id`;
const effect = async () => (await effects())[0];
const facts = async () => (await sql`select from evenfall.history`).length;

describe('a claim', () => {
  test('[P2] claimed: a new key is acted on, then settled with its domain fact and its evidence', async () => {
    const id = await enqueue();
    performs((ctx) => ({
      act: async () => {
        expect(await effect()).toMatchObject({ state: 'claimed', jobId: id, evidence: about });
        expect(await facts()).toBe(0);
        expect(ctx.attempt).toBe(1);
        return doItThere();
      },
    }));
    expect(await runNext()).toMatchObject({ as: 'finished' });
    expect(performed).toEqual([{ happened: 'now', evidence: { request: 'req_1' } }]);
    expect(await effect()).toMatchObject({ state: 'settled', evidence: { ...about, request: 'req_1' } });
    expect([world.acted, world.asked, await facts()]).toEqual([1, 0, 1]);
  });

  test('[P2] settled: what has happened before is not done again, and its evidence comes back', async () => {
    performs();
    await enqueue(1);
    await runNext();
    await enqueue(2);
    await runNext();
    expect(performed[1]).toMatchObject({ happened: 'before', evidence: { request: 'req_1' } });
    expect([world.acted, await facts()]).toEqual([1, 1]);
  });

  test('released: after a refusal the key is free, and the next job acts', async () => {
    const refused = await enqueue(1);
    performs({ act: () => Promise.reject(new Terminal('no', { facts: { class: 'refused', code: 'c1' } })) });
    expect(await runNext()).toMatchObject({ as: 'dead' });
    expect(await job(refused)).toMatchObject({ state: 'dead' });
    expect(await effect()).toMatchObject({ state: 'released', evidence: { class: 'refused', code: 'c1' } });
    await enqueue(2);
    performs();
    expect(await runNext()).toMatchObject({ as: 'finished' });
    expect([world.acted, await facts()]).toEqual([1, 1]);
  });

  test('[P2] held: while another live job is at it, a job waits, and uses no attempt', async () => {
    const first = await enqueue(1);
    const leave = Promise.withResolvers<void>();
    const inside = Promise.withResolvers<void>();
    performs({
      act: async () => {
        inside.resolve();
        await leave.promise;
        return doItThere();
      },
    });
    const running = runNext();
    await inside.promise;
    const second = await enqueue(2);
    expect(await runNext()).toMatchObject({ as: 'later', summary: expect.stringContaining('another job') });
    expect(await job(second)).toMatchObject({
      state: 'dispatched',
      attempts: 0,
      waitingSince: expect.any(Date),
      lastError: { class: 'effect_held' },
    });
    leave.resolve();
    await running;
    expect(await job(first)).toMatchObject({ state: 'done' });
    await runNext();
    expect(await job(second)).toMatchObject({ state: 'done', attempts: 0 });
    expect([world.acted, world.asked, await facts()]).toEqual([1, 0, 1]);
  });

  test('[P2] two jobs at the same new key at the same moment: one acts', async () => {
    await enqueue(1);
    await enqueue(2);
    performs();
    await Promise.all(
      [createRunner(database, jobs), createRunner(database, jobs)].map(async (made) =>
        (await made).runNext(),
      ),
    );
    await runNext();
    expect([world.acted, await facts()]).toEqual([1, 1]);
    expect(performed.map((one) => one.happened).toSorted()).toEqual(['before', 'now']);
  });

  test('[P2] a claim that waited for its own row does not take over what another claimed meanwhile', async () => {
    const [first, second] = [await enqueue(1), await enqueue(2)];
    await sql`update evenfall.job set state = 'running', run_no = 1, worker_id = 'w', due = false where id = ${second}`;
    const claim = (jobId: number) =>
      statements.claimEffect({ jobId, runNo: 1, key, kind: 'test.act', about });
    let waiting: ReturnType<typeof claim> | undefined;
    await sql.begin(async (app) => {
      // the app asks for the second job again and is slow to commit
      await app`select from evenfall.job where id = ${second} for update`;
      waiting = claim(second);
      await untilBlocked(sql);
      await sql`update evenfall.job set state = 'running', run_no = 1, worker_id = 'w', due = false where id = ${first}`;
      expect(await claim(first)).toMatchObject([{ verdict: 'claimed' }]);
    });
    expect(await waiting).toMatchObject([{ verdict: 'held' }]);
    expect(await effects()).toMatchObject([{ jobId: first, state: 'claimed' }]);
  });

  test('[P2] stale: a run that is no longer current claims nothing and acts nothing', async () => {
    const id = await enqueue();
    runs(async (ctx) => {
      await sql`update evenfall.job set run_no = run_no + 1`;
      await ctx.effects.perform(act(ctx));
      return done();
    });
    expect(await runNext()).toEqual({ as: 'nothing', summary: 'no longer current' });
    expect(world.acted).toBe(0);
    expect(await effects()).toEqual([]);
    expect(await job(id)).toMatchObject({ state: 'running', runNo: 2 });
  });

  test('inline, without a job: held for ten minutes, then asked about', async () => {
    const inline = { jobId: null, runNo: 0, key, kind: 'test.act', about };
    expect(await statements.claimEffect(inline)).toMatchObject([{ verdict: 'claimed' }]);
    expect(await statements.claimEffect(inline)).toMatchObject([{ verdict: 'held' }]);
    await sql`update evenfall.effect set claimed_at = claimed_at - interval '11 minutes'`;
    expect(await statements.claimEffect(inline)).toMatchObject([{ verdict: 'ask', evidence: about }]);
    expect(await statements.settleEffect({ ...inline, evidence: {} })).toHaveLength(1);
    expect(await statements.claimEffect(inline)).toMatchObject([{ verdict: 'settled' }]);
  });
});

describe('after a run that died', () => {
  test('[P2] before the act: the other side is asked, and then it is done', async () => {
    const id = await enqueue();
    performs();
    await runAndDieAt('effect.claimed');
    expect(world.acted).toBe(0);
    await runNext();
    expect(performed).toEqual([{ happened: 'now', evidence: { request: 'req_1' } }]);
    expect([world.asked, world.acted, await facts()]).toEqual([1, 1, 1]);
    expect(await job(id)).toMatchObject({ state: 'done', attempts: 0, crashes: 1 });
  });

  test('[P2] after the act: the other side is asked, and it is settled with exactly one fact', async () => {
    const id = await enqueue();
    performs();
    await runAndDieAt('effect.acted');
    expect([world.acted, await facts()]).toEqual([1, 0]);
    await runNext();
    expect(performed).toEqual([{ happened: 'before', evidence: { seen: true } }]);
    expect([world.asked, world.acted, await facts()]).toEqual([1, 1, 1]);
    expect(await effect()).toMatchObject({ state: 'settled', runNo: 2, evidence: { ...about, seen: true } });
    expect(await job(id)).toMatchObject({ state: 'done', attempts: 0, crashes: 1 });
  });

  test('[P2] after the settling: nothing is asked and nothing is done', async () => {
    await enqueue();
    performs();
    await runAndDieAt('effect.settled');
    await runNext();
    expect(performed).toMatchObject([{ happened: 'before' }]);
    expect([world.asked, world.acted, await facts()]).toEqual([0, 1, 1]);
  });

  test('[P2] another job that wants the same asks too', async () => {
    const dead = await enqueue(1);
    performs();
    await runAndDieAt('effect.acted');
    await sql`update evenfall.job set state = 'cancelled', due = false, finished_at = now() where id = ${dead}`;
    await enqueue(2);
    await runNext();
    expect(performed).toMatchObject([{ happened: 'before' }]);
    expect([world.asked, world.acted, await facts()]).toEqual([1, 1, 1]);
  });

  test('[P2] what it had begun is told to the next run, with what it was about', async () => {
    await enqueue();
    performs();
    await runAndDieAt('effect.acted');
    const told: unknown[] = [];
    runs(async (ctx) => {
      told.push(await ctx.effects.begun());
      await ctx.effects.perform(act(ctx));
      told.push(await ctx.effects.begun());
      return done();
    });
    await runNext();
    expect(told).toEqual([[{ key, about }], []]);
  });

  test('[P2] a stale run settles nothing and writes no domain fact; the next run does both', async () => {
    const id = await enqueue();
    performs({
      act: async () => {
        await sql`update evenfall.job set state = 'queued', due = true, worker_id = null`;
        return doItThere();
      },
    });
    expect(await runNext()).toEqual({ as: 'nothing', summary: 'no longer current' });
    expect(await effect()).toMatchObject({ state: 'claimed' });
    expect(await facts()).toBe(0);
    performs();
    await runNext();
    expect([world.asked, world.acted, await facts()]).toEqual([1, 1, 1]);
    expect(await job(id)).toMatchObject({ state: 'done' });
  });

  test('[P2] a stale run that was refused releases nothing', async () => {
    await enqueue();
    performs({
      act: async () => {
        await sql`update evenfall.job set run_no = run_no + 1`;
        throw new Terminal('no', { facts: { class: 'refused' } });
      },
    });
    expect(await runNext()).toEqual({ as: 'nothing', summary: 'no longer current' });
    expect(await effect()).toMatchObject({ state: 'claimed', runNo: 1 });
    expect(await sql`select from evenfall.dead_letter`).toEqual([]);
  });
});

describe('an act that fails', () => {
  const lost = new Retryable('no answer', { facts: { class: 'away' }, outcomeUnknown: true });
  const busy = new Retryable('busy', { facts: { class: 'busy' } });
  const refused = new Terminal('no', { facts: { class: 'refused' } });

  test('[P2] with an unknown outcome leaves the claim, and the next run asks before it acts', async () => {
    const id = await enqueue();
    performs({ act: () => Promise.reject(lost) });
    expect(await runNext()).toMatchObject({ as: 'later' });
    expect(await effect()).toMatchObject({ state: 'claimed', evidence: about });
    expect(world.asked).toBe(1);
    performs();
    await runNext();
    expect([world.asked, world.acted, await facts()]).toEqual([2, 1, 1]);
    expect(await job(id)).toMatchObject({ state: 'done', attempts: 1 });
  });

  test('[P2] although it happened: asking finds it, and it is settled with one fact, not tried again', async () => {
    await enqueue();
    performs({
      act: () => {
        doItThere();
        return Promise.reject(lost);
      },
    });
    expect(await runNext()).toMatchObject({ as: 'finished' });
    expect(performed).toEqual([{ happened: 'now', evidence: { seen: true } }]);
    expect([world.acted, await facts()]).toEqual([1, 1]);
  });

  test('[P2] and cannot be asked about either: the next run finds out', async () => {
    await enqueue();
    performs({
      act: () => {
        doItThere();
        return Promise.reject(lost);
      },
      ask: () => Promise.reject(busy),
    });
    expect(await runNext()).toMatchObject({ as: 'later' });
    expect(await effect()).toMatchObject({ state: 'claimed' });
    performs();
    await runNext();
    expect(performed).toEqual([{ happened: 'before', evidence: { seen: true } }]);
    expect([world.acted, await facts()]).toEqual([1, 1]);
  });

  test('with a certain refusal is asked about once, for "no such thing" may mean that it is over', async () => {
    await enqueue();
    world.happened = true;
    performs({ act: () => Promise.reject(refused) });
    expect(await runNext()).toMatchObject({ as: 'finished' });
    expect([world.asked, world.acted, await facts()]).toEqual([1, 0, 1]);
  });

  test('with a refusal that asking confirms is dead, its key released', async () => {
    await enqueue();
    performs({ act: () => Promise.reject(refused), ask: () => Promise.reject(refused) });
    expect(await runNext()).toEqual({ as: 'dead', summary: 'no' });
    expect(await effect()).toMatchObject({ state: 'released' });
  });

  test('with a refusal that cannot be confirmed is tried again, its claim open', async () => {
    await enqueue();
    performs({ act: () => Promise.reject(refused), ask: () => Promise.reject(busy) });
    expect(await runNext()).toMatchObject({ as: 'later' });
    expect(await effect()).toMatchObject({ state: 'claimed' });
  });

  test('because the other side was busy and did nothing: released without asking, and tried again', async () => {
    const id = await enqueue();
    performs({ act: () => Promise.reject(busy) });
    expect(await runNext()).toMatchObject({ as: 'later' });
    expect(await effect()).toMatchObject({ state: 'released' });
    expect(world.asked).toBe(0);
    performs();
    await runNext();
    expect(await job(id)).toMatchObject({ state: 'done', attempts: 1 });
    expect([world.asked, world.acted]).toEqual([0, 1]);
  });

  test('[P2] by a fault of ours leaves the claim: nobody knows how far it came', async () => {
    await enqueue();
    performs({ act: () => Promise.reject(new TypeError('x is not a function')) });
    expect(await runNext()).toMatchObject({ as: 'later' });
    expect(await effect()).toMatchObject({ state: 'claimed' });
  });
});

describe('where nobody can be asked', () => {
  async function diedOverIt(policy: Partial<Act>) {
    const id = await enqueue();
    withoutAsk(policy);
    await runAndDieAt('effect.acted');
    return id;
  }

  test('[P2] give-up: it becomes unknown, and the job goes on without it', async () => {
    const id = await diedOverIt({ unknown: 'give-up' });
    expect(await runNext()).toMatchObject({ as: 'finished' });
    expect(performed).toEqual([{ happened: 'unknown', evidence: {} }]);
    expect(await effect()).toMatchObject({ state: 'unknown', evidence: about });
    expect(await statements.unknownEffects()).toEqual([{ effects: 1 }]);
    expect([world.acted, await facts()]).toEqual([1, 0]);
    expect(await job(id)).toMatchObject({ state: 'done' });

    // people are told, once, until one of them settles it
    const [unknown] = await sql`select id from evenfall.effect`;
    const letters = () =>
      sql`select class, code, error->>'message' as message, resolution from evenfall.dead_letter`;
    const settle = expect.stringContaining(`evenfall effect settle ${unknown!['id']} `);
    expect(await letters()).toEqual([
      { class: 'unknown_effect', code: 'test.act', message: settle, resolution: null },
    ]);
    const asked = await sql`select state from evenfall.job where kind = 'alert-dead-letter'`;
    expect(asked).toEqual([{ state: 'queued' }]);
    await statements.settleUnknown({ id: unknown!['id'] as number, happened: true, who: 'ann' });
    expect(await letters()).toMatchObject([{ resolution: 'effect settled by ann' }]);
  });

  for (const policy of [{ unknown: 'dead' }, {}] as const) {
    test(`[P2] ${policy.unknown ?? 'nothing said'}: it is dead and waits for a person, however often it is replayed`, async () => {
      const id = await diedOverIt(policy);
      const [{ id: effectId }] = (await sql`select id from evenfall.effect`) as unknown as [{ id: number }];
      for (let replays = 0; replays < 2; replays++) {
        const settle = `evenfall effect settle ${effectId} `;
        expect(await runNext()).toMatchObject({ as: 'dead', summary: expect.stringContaining(settle) });
        const [letter] = await sql`select class, code from evenfall.dead_letter order by id desc`;
        expect(letter).toEqual({ class: 'unknown_effect', code: 'test.act' });
        expect(await statements.replay({ id, resolution: 'replayed by test' })).toHaveLength(1);
      }
      expect([world.acted, await facts()]).toEqual([1, 0]);
    });
  }

  test('[P2] settle, by a person who looked: happened is done, did not is free to be done', async () => {
    for (const happened of [true, false]) {
      await sql`truncate evenfall.job, evenfall.effect, evenfall.dead_letter`;
      world.acted = 0;
      performed = [];
      const id = await diedOverIt({});
      await runNext();
      const [unknown] = await sql`select id from evenfall.effect`;
      const said = { id: unknown!['id'] as number, happened, who: 'ann' };
      const state = happened ? 'settled' : 'released';
      expect(await statements.settleUnknown(said)).toEqual([{ key, state }]);
      expect(await statements.settleUnknown(said)).toEqual([]);
      expect(await effect()).toMatchObject({ state, evidence: { ...about, settledBy: 'ann' } });
      await statements.replay({ id, resolution: 'replayed by test' });
      expect(await runNext()).toMatchObject({ as: 'finished' });
      expect(performed).toMatchObject([{ happened: happened ? 'before' : 'now' }]);
      expect(world.acted).toBe(happened ? 1 : 2);
    }
  });
});

describe('a shutdown', () => {
  test('[P6] begins no new act: nothing is claimed, the job is given back', async () => {
    const id = await enqueue();
    const drain = new AbortController();
    runs(async (ctx) => {
      drain.abort(shutdownReason);
      await ctx.effects.perform(act(ctx));
      return done();
    });
    const { runner } = await createRunner(database, jobs);
    const [row] = await claimOne(database, jobs);
    expect(await runner.run({ ...row!, kind: kind.name }, drain.signal)).toMatchObject({ as: 'nothing' });
    expect(await effects()).toEqual([]);
    expect(await job(id)).toMatchObject({ state: 'queued', attempts: 0, crashes: 0 });
  });

  test('[P2] [P6] settles an act that was begun, and gives the job back before the next one', async () => {
    const id = await enqueue();
    const drain = new AbortController();
    runs(async (ctx) => {
      await ctx.effects.perform(
        act(ctx, { act: () => Promise.resolve((drain.abort(shutdownReason), doItThere())) }),
      );
      await ctx.effects.perform(act(ctx, { key: 'test:thing_2' }));
      return done();
    });
    const { runner } = await createRunner(database, jobs);
    const [row] = await claimOne(database, jobs);
    expect(await runner.run({ ...row!, kind: kind.name }, drain.signal)).toMatchObject({ as: 'nothing' });
    expect(await effects()).toMatchObject([{ key, state: 'settled' }]);
    expect([world.acted, await facts()]).toEqual([1, 1]);
    expect(await job(id)).toMatchObject({ state: 'queued', attempts: 0, crashes: 0 });
  });
});

describe('a settling whose answer is lost', () => {
  test('[P1] [P2] the commit had gone through: the job is given back, runs on, and the fact is there once', async () => {
    const id = await enqueue();
    performs();
    let lose = true;
    const flaky: Database = {
      ...database,
      async transaction(work) {
        const result = await database.transaction(work);
        if (!lose) return result;
        lose = false;
        throw Object.assign(new Error('connection closed'), { code: 'CONNECTION_CLOSED' });
      },
    };
    await runNext({ database: flaky });
    expect(await job(id)).toMatchObject({ state: 'queued', attempts: 0, crashes: 0 });
    await runNext();
    expect(await job(id)).toMatchObject({ state: 'done', attempts: 0, crashes: 0 });
    expect([world.acted, world.asked, await facts()]).toEqual([1, 0, 1]);
  });
});

describe('a Postgres that is away for a moment', () => {
  let own: OwnPostgres | undefined;
  afterEach(() => own?.stop());

  test('[P1] [P2] between the act and its settling: the settling waits for it to be back', async () => {
    own = await ownPostgres([kind]);
    const away = connectDatabase(own.url, { max: 3, name: 'test' });
    try {
      const wanted = {
        kind: kind.name,
        payload: { n: 1 },
        key: null,
        runAt: null,
        teamId: null,
        priority: 0,
      };
      await away.statements.enqueue(wanted);
      const { runNext: next } = await createRunner(away, jobs);
      performs({
        act: async () => {
          await own!.server.kill();
          return doItThere();
        },
      });
      const running = next();
      await expect.poll(() => world.acted, { timeout: 10_000 }).toBe(1);
      await own.server.start();
      expect(await running).toMatchObject({ as: 'finished' });
      const [counted] = await own.sql`
        select (select count(*) from evenfall.history)::int as facts,
          (select count(*) from evenfall.effect where state = 'settled')::int as settled,
          (select attempts from evenfall.job)`;
      expect(counted).toMatchObject({ facts: 1, settled: 1, attempts: 0 });
      expect([world.acted, world.asked]).toEqual([1, 0]);
    } finally {
      await away.close();
    }
  });

  test('[P6] a process that must go does not wait for it', async () => {
    const kill = new AbortController();
    const down = Object.assign(new Error('connection refused'), { code: 'ECONNREFUSED' });
    const away: Database = { ...database, transaction: () => Promise.reject((kill.abort(), down)) };
    const id = await enqueue();
    await sql`update evenfall.job set state = 'running', run_no = 1, worker_id = 'w', due = false`;
    const parts = {
      database: away,
      signal: never,
      kill: kill.signal,
      failpoint: noFailpoints,
      clockOffsetMs: 0,
    };
    const ledger = effectLedger({ ...parts, run: { jobId: id, runNo: 1 } });
    const thing = { key, kind: 'test.act', about, act: () => Promise.resolve(doItThere()) };
    await expect(ledger.perform(thing)).rejects.toBe(down);
    expect(await effect()).toMatchObject({ state: 'claimed' });
  });
});
