/** When a kind tries again, and when it gives up. */
export interface RetryPolicy {
  /** Attempts that may fail before the job is dead. Crashes, deploys and outages use none. */
  readonly attempts: number;
  /** The first delay; it doubles from there. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** ISO 8601, from the time it was to run: after this it is dead, but for what waits for a person (`Retryable.held`). */
  readonly giveUpAfter: string;
  /**
   * How many times it may take its worker process down with it before it counts as poison. `migrate` writes it
   * to `evenfall.job_kind`, which is what counts.
   */
  readonly crashBudget: number;
}

export const seconds = (n: number) => n * 1_000;
export const minutes = (n: number) => n * 60_000;
export const hours = (n: number) => n * 3_600_000;

/**
 * How long until a job that waits looks again: as long as it has waited already, from two seconds to a minute, of
 * which half is random, so that what waits together does not come back together.
 *
 * @param random a number from 0 to 1
 */
export function waitDelayMs(waitedMs: number, random: number): number {
  const full = Math.min(minutes(1), Math.max(seconds(2), waitedMs));
  return Math.round(full / 2 + (full / 2) * random);
}

/**
 * Exponential back-off with equal jitter, capped: between half of and the whole of
 * `first · 2^attempt`. Half is fixed, so that a retry is never at once; half is random, so that a thousand
 * jobs that failed together do not come back together.
 *
 * @param failed how many attempts have failed, this one included (1 or more)
 * @param random a number from 0 to 1
 */
export function retryDelayMs(policy: RetryPolicy, failed: number, random: number): number {
  const full = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** Math.min(failed - 1, 40));
  return Math.round(full / 2 + (full / 2) * random);
}
