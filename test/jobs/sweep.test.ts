import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { sweep } from '../../jobs/sweep.ts';
import { sweeps } from '../../sql/queries.gen.ts';
import { schedulesCommand, sweepCommand } from '../../src/cli/commands/schedules.ts';
import { isFused } from '../../src/core/fuse.ts';
import { payloadProblem } from '../../src/core/payload.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { connectDatabase } from '../../src/db/connect.ts';
import { packageRoot } from '../../src/package-root.ts';
import { runInline } from '../../src/queue/inline.ts';
import { nextOccurrence, scheduledJobs } from '../../src/queue/schedules.ts';
import { sweepNow } from '../../src/queue/sweep.ts';
import { createTestDatabase } from '../support/database.ts';
import { testKind } from '../support/kinds.ts';
import { createRunner, noStripe, recordingAlerts, silentLog } from '../support/machine.ts';
import { generateSweeps, sweepThings, thingsTable } from '../support/sweeps.ts';

const { kind } = testKind();
const jobs = [...allJobs, kind];
const { url, sql } = await createTestDatabase([kind]);
await sql.unsafe(thingsTable);
const database = connectDatabase(url, {
  max: 10,
  name: 'test',
  sweeps: await generateSweeps(sql, { 'test-kind': sweepThings }),
});
afterAll(() => database.close());

const now = new Date('2026-12-01T09:00:00Z');
const asked = { now, policy: { ...defaultPolicy, cardWindow: 'P1D' }, dryRun: false };
const enqueued = () => sql`select *, id::int from evenfall.job where kind = 'test-kind' order by key`;

beforeEach(async () => {
  await sql`truncate evenfall.job, thing`;
  await sql`
    insert into thing (n, ready_at, team) values
      (1, '2026-12-01T08:00:00Z', 'a'), (2, '2026-12-02T08:59:59.999Z', null), (3, '2026-12-02T09:00:00Z', 'a')`;
});

describe('the statement', () => {
  test('enqueues all that is due at once, as evenfall.enqueue would', async () => {
    expect(await database.sweeps.get('test-kind')!.enqueue({ ...asked.policy, now })).toEqual([
      { due: 2, enqueued: 2 },
    ]);
    const [swept] = await enqueued();
    const wanted = { kind: kind.name, payload: { n: 9 }, key: null, runAt: null, teamId: 'a', priority: 0 };
    const [row] = await database.statements.enqueue(wanted);
    const [byDoor] = await sql`select * from evenfall.job where id = ${row!.id}`;
    const same = ['queue', 'payloadVersion', 'teamId', 'priority', 'due', 'state', 'attempts', 'asks'];
    for (const column of same) expect(swept![column], column).toEqual(byDoor![column]);
    expect(swept).toMatchObject({ key: 'n=1', payload: { n: 1 }, source: 'sweep:test-kind' });
    expect(byDoor!['key']).toBe('n=9');
    const lifetime = (job: Record<string, any>) => job['deadlineAt'].getTime() - job['runAt'].getTime();
    expect(lifetime(swept!)).toBe(lifetime(byDoor!));
  });

  test('[P2] a second time, and ten times at once, nothing live is enqueued again', async () => {
    await Promise.all(Array.from({ length: 10 }, () => sweepNow(database, 'test-kind', asked)));
    expect(await enqueued()).toHaveLength(2);
    expect(await sweepNow(database, 'test-kind', asked)).toMatchObject({ due: 2, enqueued: 0 });
  });

  test('what was enqueued by any door stands, and what has ended is due again', async () => {
    await sql`select evenfall.enqueue('test-kind', '{"n": 1}')`;
    expect(await sweepNow(database, 'test-kind', asked)).toMatchObject({ due: 2, enqueued: 1 });
    await sql`update evenfall.job set state = 'done', due = false, finished_at = now()`;
    expect(await sweepNow(database, 'test-kind', asked)).toMatchObject({ due: 2, enqueued: 2 });
  });

  test('the same thing found twice is one job', async () => {
    await sql`insert into thing select * from thing`;
    expect(await sweepNow(database, 'test-kind', asked)).toMatchObject({ due: 4, enqueued: 2 });
  });
});

describe('the job', () => {
  test('tells how many were due and enqueued, in its outcome and in the log', async () => {
    const lines: unknown[] = [];
    const log = { ...silentLog, info: (fields: object) => lines.push(fields) };
    const { runNext } = await createRunner(database, jobs, { log, policy: asked.policy });
    const payload = { sweep: 'test-kind' };
    const [row] = await database.statements.enqueue({
      kind: sweep.name,
      payload,
      key: null,
      runAt: null,
      teamId: null,
      priority: 0,
    });
    await sql`update thing set ready_at = clock_timestamp() + interval '23 hours' where n < 3`;
    await sql`update thing set ready_at = clock_timestamp() + interval '25 hours' where n = 3`;
    expect(await runNext('schedules')).toMatchObject({ as: 'finished' });
    const totals = { sweep: 'test-kind', due: 2, enqueued: 2 };
    const [job] = await sql`select * from evenfall.job where id = ${row!.id}`;
    expect(job).toMatchObject({ state: 'done', key: 'sweep=test-kind', outcome: { detail: totals } });
    expect(lines).toContainEqual(totals);
  });

  test('a kind that is not swept is terminal', async () => {
    await sql`select evenfall.enqueue('sweep', '{"sweep": "no-such-kind"}')`;
    const { runNext } = await createRunner(database, jobs);
    expect(await runNext('schedules')).toMatchObject({ as: 'dead' });
    expect(await sql`select class from evenfall.dead_letter`).toMatchObject([{ class: 'unknown_sweep' }]);
  });

  test('`evenfall run sweep --dry-run` counts and changes nothing', async () => {
    const options = {
      database,
      stripe: noStripe,
      alerts: recordingAlerts(),
      log: silentLog,
      policy: asked.policy,
      now,
      dryRun: true,
    };
    const detail = { sweep: 'test-kind', due: 2, enqueued: 0 };
    expect(await runInline(sweep, { sweep: 'test-kind' }, options as never)).toMatchObject({
      outcome: 'done',
      detail,
    });
    expect(await enqueued()).toEqual([]);
  });
});

describe('the command', () => {
  test('the report names everybody who is due, and why', async () => {
    const report = await sweepNow(database, 'test-kind', asked);
    expect(JSON.parse(JSON.stringify(report))).toEqual({
      sweep: 'test-kind',
      now: '2026-12-01T09:00:00.000Z',
      dryRun: false,
      due: 2,
      enqueued: 2,
      targets: [
        { id: 'thing:1', why: 'ready at 2026-12-01 08:00:00+00' },
        { id: 'thing:2', why: 'ready at 2026-12-02 08:59:59.999+00' },
      ],
    });
  });

  test('a dry run says the same and changes nothing', async () => {
    const report = await sweepNow(database, 'test-kind', { ...asked, dryRun: true });
    expect(report).toMatchObject({
      dryRun: true,
      due: 2,
      enqueued: 0,
      targets: [{ id: 'thing:1' }, { id: 'thing:2' }],
    });
    expect(await sql`select from evenfall.job`).toHaveLength(0);
  });

  test('without a time it is the time of the database', async () => {
    await sql`update thing set ready_at = clock_timestamp() - interval '1 minute' where n = 2`;
    await sql`update thing set ready_at = clock_timestamp() + interval '2 days' where n <> 2`;
    const report = await sweepNow(database, 'test-kind', { ...asked, now: undefined });
    expect(report.targets).toMatchObject([{ id: 'thing:2' }]);
  });

  /** What a command prints, with the environment of the command line. */
  async function printed(command: () => Promise<void>): Promise<any> {
    vi.stubEnv('DATABASE_URL', url);
    let text = '';
    const write = vi
      .spyOn(process.stdout, 'write')
      .mockImplementation((part) => ((text += String(part)), true));
    onTestFinished(() => void vi.unstubAllEnvs());
    try {
      await command();
    } finally {
      write.mockRestore();
    }
    return JSON.parse(text);
  }

  test('a sweep that does not exist is a wrong call', async () => {
    await expect(printed(() => sweepCommand('no-such', { json: true }))).rejects.toThrow(
      'there is no sweep no-such',
    );
  });

  test.for(Object.keys(sweeps))(
    '`evenfall sweep %s --dry-run --json` runs on an empty database',
    async (name) => {
      const at = '2026-12-01T09:00:00Z';
      expect(await printed(() => sweepCommand(name, { json: true, dryRun: true, now: at }))).toEqual({
        sweep: name,
        now: '2026-12-01T09:00:00.000Z',
        dryRun: true,
        due: 0,
        enqueued: 0,
        ...(isFused(name)
          ? { fuse: { allowed: expect.any(Number), acts: 0, waiting: 0, spread: 0, blown: false } }
          : {}),
        targets: [],
      });
    },
  );

  test('`evenfall schedules --json` lists every schedule of the code, before any worker has run', async () => {
    const rows = await printed(() => schedulesCommand({ json: true }));
    expect(rows).toEqual(
      scheduledJobs(allJobs).map((job) => ({
        name: job.name,
        pattern: job.schedule.cron,
        last: null,
        next: expect.stringMatching(/^\d{4}-.*Z$/),
        late: 0,
        finished: null,
        age: null,
      })),
    );
  });
});

describe('what is in sql/sweeps and jobs', () => {
  test('every sweep is of a kind that has a schedule', () => {
    const folder = join(packageRoot, 'sql', 'sweeps');
    for (const file of readdirSync(folder)) {
      const job = allJobs.find((known) => `${known.name}.sql` === file);
      expect(job?.schedule, `${file}: its kind has no schedule`).toBeDefined();
    }
  });

  test('a kind that is due by itself and not swept takes the payload {}', () => {
    for (const job of scheduledJobs(allJobs)) {
      if (!(job.name in sweeps)) expect(payloadProblem(job.payload, {}), job.name).toBeUndefined();
    }
  });

  test('every schedule can be read', () => {
    for (const job of scheduledJobs(allJobs))
      expect(nextOccurrence(job.schedule.cron, now), job.name).toBeDefined();
  });

  const columns = `'{}'::jsonb as payload, ''::text as team_id, ''::text as subject, ''::text as why`;
  test.for([
    ['reads a clock', `select ${columns} from thing where ready_at < now()`, /reads a clock/],
    ['has other columns', 'select n as payload from thing', /must give payload jsonb, team_id text/],
    ['names an unknown table', `select ${columns} from nothing where @now::timestamptz is null`, /nothing/],
  ] as const)('a sweep that %s is refused when it is generated', async ([, text, problem]) => {
    await expect(generateSweeps(sql, { 'test-kind': `-- name: testKind\n${text}` })).rejects.toThrow(problem);
  });
});
