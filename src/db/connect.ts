import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { machine, queries, sweeps } from '../../sql/queries.gen.ts';
import type {
  Machine,
  Queries,
  Statement,
  SweepDueRow,
  SweepEnqueueRow,
  SweepParameters,
  SweepStatements,
} from '../../sql/queries.gen.ts';

/** Every named statement, bound to a connection pool or to one transaction. */
export type Statements = Queries & Machine;

/** A statement of sql/sweeps: who is due, and the same enqueued. */
export interface Sweep {
  list(parameters: SweepParameters): Promise<SweepDueRow[]>;
  /** Set-based, safe to run at any time and any number of times: what is live already is not enqueued again. */
  enqueue(parameters: SweepParameters): Promise<SweepEnqueueRow[]>;
}

export interface Database {
  readonly statements: Statements;
  /** By the kind that is swept. */
  readonly sweeps: ReadonlyMap<string, Sweep>;
  /** Runs `work` in one transaction; rolls back when it throws. */
  transaction<T>(work: (tx: Statements) => Promise<T>): Promise<T>;
  /** Calls back at each NOTIFY on the channel, and once after each (re)connection, when some may be missed. */
  listen(channel: string, onKnock: () => void): Promise<void>;
  close(): Promise<void>;
}

const closeMs = 5_000;
const listenAgainMs = 1_000;

/**
 * Connects lazily; a database that is absent shows at the first statement.
 *
 * With `pg`: postgres.js (3.4.9) does not survive a restart of Postgres in the middle of a transaction. It ends
 * the process (issue 1208), or sends the rest of the transaction outside of it (issue 1216).
 *
 * @param url as `DATABASE_URL`
 * @param options.max connections at most; `name` is what the server's activity list shows
 */
export function connectDatabase(
  url: string,
  options: { max: number; name: string; sweeps?: Readonly<Record<string, SweepStatements>> },
): Database {
  const settings = sessionSettings(url, options.name);
  const pool = new pg.Pool({
    ...settings,
    max: options.max,
    idleTimeoutMillis: 60_000,
    maxLifetimeSeconds: 60 * 60,
  });
  pool.on('error', () => {});
  // a connection that breaks while it is in use: whoever uses it hears of it by the statement that fails
  pool.on('connect', (client) => client.on('error', () => {}));
  const closing = new AbortController();

  return {
    statements: bindStatements(pool),
    sweeps: bindSweeps(pool, options.sweeps ?? sweeps),
    async transaction(work) {
      const client = await pool.connect().catch(explained);
      let broken: Error | undefined;
      try {
        await client.query('begin').catch(explained);
        const result = await work(bindStatements(client));
        const { command } = await client.query('commit').catch(explained);
        // an error that `work` has swallowed: Postgres answers ROLLBACK, and does not complain
        if (command !== 'COMMIT')
          throw new Error('the transaction was rolled back: a statement in it had failed');
        return result;
      } catch (error) {
        await client.query('rollback').catch((failure: Error) => (broken = failure));
        throw error;
      } finally {
        client.release(broken);
      }
    },
    async listen(channel, onKnock) {
      const first = await listenOnce(settings, channel, onKnock, closing.signal).catch(explained);
      void listenForEver(first, () => listenOnce(settings, channel, onKnock, closing.signal), closing.signal);
    },
    async close() {
      closing.abort();
      await Promise.race([pool.end(), sleep(closeMs, undefined, { ref: false })]);
    },
  };
}

type OfType = Parameters<typeof pg.types.getTypeParser>[0];

/**
 * The settings that every session of ours needs: UTC (a day must have 24 hours), a lock time-out (a forgotten
 * transaction must not hang a worker), an end of transactions that nobody goes on with (a process that stands still
 * would keep the locks of its jobs; 8 s, so that they run again within the 12 of P6), bigint as number (checked),
 * intervals as text.
 */
function sessionSettings(url: string, name: string): pg.ClientConfig {
  return {
    connectionString: url,
    application_name: name,
    options: '-c TimeZone=UTC -c lock_timeout=5000 -c idle_in_transaction_session_timeout=8000',
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    types: {
      getTypeParser: ((oid: OfType, format?: 'text') => {
        if (oid === pg.types.builtins.INT8) return parseBigint;
        if (oid === pg.types.builtins.INTERVAL) return String;
        return pg.types.getTypeParser(oid, format);
      }) as typeof pg.types.getTypeParser,
    },
  };
}

/** What runs a statement: a pool, or one connection in its transaction. */
type Runs = Pick<pg.ClientBase, 'query'>;

function bindStatements(connection: Runs): Statements {
  const bound: Record<string, unknown> = {};
  for (const [name, statement] of Object.entries<Statement>({ ...queries, ...machine })) {
    bound[name] = bind(connection, name, statement);
  }
  return bound as unknown as Statements;
}

function bindSweeps(
  connection: Runs,
  statements: Readonly<Record<string, SweepStatements>>,
): ReadonlyMap<string, Sweep> {
  return new Map(
    Object.entries(statements).map(([kind, { list, enqueue }]) => [
      kind,
      {
        list: bind(connection, `${kind} list`, list),
        enqueue: bind(connection, `${kind} enqueue`, enqueue),
      } as unknown as Sweep,
    ]),
  );
}

function bind(connection: Runs, name: string, statement: Statement) {
  return async (parameters: Record<string, unknown> = {}) => {
    const values = statement.parameters.map((parameter) =>
      sent(parameters[parameter], statement.json?.includes(parameter) ?? false),
    );
    const query = { name, text: statement.text, values, rowMode: 'array' as const };
    const { fields, rows } = await connection.query<unknown[]>(query).catch(explained);
    const columns = fields.map((field) => camel(field.name));
    return rows.map((row) => Object.fromEntries(columns.map((column, index) => [column, row[index]])));
  };
}

/** Left to itself, pg would send an array as one of Postgres' and a text as it is, also where JSON is wanted. */
function sent(value: unknown, json: boolean): unknown {
  if (value === null || value === undefined) return null;
  if (json) return JSON.stringify(value);
  return value instanceof Date ? value.toISOString() : value;
}

/** A broken connection has no code in pg, by which `isPassingTrouble` could know it. */
function explained(error: unknown): never {
  if (
    error instanceof Error &&
    !('code' in error) &&
    /connect|timeout|not queryable|pool/i.test(error.message)
  ) {
    throw Object.assign(error, { code: 'CONNECTION_CLOSED' });
  }
  throw error;
}

/** One connection that listens; resolves, when it does, to a promise that it has ended. */
async function listenOnce(
  settings: pg.ClientConfig,
  channel: string,
  onKnock: () => void,
  signal: AbortSignal,
): Promise<{ ended: Promise<unknown> }> {
  const client = new pg.Client(settings);
  const ended = new Promise((resolve) => client.once('end', resolve));
  client.on('error', () => {});
  client.on('notification', onKnock);
  try {
    await client.connect();
    await client.query(`listen ${pg.escapeIdentifier(channel)}`);
  } catch (error) {
    void client.end().catch(() => {});
    throw error;
  }
  const end = () => void client.end().catch(() => {});
  if (signal.aborted) end();
  signal.addEventListener('abort', end, { once: true });
  void ended.then(() => signal.removeEventListener('abort', end));
  onKnock();
  return { ended };
}

async function listenForEver(
  first: { ended: Promise<unknown> },
  again: () => Promise<{ ended: Promise<unknown> }>,
  signal: AbortSignal,
): Promise<void> {
  let current: { ended: Promise<unknown> } | undefined = first;
  while (!signal.aborted) {
    await current?.ended;
    if (signal.aborted) return;
    current = await again().catch(() => undefined);
    if (!current) await sleep(listenAgainMs, undefined, { signal }).catch(() => {});
  }
}

function camel(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}

function parseBigint(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number)) throw new RangeError(`bigint ${text} does not fit a JavaScript number`);
  return number;
}
