/**
 * How a job fails: in one of two ways, always with a cause where there is one.
 *
 * `Retryable`: it may work later. `Terminal`: it never will, a person must look.
 * Whatever else a job throws is a fault of ours and is retried within the kind's budget.
 */

/** What is known of a failure, fit to be stored, logged and mailed: ids and codes, never personal data. */
export interface FailureFacts {
  /** Groups failures of one cause: `stripe_refused`, `not_found`, `poison`, `unknown_effect`, … */
  class: string;
  code?: string;
  type?: string;
  param?: string;
  httpStatus?: number;
  requestId?: string;
  /** Where a person reads on, for Stripe failures its dashboard. */
  url?: string;
  /** Ids of what it was about. */
  subject?: string;
}

interface FailureOptions {
  cause?: unknown;
  facts: FailureFacts;
  /** What the person who asked may read; the kind's own sentence when absent. */
  publicMessage?: string;
}

class JobFailure extends Error {
  readonly facts: FailureFacts;
  readonly publicMessage: string | undefined;

  constructor(message: string, options: FailureOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.facts = options.facts;
    this.publicMessage = options.publicMessage;
  }
}

/** It may work later. Uses one attempt, unless it waits for something that is down. */
export class Retryable extends JobFailure {
  override readonly name = 'Retryable';
  /** Not before this many milliseconds, whatever the kind's back-off says (Stripe's Retry-After). */
  readonly afterMs: number | undefined;
  /** Something else is down or busy, so it is not the job that failed: uses no attempt, only its time. */
  readonly waiting: boolean;
  /** It waits for a person, who has been told: for as long as that takes, whatever its time. */
  readonly held: boolean;
  /** The act may or may not have happened: whoever claimed it must ask before it tries again. */
  readonly outcomeUnknown: boolean;

  constructor(
    message: string,
    options: FailureOptions & {
      afterMs?: number;
      waiting?: boolean;
      held?: boolean;
      outcomeUnknown?: boolean;
    },
  ) {
    super(message, options);
    this.afterMs = options.afterMs;
    this.held = options.held ?? false;
    this.waiting = this.held || (options.waiting ?? false);
    this.outcomeUnknown = options.outcomeUnknown ?? false;
  }
}

/** It will never work as asked: the job is dead at once, with an alert. */
export class Terminal extends JobFailure {
  override readonly name = 'Terminal';
}

/** This run is no longer the job's current one: it must write nothing and end in silence. */
export class StaleRun extends Error {
  override readonly name = 'StaleRun';
  constructor(jobId: number | null, runNo: number) {
    super(`run ${runNo} of job ${jobId} is no longer current`);
  }
}

/** Something that only a person can mend before the program can start: wrong settings, a missing migration. */
export class Misconfigured extends Error {
  override readonly name = 'Misconfigured';
}

/** The facts and a storable sentence of any failure; of foreign errors only the name, for a message may hold anything. */
export function describeFailure(error: unknown): FailureFacts & { message: string } {
  if (error instanceof JobFailure) return { ...error.facts, message: error.message };
  const name = error instanceof Error ? error.name : typeof error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  return {
    class: 'unexpected',
    ...(code === undefined ? {} : { code }),
    message: `unexpected ${name}${code === undefined ? '' : ` (${code})`}; the worker's log has the stack`,
  };
}

/** `ECONNREFUSED` and the like, which `fetch` hides in the cause; else the name, `TimeoutError` for one. */
export function networkCode(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const { cause } = error;
  return cause instanceof Error && 'code' in cause ? String(cause.code) : error.name;
}

/** What was asked for, or undefined where the other side does not know it (any more). */
export async function ifKnown<T>(asking: Promise<T>): Promise<T | undefined> {
  try {
    return await asking;
  } catch (error) {
    if (error instanceof Terminal && error.facts.class === 'not_found') return undefined;
    throw error;
  }
}

/**
 * Why the app's own tables or functions refused a statement, as SQLSTATE and constraint
 * (`23503 invoices_user_id_fkey`), or undefined where the failure is another: no SQLSTATE, or one that tells of the
 * connection, the transaction or the server. Never Postgres' message, which holds values.
 */
export function refusalOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  const { code } = error;
  if (!/^[0-9A-Z]{5}$/.test(code) || /^(08|25|40|53|54|55|57|58|EF|XX)/.test(code) || !('severity' in error))
    return undefined;
  const constraint = 'constraint' in error && typeof error.constraint === 'string' ? error.constraint : '';
  return `${code} ${constraint}`.trim();
}
