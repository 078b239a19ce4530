import { execFile, fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'vitest';
import { which } from '../../src/embedded/binaries.ts';
import { packageRoot } from '../../src/package-root.ts';
import { evenfall } from '../support/processes.ts';
import type { Built, Running } from '../support/processes.ts';
import type { Scene } from './scene.ts';

/** Runs the commands of a page as its reader would, in a folder of its own, on the page's scene. */
export async function openShell(built: Built, scene: Scene) {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'evenfall-pages-')));
  await symlink(join(packageRoot, 'sql'), join(folder, 'sql'));
  const curl = (await which('curl', process.env['PATH'])) ?? 'curl-is-not-on-the-path';
  // what stands behind `npx evenfall`, as a shell reads it
  await writeProgram(join(folder, 'bin'), 'npx', `shift\nprintf '%s\\0' "$@"`);
  await writeProgram(
    join(folder, 'bin'),
    'curl',
    `exec '${curl}' --fail-with-body --silent --show-error "$@"`,
  );
  const { env } = scene;
  const where: Where = { folder, path: `${join(folder, 'bin')}:${process.env['PATH']}`, env };
  const commandLine = await openCommandLine(built, where);
  let web: Running | undefined;

  /** Where the scene's web process listens. */
  async function webHost(): Promise<string> {
    web ??= evenfall(built, ['web'], env);
    await web.saw(/"msg":"listening"/);
    return `127.0.0.1:${/"port":(\d+)/.exec(web.output())?.[1]}`;
  }

  async function serves(command: string): Promise<void> {
    const process = evenfall(built, command.split(' ').slice(2), env);
    await process.saw(/"msg":"(listening|working)"/);
    process.kill('SIGTERM');
    expect(await process.exited, process.output()).toEqual({ code: 0, signal: null });
  }

  return {
    /** @throws what is wrong with the command, or that nobody knows how to run it */
    async run(command: string): Promise<void> {
      const script = /^npm (?:run )?(?!ci\b)([\w-]+)/.exec(command)?.[1];
      if (command === 'npm ci') expect(existsSync(join(packageRoot, 'package-lock.json'))).toBe(true);
      else if (command.startsWith('npm run new-job ')) await makesKind(command);
      else if (script !== undefined) expect(Object.keys(scripts())).toContain(script);
      else if (/^npx evenfall (web|worker|start)$/.test(command)) await serves(command);
      else if (command.startsWith('npx evenfall ')) await commandLine.run(command);
      else if (command.startsWith('cp ')) await execute(command, where);
      else if (command.startsWith('export ')) {
        const [, name = '', value] = /^export (\w+)=(\S+)$/.exec(command) ?? [];
        env[name] = value;
        commandLine.close();
      } else if (command.startsWith('curl localhost:3000/') || /^curl .* localhost:3000\//.test(command)) {
        await execute(command.replace('localhost:3000', await webHost()), where);
      } else if (command === 'docker compose up') {
        expect(existsSync(join(packageRoot, 'compose.yaml'))).toBe(true);
      } else throw new Error(`nobody knows how to run this: ${command}`);
    },

    async close(): Promise<void> {
      commandLine.close();
      await web?.end();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const scripts = () =>
  (JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { scripts: object }).scripts;

async function writeProgram(folder: string, name: string, text: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, name), `#!/bin/sh\n${text}\n`);
  await chmod(join(folder, name), 0o755);
}

interface Where {
  readonly folder: string;
  readonly path: string;
  readonly env: Scene['env'];
}

async function execute(command: string, { folder, path, env }: Where): Promise<string> {
  const { code, out, err } = await new Promise<{ code: number; out: string; err: string }>((resolve) => {
    const options = { cwd: folder, env: { ...env, PATH: path }, timeout: 25_000 };
    execFile('/bin/sh', ['-c', command], options, (error, out, err) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, out, err });
    });
  });
  expect(code, `${command}\n${out}${err}`).toBe(0);
  return out;
}

/**
 * The command line as it is built, in one process for all calls: a process takes a second to read what all of them
 * read, and a page has dozens.
 */
async function openCommandLine(built: Built, where: Where) {
  const script = join(where.folder, 'command-line.js');
  await writeFile(join(where.folder, 'package.json'), '{"type":"module"}');
  await writeFile(
    script,
    `let calls = 0;
    process.on('message', async (args) => {
      process.argv = [process.execPath, ${JSON.stringify(built.main)}, ...args];
      process.exitCode = 0;
      // its import resolves when the command is over
      await import(${JSON.stringify(pathToFileURL(built.main).href)} + '?' + calls++);
      process.send(process.exitCode);
    });`,
  );
  let child: { process: ChildProcess; exited: Promise<number> } | undefined;
  let said = '';
  const open = () => {
    const { folder, env } = where;
    const opened = fork(script, [], {
      cwd: folder,
      env: { ...env, PATH: process.env['PATH'] },
      silent: true,
    });
    opened.stdout?.on('data', (part) => (said += String(part)));
    opened.stderr?.on('data', (part) => (said += String(part)));
    return { process: opened, exited: once(opened, 'exit').then(([code]) => Number(code)) };
  };
  return {
    async run(command: string): Promise<void> {
      expect(command.replaceAll(/'[^']*'|"[^"]*"/g, ''), 'one command and nothing else').not.toMatch(
        /[|;&<>]/,
      );
      const args = (await execute(command, where)).split('\0').slice(0, -1);
      said = '';
      const own = (child ??= open());
      const answered = once(own.process, 'message').then(([code]) => Number(code));
      own.process.send(args);
      // it ends itself when a command fails
      const code = await Promise.race([
        answered,
        own.exited.finally(() => child === own && (child = undefined)),
      ]);
      expect(code, `${command}\n${said}`).toBe(0);
    },
    /** The next call opens it anew, with the environment of then. */
    close(): void {
      child?.process.kill('SIGKILL');
      child = undefined;
    },
  };
}

/** In a copy of the tree, for it writes to it. */
async function makesKind(command: string): Promise<void> {
  const tree = await realpath(await mkdtemp(join(tmpdir(), 'evenfall-pages-tree-')));
  try {
    const left = new Set(
      ['node_modules', 'dist', '.git', '.evenfall', 'docs'].map((name) => join(packageRoot, name)),
    );
    await cp(packageRoot, tree, { recursive: true, filter: (source) => !left.has(source) });
    await symlink(join(packageRoot, 'node_modules'), join(tree, 'node_modules'));
    await execute(command, { folder: tree, path: process.env['PATH'] ?? '', env: {} });
    const name = command.split(' ')[3] ?? '';
    expect(existsSync(join(tree, 'jobs', `${name}.ts`))).toBe(true);
  } finally {
    await rm(tree, { recursive: true, force: true });
  }
}
