import { readFuses } from '../core/fuse.ts';
import type { FusedKind } from '../core/fuse.ts';
import type { Policy } from '../core/policy.ts';
import { daysOfSpread, planSpread } from '../core/spread.ts';
import type { SpreadDay } from '../core/spread.ts';
import type { Database, Statements } from '../db/connect.ts';

interface SpreadOptions {
  /** One that acts on teams, a job each. */
  readonly kind: FusedKind;
  /** Half of what the fuse allows when it is absent. */
  readonly perDay: number | undefined;
  readonly policy: Policy;
  /** Absent: only say what would be done. */
  readonly order: { readonly why: string; readonly who: string } | undefined;
}

/** What `evenfall fuse release KIND --spread --json` prints. */
export interface Spread {
  readonly kind: FusedKind;
  readonly dryRun: boolean;
  /** What the fuse allows in 24 hours, before and after. */
  readonly allowed: number;
  readonly perDay: number;
  readonly jobs: number;
  /** The places of the first and of the last; null where nothing waits. */
  readonly from: Date | null;
  readonly until: Date | null;
  readonly blownAt: Date | null;
  readonly blownBy: string | null;
  readonly days: readonly SpreadDay[];
}

/**
 * Releases a fuse without raising its limit, and gives each job that waits to act its place, so many a day, in the
 * order in which they wait (docs/decisions/0016). Again: what still waits, and what has come to it, is spread anew.
 *
 * @throws TooMany when that is more a day than the fuse allows
 */
export async function spreadBacklog(database: Database, options: SpreadOptions): Promise<Spread> {
  const { kind, policy, order } = options;
  return await database.transaction(async (tx) => {
    const [before] = await tx.lockFuse({ kind });
    const [fuse] = await readFuses(tx, policy, [kind]);
    const allowed = fuse?.policy ?? 0;
    const perDay = options.perDay ?? Math.max(1, Math.floor(allowed / 2));
    if (perDay > allowed) throw new TooMany(kind, perDay, allowed);
    if (order) await tx.spreadFuse({ kind, perDay });
    const jobs = await tx.backlog({ kind });
    const [clock] = await tx.databaseNow();
    const now = clock?.now ?? new Date(0);
    const acts = (await tx.recentActs({ kind })).map(({ at }) => at);
    const plan = planSpread({ now, acts, count: jobs.length, perDay });
    const places = jobs.map(({ notBefore }, index) => laterOf(plan[index] ?? now, notBefore));
    const inOrder = places.toSorted((one, other) => one.getTime() - other.getTime());
    const { blownAt = null, blownBy = null } = before ?? {};
    const spread: Spread = {
      kind,
      dryRun: !order,
      allowed,
      perDay,
      jobs: jobs.length,
      from: inOrder[0] ?? null,
      until: inOrder.at(-1) ?? null,
      blownAt,
      blownBy,
      days: daysOfSpread(now, places),
    };
    if (order) {
      await tx.takePlaces({ ids: jobs.map(({ id }) => id), places, error: placed(kind) });
      await record(tx, now, spread, order);
    }
    return spread;
  });
}

/** More a day than the fuse allows. */
export class TooMany extends Error {
  override readonly name = 'TooMany';
  constructor(kind: string, perDay: number, allowed: number) {
    super(
      `${perDay} a day are more than the fuse of ${kind} allows in 24 hours, which is ${allowed}. A spread does not raise ` +
        'it: say fewer, or release it with --acts.',
    );
  }
}

function laterOf(place: Date, notBefore: Date | null): Date {
  return notBefore !== null && notBefore > place ? notBefore : place;
}

/** Why it waits, for whoever asks about its team. */
function placed(kind: string) {
  return {
    class: 'fuse_spread',
    subject: `fuse:${kind}`,
    message: `a person has spread over days what waits for ${kind}: its turn comes then`,
  };
}

async function record(
  tx: Statements,
  at: Date,
  { kind, perDay, jobs, until, blownAt, blownBy }: Spread,
  { why, who }: { why: string; who: string },
): Promise<void> {
  await tx.recordHistory({
    at,
    what: 'fuse.spread',
    teamId: null,
    subject: `fuse:${kind}`,
    detail: { why, who, perDay, jobs, until, blownAt, blownBy },
    jobId: null,
    source: 'cli',
  });
}
