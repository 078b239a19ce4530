import type { SweepParameters } from '../../sql/queries.gen.ts';
import { Terminal } from '../core/errors.ts';
import type { Swept } from '../core/context.ts';
import { isFused, readFuses } from '../core/fuse.ts';
import type { Policy } from '../core/policy.ts';
import type { Database, Sweep } from '../db/connect.ts';

/**
 * Enqueues what is due of a kind as of `now`; with `dryRun` only counts it.
 *
 * @throws Terminal when the kind is not swept
 */
export async function runSweep(
  database: Pick<Database, 'sweeps'>,
  kind: string,
  options: { now: Date; policy: Policy; dryRun?: boolean },
): Promise<Swept> {
  const sweep = findSweep(database, kind);
  const parameters = sweepParameters(options.now, options.policy);
  if (options.dryRun) return { due: (await sweep.list(parameters)).length, enqueued: 0 };
  const [row] = await sweep.enqueue(parameters);
  if (!row) throw new Error(`the sweep of ${kind} returned nothing`);
  return { due: row.due, enqueued: row.enqueued };
}

/** What `evenfall sweep --json` prints; `id` is what is due, bare: `sub_1`, a team's `7`. */
export interface SweepReport {
  readonly sweep: string;
  readonly now: Date;
  readonly dryRun: boolean;
  readonly due: number;
  readonly enqueued: number;
  /** Of a kind whose acts cannot be taken back. */
  readonly fuse?: SweepFuse;
  readonly targets: readonly { readonly id: string; readonly why: string }[];
}

/** Acts that are allowed in 24 hours, those that count, what waits to act, what is spread, and whether it has blown. */
interface SweepFuse {
  readonly allowed: number;
  readonly acts: number;
  readonly waiting: number;
  readonly spread: number;
  readonly blown: boolean;
}

/** A sweep asked for by a person: with whom it finds, and why. `now` is the database's when it is absent. */
export async function sweepNow(
  database: Database,
  kind: string,
  options: { now: Date | undefined; policy: Policy; dryRun: boolean },
): Promise<SweepReport> {
  const { policy, dryRun } = options;
  const [clock] = await database.statements.databaseNow();
  const now = options.now ?? clock?.now ?? new Date(0);
  const targets = await findSweep(database, kind).list(sweepParameters(now, policy));
  const swept = dryRun
    ? { due: targets.length, enqueued: 0 }
    : await runSweep(database, kind, { now, policy });
  return {
    sweep: kind,
    now,
    dryRun,
    ...swept,
    ...(await fuseOf(database, kind, policy)),
    targets: targets.map(({ subject, why }) => ({ id: subject, why })),
  };
}

async function fuseOf(database: Database, kind: string, policy: Policy): Promise<{ fuse?: SweepFuse }> {
  if (!isFused(kind)) return {};
  const [fuse] = await readFuses(database.statements, policy, [kind]);
  if (!fuse) return {};
  const { allowed, acts, waiting, spread, blownAt } = fuse;
  return { fuse: { allowed, acts, waiting, spread, blown: blownAt !== null } };
}

/** What every sweep is given; a sweep that asks for a policy that does not exist fails to compile here. */
export function sweepParameters(now: Date, policy: Policy): SweepParameters {
  return { now, ...policy };
}

function findSweep(database: Pick<Database, 'sweeps'>, kind: string): Sweep {
  const sweep = database.sweeps.get(kind);
  if (sweep) return sweep;
  throw new Terminal(`${kind} is not swept in this version: there is no sql/sweeps/${kind}.sql`, {
    facts: { class: 'unknown_sweep', subject: kind },
  });
}
