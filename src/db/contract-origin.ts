import { join, resolve } from 'node:path';
import type pg from 'pg';
import { Misconfigured } from '../core/errors.ts';
import { packageRoot } from '../package-root.ts';

/** Where a contract comes from. */
export interface ContractOrigin {
  readonly path: string;
  /** The adopter's own file, as it was given; null for the one that ships. */
  readonly own: string | null;
}

const shipped = join(packageRoot, 'sql', 'contract.sql');

/**
 * Which contract a migration applies: the file that it was given, else the one that ships.
 *
 * @throws Misconfigured when none was given and the database has an own one: the one that ships would lead Evenfall to
 *   other tables, and delete there
 */
export async function contractOrigin(client: pg.Client, given: string | undefined): Promise<ContractOrigin> {
  if (given !== undefined) return { path: given, own: resolve(given) === shipped ? null : given };
  const { rows } = await client.query<{ file: string | null }>('select file from evenfall.contract');
  const own = rows[0]?.file ?? null;
  if (own === null) return { path: shipped, own };
  throw new Misconfigured(
    `the contract of this database is your own, ${own}, and \`migrate\` was given none: the one that ships is not put in its place.\n` +
      `Run \`${migrateWith(own)}\`, or set CONTRACT_SQL to that file. To go back to the one that ships: --contract ${shipped}`,
  );
}

/** Writes down which one was applied; in the transaction that applies it. */
export async function recordContract(client: pg.Client, own: string | null): Promise<void> {
  await client.query(
    `insert into evenfall.contract (file) values ($1)
     on conflict (only_row) do update set file = excluded.file, applied_at = excluded.applied_at`,
    [own],
  );
}

/** The command that applies this contract, and not another one. */
export function migrateWith(own: string | null): string {
  return own === null ? 'evenfall migrate' : `evenfall migrate --contract ${own}`;
}
