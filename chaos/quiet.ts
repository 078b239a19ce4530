import type postgres from 'postgres';

/**
 * As if Stripe had been read before, and with what schedules ask for made to wait: workers do nothing but what is asked
 * for, at whatever time of day.
 */
export async function asQuiet(sql: postgres.Sql): Promise<void> {
  await sql`insert into evenfall.backfill (phase, finished_at) values ('finished', clock_timestamp())`;
  await sql`
    update evenfall.job_kind set paused_at = clock_timestamp(), paused_why = 'it is about something else'
    where kind in ('sweep', 'backfill-stripe', 'forget-old-records')`;
}
