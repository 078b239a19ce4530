import { execFile } from 'node:child_process';
import { mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';
import { build, evenfall } from '../support/processes.ts';
import type { Built } from '../support/processes.ts';
import { blocksOf, commandsOf, pages, proseOf } from './pages.ts';
import type { Block } from './pages.ts';
import { openScene } from './scene.ts';
import type { Scene } from './scene.ts';
import { openShell } from './shell.ts';

const run = promisify(execFile);
const client = join(packageRoot, 'src', 'client', 'index.ts');

let built: Built;
beforeAll(async () => {
  built = await build();
}, 120_000);
afterAll(() => built?.remove());

/** How a block of each language is executed; one of another language is a failure. */
type Executor = (
  block: Block,
  at: { scene: Scene; shell: Awaited<ReturnType<typeof openShell>> },
) => Promise<void>;
const executors: Readonly<Record<string, Executor>> = {
  sql: ({ text }, { scene }) => runSql(text, scene),
  ts: ({ text }, { scene }) => runTypescript(text, scene),
  async sh({ text }, { shell }) {
    const commands = commandsOf(text);
    expect(commands).not.toEqual([]);
    for (const command of commands) await shell.run(command);
  },
};
/** What is looked at, and needs nothing to run on. */
const readers: Readonly<Record<string, (text: string) => void>> = {
  '': (text) => expect(text.trim()).not.toBe(''),
  mermaid: expectDiagram,
  // test/app/documented.test.ts runs it
  python: (text) => expect(text).toContain('def is_from_evenfall'),
};

const everyBlock = pages
  .map((page) => [page, blocksOf(page)] as const)
  .filter(([, blocks]) => blocks.length > 0);
const runs = ({ language }: Block) => Object.hasOwn(executors, language);
const scenes = new Map<string, Scene>();
for (const [page, blocks] of everyBlock) if (blocks.some(runs)) scenes.set(page, await openScene());

describe.for(everyBlock)('%s', ([page, blocks]) => {
  let shell: Awaited<ReturnType<typeof openShell>>;
  const scene = scenes.get(page);
  beforeAll(async () => {
    if (scene) shell = await openShell(built, scene);
  });
  afterAll(() => shell?.close());

  for (const block of blocks) {
    const { language, line, text } = block;
    test(`${language || 'text'} at line ${line}`, async () => {
      const execute = executors[language];
      if (execute && scene) await execute(block, { scene, shell });
      else if (readers[language]) readers[language](text);
      else throw new Error(`nobody knows how to execute a block of ${language}`);
    }, 120_000);
  }
});

/** In a transaction that is rolled back, unless the block has its own. */
async function runSql(text: string, { sql }: Scene): Promise<void> {
  if (/^begin;/m.test(text)) {
    const session = await sql.reserve();
    await session.unsafe(text).finally(() => session.release());
    return;
  }
  const rolledBack = new Error('rolled back');
  await sql
    .begin(async (tx) => {
      await tx.unsafe(text);
      throw rolledBack;
    })
    .catch((error: unknown) => {
      if (error !== rolledBack) throw error;
    });
}

/** Its types are checked against the sources, then it runs. */
async function runTypescript(text: string, { env }: Scene): Promise<void> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'evenfall-block-')));
  try {
    await symlink(join(packageRoot, 'node_modules'), join(folder, 'node_modules'));
    const config = {
      extends: join(packageRoot, 'tsconfig.json'),
      compilerOptions: {
        paths: { evenfall: [client] },
        typeRoots: [join(packageRoot, 'node_modules', '@types')],
      },
      include: ['block.ts'],
    };
    const hook = `
      import { registerHooks } from 'node:module';
      registerHooks({
        resolve: (name, context, next) => next(name === 'evenfall' ? ${JSON.stringify(pathToFileURL(client).href)} : name, context),
      });`;
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
    await writeFile(join(folder, 'hook.js'), hook);
    await writeFile(join(folder, 'block.ts'), text);
    const tsc = join(packageRoot, 'node_modules', '.bin', 'tsc');
    const types = await run(tsc, ['--noEmit', '-p', folder]).catch((error: { stdout: string }) => error);
    expect(types.stdout).toBe('');
    await run(process.execPath, ['--import', './hook.js', 'block.ts'], { cwd: folder, env, timeout: 20_000 });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** There is no reader of its own here: a known kind of diagram, whose brackets and blocks are closed. */
function expectDiagram(text: string): void {
  const [head = '', ...lines] = text.split('\n');
  expect(head).toMatch(/^(stateDiagram-v2|flowchart (LR|TD|TB|RL|BT)|sequenceDiagram)$/);
  expect(lines.filter((line) => line.trim() !== '')).not.toEqual([]);
  for (const line of lines) {
    if (!/-->|->>|==>/.test(line)) continue;
    expect(line, 'an arrow with two ends').toMatch(/[\w\])}*].*(-->|->>|==>).*[\w[(*]/);
  }
  const pairs = { '(': ')', '[': ']', '{': '}' };
  const open: string[] = [];
  for (const char of text) {
    if (Object.hasOwn(pairs, char)) open.push(pairs[char as keyof typeof pairs]);
    else if (Object.values(pairs).includes(char)) expect(open.pop()).toBe(char);
  }
  expect(open).toEqual([]);
  const count = (word: RegExp) => text.match(word)?.length ?? 0;
  expect(count(/^\s*(subgraph|loop|alt|opt)\b/gm)).toBe(count(/^\s*end$/gm));
}

test('every command in the text is one that there is, with options that it takes', async () => {
  const calls = pages.flatMap((page) =>
    [...proseOf(page).matchAll(/`(?:npx )?evenfall ([a-z][^`]*)`/g)].map(([, call = '']) => call),
  );
  const asked = new Map<string, Set<string>>();
  for (const call of calls) {
    const [command = ''] = /^[a-z-]+(?<=dead|findings|fuse|effect|mail)(?: [a-z]+)|^[a-z-]+/.exec(call) ?? [];
    const options = asked.get(command) ?? new Set();
    for (const [option] of call.matchAll(/--[a-z-]+/g)) options.add(option);
    asked.set(command, options);
  }
  expect(asked.size).toBeGreaterThan(15);
  for (const [command, options] of asked) {
    const help = evenfall(built, [...command.split(' '), '--help'], {});
    expect(await help.exited, `${command}: ${help.output()}`).toEqual({ code: 0, signal: null });
    expect(help.output(), command).toMatch(new RegExp(`^Usage: evenfall ${command}\\b`));
    for (const option of options) expect(help.output(), command).toContain(option);
  }
}, 60_000);
