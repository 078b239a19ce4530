import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { startProgram } from '../../chaos/process.ts';
import { explain } from '../../src/cli/exit.ts';
import { packageRoot } from '../../src/package-root.ts';
import { createTestDatabase } from '../support/database.ts';
import { scratch } from '../embedded/scratch.ts';

const { url } = await createTestDatabase();
const place = scratch();

async function typed(args: string, databaseUrl?: string) {
  const main = join(packageRoot, 'src', 'cli', 'main.ts');
  const running = startProgram([main, ...args.split(' ')], { DATABASE_URL: databaseUrl });
  const { code } = await running.exited;
  return { code, output: running.output() };
}

const hint = 'evenfall --help lists the commands, evenfall COMMAND --help what each takes.';

describe('what is typed wrongly is said in a few lines, which help does not push off the screen', () => {
  test.for([
    ['jbos', ["error: unknown command 'jbos'", '(Did you mean jobs?)']],
    ['dead shwo 1', ["error: unknown command 'shwo'", '(evenfall dead has list, show, replay)']],
    ['fuse releas', ["error: unknown command 'releas'", '(evenfall fuse has status, release)']],
    ['findings akc 1', ["error: unknown command 'akc'", '(evenfall findings has list, ack)']],
    ['jobs --sate dead', ["error: unknown option '--sate'", '(Did you mean --state?)']],
    ['dead show', ["error: missing required argument 'n'"]],
  ] as const)('%s', async ([args, lines]) => {
    expect(await typed(args)).toEqual({ code: 2, output: [...lines, hint].join('\n') });
  });

  test('a group of commands still has its help, and one that is meant without a word', async () => {
    expect(await typed('dead help show')).toEqual({
      code: 0,
      output: expect.stringContaining('Usage: evenfall dead show'),
    });
    expect(await typed('dead --json', url)).toEqual({ code: 0, output: '[]' });
  });
});

describe('what Postgres refuses is said in a sentence, without a stack', () => {
  test.each([
    ['a database that is not there', (to: URL) => (to.pathname = '/nodb'), 'database "nodb" does not exist'],
    ['a wrong password', (to: URL) => (to.password = 'guess'), 'password authentication failed for user'],
  ])('%s', async (_what, change, answer) => {
    const changed = new URL(url);
    change(changed);
    const { code, output } = await typed('jobs', changed.href);
    expect(output).toMatch(/^Postgres answers: .*\. Is DATABASE_URL right\?$/);
    expect(output).toContain(answer);
    expect(output).not.toContain('guess');
    expect(code).toBe(2);
  });
});

test('what the machine refuses has its reason in words', () => {
  const said: string[] = [];
  const error = Object.assign(new Error("EACCES: permission denied, mkdir '/x/dist'"), {
    code: 'EACCES',
    syscall: 'mkdir',
  });
  expect(explain(error, (line) => said.push(line))).toBe(1);
  expect(said.join()).toMatch(
    /^EACCES: permission denied, mkdir '\/x\/dist'\nno permission: run as the user/,
  );
});

test('a filled copy of .env.example is read as the help and README say', async () => {
  const { output } = await typed('--help');
  const [, command = ''] = /from a file: (.+)$/m.exec(output) ?? [];
  expect(await readFile(join(packageRoot, 'README.md'), 'utf8')).toContain(`\`${command}\``);
  const example = await readFile(join(packageRoot, '.env.example'), 'utf8');
  await writeFile(join(place.dir, '.env'), example.replace(/^API_TOKEN=$/m, 'API_TOKEN="a token of my own"'));
  const script = `${command}\n${JSON.stringify(process.execPath)} -p process.env.API_TOKEN`;
  const { stdout } = await promisify(execFile)('/bin/sh', ['-c', script], { cwd: place.dir });
  expect(stdout).toBe('a token of my own\n');
});
