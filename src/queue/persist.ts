import { setTimeout as sleep } from 'node:timers/promises';
import { isPassingTrouble } from '../db/trouble.ts';

/**
 * Writes, and while the database is away tries again, until it is back or `signal` says that this process
 * must go. What was done outside is thus not forgotten over a restart of Postgres.
 */
export async function persist<T>(write: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let delayMs = 50; ; delayMs = Math.min(delayMs * 2, 2_000)) {
    try {
      return await write();
    } catch (error) {
      if (!isPassingTrouble(error) || signal.aborted) throw error;
    }
    await sleep(delayMs, undefined, { signal }).catch(() => {});
  }
}
