import { setTimeout as delay } from 'node:timers/promises';
import { DemoError } from './failure.ts';

export interface UntilOptions {
  readonly withinMs: number;
  /** Aborted when the demo is to stop: its reason is thrown. */
  readonly signal: AbortSignal;
}

/**
 * Looks again and again until there is something to see.
 *
 * @throws DemoError when there was nothing within the time
 */
export async function until<T>(
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
  { withinMs, signal }: UntilOptions,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    signal.throwIfAborted();
    const seen = await look();
    if (seen !== undefined) return seen;
    if (performance.now() > deadline) throw new DemoError(`waited ${withinMs / 1_000} s in vain for ${what}`);
    await delay(20, undefined, { signal });
  }
}
