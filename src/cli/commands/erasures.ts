import { readCount } from '../arguments.ts';
import { printRows } from '../output.ts';
import { withParts } from '../parts.ts';

/** `evenfall erasures`: the ledger of erasures, the newest first. */
export async function erasuresCommand(options: { limit: string; json?: boolean }) {
  await withParts(async ({ database }) => {
    const rows = await database.statements.listErasures({ limit: readCount(options.limit, '--limit') });
    printRows(rows, { ...options, empty: 'nobody was erased yet' });
  });
}
