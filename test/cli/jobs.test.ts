import { beforeEach, expect, test, vi } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { jobsCommand } from '../../src/cli/commands/jobs.ts';
import { createTestDatabase } from '../support/database.ts';
import { testKind } from '../support/kinds.ts';
import { runCommand } from '../support/printed.ts';
import { startTestWorker } from '../support/worker.ts';

const { kind } = testKind();
const { url, database, sql } = await createTestDatabase([kind]);
beforeEach(() => {
  vi.stubEnv('DATABASE_URL', url);
  vi.stubEnv('REDIS_URL', '');
});

const jobs = () => runCommand(() => jobsCommand({ limit: '20' }));

test('[P1] a job of a kind that no living worker knows does not wait in silence', async () => {
  const wanted = { kind: kind.name, payload: { n: 1 }, key: null, runAt: null, teamId: null, priority: 0 };
  await database.statements.enqueue(wanted);
  expect(await jobs()).toMatchObject({ err: '' });

  const older = await startTestWorker(url, undefined, { jobs: allJobs });
  expect(await jobs()).toMatchObject({
    out: expect.stringContaining('queued'),
    err: `No worker that is alive knows ${kind.name}: restart the workers with the code that has it.\n`,
  });

  await older.stop(0);
  await startTestWorker(url, undefined, { jobs: [...allJobs, kind] });
  expect(await jobs()).toMatchObject({ err: '' });
  const said = await sql`select queue_backend, ${kind.name} = any (kinds) as knows from evenfall.worker`;
  expect(said).toEqual([{ queueBackend: 'postgres', knows: true }]);
});
