import type { FuseStatusRow, Machine } from '../../sql/queries.gen.ts';
import type { Policy } from './policy.ts';

/** The kinds whose acts cannot be taken back, and on what each acts: more than a day allows blow the kind's fuse. */
export const fusedKinds = {
  'mark-team-for-deletion': 'teams',
  'delete-inactive-team': 'teams',
  'delete-unverified-users': 'users',
} as const;

export type FusedKind = keyof typeof fusedKinds;

export function isFused(kind: string): kind is FusedKind {
  return Object.hasOwn(fusedKinds, kind);
}

/** Whether a backlog of the kind can be put apart: a job for each team, and not one for all users. */
export function isSpreadable(kind: string): boolean {
  return isFused(kind) && fusedKinds[kind] === 'teams';
}

/** How the fuses of these kinds stand; of all when none is named. */
export async function readFuses(
  sql: Pick<Machine, 'fuseStatus'>,
  { fuseMax, fuseShare, fuseUsers }: Policy,
  kinds: readonly FusedKind[] = Object.keys(fusedKinds).filter(isFused),
): Promise<FuseStatusRow[]> {
  const actOn = kinds.map((kind) => fusedKinds[kind]);
  return await sql.fuseStatus({ kinds: [...kinds], actOn, fuseMax, fuseShare, fuseUsers });
}

/**
 * Whether this many more acts would blow it, beside those that wait. A sweep finds again what waits already, and what
 * was spread, which does not count.
 */
export function wouldBlow(
  { allowed, acts, waiting, spread = 0 }: { allowed: number; acts: number; waiting: number; spread?: number },
  due: number,
): boolean {
  const wanting = Math.max(due - spread, waiting);
  return due > 0 && wanting > 0 && acts + wanting > allowed;
}
