import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { isPassingTrouble } from '../db/trouble.ts';
import { Late } from './deadline.ts';

interface ProblemOptions {
  /** What of the request was wrong. */
  readonly field?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer that is not a success: a code for programs and a sentence that says what to do. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: ContentfulStatusCode;
  readonly code: string;
  readonly field: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: ContentfulStatusCode, code: string, message: string, options: ProblemOptions = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.field = options.field;
    this.headers = options.headers ?? {};
  }
}

/** The answer for anything thrown: what is not known to be fit for the caller says nothing of its cause. */
export function answerError(error: unknown, c: Context): Response {
  const problem = toProblem(error);
  const { code, message, field } = problem;
  return c.json({ error: { code, message, ...(field === undefined ? {} : { field }) } }, problem.status, {
    ...problem.headers,
  });
}

export function unknownKind(): Problem {
  return new Problem(404, 'unknown_kind', 'There is no job of this kind; /openapi.json lists them.');
}

const retryAfter = { headers: { 'Retry-After': '2' } };

/** What a caller is told of a failure. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const sqlState = error instanceof Error && 'code' in error ? String(error.code) : '';
  const known = error instanceof Error ? ofSqlState(sqlState, error) : undefined;
  if (known) return known;
  if (error instanceof Late || isPassingTrouble(error)) {
    return new Problem(
      503,
      'database_away',
      'The database does not answer right now; try again.',
      retryAfter,
    );
  }
  return new Problem(500, 'internal', 'Evenfall failed on this; the log of the web process says how.');
}

function ofSqlState(sqlState: string, error: Error): Problem | undefined {
  switch (sqlState) {
    case 'EF404':
      return unknownKind();
    case 'EF422':
      // the function's own sentence: names of fields and rules, never values
      return new Problem(422, 'wrong_payload', error.message.replace(/^evenfall: /, ''), {
        field: 'column' in error && error.column !== undefined ? String(error.column) : undefined,
      });
    case 'EF409':
      return new Problem(
        409,
        'key_conflict',
        `${error.message.replace(/^evenfall: /, '')}. ` +
          'Cancel that one with POST /v1/jobs/{kind}/cancel, or use another key.',
        { field: 'key' },
      );
    case '42501':
      return new Problem(403, 'not_granted', 'This server may not enqueue or cancel jobs of this kind.');
    case '55P03':
      return new Problem(503, 'busy', 'Another transaction holds this key; try again.', retryAfter);
    case '42P01':
    case '42883':
    case '3F000':
      return new Problem(503, 'not_migrated', 'The database lacks a migration: run `evenfall migrate`.');
  }
  // data exceptions: text that Postgres cannot hold, a date out of its range
  if (/^22.{3}$/.test(sqlState)) {
    return new Problem(422, 'wrong_request', 'A value of the request cannot be stored as it is.');
  }
  return undefined;
}
