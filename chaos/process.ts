import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { startWatchdog } from '../src/embedded/watchdog.ts';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A Node program that runs, in a process of its own. */
export interface Running {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  /** All that it has written, both streams. */
  output(): string;
  /** Resolves when a line of its output matches; rejects when it ends without. */
  saw(pattern: RegExp): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** Gone at once, if it is not yet. */
  end(): Promise<void>;
}

/** Starts a program with this environment and nothing of ours but the path. It does not outlive us. */
export function startProgram(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Running {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined));
  const watchdog = startWatchdog('TERM');
  const child = spawn(process.execPath, [...args], {
    env: { PATH: process.env['PATH'], ...given },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.pid !== undefined) watchdog.guard(child.pid);
  const lines: string[] = [];
  const listeners = new Set<(line: string) => void>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      for (const listener of listeners) listener(line);
    });
  }
  const output = () => lines.join('\n');
  const exited = once(child, 'close').then(([code, signal]): Exit => {
    watchdog.dismiss();
    return { code, signal };
  });
  return {
    pid: child.pid ?? -1,
    exited,
    output,
    async saw(pattern) {
      if (lines.some((line) => pattern.test(line))) return;
      const seen = Promise.withResolvers<void>();
      const listener = (line: string) => pattern.test(line) && seen.resolve();
      listeners.add(listener);
      const ended = exited.then(() => Promise.reject(new Error(`it ended without ${pattern}:\n${output()}`)));
      try {
        await Promise.race([seen.promise, ended]);
      } finally {
        listeners.delete(listener);
      }
    },
    kill: (signal) => void child.kill(signal),
    async end() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
