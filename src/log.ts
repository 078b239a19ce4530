import { pino } from 'pino';
import type { DestinationStream, Logger, LoggerOptions } from 'pino';
import { withoutAddresses } from './core/redact.ts';

/**
 * Structured logs on standard output. Fields are ids, codes and numbers; what could hold a secret or an
 * address is censored should it get in all the same. `out` is where to, instead.
 */
export function createLog(level: string, name: string, out?: DestinationStream): Logger {
  const options: LoggerOptions = {
    name,
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: describeError, error: (value: unknown) => value },
    redact: {
      paths: ['*.email', 'email', '*.password', '*.authorization', '*.to', 'to'],
      censor: '[censored]',
    },
  };
  return out === undefined ? pino(options) : pino(options, out);
}

/** Type, code and stack, but no fields: an error of a driver may carry the row that it failed on. */
function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { type: typeof error };
  const code = 'code' in error ? { code: String(error.code) } : {};
  const frames = (error.stack ?? '').split('\n').filter((line) => line.trimStart().startsWith('at '));
  return {
    type: error.name,
    ...code,
    message: quotesData(error) ? '(not repeated: it may quote a row)' : withoutAddresses(error.message),
    stack: frames.slice(0, 12).join('\n'),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}

/** Of Postgres: what finds fault with a value or a row, and what a function of the app's raises, which may say anything. */
function quotesData(error: Error): boolean {
  if (!('severity' in error && 'code' in error && typeof error.code === 'string')) return false;
  const isRaised = 'routine' in error && error.routine === 'exec_stmt_raise' && !error.code.startsWith('EF');
  return isRaised || /^(22|23|44|P0)/.test(error.code);
}
