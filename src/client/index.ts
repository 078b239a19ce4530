/**
 * What the main app imports: `import { connect, jobs } from 'evenfall'`. Light: it loads zod and a Postgres
 * driver, and neither Stripe, BullMQ nor React.
 */
import postgres from 'postgres';
import type { JobDefinition } from '../core/job.ts';
import { payloadProblem } from '../core/payload.ts';

export { jobs } from '../../jobs/index.ts';

/** A transaction of the app's own: of postgres.js (`sql.begin`) or of pg (a client between BEGIN and COMMIT). */
export type AppTransaction =
  | { unsafe(text: string, parameters: never[]): PromiseLike<readonly Record<string, unknown>[]> }
  | { query(text: string, parameters: unknown[]): Promise<{ rows: Record<string, unknown>[] }> };

export interface EnqueueOptions {
  /** Instead of the kind's own key. */
  key?: string;
  /** Not before this time. */
  runAt?: Date;
  teamId?: string;
  /** Lower runs first; 0 when absent. */
  priority?: number;
  /** Enqueue inside this transaction: after a rollback there is no job. */
  tx?: AppTransaction;
}

/** How a job stands, for the app and its users. */
export interface JobState {
  id: number;
  kind: string;
  state: 'queued' | 'dispatched' | 'running' | 'parked' | 'done' | 'skipped' | 'dead' | 'cancelled';
  outcome: unknown;
  /** What its user may read, such as "We hit a problem …". */
  publicMessage: string | null;
}

export interface Evenfall {
  /**
   * Asks for work; resolves to the job's id. A live job with the same key and payload answers with its id.
   *
   * @throws EvenfallError `EF422` wrong payload, `EF404` unknown kind, `EF409` live key with another payload
   */
  enqueue<P>(job: JobDefinition<string, P>, payload: P, options?: EnqueueOptions): Promise<number>;
  /** Withdraws the live job with this key; false when there is none or it is running at this moment. */
  cancel(job: { name: string }, key: string, options?: { tx?: AppTransaction }): Promise<boolean>;
  job(id: number): Promise<JobState | undefined>;
  close(): Promise<void>;
}

/** A refusal at the door; `code` is the SQLSTATE. */
export class EvenfallError extends Error {
  override readonly name = 'EvenfallError';
  readonly code: string;
  readonly field: string | undefined;

  constructor(code: string, message: string, options: { field?: string | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.field = options.field;
  }
}

/** Connects lazily to the database that Evenfall lives in. */
export function connect(options: { databaseUrl: string; max?: number }): Evenfall {
  const sql = postgres(options.databaseUrl, {
    max: options.max ?? 2,
    connection: { application_name: 'evenfall client' },
    onnotice: () => {},
  });

  async function ask(text: string, parameters: unknown[], tx: AppTransaction | undefined) {
    try {
      const on = tx ?? sql;
      if ('unsafe' in on) return (await on.unsafe(text, parameters as never[]))[0];
      return (await on.query(text, parameters)).rows[0];
    } catch (error) {
      throw asRefusal(error);
    }
  }

  return {
    async enqueue(job, payload, { key, runAt, teamId, priority, tx } = {}) {
      const problem = payloadProblem(job.payload, payload);
      if (problem !== undefined) {
        const field = problem.split(':', 1)[0];
        throw new EvenfallError('EF422', `payload of ${job.name}: ${problem}`, { field });
      }
      // text and a cast, because the two drivers disagree on how to send JSON and dates
      const parameters = [
        job.name,
        JSON.stringify(payload),
        key ?? null,
        runAt?.toISOString() ?? null,
        teamId ?? null,
        String(priority ?? 0),
      ];
      const row = await ask(
        'select evenfall.enqueue($1::text, $2::text::jsonb, $3::text, $4::text::timestamptz, $5::text, $6::text::int) as id',
        parameters,
        tx,
      );
      return Number(row?.['id']);
    },
    async cancel(job, key, { tx } = {}) {
      const row = await ask('select evenfall.cancel($1::text, $2::text) as cancelled', [job.name, key], tx);
      return row?.['cancelled'] === true;
    },
    async job(id) {
      const [row] = await sql<Omit<JobState, 'id'>[]>`
        select kind, state, outcome, public_message as "publicMessage" from evenfall.job where id = ${id}`;
      return row && { ...row, id };
    },
    close: () => sql.end({ timeout: 5 }),
  };
}

function asRefusal(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  const code = String(error.code);
  if (!/^EF\d{3}$/.test(code)) return error;
  const named = error as { column_name?: string; column?: string };
  return new EvenfallError(code, error.message, { field: named.column_name ?? named.column, cause: error });
}
