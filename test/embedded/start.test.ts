import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startProgram } from '../../chaos/process.ts';
import { blocksOf } from '../docs/pages.ts';
import { build } from '../support/processes.ts';
import type { Built } from '../support/processes.ts';
import { ask, scratch } from './scratch.ts';

const patience = { timeout: 60_000, interval: 100 };
const place = scratch();
let built: Built;
beforeAll(async () => {
  built = await build();
}, 120_000);
afterAll(() => built?.remove());

/** `EVENFALL_EMBEDDED=1 npm start`, in the folder of the test. */
async function start(env: Record<string, string> = {}) {
  const enter = join(place.dir, 'enter.mjs');
  await writeFile(enter, `process.chdir(${JSON.stringify(place.dir)});`);
  const given = { EVENFALL_EMBEDDED: '1', PORT: '0', LOG_LEVEL: 'warn', ...env };
  const running = startProgram(['--import', enter, built.main, 'start'], given);
  place.running({ stop: () => running.end() });
  return running;
}

/** The lines to copy, and what they make of a second shell. */
async function secondShell(running: Awaited<ReturnType<typeof start>>) {
  await running.saw(/^Ctrl-C ends it here/);
  const output = running.output();
  const lines = output.split('\n').filter((line) => /^(export|unset) /.test(line));
  const run = async (command: string) =>
    (await promisify(execFile)('/bin/sh', ['-c', [...lines, command].join('\n')])).stdout;
  const value = async (name: string) => await run(`printf %s "$${name}"`);
  return {
    run,
    webUrl: /^Evenfall listens on (\S+), with/m.exec(output)?.[1] ?? '',
    databaseUrl: await value('DATABASE_URL'),
    stripeUrl: await value('STRIPE_API_BASE'),
    apiToken: await value('API_TOKEN'),
  };
}

const node = (...args: string[]) => [process.execPath, ...args].map((arg) => `'${arg}'`).join(' ');
const isDone = (databaseUrl: string, id: string) =>
  expect
    .poll(() => ask(databaseUrl, `select state from evenfall.job where id = ${id}`), patience)
    .toBe('done');
const newest = async (databaseUrl: string) =>
  String(await ask(databaseUrl, `select max(id) from evenfall.job where kind = 'cancel-subscription'`));
const atStripe = async (stripeUrl: string, id: string) => {
  const headers = { authorization: 'Bearer sk_test_embedded' };
  const answer = await fetch(`${stripeUrl}/v1/subscriptions/${id}`, { headers });
  return ((await answer.json()) as { status: string }).status;
};
const eventsOf = (databaseUrl: string, id: string) =>
  expect
    .poll(
      () => ask(databaseUrl, `select count(*)::int from evenfall.stripe_event where object_id = '${id}'`),
      patience,
    )
    .toBe(1);

test('what the embedded start prints makes the commands of README work in a second shell, over restarts too', async () => {
  const running = await start();
  const shell = await secondShell(running);
  const block = blocksOf('README.md').find(({ language }) => language === 'sql');
  await ask(shell.databaseUrl, block!.text);
  const id = await newest(shell.databaseUrl);
  await isDone(shell.databaseUrl, id);
  const jobs = JSON.parse(await shell.run(`${node(built.main)} jobs --json`)) as { id: number }[];
  expect(jobs.map((job) => String(job.id))).toContain(id);
  expect(await atStripe(shell.stripeUrl, 'sub_Example7')).toBe('canceled');
  await eventsOf(shell.databaseUrl, 'sub_Example7');
  const headers = { authorization: `Bearer ${shell.apiToken}` };
  expect((await fetch(`${shell.webUrl}/v1/jobs/${id}`, { headers })).status).toBe(200);
  expect((await fetch(`${shell.webUrl}/queues`)).status).toBe(401);

  // a second one in the same folder
  const second = await start();
  expect(await second.exited).toEqual({ code: 1, signal: null });
  expect(second.output()).toMatch(
    /^A PostgreSQL \(pid \d+\) already runs on .*: stop that one first, by Ctrl-C where it runs\.$/,
  );

  running.kill('SIGTERM');
  expect(await running.exited, running.output()).toEqual({ code: 0, signal: null });
  const again = await secondShell(await start());
  expect(await atStripe(again.stripeUrl, 'sub_Example7')).toBe('canceled');
  expect(await ask(again.databaseUrl, 'select count(*)::int from public.teams')).toBe(10);
  // its events are new ones, and not taken for repetitions
  await ask(
    again.databaseUrl,
    `select evenfall.enqueue('cancel-subscription', '{"teamId":"8","when":"now"}')`,
  );
  await isDone(again.databaseUrl, await newest(again.databaseUrl));
  await eventsOf(again.databaseUrl, 'sub_Example8');
}, 180_000);

test('what is wrong with the environment is said before any service is started', async () => {
  const running = await start({ API_TOKEN: 'short' });
  expect(await running.exited).toEqual({ code: 2, signal: null });
  expect(running.output()).toBe('Evenfall cannot start:\n  API_TOKEN: must have at least 16 characters');
  expect(existsSync(join(place.dir, '.evenfall'))).toBe(false);
});

test('what stands in the way of the embedded start is said in a sentence, without a stack', async () => {
  await writeFile(join(place.dir, '.evenfall'), '');
  const running = await start();
  expect(await running.exited).toEqual({ code: 1, signal: null });
  expect(running.output()).toMatch(
    /^Cannot start the embedded PostgreSQL in .*: a file stands where a folder belongs: move it away, or use another folder$/,
  );
});
