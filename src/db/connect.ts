import postgres from 'postgres';
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

/**
 * Connects lazily; a database that is absent shows at the first statement.
 *
 * @param url as `DATABASE_URL`
 * @param options.max connections at most; `name` is what the server's activity list shows
 */
export function connectDatabase(
  url: string,
  options: { max: number; name: string; sweeps?: Readonly<Record<string, SweepStatements>> },
): Database {
  const sql = openPool(url, options);
  return {
    statements: bindStatements(sql),
    sweeps: bindSweeps(sql, options.sweeps ?? sweeps),
    transaction: (work) => sql.begin((tx) => work(bindStatements(tx))) as Promise<never>,
    async listen(channel, onKnock) {
      await sql.listen(channel, onKnock, onKnock);
    },
    close: () => sql.end({ timeout: 5 }),
  };
}

/**
 * A postgres.js pool with the settings that every session of ours needs: UTC (a day must have 24 hours), a
 * lock time-out (a forgotten transaction must not hang a worker), bigint as number (checked), camelCase.
 */
export function openPool(url: string, options: { max: number; name: string }): postgres.Sql {
  return postgres(url, {
    max: options.max,
    connect_timeout: 5,
    // seconds; the driver's own grows to 20 s, and as long would a worker stay away from a database that is back
    backoff: (failures) => Math.min(0.02 * 2 ** failures, 1),
    idle_timeout: 60,
    max_lifetime: 60 * 60,
    onnotice: () => {},
    connection: {
      application_name: options.name,
      TimeZone: 'UTC',
      lock_timeout: 5_000,
      idle_in_transaction_session_timeout: 60_000,
    },
    types: { bigint: { to: 20, from: [20], serialize: String, parse: parseBigint } },
    transform: { column: { from: postgres.toCamel } },
  });
}

/** The named statements on a pool or a transaction of postgres.js. */
export function bindStatements(sql: postgres.Sql | postgres.TransactionSql): Statements {
  const bound: Record<string, unknown> = {};
  for (const [name, statement] of Object.entries<Statement>({ ...queries, ...machine })) {
    bound[name] = bind(sql, statement);
  }
  return bound as unknown as Statements;
}

function bindSweeps(
  sql: postgres.Sql,
  statements: Readonly<Record<string, SweepStatements>>,
): ReadonlyMap<string, Sweep> {
  return new Map(
    Object.entries(statements).map(([kind, { list, enqueue }]) => [
      kind,
      { list: bind(sql, list), enqueue: bind(sql, enqueue) } as unknown as Sweep,
    ]),
  );
}

function bind(sql: postgres.Sql | postgres.TransactionSql, statement: Statement) {
  return async (parameters: Record<string, unknown> = {}) =>
    // simple to await: postgres.js queries are lazy, an un-awaited one would silently never run
    await sql.unsafe(
      statement.text,
      statement.parameters.map((parameter) => parameters[parameter] as never),
      { prepare: true },
    );
}

function parseBigint(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number)) throw new RangeError(`bigint ${text} does not fit a JavaScript number`);
  return number;
}
