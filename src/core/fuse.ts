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

/** How the fuses of these kinds stand; of all when none is named. */
export async function readFuses(
  sql: Pick<Machine, 'fuseStatus'>,
  { fuseMax, fuseShare, fuseUsers }: Policy,
  kinds: readonly FusedKind[] = Object.keys(fusedKinds).filter(isFused),
): Promise<FuseStatusRow[]> {
  const actOn = kinds.map((kind) => fusedKinds[kind]);
  return await sql.fuseStatus({ kinds: [...kinds], actOn, fuseMax, fuseShare, fuseUsers });
}

/** Whether this many more acts would blow it, beside those that wait: a sweep finds again what waits already. */
export function wouldBlow(fuse: { allowed: number; acts: number; waiting: number }, due: number): boolean {
  return due > 0 && fuse.acts + Math.max(due, fuse.waiting) > fuse.allowed;
}
