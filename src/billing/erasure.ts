import type { Queries } from '../../sql/queries.gen.ts';
import type { Context } from '../core/context.ts';

/** Who is erased, and what their traces are found by. */
interface Erased {
  readonly userId: string;
  readonly email: string | null | undefined;
  /** Customers of theirs, as far as they have this very address. */
  readonly customerIds?: readonly string[];
}

/**
 * Asks for the erasure of a user's traces (jobs/erase-person.ts), in the transaction that deletes the user: the address
 * is gone afterwards, so its keyed hash is carried over, in the ledger of erasures and in no payload.
 */
export async function askErasure(
  { hash, now }: Pick<Context, 'hash' | 'now'>,
  tx: Queries,
  { userId, email, customerIds = [] }: Erased,
): Promise<void> {
  await tx.askErasure({ userId, now, recipientHashes: hashesOf(hash, email), customerIds: [...customerIds] });
}

/** Of an address, where there is one. */
export function hashesOf(hash: Context['hash'], email: string | null | undefined): string[] {
  return email === null || email === undefined || email.trim() === '' ? [] : [hash(email)];
}
