import type postgres from 'postgres';
import { expect } from 'vitest';

/**
 * Resolves to true when a session of this database waits for a lock: an event, not a pause. To false when it is
 * `over` before anything has waited.
 */
export async function untilBlocked(sql: postgres.Sql, over = () => false): Promise<boolean> {
  let blocked = false;
  const settled = async () => {
    const waits = await sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    blocked = waits.length > 0;
    return blocked || over();
  };
  await expect.poll(settled, { timeout: 10_000, interval: 10 }).toBe(true);
  return blocked;
}
