/** `npm run demo`: reads what it was asked for, runs the demo, and turns its end into an exit code. */
import { constants } from 'node:os';
import { join } from 'node:path';
import { readArguments, usage } from './arguments.ts';
import { nodeProblem } from '../src/node-version.ts';
import { inWords } from './failure.ts';

const exitCodes = { agreed: 0, failed: 1, wrongCall: 2 } as const;

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const complain = (text: string): void => void process.stderr.write(`${text}\n`);

process.exitCode = await main();
// should a driver keep a socket open after everything was stopped, the process must still end
setTimeout(() => process.exit(), 3_000).unref();

async function main(): Promise<number> {
  const unfit = nodeProblem(process.versions.node);
  if (unfit !== undefined) {
    complain(unfit);
    return exitCodes.wrongCall;
  }
  const wishes = readArguments(process.argv.slice(2));
  if ('problem' in wishes) {
    complain(`${wishes.problem}\n\n${usage}`);
    return exitCodes.wrongCall;
  }
  if (wishes.help) {
    say(usage);
    return exitCodes.agreed;
  }
  if (process.platform === 'win32') {
    complain('The demo brings a PostgreSQL that does not run on Windows itself: use WSL.');
    return exitCodes.failed;
  }
  const stop = stopOnSignals();
  const colour = process.stdout.isTTY && !process.env['NO_COLOR'];
  try {
    // loaded only now: --help and a wrong flag answer at once
    const { runDemo } = await import('./run.ts');
    const dir = join(process.cwd(), '.evenfall');
    const agreed = await runDemo({
      wishes,
      dir,
      path: process.env['PATH'],
      colour,
      say,
      input: process.stdin,
      signal: stop.signal,
      end: () => stop.now('SIGINT'),
    });
    return agreed ? exitCodes.agreed : exitCodes.failed;
  } catch (error) {
    if (stop.signal.aborted) return 128 + constants.signals[stop.name() ?? 'SIGTERM'];
    complain(inWords(error));
    return exitCodes.failed;
  }
}

interface Stop {
  readonly signal: AbortSignal;
  readonly name: () => NodeJS.Signals | undefined;
  /** As if that signal had come. */
  readonly now: (name: NodeJS.Signals) => void;
}

/** The first signal stops the demo in good order, a second one at once (the watchdogs do the rest). */
function stopOnSignals(): Stop {
  const controller = new AbortController();
  let first: NodeJS.Signals | undefined;
  const stop = (name: NodeJS.Signals) => {
    if (first !== undefined) process.exit(128 + constants.signals[name]);
    first = name;
    complain('\nStopping …');
    controller.abort(new Error(name));
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, stop);
  // whoever read our output is gone: `npm run demo | head`
  process.stdout.on('error', () => first ?? stop('SIGHUP'));
  process.stderr.on('error', () => {});
  return { signal: controller.signal, name: () => first, now: stop };
}
