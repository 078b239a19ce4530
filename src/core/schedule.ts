/**
 * What becomes of occurrences that nobody noticed in time: the last one runs for all of them; each runs; or
 * none does. A sweep searches for what is due as of now, so `once` fits every sweep.
 */
export type CatchUp = 'once' | 'all' | 'skip';

/** When a kind is due by itself. Always in UTC: a day of two 01:30 would be swept twice, or not at all. */
export interface Schedule {
  /** Five fields, or six with seconds first. */
  readonly cron: string;
  readonly catchUp: CatchUp;
  /** What was missed longer ago than this is not caught up any more. */
  readonly windowHours: number;
}

/** What an occurrence comes to; `ran` and `caught_up` have a job, `skipped` a reason (product promise P5). */
export type Accounted =
  | { readonly dueAt: Date; readonly outcome: 'ran' | 'caught_up' }
  | { readonly dueAt: Date; readonly outcome: 'skipped'; readonly reason: string };

/** Found up to this long after its time, an occurrence counts as on time. */
const onTimeMs = 60_000;

/**
 * Accounts for every occurrence that is due and not accounted for yet.
 *
 * @param due oldest first
 */
export function account(due: readonly Date[], schedule: Omit<Schedule, 'cron'>, now: Date): Accounted[] {
  const oldest = now.getTime() - schedule.windowHours * 3_600_000;
  const last = due.at(-1);
  return due.map((dueAt) => {
    if (dueAt.getTime() < oldest) {
      return { dueAt, outcome: 'skipped', reason: 'older than the catch-up window' };
    }
    const missed = now.getTime() - dueAt.getTime() > onTimeMs;
    if (missed && schedule.catchUp === 'skip') {
      return { dueAt, outcome: 'skipped', reason: 'missed, and this schedule does not catch up' };
    }
    if (last && dueAt < last && schedule.catchUp === 'once') {
      return { dueAt, outcome: 'skipped', reason: `superseded by the run due at ${last.toISOString()}` };
    }
    return { dueAt, outcome: missed ? 'caught_up' : 'ran' };
  });
}
