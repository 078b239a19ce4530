import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { queries } from '../../sql/queries.gen.ts';
import { createTestDatabase } from '../support/database.ts';
import { claimOne, createRunner } from '../support/machine.ts';
import { testKind } from '../support/kinds.ts';
import {
  backfillRow,
  effectRow,
  erasureRow,
  eventRow,
  findingRow,
  forgetting,
  fuseActRow,
  historyRow,
  horizons,
  idempotencyRow,
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
  suppressedRow,
  tables,
} from '../support/retention.ts';
import { bindStatements } from '../support/sql.ts';

const { kind } = testKind();
const { database, sql } = await createTestDatabase([kind]);
const { clear, put, left, keys, forget } = retentionWorld(database, sql);

beforeEach(clear);

const day = 86_400_000;
const long = 4_000 * day;

/** From the horizon of what it is about: before it, at it, after it. */
const age = fc.constantFrom(-day, -1, 0, 1, day);
const some = <T>(one: fc.Arbitrary<T>) => fc.array(one, { maxLength: 4 });

const worlds = fc.record({
  jobs: fc.array(
    fc.record({
      state: fc.constantFrom(
        'queued',
        'dispatched',
        'running',
        'parked',
        'done',
        'skipped',
        'cancelled',
        'dead',
      ),
      age,
      letters: fc.array(fc.option(age), { maxLength: 2 }),
      effects: fc.array(
        fc.record({ state: fc.constantFrom('claimed', 'unknown', 'settled', 'released'), age }),
        {
          maxLength: 2,
        },
      ),
    }),
    { maxLength: 8 },
  ),
  /** Without a job that is known, or any. */
  effects: some(fc.record({ state: fc.constantFrom('claimed', 'unknown', 'settled', 'released'), age })),
  letters: some(age),
  runs: fc.array(
    fc.record({ schedule: fc.constantFrom('nightly', 'hourly'), age, job: fc.option(fc.nat({ max: 9 })) }),
    { maxLength: 8 },
  ),
  notices: some(fc.record({ state: fc.constantFrom('sent', 'unknown', 'suppressed'), age })),
  marks: some(
    fc.record({ state: fc.constantFrom('marking', 'noticed', 'deleting', 'deleted', 'cleared'), age }),
  ),
  findings: some(fc.option(age)),
  protections: some(fc.option(age)),
  erasures: some(fc.option(age)),
  backfills: some(age),
  history: some(age),
  events: some(age),
  acts: some(age),
  answers: some(age),
  suppressed: some(age),
  batch: fc.integer({ min: 1, max: 3 }),
});
type World = typeof worlds extends fc.Arbitrary<infer T> ? T : never;

/** What is to be left, told apart as `found` does: plainly, one after the other, by what the documentation says. */
function expected(world: World): Record<string, string[]> {
  const lastWithJob = new Set(
    ['nightly', 'hourly'].map(
      (schedule) => world.runs.findLast((run) => run.schedule === schedule && run.job !== null)?.job,
    ),
  );
  const jobStays = world.jobs.map(
    ({ state, age: at, letters, effects }, id) =>
      !['done', 'skipped', 'cancelled', 'dead'].includes(state) ||
      at >= 0 ||
      letters.some((resolved) => resolved === null || resolved >= 0) ||
      effects.some((effect) => ['claimed', 'unknown'].includes(effect.state)) ||
      lastWithJob.has(id),
  );
  const effectStays = ({ state, age: at }: { state: string; age: number }) =>
    ['claimed', 'unknown'].includes(state) || at >= 0;
  const named = (name: string, stays: readonly boolean[]) =>
    stays.flatMap((one, n) => (one ? [`${name}${n}`] : []));
  const newest = Math.max(...world.backfills);
  return {
    job: named('', jobStays),
    dead_letter: [
      ...world.jobs.flatMap(({ letters }, id) =>
        named(
          `${id}.`,
          letters.map(() => jobStays[id]!),
        ),
      ),
      ...named(
        '99.',
        world.letters.map((at) => at >= 0),
      ),
    ],
    effect: [
      ...world.jobs.flatMap(({ effects }, id) =>
        named(
          `${id}.`,
          effects.map((effect) => jobStays[id]! || effectStays(effect)),
        ),
      ),
      ...named('99.', world.effects.map(effectStays)),
    ],
    schedule_run: named(
      '',
      world.runs.map(
        ({ schedule, age: at }, n) =>
          at >= 0 || !world.runs.slice(n + 1).some((run) => run.schedule === schedule && run.job !== null),
      ),
    ),
    notice: named(
      '',
      world.notices.map(({ state, age: at }) => state === 'unknown' || at >= 0),
    ),
    team_deletion: named(
      '',
      world.marks.map(({ state, age: at }) => !['deleted', 'cleared'].includes(state) || at >= 0),
    ),
    finding: named(
      '',
      world.findings.map((at) => at === null || at >= 0),
    ),
    team_protection: named(
      '',
      world.protections.map((at) => at === null || at >= 0),
    ),
    erasure: named(
      '',
      world.erasures.map((at) => at === null || at >= 0),
    ),
    backfill: named(
      '',
      world.backfills.map((at) => at >= 0 || at === newest),
    ),
    history: named(
      '',
      world.history.map((at) => at >= 0),
    ),
    stripe_event: named(
      'evt_',
      world.events.map((at) => at >= 0),
    ),
    fuse_act: named(
      'team:',
      world.acts.map((at) => at >= 0),
    ),
    idempotency: named(
      '',
      world.answers.map((at) => at >= 0),
    ),
    suppressed_recipient: named(
      '',
      world.suppressed.map((at) => at >= 0),
    ),
  };
}

const keyOf: Record<string, string> = {
  dead_letter: `job_id || '.' || run_no`,
  effect: 'key',
  schedule_run: `extract(minute from due_at)`,
  team_protection: 'team_id',
  fuse_act: 'subject',
  idempotency: 'key',
  suppressed_recipient: 'recipient_hash',
};

async function build(world: World): Promise<void> {
  const { jobs: forJobs, effects: forEffects, history: forHistory, idempotency: forAnswers } = horizons;
  const over = (at: number | null) => (at === null ? null : plus(forHistory, at));
  await put(
    'job',
    world.jobs.map(({ state, age: at }, id) => jobRow(id, state, plus(forJobs, at))),
  );
  const letters = [
    ...world.jobs.map((job, id) => ({ id, letters: job.letters })),
    { id: 99, letters: world.letters },
  ];
  await put(
    'dead_letter',
    letters.flatMap(({ id, letters: of }) =>
      of.map((at, n) => ({
        ...letterRow(1_000 * id + n, id, at === null ? null : plus(forJobs, at)),
        run_no: n,
      })),
    ),
  );
  const effects = [
    ...world.jobs.map((job, id) => ({ id, effects: job.effects })),
    { id: 99, effects: world.effects },
  ];
  await put(
    'effect',
    effects.flatMap(({ id, effects: of }) =>
      of.map(({ state, age: at }, n) => ({
        ...effectRow(1_000 * id + n, state, plus(forEffects, at), id),
        key: `${id}.${n}`,
      })),
    ),
  );
  await put(
    'schedule_run',
    world.runs.map(({ schedule, age: at, job }, n) => runRow(n, schedule, plus(forJobs, at), job)),
  );
  await put(
    'notice',
    world.notices.map(({ state, age: at }, n) => noticeRow(n, state, plus(forEffects, at))),
  );
  await put(
    'team_deletion',
    world.marks.map(({ state, age: at }, n) => markRow(n, state, plus(forHistory, at))),
  );
  await put(
    'finding',
    world.findings.map((at, n) => findingRow(n, over(at))),
  );
  await put(
    'team_protection',
    world.protections.map((at, n) => protectionRow(n, over(at))),
  );
  await put(
    'erasure',
    world.erasures.map((at, n) => erasureRow(n, over(at))),
  );
  await put(
    'backfill',
    world.backfills.map((at, n) => backfillRow(n, plus(forJobs, at))),
  );
  await put(
    'history',
    world.history.map((at, n) => historyRow(n, plus(forHistory, at))),
  );
  await put(
    'stripe_event',
    world.events.map((at, n) => eventRow(n, plus(forJobs, at))),
  );
  await put(
    'fuse_act',
    world.acts.map((at, n) => fuseActRow(n, plus(forJobs, at))),
  );
  await put(
    'idempotency',
    world.answers.map((at, n) => idempotencyRow(n, plus(forAnswers, at))),
  );
  await put(
    'suppressed_recipient',
    world.suppressed.map((at, n) => suppressedRow(n, plus(forHistory, at))),
  );
}

const found = async () =>
  Object.fromEntries(
    await Promise.all(tables.map(async (table) => [table, await keys(table, keyOf[table])] as const)),
  );

test('[P1] [P2] [P8] of any mix of rows all that may go goes, and nothing else, in batches of any size', async () => {
  await fc.assert(
    fc.asyncProperty(worlds, async (world) => {
      await clear();
      await build(world);
      const { batch } = world;
      const small = forgetting(database, (forgetBatch, parameters) => forgetBatch({ ...parameters, batch }));
      await forget({ database: small });
      const wanted = Object.entries(expected(world)).map(([table, names]) => [table, names.toSorted()]);
      expect(await found()).toEqual(Object.fromEntries(wanted));
    }),
    { numRuns: 30 },
  );
});

describe('beside others', () => {
  test.for(tables)(
    '%s: a row that another transaction holds is passed over, and goes next time',
    async (table) => {
      const { keptFor, row } = samples[table]!;
      // one behind them, so that none is the last of its kind
      const at = plus(horizons[keptFor], -day);
      await put(table, [row(1, at), row(2, plus(at, 1_000)), row(3, plus(at, 2_000)), row(4, now)]);
      await sql.begin(async (other) => {
        const column = samples[table]!.at;
        await other.unsafe(`select from evenfall.${table} where ${column} = $1 for update`, [
          plus(at, 1_000).toISOString(),
        ]);
        await forget();
        expect(await left(table)).toEqual([plus(at, 1_000), now]);
      });
      await forget();
      expect(await left(table)).toEqual([now]);
    },
  );

  test('a transaction that reads for hours neither waits nor holds it up, and goes on seeing what it saw', async () => {
    await put('history', [historyRow(1, plus(now, -long)), historyRow(2, now)]);
    await sql.begin('isolation level repeatable read', async (reader) => {
      const seen = async () => (await reader`select from evenfall.history`).length;
      expect(await seen()).toBe(2);
      expect(await forget()).toMatchObject({ detail: { history: 1 } });
      expect(await seen()).toBe(2);
    });
    expect(await keys('history')).toEqual(['2']);
  });

  test('while a batch is open, jobs are asked for and run, others forget the rest, and vacuum does not wait', async () => {
    await put(
      'job',
      // far from the ids that are given out next: they would wait for these to be gone
      [1, 2, 3, 4].map((n) => jobRow(1_000_000 + n, 'done', plus(now, -long + n))),
    );
    await sql.begin(async (tx) => {
      const gone = await bindStatements(tx).forgetOldJobs({ before: horizons.jobs, after: null, batch: 2 });
      expect(gone).toMatchObject([{ rows: 2 }]);

      const wanted = {
        kind: kind.name,
        payload: { n: 1 },
        key: null,
        runAt: null,
        teamId: null,
        priority: 0,
      };
      await database.statements.enqueue(wanted);
      const { runner } = await createRunner(database, [kind]);
      const [row] = await claimOne(database, [kind]);
      expect(await runner.run(row!, new AbortController().signal)).toMatchObject({ as: 'finished' });
      expect(await forget()).toMatchObject({ detail: { job: 2 } });
      await sql`vacuum evenfall.job`;
    });
    expect(await left('job')).toHaveLength(1);
  });

  test('a dead job that is replayed at that moment is not forgotten', async () => {
    await put('job', [{ ...jobRow(1, 'dead', plus(now, -long)), kind: kind.name }]);
    await sql.begin(async (tx) => {
      await bindStatements(tx).replay({ id: 1, resolution: 'replayed by ann' });
      expect(await forget()).toMatchObject({ outcome: 'skipped' });
    });
    expect(await forget()).toMatchObject({ outcome: 'skipped' });
    expect(await keys('job')).toEqual(['1']);
  });
});

describe('each statement finds its rows by an index', () => {
  test.for([
    ['forgetOldJobs', 'job_finished'],
    ['forgetOldDeadLetters', 'dead_letter_resolved'],
    ['forgetOldIdempotencyKeys', 'idempotency_age'],
    ['forgetOldEvents', 'stripe_event_received'],
    ['forgetOldScheduleRuns', 'schedule_run_age'],
    ['forgetOldFuseActs', 'fuse_act_age'],
    ['forgetOldBackfills', 'backfill_finished'],
    ['forgetOldEffects', 'effect_over'],
    ['forgetOldNotices', 'notice_over'],
    ['forgetOldHistory', 'history_age'],
    ['forgetOldFindings', 'finding_acknowledged'],
    ['forgetOldMarks', 'team_deletion_over'],
    ['forgetOldProtections', 'team_protection_until'],
    ['forgetOldErasures', 'erasure_over'],
  ] as const)('%s: %s', async ([name, index]) => {
    const { text } = queries[name];
    const lines = await sql.begin(async (tx) => {
      await tx`set local enable_seqscan = off`;
      await tx`set local enable_bitmapscan = off`;
      return await tx.unsafe(`explain (costs off) ${text}`, [horizons.jobs.toISOString(), null, '1000']);
    });
    const plan = lines.map((line) => String(line['queryPlan'] ?? line['QUERY PLAN']));
    const scan = plan.findIndex((line) => line.includes(`Index Scan using ${index} on`));
    expect(scan, plan.join('\n')).toBeGreaterThan(-1);
    // both ends, and in its order: nothing is sorted, and nothing older is stepped over
    expect(plan[scan + 1]).toMatch(/Index Cond: .*<.*>=/);
    expect(plan.join('\n')).not.toMatch(/Seq Scan|Sort/);
  });

  test('none is left out', () => {
    expect(Object.keys(queries).filter((name) => name.startsWith('forgetOld'))).toHaveLength(tables.length);
  });
});
