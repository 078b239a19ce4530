import { parseArgs } from 'node:util';

/** What the command line asked for. */
export interface Wishes {
  /** Play everything, print the table, end. */
  readonly once: boolean;
  /** Throw the data of earlier demos away first. */
  readonly fresh: boolean;
  readonly help: boolean;
}

export const usage = `npm run demo [-- OPTIONS]

Evenfall with everything it needs, on this machine alone: Postgres, Redis where there is one, a Stripe
stand-in, an inbox, the web process and two workers. Plays a story at the start, then stays up until Ctrl-C;
a key moves it on by days (? lists the keys).

  --once    play the whole story on data of its own, print what was expected and what was seen, and end:
            0 when every line agrees, 1 otherwise
  --fresh   begin anew, without the data of the last demo
  --help    this text
`;

/** The wishes, or in one sentence what is wrong with them. */
export function readArguments(args: readonly string[]): Wishes | { readonly problem: string } {
  try {
    const flag = { type: 'boolean', default: false } as const;
    const { values } = parseArgs({ args: [...args], options: { once: flag, fresh: flag, help: flag } });
    return values;
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}
