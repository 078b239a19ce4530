import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, it, onTestFinished } from 'vitest';
import { live } from '../../demo/live.ts';
import { timeMachine } from '../../demo/time-machine.ts';
import { createTestDatabase } from '../support/database.ts';

const { sql } = await createTestDatabase();

/** The demo behind its story, with somebody at the keys; what becomes of its jobs is the test's. */
async function opened() {
  const dir = await mkdtemp(join(tmpdir(), 'evenfall-live-'));
  const stopping = new AbortController();
  const input = new PassThrough();
  const said: string[] = [];
  const ended = live({
    sql,
    stripe: { settle: () => {} } as Parameters<typeof live>[0]['stripe'],
    time: timeMachine(join(dir, 'clock')),
    input,
    say: (text) => said.push(text),
    flush: () => Promise.resolve(void said.push('(what has happened)')),
    paste: (args) => `evenfall ${args}`,
    signal: stopping.signal,
    end: () => stopping.abort(),
  });
  onTestFinished(async () => {
    stopping.abort();
    await ended;
    await rm(dir, { recursive: true, force: true });
  });
  return { input, said, ended };
}

const searches = async (more: string) =>
  (await sql.unsafe(`select from evenfall.job where kind = 'sweep' ${more}`)).length;

it("a day's last lines say how to release the fuse that has blown in it, and what to type", async () => {
  const { input, said } = await opened();
  await expect.poll(() => said.at(-1)).toBe('What happens from here on:\n');
  input.write('d 7\n');
  await expect.poll(() => searches("and state = 'queued'")).toBe(6);
  await sql`insert into evenfall.fuse (kind, blown_at, blown_by)
    values ('delete-inactive-team', clock_timestamp(), 'too many are due')`;
  // one waits for the fuse: the day does not wait for it
  await sql`update evenfall.job set state = 'dispatched', due = false, run_at = clock_timestamp() + interval '1 hour'
    where payload->>'sweep' = 'delete-inactive-team'`;
  expect(said.join('\n')).not.toMatch(/fuse/);
  await sql`update evenfall.job set state = 'done', due = false, finished_at = clock_timestamp() where state = 'queued'`;
  await expect
    .poll(() => said.at(-1))
    .toContain('To release it:\nevenfall fuse release delete-inactive-team');
  expect(said.slice(-3)).toEqual([
    '(what has happened)',
    expect.stringMatching(/That is all of .*: d goes on, \? lists the keys/),
    expect.stringContaining('The fuse of delete-inactive-team has blown: too many are due.'),
  ]);
});

it('the keys answer while a day is not over', async () => {
  const { input, said, ended } = await opened();
  input.write('d\n?\nq\n');
  await ended;
  expect(said.join('\n')).toMatch(/a day on: [\s\S]*Keys, each with Enter/);
  expect(said.join('\n')).not.toMatch(/That is all/);
});
