import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { startWatchdog } from './watchdog.ts';

/** The user a server runs as, when that is not the user of this process. */
export type Account = { readonly name: string; readonly uid: number; readonly gid: number };

export type LaunchSpec = {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly account?: Account | undefined;
  /** Given on standard input, for what must not be seen in the process list. */
  readonly input?: string;
  /** The line of output that says that the server takes connections. */
  readonly ready: RegExp;
  readonly readyWithinMs: number;
  /** Signals in turn, each with the time it is given. */
  readonly stopSteps: readonly (readonly [NodeJS.Signals, number])[];
};

export type Launched = {
  readonly pid: number;
  /** Settles when the process has ended, with a few words on how. */
  readonly exited: Promise<string>;
  /** The last lines it wrote. */
  output(): string;
  /** Ends it in an orderly way, harder after each deadline. */
  stop(): Promise<void>;
  /** Kills it without warning (SIGKILL). */
  kill(): Promise<void>;
};

/** A server that did not come up; `output` holds its last lines. */
export class LaunchError extends Error {
  override readonly name = 'LaunchError';
  readonly output: string;

  constructor(message: string, output: string, options?: ErrorOptions) {
    super(message, options);
    this.output = output;
  }
}

/** A child gets neither our secrets nor our settings; C makes its messages the ones we look for. */
const cleanEnv: NodeJS.ProcessEnv = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

const keptLines = 40;

/**
 * Starts a server and resolves when it says that it is ready. It has its own session (a Ctrl-C reaches it
 * only through us) and a watchdog that stops it when this process dies. It does not keep the process alive.
 * Throws LaunchError when it ends or stays silent instead.
 */
export async function launch(spec: LaunchSpec): Promise<Launched> {
  const watchdog = startWatchdog(spec.stopSteps[0]?.[0] === 'SIGTERM' ? 'TERM' : 'INT');
  const child = spawn(spec.command, spec.args, {
    cwd: spec.cwd,
    env: cleanEnv,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(spec.account && { uid: spec.account.uid, gid: spec.account.gid }),
  });
  if (child.pid !== undefined) watchdog.guard(child.pid);
  child.stdin.on('error', () => {});
  child.stdin.end(spec.input);

  const lines: string[] = [];
  const output = (): string => lines.join('\n');
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
    child.once('error', (error) => resolve(error.message));
  });
  void exited.then(() => watchdog.dismiss());

  const launched: Launched = {
    get pid() {
      return child.pid ?? -1;
    },
    exited,
    output,
    async stop() {
      child.ref();
      for (const [signal, ms] of spec.stopSteps) {
        child.kill(signal);
        if (await within(ms, exited)) return;
      }
    },
    async kill() {
      child.ref();
      child.kill('SIGKILL');
      await exited;
    },
  };

  let silence: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string, cause?: Error): void =>
        reject(new LaunchError(why, output(), cause && { cause }));
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on('line', (line) => {
          lines.push(line);
          if (lines.length > keptLines) lines.shift();
          if (spec.ready.test(line)) resolve();
        });
      }
      child.once('error', (error) => fail(error.message, error));
      child.once('close', (code, signal) => fail(`it ended at once (${signal ?? `exit code ${code}`})`));
      silence = setTimeout(
        () => fail(`it was not ready after ${spec.readyWithinMs / 1000} s`),
        spec.readyWithinMs,
      );
    });
  } catch (error) {
    await launched.kill();
    throw error;
  } finally {
    clearTimeout(silence);
  }
  letGo(child);
  return launched;
}

export type RunResult = { readonly ok: boolean; readonly stdout: string; readonly output: string };

/** Runs a command to its end; a command that cannot be started is a result that is not ok. */
export function run(command: string, args: readonly string[], account?: Account): Promise<RunResult> {
  return new Promise((resolve) => {
    let stdout = '';
    let output = '';
    const child = spawn(command, args, {
      cwd: '/',
      env: cleanEnv,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(account && { uid: account.uid, gid: account.gid }),
    });
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.once('error', (error) => resolve({ ok: false, stdout, output: error.message }));
    child.once('close', (code) => resolve({ ok: code === 0, stdout, output: output.trim() }));
  });
}

async function within(ms: number, done: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([done.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

function letGo(child: ChildProcess): void {
  child.unref();
  for (const stream of [child.stdout, child.stderr]) (stream as Socket | null)?.unref();
}
