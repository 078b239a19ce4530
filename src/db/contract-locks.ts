import type pg from 'pg';
import { exampleOf } from './contract.ts';
import type { Diagnosis } from './contract.ts';
import { rowsBehind } from './contract-access.ts';

const locks = [
  { name: 'app_lock_team', view: 'app_team', row: 'team' },
  { name: 'app_lock_user', view: 'app_user', row: 'user' },
] as const;

type Lock = (typeof locks)[number];

/** How long the second one waits before it counts as held off. */
const patience = '250ms';
const lockNotAvailable = '55P03';

/**
 * Tries the contract's lock functions, for what they do cannot be read off them: one connection locks a row, and
 * another must not get it meanwhile. Everything is rolled back at once.
 */
export async function lockDiagnoses(first: pg.Client, second: pg.Client): Promise<Diagnosis[]> {
  const found: Diagnosis[] = [];
  for (const lock of locks) found.push(await tryLock(first, second, lock));
  return found;
}

async function tryLock(first: pg.Client, second: pg.Client, lock: Lock): Promise<Diagnosis> {
  const about = `evenfall.${lock.name}`;
  const { rows } = await first.query<{ id: string }>(`select id::text from evenfall.${lock.view} limit 2`);
  const [id, other] = rows.map((row) => row.id);
  if (id === undefined) {
    return { level: 'warning', about, message: `could not be tried: there is no ${lock.row} yet` };
  }
  try {
    const failure = await locked(first, lock, id);
    if (failure?.code === lockNotAvailable) {
      return {
        level: 'warning',
        about,
        message: `could not be tried: somebody holds ${lock.row} ${id} just now`,
        fix: 'run `evenfall doctor` again',
      };
    }
    if (failure) return await broken(first, lock, `cannot lock: ${failure.message}`);
    if (!(await holdsRows(first))) return await broken(first, lock, 'locks no row of any table');
    const refused = await locked(second, lock, id);
    if (!refused) {
      return await broken(first, lock, 'locks nothing that keeps a second one off');
    }
    if (refused.code !== lockNotAvailable)
      return await broken(first, lock, `cannot lock: ${refused.message}`);
    await second.query('rollback');
    const missed = await rowLeftOpen(second, lock, id);
    if (missed !== undefined) {
      return await broken(first, lock, `locks something, and not the ${lock.row}'s own row of ${missed}`);
    }
    if (other !== undefined && (await locked(second, lock, other))?.code === lockNotAvailable) {
      return {
        level: 'warning',
        about,
        message: `locks more than the ${lock.row} that it is given, or somebody holds ${lock.row} ${other} just now`,
        fix: `look at the condition of evenfall.${lock.name}, or run \`evenfall doctor\` again`,
      };
    }
    return { level: 'ok', about, message: `locks a ${lock.row}: a second one has to wait` };
  } finally {
    await second.query('rollback');
    await first.query('rollback');
  }
}

/** Locks the row in a transaction that stays open; what Postgres says against it. */
async function locked(client: pg.Client, { name }: Lock, id: string): Promise<pg.DatabaseError | undefined> {
  await client.query(`begin; set local lock_timeout = '${patience}'; set local statement_timeout = '5s'`);
  try {
    await client.query(`select evenfall.${name}($1)`, [id]);
    return undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return error as pg.DatabaseError;
    throw error;
  }
}

/** The table whose row the id names, where that row can still be locked. */
async function rowLeftOpen(client: pg.Client, { view }: Lock, id: string): Promise<string | undefined> {
  for (const { table, expression, type } of await rowsBehind(client, view)) {
    await client.query('begin');
    try {
      const { rowCount } = await client.query(
        `select from ${table} t where t.${expression} = $1::${type} for update nowait`,
        [id],
      );
      if (rowCount !== 0) return table;
    } catch (error) {
      // held, as it has to be; or not ours to lock, where the function runs with other rights
      if (!(error instanceof Error && 'code' in error)) throw error;
    } finally {
      await client.query('rollback');
    }
  }
  return undefined;
}

/** An advisory lock would keep a second deletion off, and not the app's own update. */
async function holdsRows(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query(
    `select from pg_locks where pid = pg_backend_pid() and locktype = 'relation' and mode <> 'AccessShareLock'`,
  );
  return rows.length > 0;
}

async function broken(client: pg.Client, lock: Lock, what: string): Promise<Diagnosis> {
  await client.query('rollback');
  return {
    level: 'error',
    about: `evenfall.${lock.name}`,
    message: `${what}. Two deletions, or a deletion and an update of your app, could meet in one ${lock.row}: nothing may be deleted like that`,
    fix: `${await lockFunction(client, lock)}\n-- the same in your contract, or the next \`evenfall migrate\` brings the old one back`,
  };
}

/** The function for the table that the view's id comes from; the contract's example where that cannot be told. */
async function lockFunction(client: pg.Client, { name, view }: Lock): Promise<string> {
  const [from] = await rowsBehind(client, view);
  if (from === undefined) return exampleOf(name);
  const { rows } = await client.query<{ parameters: string }>(
    `select pg_get_function_arguments(to_regprocedure('evenfall.' || $1 || '(text)')) as parameters`,
    [name],
  );
  // the parameter keeps its name, or Postgres would refuse to replace the function
  return (
    `create or replace function evenfall.${name}(${rows[0]?.parameters ?? 'id text'}) returns void language sql as $$\n` +
    `  select from ${from.table} t where t.${from.expression} = $1::${from.type} for update\n$$;`
  );
}
