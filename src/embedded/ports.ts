import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { EmbeddedError } from './errors.ts';

// Below the range from which Linux and macOS take the ports of outgoing connections. A port from that range
// could be taken by any client while the server restarts, even by its own client connecting to itself.
const lowest = 20_000;
const highest = 32_000;
const attempts = 50;
const portRaces = 5;

/** Whether nobody listens on this port of 127.0.0.1. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

/**
 * A port of 127.0.0.1 that is free now and that no outgoing connection will take.
 * Throws when many random tries found none.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const port = randomInt(lowest, highest);
    if (await isFree(port)) return port;
  }
  throw new Error(`No free port found on 127.0.0.1 between ${lowest} and ${highest}.`);
}

/** A port that was free a moment ago and is not any more, or a fixed one that is in use. */
export class PortTaken extends EmbeddedError {}

/**
 * Calls `attempt` with the fixed port, or else with free ports until it does not throw PortTaken: another
 * program may take a free port before our server does. Throws what the last attempt threw.
 */
export async function onFreePort<T>(
  fixed: number | undefined,
  attempt: (port: number) => Promise<T>,
): Promise<{ port: number; result: T }> {
  for (let tries = 1; ; tries += 1) {
    const port = fixed ?? (await freePort());
    try {
      return { port, result: await attempt(port) };
    } catch (error) {
      const again = error instanceof PortTaken && fixed === undefined && tries < portRaces;
      if (!again) throw error;
    }
  }
}
