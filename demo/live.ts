import type postgres from 'postgres';
import { inWords } from './failure.ts';
import { blownFuses } from './fuses.ts';
import type { Paste } from './fuses.ts';
import { keysHelp, listenToKeys } from './keys.ts';
import type { DemoStripe } from './stripe.ts';
import { searchForAll, untilQuiet } from './time-machine.ts';
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
  let latest = 0;
  /** Behind the day's last line: what is to be typed stays in sight. */
  const sayTheEnd = async () => {
    const own = ++latest;
    await untilQuiet(sql, signal);
    // the days that came since have an end of their own
    if (own !== latest) return;
    await flush();
    say(`\n── That is all of ${dateOf(time.now())}: d goes on, ? lists the keys\n`);
    await sayBlown();
  };
  const moveOn = async (days: number) => {
    // what has happened so far keeps its date
    await flush();
    await time.moveOn(days);
    say(
      `\n── ${dateOf(time.now())}, ${days === 1 ? 'a day' : `${days} days`} on: what is due is searched for\n`,
    );
    stripe.settle();
    await searchForAll(sql);
    // not waited for: the keys answer meanwhile
    sayTheEnd().catch((error: unknown) => {
      if (!signal.aborted) say(inWords(error));
    });
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
