import { createInterface } from 'node:readline';
import { inWords } from './failure.ts';

/** What somebody at the terminal wants: one line, ended by Enter. */
export type Wish =
  | { readonly do: 'move'; readonly days: number }
  | { readonly do: 'help' | 'end' | 'nothing' }
  | { readonly do: 'refuse'; readonly why: string };

const mostDays = 366;

export const keysHelp = `Keys, each with Enter:
  d     the story moves on by a day (d 7 by seven), and what the days would have brought is searched for
  ?, h  this list
  q     ends the demo, as Ctrl-C does; the data stay`;

export function readKey(line: string): Wish {
  const word = line.trim().toLowerCase();
  if (word === '') return { do: 'nothing' };
  if (word === '?' || word === 'h') return { do: 'help' };
  if (word === 'q') return { do: 'end' };
  const [, count] = /^d ?(\d*)$/.exec(word.replaceAll(/\s+/g, ' ')) ?? [];
  if (count === undefined) return { do: 'refuse', why: `there is no key ${word}: ? lists the keys` };
  const days = count === '' ? 1 : Number(count);
  if (days >= 1 && days <= mostDays) return { do: 'move', days };
  return { do: 'refuse', why: `d takes 1 to ${mostDays} days at once` };
}

/** What the keys do. */
export interface Keyed {
  readonly moveOn: (days: number) => Promise<void>;
  readonly end: () => void;
  readonly say: (text: string) => void;
}

/**
 * Does what is typed, one line after the other; what fails is said. Where nobody can type, because the input is closed
 * or ends, nothing happens. Returns how to stop listening.
 */
export function listenToKeys(input: NodeJS.ReadableStream, keyed: Keyed): () => void {
  // never as a terminal: Ctrl-C stays a signal, and the line is edited by the terminal itself
  const lines = createInterface({ input, terminal: false });
  // the input's own: a terminal that is gone
  lines.on('error', () => lines.close());
  let last = Promise.resolve();
  let isDeaf = false;
  lines.on('line', (line) => {
    last = last
      .then(() => (isDeaf ? undefined : obey(readKey(line), keyed)))
      .catch((error: unknown) => {
        // of what the end interrupts nothing need be said
        if (!isDeaf) keyed.say(inWords(error));
      });
  });
  return () => {
    isDeaf = true;
    lines.close();
  };
}

async function obey(wish: Wish, { moveOn, end, say }: Keyed): Promise<void> {
  if (wish.do === 'move') await moveOn(wish.days);
  if (wish.do === 'end') end();
  if (wish.do === 'help') say(keysHelp);
  if (wish.do === 'refuse') say(wish.why);
}
