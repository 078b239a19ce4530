/** One transition of one job, at the database's clock. */
export interface JournalEvent {
  readonly jobId: string;
  readonly state: string;
  /** Of a start: whose process it is. */
  readonly pid: number | undefined;
  readonly at: number;
  /** Not before this time. */
  readonly runAt: number;
}

/** Deaths so shortly before an outage are of the same moment. */
const togetherMs = 100;

/** When a worker process ended, by its pid. */
export type Deaths = ReadonlyMap<number, number>;

/** A service that was away, or lost what it knew: all that was under way then had to be begun again. */
export interface Outage {
  readonly from: number;
  readonly until: number;
}

/**
 * For every job that was torn from its worker, or that a service lost, how many milliseconds went by until it ran
 * again (P6): from the worker's death, or from when the service was back.
 */
export function recoveries(
  events: readonly JournalEvent[],
  deaths: Deaths,
  outages: readonly Outage[],
): number[] {
  const byJob = Map.groupBy(events, (event) => event.jobId);
  const mended = new Map([...deaths].map(([pid, at]) => [pid, backAgain(at, outages)]));
  return [...byJob.values()].flatMap((own) => [
    ...afterDeaths(own, mended, outages),
    ...afterOutages(own, outages),
  ]);
}

/** Nobody can take over while a service is away. */
function backAgain(at: number, outages: readonly Outage[]): number {
  return outages.find(({ from, until }) => at >= from - togetherMs && at < until)?.until ?? at;
}

/** One that began before the job ran again: the seconds count from its end. */
function awayAgain(since: number, again: number, outages: readonly Outage[]): Outage | undefined {
  return outages.findLast(({ from }) => from > since && from < again);
}

function afterDeaths(own: readonly JournalEvent[], deaths: Deaths, outages: readonly Outage[]): number[] {
  return own.flatMap((event, index) => {
    const diedAt = event.pid === undefined ? undefined : deaths.get(event.pid);
    if (event.state !== 'running' || diedAt === undefined || event.at > diedAt) return [];
    const next = own[index + 1];
    const beforeDeath = next !== undefined && next.at <= diedAt;
    // it had ended before its worker did; given back, it waits from then on
    if (beforeDeath && next.state !== 'queued') return [];
    const again = own.slice(index + 1).find((later) => later.state === 'running');
    if (!again) return [];
    const waitsFrom = beforeDeath ? next.at : diedAt;
    return [again.at - (awayAgain(waitsFrom, again.at, outages)?.until ?? waitsFrom)];
  });
}

const over = new Set(['done', 'skipped', 'dead', 'cancelled']);

function afterOutages(own: readonly JournalEvent[], outages: readonly Outage[]): number[] {
  return outages.flatMap(({ from, until }) => {
    const before = own.findLast((event) => event.at <= from);
    if (before?.state !== 'dispatched') return [];
    const next = own.find((event) => event.at > from && (event.state === 'running' || over.has(event.state)));
    // the later outage counts for both
    if (!next || awayAgain(until, next.at, outages)) return [];
    return [Math.max(0, next.at - Math.max(until, before.runAt))];
  });
}

/** The value that this share of the others does not exceed, by the nearest rank; undefined of none. */
export function percentile(values: readonly number[], share: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}
