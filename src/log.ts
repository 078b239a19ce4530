import { pino } from 'pino';
import type { Logger } from 'pino';
import { withoutAddresses } from './core/redact.ts';

/**
 * Structured logs on standard output. Fields are ids, codes and numbers; what could hold a secret or an
 * address is censored should it get in all the same.
 */
export function createLog(level: string, name: string): Logger {
  return pino({
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
  });
}

/** Type, code and stack, but no fields: an error of a driver may carry the row that it failed on. */
function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { type: typeof error };
  const code = 'code' in error ? { code: String(error.code) } : {};
  const frames = (error.stack ?? '').split('\n').filter((line) => line.trimStart().startsWith('at '));
  return {
    type: error.name,
    ...code,
    message: withoutAddresses(error.message),
    stack: frames.slice(0, 12).join('\n'),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}
