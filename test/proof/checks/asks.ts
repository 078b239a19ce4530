import type postgres from 'postgres';
import { sweeps } from '../../../sql/queries.gen.ts';
import type { Statement, SweepDueRow } from '../../../sql/queries.gen.ts';
import type { Asks } from './check.ts';

/** Asks on a connection or in a transaction: the sweeps' own statements, but for those that are given. */
export function asksOf(
  sql: postgres.Sql | postgres.TransactionSql,
  changed: Readonly<Record<string, Statement>>,
): Asks {
  const rows: Asks['rows'] = async (text, values) =>
    await sql.unsafe(text, values as never[], { prepare: true });
  return {
    rows,
    async sweep(kind, parameters) {
      const statement = changed[kind] ?? sweeps[kind]?.list;
      if (!statement) throw new Error(`there is no sweep of ${kind}`);
      const given: Record<string, unknown> = { ...parameters };
      const values = statement.parameters.map((parameter) => given[parameter]);
      return (await rows(statement.text, values)) as unknown as SweepDueRow[];
    },
  };
}
