import type { Context } from '../core/context.ts';
import { address, recipientOf } from './recipient.ts';
import type { Recipient } from './recipient.ts';

/** Whom of these mail still reaches, the first one first: asked of the ledger of suppressed recipients. */
export async function reach(
  { sql, hash }: Pick<Context, 'sql' | 'hash'>,
  candidates: readonly (string | null)[],
): Promise<Recipient> {
  const recipientHashes = candidates.flatMap((candidate) => {
    const found = address(candidate);
    return found === undefined ? [] : [hash(found)];
  });
  const rows = recipientHashes.length === 0 ? [] : await sql.suppressedAmong({ recipientHashes });
  const suppressions = new Map(rows.map((row) => [row.recipientHash, row]));
  return recipientOf(candidates, (one) => suppressions.get(hash(one)));
}
