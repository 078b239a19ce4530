import type postgres from 'postgres';

/** As if so much time had passed on the database's clock, for jobs and fuses. */
export async function passTime(sql: postgres.Sql, ms: number): Promise<void> {
  const time = `${ms} milliseconds`;
  await sql`
    update evenfall.job set run_at = run_at - ${time}::text::interval,
      deadline_at = deadline_at - ${time}::text::interval, spread_at = spread_at - ${time}::text::interval`;
  await sql`update evenfall.fuse_act set at = at - ${time}::text::interval`;
  await sql`
    update evenfall.fuse set blown_at = blown_at - ${time}::text::interval,
      released_at = released_at - ${time}::text::interval`;
}

/** How long until the next job of the kind is due; undefined when none lives. */
export async function untilNext(sql: postgres.Sql, kind: string): Promise<number | undefined> {
  const [row] = await sql`
    select ceil(extract(epoch from min(run_at) - clock_timestamp()) * 1000)::float8 as ms from evenfall.job
    where kind = ${kind} and state in ('queued', 'dispatched')`;
  const ms = row!['ms'] as number | null;
  return ms === null ? undefined : Math.max(0, ms);
}

/** The acts that the kind's fuse has counted, the oldest first; times in milliseconds, among themselves as they were. */
export async function countedActs(
  sql: postgres.Sql,
  kind: string,
): Promise<{ subject: string; at: number; spread: boolean }[]> {
  return await sql`
    select subject, extract(epoch from at)::float8 * 1000 as at, spread from evenfall.fuse_act
    where kind = ${kind} order by fuse_act.at, subject`;
}

/** The most of these instants that lie within 24 hours, whenever those begin; at exactly 24 hours one no longer counts. */
export function mostInADay(instants: readonly number[]): number {
  const sorted = instants.toSorted((one, other) => one - other);
  return Math.max(
    0,
    ...sorted.map((end, index) => index + 1 - sorted.findIndex((begin) => begin > end - 86_400_000)),
  );
}
