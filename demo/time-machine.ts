import { rename, rm, writeFile } from 'node:fs/promises';
import type postgres from 'postgres';
import { sweeps } from '../sql/queries.gen.ts';
import { clockOffsetOf } from '../src/clock-file.ts';
import { DemoError } from './failure.ts';
import { until } from './until.ts';

const dayMs = 86_400_000;
const quietWithinMs = 30_000;

/**
 * The demo's business time: that of the workers, of the keep page and of the Stripe stand-in, all of which read it
 * from one file. Schedules, leases and the fuse stay on the database's clock.
 */
export interface TimeMachine {
  readonly file: string;
  /** Milliseconds that business time is ahead. */
  offsetMs(): number;
  now(): Date;
  /** Everybody's business time is later at once. */
  moveOn(days: number): Promise<void>;
  /** Back to the database's clock. */
  reset(): Promise<void>;
}

export function timeMachine(file: string): TimeMachine {
  const offsetMs = clockOffsetOf(file);
  return {
    file,
    offsetMs,
    now: () => new Date(Date.now() + offsetMs()),
    async moveOn(days) {
      // whole at every moment: a reader who came upon an empty file would be back in the present
      const draft = `${file}.new`;
      await writeFile(draft, `${offsetMs() + days * dayMs}\n`);
      await rename(draft, file);
    },
    reset: () => rm(file, { force: true }),
  };
}

/** Asks for what passed days would have brought: one search for each kind that is searched for. */
export async function searchForAll(sql: postgres.Sql): Promise<void> {
  const kinds = Object.keys(sweeps);
  await sql`select evenfall.enqueue('sweep', jsonb_build_object('sweep', kind)) from unnest(${kinds}::text[]) as kind`;
}

/**
 * Resolves when all jobs that are due are over, but for those that wait: for a fuse, for their next try. One that does
 * not come to its end, for its kind is paused, is waited for no longer than half a minute.
 */
export async function untilQuiet(sql: postgres.Sql, signal: AbortSignal): Promise<void> {
  const look = async () => {
    const busy = await sql`select from evenfall.job
      where state = 'running' or (state in ('queued', 'dispatched') and run_at <= clock_timestamp()) limit 1`;
    return busy.length === 0 || undefined;
  };
  await until('the jobs that are due', look, { withinMs: quietWithinMs, signal }).catch((error: unknown) => {
    if (!(error instanceof DemoError)) throw error;
  });
}
