import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { createAppCallback } from '../../src/app/callback.ts';
import { which } from '../../src/embedded/binaries.ts';
import { blocksOf } from '../docs/pages.ts';
import { callbackSecret, startCallbackApp } from '../support/callback-app.ts';

const run = promisify(execFile);
const app = await startCallbackApp();
const folder = await mkdtemp(join(tmpdir(), 'evenfall-callback-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs the block of docs/callback.md in this language on each case: body, signature, secret. */
type Check = (cases: readonly [string, string, string][]) => Promise<boolean[]>;

async function written(language: string, file: string): Promise<string> {
  const [block, ...more] = blocksOf('docs/callback.md').filter((one) => one.language === language);
  expect([block === undefined, more]).toEqual([false, []]);
  const path = join(folder, file);
  await writeFile(path, block!.text);
  return path;
}

const inNode: Check = async (cases) => {
  const block = await written('ts', 'block.ts');
  const script = `
    import { isFromEvenfall } from ${JSON.stringify(block)};
    console.log(JSON.stringify(JSON.parse(process.argv[1]).map((one) => isFromEvenfall(...one))));`;
  const args = ['--input-type=module', '--eval', script, JSON.stringify(cases)];
  return JSON.parse((await run(process.execPath, args)).stdout) as boolean[];
};

const python = await which('python3', process.env['PATH']);
const inPython: Check = async (cases) => {
  await written('python', 'block.py');
  const script = `
import json, sys
sys.path.insert(0, sys.argv[2])
from block import is_from_evenfall
print(json.dumps([is_from_evenfall(body.encode(), signature, secret) for body, signature, secret in json.loads(sys.argv[1])]))`;
  return JSON.parse((await run(python!, ['-c', script, JSON.stringify(cases), folder])).stdout) as boolean[];
};

const signed = (time: number, body: string) =>
  `t=${time},v1=${createHmac('sha256', callbackSecret).update(`${time}.${body}`).digest('hex')}`;

test.for([
  ['Node', inNode],
  ['Python', inPython],
] as const)(
  'the check that docs/callback.md has in %s takes our questions, and no others',
  async ([language, check], { skip }) => {
    if (language === 'Python' && python === undefined) skip('there is no python3 on the path');
    await createAppCallback({ url: app.url, secret: callbackSecret }).beforeDeletion(
      { id: 'mark-1-team', type: 'team.deleting', teamId: 'équipe 7', markId: 1, reason: 'inactive-team' },
      new AbortController().signal,
    );
    const { raw, headers } = app.asked.at(-1)!;
    const signature = String(headers['evenfall-signature']);
    const now = Math.floor(Date.now() / 1_000);
    expect(
      await check([
        [raw, signature, callbackSecret],
        [raw, signed(now - 240, raw), callbackSecret],
        [raw.replace('7', '8'), signature, callbackSecret],
        [raw, signature, 'another secret than that of the app'],
        [raw, signed(now - 360, raw), callbackSecret],
        [raw, signature.replace(/^t=\d+/, `t=${now - 1}`).replace(/v1=./, 'v1=x'), callbackSecret],
        [raw, signature.replace(/.$/, (last) => (last === '0' ? '1' : '0')), callbackSecret],
        [raw, '', callbackSecret],
      ]),
    ).toEqual([true, true, false, false, false, false, false, false]);
  },
);
