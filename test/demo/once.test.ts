import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { story } from '../../demo/story.ts';
import { build } from '../support/processes.ts';
import type { Built } from '../support/processes.ts';

/** A minute is promised; a machine that runs all tests at once may take longer. */
const patienceMs = 180_000;

describe('npm run demo -- --once', () => {
  let built: Built;
  let emptyDir: string;

  beforeAll(async () => {
    built = await build();
    emptyDir = await mkdtemp(join(tmpdir(), 'evenfall-no-programs-'));
  });
  afterAll(async () => {
    await built.remove();
    await rm(emptyDir, { recursive: true, force: true });
  });

  it('plays the whole story as expected', { timeout: patienceMs }, async () => {
    const { code, output } = await demo(['--once'], process.env['PATH']);
    expectTheStory(output);
    expect(code, output).toBe(0);
  });

  it('plays it without a redis-server on the path', { timeout: patienceMs }, async () => {
    const { code, output } = await demo(['--once'], emptyDir);
    expect(output).toContain('No redis-server on the path');
    expectTheStory(output);
    expect(code, output).toBe(0);
  });

  it('explains itself when it is called wrongly', async () => {
    const { code, output } = await demo(['--twice'], emptyDir);
    expect(output).toContain("Unknown option '--twice'");
    expect(output).toContain('npm run demo [-- OPTIONS]');
    expect(code).toBe(2);
  });

  it('says in a sentence what stands in its way, and fails', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'evenfall demo '));
    onTestFinished(() => rm(dir, { recursive: true, force: true }));
    await writeFile(join(dir, '.evenfall'), '');
    const { code, output } = await demo([], emptyDir, dir);
    expect(output.trim()).toBe(
      `Cannot make the folder ${join(dir, '.evenfall')}: a file stands where a folder belongs: ` +
        'move it away, or use another folder',
    );
    expect(code).toBe(1);
  });

  async function demo(
    args: string[],
    path: string | undefined,
    cwd?: string,
  ): Promise<{ code: number | null; output: string }> {
    const main = join(dirname(built.main), '..', '..', 'demo', 'main.js');
    const child = spawn(process.execPath, [main, ...args], {
      cwd,
      env: { PATH: path },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once('exit', resolve);
      child.once('error', reject);
    });
    const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
    return { code, output: stdout + stderr };
  }
});

function expectTheStory(output: string): void {
  const table = output.slice(output.search(/^scene +expected +seen +ok$/m)).split('\n\n', 1)[0] ?? '';
  const rows = table.split('\n').slice(2);
  // each scene is there, and every row of it agrees
  for (const { title } of story) expect(table).toContain(`\n${title}  `);
  expect(rows.filter((row) => !row.endsWith('  yes'))).toEqual([]);
  expect(table).toMatch(/attempts used up: 0 +0 +yes/);
  expect(table).toMatch(/its HTTP status: 403 +403 +yes/);
  expect(table).toMatch(/crashes: 1 +1 +yes/);
  expect(table).toMatch(/from the kill until it ran again: at most 12 s +\d+\.\d s +yes/);
  expect(table).toMatch(/from commit to Stripe: at most 5000 ms +p50 \d+ ms, max \d+ ms +yes/);
  expect(table).toMatch(/it says what is charged: €29\.00 +€29\.00 +yes/);
  expect(table).toMatch(/its reason: the trial is over: .* yes/);
  expect(table).toMatch(/they come as: deleted, deleted, updated, updated +deleted, .* yes/);
  expect(table).toMatch(/marks made, by two searches: 5 +5 +yes/);
  expect(table).toMatch(/the mark: cleared: it has subscribed +cleared: .* yes/);
  expect(table).toMatch(/the team is kept for: 6 mons +6 mons +yes/);
  expect(table).toMatch(/reminders to its owner, by two searches: 1 +1 +yes/);
  expect(table).toMatch(/its owner: deleted +deleted +yes/);
  expect(table).toMatch(/its owner: owns another team +owns another team +yes/);
  expect(table).toMatch(/the job: skipped: Stripe knows the subscription +skipped: .* yes/);
  expect(table).toMatch(/the user, meanwhile: active, 2 sessions +active, .* yes/);
  expect(table).toMatch(/a minute too young: 1 +1 +yes/);
  expect(table).toMatch(/owners told, while the fuse is blown: 0 +0 +yes/);
  expect(table).toMatch(/jobs that the release wakes: 15 +15 +yes/);
  expect(table).toMatch(/searches missed: 150 +150 +yes/);
  expect(table).toMatch(/run for all of them: 1 +1 +yes/);
  // each mail to a customer once, whatever found it due
  const mails = output.match(/"Your .+" to \S+@example\.com$/gm) ?? [];
  expect(mails.length).toBeGreaterThanOrEqual(2);
  expect(new Set(mails).size).toBe(mails.length);
  expect(output).toMatch(/Played in \d+\.\d s, all as expected\./);
}
