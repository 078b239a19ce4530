import type { Known } from './known.ts';

/**
 * Ruling 10: the team whose owner is written to about a customer: the app's own column says whose it is, else Stripe's
 * metadata, which may name no team at all. Of several teams in whose column it is, the first; null for nobody's.
 */
export function teamOfCustomer(customerId: string | null, known: Known): string | null {
  const [first] = known
    .teamsWith(customerId)
    .map((team) => team.id)
    .toSorted((one, other) => one.localeCompare(other, 'en', { numeric: true }));
  if (first !== undefined) return first;
  const named = known.customer(customerId)?.teamId ?? null;
  return named === null ? null : (known.team(named)?.id ?? null);
}
