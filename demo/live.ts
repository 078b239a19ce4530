import type postgres from 'postgres';
import { blownFuses } from './fuses.ts';
import type { Paste } from './fuses.ts';
import { keysHelp, listenToKeys } from './keys.ts';
import type { DemoStripe } from './stripe.ts';
import { searchForAll } from './time-machine.ts';
import type { TimeMachine } from './time-machine.ts';

export interface LiveOptions {
  readonly sql: postgres.Sql;
  readonly stripe: DemoStripe;
  readonly time: TimeMachine;
  /** Where somebody may type keys. */
  readonly input: NodeJS.ReadableStream;
  readonly say: (text: string) => void;
  /** Tells everything that has happened up to now. */
  readonly flush: () => Promise<void>;
  readonly paste: Paste;
  /** Aborted when the demo is to stop. */
  readonly signal: AbortSignal;
  /** Asks for that. */
  readonly end: () => void;
}

/** From the end of the story to that of the demo: whoever is at the keys moves it on. */
export async function live(options: LiveOptions): Promise<void> {
  const { sql, stripe, time, input, say, flush, paste, signal, end } = options;
  const sayBlown = async () => {
    for (const fuse of await blownFuses(sql, paste)) say(`${fuse}\n`);
  };
  const moveOn = async (days: number) => {
    // what has happened so far keeps its date
    await flush();
    await time.moveOn(days);
    say(
      `\n── ${dateOf(time.now())}, ${days === 1 ? 'a day' : `${days} days`} on: what is due is searched for\n`,
    );
    await sayBlown();
    stripe.settle();
    await searchForAll(sql);
  };
  say(`\n${keysHelp}\n`);
  await sayBlown();
  say('What happens from here on:\n');
  const deaf = listenToKeys(input, { moveOn, end, say });
  await aborted(signal);
  deaf();
}

/** `Sunday, 29 November 2026` */
export function dateOf(at: Date): string {
  const format = { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' } as const;
  return at.toLocaleDateString('en-GB', format);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
