import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startWatchdog } from '../src/embedded/watchdog.ts';
import { packageRoot } from '../src/package-root.ts';
import { DemoError } from './failure.ts';

/** Of the build that we are of. */
const cli = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));

/** One command of the command line as a person can paste it: on the demo's database, with the Node that we run on. */
export function pasteable(databaseUrl: string, args: string): string {
  return `DATABASE_URL='${databaseUrl}' '${process.execPath}' '${cli}' ${args}`;
}

/** Runs one command of the command line to its end, as a person types it; resolves to what it printed. */
export async function typed(
  args: readonly string[],
  options: { readonly env: Readonly<Record<string, string>>; readonly signal: AbortSignal },
): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [cli, ...args], {
    ...options,
    cwd: packageRoot,
  });
  return stdout;
}

export interface ProgramOptions {
  /** As the reader of the demo knows it: `worker 1`. */
  readonly name: string;
  /** What to run of the command line. */
  readonly command: 'web' | 'worker';
  /** All of it: nothing of our own environment is passed on. */
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** Told when it ended without being asked to, with a few words on how. */
  readonly onLost: (program: Program, how: string) => void;
}

interface Running {
  readonly child: ChildProcess;
  /** How it ended, in a few words. */
  readonly ended: Promise<string>;
}

/** A worker gives its jobs 10 seconds, and its connections a few more. */
const patienceMs = 20_000;

/**
 * One real `evenfall` process. It has its own session, so that a Ctrl-C reaches it through us only, and a
 * watchdog that stops it when we die, were it by SIGKILL.
 */
export class Program {
  readonly name: string;
  private readonly options: ProgramOptions;
  private running: Running | undefined;
  private logFlag: 'w' | 'a' = 'w';

  constructor(options: ProgramOptions) {
    this.name = options.name;
    this.options = options;
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.running?.child.pid;
  }

  start(): void {
    if (this.running) return;
    if (!existsSync(cli)) throw new DemoError(`${cli} is missing: npm run demo builds first.`);
    const log = openSync(this.options.logFile, this.logFlag);
    // a second start in the same demo continues the log of the first
    this.logFlag = 'a';
    const watchdog = startWatchdog('TERM');
    const child = spawn(process.execPath, [cli, this.options.command], {
      cwd: packageRoot,
      env: this.options.env,
      detached: true,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    const ended = new Promise<string>((resolve) => {
      child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
      child.once('error', (error) => resolve(error.message));
    });
    if (child.pid !== undefined) watchdog.guard(child.pid);
    const running = { child, ended };
    this.running = running;
    void ended.then((how) => {
      watchdog.dismiss();
      if (this.running !== running) return;
      this.running = undefined;
      this.options.onLost(this, how);
    });
  }

  /** Kills it as a crash would. Resolves when it is gone. */
  async kill(): Promise<void> {
    const running = this.release();
    running?.child.kill('SIGKILL');
    await running?.ended;
  }

  /** Lets it end by itself, for as long as the product asks for, and no longer. */
  async stop(): Promise<void> {
    const running = this.release();
    if (!running) return;
    running.child.kill('SIGTERM');
    const late = setTimeout(() => running.child.kill('SIGKILL'), patienceMs);
    await running.ended;
    clearTimeout(late);
  }

  /** The end of its log, for a failure's message. */
  lastWords(): string {
    const lines = readFileSync(this.options.logFile, 'utf8').trimEnd().split('\n');
    return lines.slice(-10).join('\n');
  }

  /** From here on its end is no surprise. */
  private release(): Running | undefined {
    const { running } = this;
    this.running = undefined;
    return running;
  }
}
