import type postgres from 'postgres';

/** The one clock of a walk: the database's, Stripe's and the inbox'. It runs, and can be set. */
export interface WalkClock {
  now(): Date;
  set(at: Date): Promise<void>;
}

/**
 * Lets the database tell the walk's time, whoever asks it: leases, retries, retention and the age of a picture are then
 * those of the simulated days. Postgres' own function is replaced, in this one database. How far it is ahead stands in a
 * sequence, which all sessions read at once, and which no plan depends on. Nothing of Evenfall's asks `now()`.
 */
export async function takeOverClock(sql: postgres.Sql): Promise<WalkClock> {
  let aheadMs = 0;
  await sql.unsafe(`
    create schema walk;
    create sequence walk.ahead_ms minvalue 0;
    create function walk.real_clock() returns timestamptz language internal volatile as 'clock_timestamp'`);
  await sql`select setval('walk.ahead_ms', 0)`;
  await sql.unsafe(`
    create or replace function pg_catalog.clock_timestamp() returns timestamptz language sql volatile as $$
      select walk.real_clock() + pg_sequence_last_value('walk.ahead_ms') * interval '1 millisecond'
    $$`);
  const now = () => new Date(Date.now() + aheadMs);
  return {
    now,
    async set(at) {
      aheadMs = at.getTime() - Date.now();
      const [row] = await sql<{ at: Date }[]>`
        select clock_timestamp() as at from setval('walk.ahead_ms', ${aheadMs})`;
      const off = Math.abs((row?.at.getTime() ?? 0) - now().getTime());
      if (off > 2_000) throw new Error(`the database's clock is ${off} ms off the walk's`);
    },
  };
}
