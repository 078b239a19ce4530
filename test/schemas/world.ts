import { clearRecords } from '../support/app.ts';
import { createDatabaseOf } from '../support/database.ts';
import { afterSixMonths, startEndings } from '../support/endings.ts';
import type { ForeignApp } from './app.ts';

/** Everything around endings, on a foreign app with its contract and the indexes that this asks for. */
export async function startForeign(app: ForeignApp) {
  const { url, database, sql } = await createDatabaseOf(app);
  for (const index of app.indexes) await sql.unsafe(index);
  const endings = await startEndings(database, sql);
  // no id of one table is one of another's
  await sql`
    select setval(format('%I.%I', schemaname, sequencename)::regclass, 100000 * row_number() over (order by sequencename))
    from pg_sequences where schemaname = 'public'`;
  const rows = app.rows(sql);
  const tables = (
    await sql`
      select format('%I.%I', relnamespace::regnamespace, relname) as name from pg_class
      where relnamespace = 'public'::regnamespace and relkind = 'r'`
  ).map(({ name }) => String(name));

  return {
    ...endings,
    url,
    database,
    sql,
    rows,

    /** An empty world, more than half a year after `longAgo`. */
    async clear(): Promise<void> {
      await clearRecords(sql);
      await sql.unsafe(`truncate ${tables.join(', ')}`);
      endings.standIn.reset();
      endings.inbox.clear();
      endings.inbox.faults.clear();
      endings.at(afterSixMonths(60_000));
      await endings.rows.freshPicture();
    },

    /** A team that nothing speaks for, and its owner, who is signed in. */
    async sleeping() {
      const owner = await rows.user();
      await rows.signIn(owner);
      return { owner, teamId: await rows.team(owner) };
    },

    /** How many rows the app has, by table; without those that have none. */
    async rowsLeft(): Promise<Record<string, number>> {
      const counts: Record<string, number> = {};
      for (const table of tables) {
        const [row] = await sql.unsafe(`select count(*)::int as n from ${table}`);
        if (row!['n'] !== 0) counts[table] = row!['n'] as number;
      }
      return counts;
    },

    /** A customer in Stripe, by an address that nobody in the app has; known to the mirror. */
    async customer(email = 'books@harbour.example'): Promise<string> {
      const { id } = endings.standIn.seed.customer({ email });
      await endings.mirror(id);
      return id;
    },
  };
}
