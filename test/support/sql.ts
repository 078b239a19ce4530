import postgres from 'postgres';
import { machine, queries } from '../../sql/queries.gen.ts';
import type { Statement } from '../../sql/queries.gen.ts';
import type { Statements } from '../../src/db/connect.ts';

/** postgres.js for what tests ask themselves, with the settings of `connectDatabase`. */
export function openPool(url: string, options: { max: number; name: string }): postgres.Sql {
  return postgres(url, {
    max: options.max,
    connect_timeout: 5,
    backoff: (failures) => Math.min(0.02 * 2 ** failures, 1),
    onnotice: () => {},
    connection: { application_name: options.name, TimeZone: 'UTC', lock_timeout: 5_000 },
    types: { bigint: { to: 20, from: [20], serialize: String, parse: Number } },
    transform: { column: { from: postgres.toCamel } },
  });
}

/** The named statements on a connection that a test holds. */
export function bindStatements(sql: postgres.Sql | postgres.TransactionSql): Statements {
  const bound: Record<string, (parameters?: Record<string, unknown>) => Promise<unknown>> = {};
  for (const [name, statement] of Object.entries<Statement>({ ...queries, ...machine })) {
    bound[name] = async (parameters = {}) =>
      await sql.unsafe(
        statement.text,
        statement.parameters.map((parameter) => parameters[parameter] as never),
        { prepare: true },
      );
  }
  return bound as unknown as Statements;
}
