import { Misconfigured } from '../core/errors.ts';

/** Exit codes of every command: 0 done or skipped, 1 failed, 2 called wrongly (settings included). */
export const exitCodes = { done: 0, failed: 1, wrongCall: 2 } as const;

/** The caller asked for something that cannot be: the message says what to do instead. */
export class WrongCall extends Error {
  override readonly name = 'WrongCall';
}

/** Prints an error for the person who reads it and gives the exit code. */
export function explain(error: unknown, print: (line: string) => void): number {
  if (error instanceof WrongCall || error instanceof Misconfigured) {
    print(error.message);
    return exitCodes.wrongCall;
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (['ECONNREFUSED', 'ENOTFOUND', 'CONNECT_TIMEOUT', 'ENOENT'].includes(code)) {
    print(`A service does not answer (${code}): is Postgres running where DATABASE_URL says?`);
    return exitCodes.failed;
  }
  if (['EF404', 'EF409', 'EF422', '42501'].includes(code)) {
    print((error as Error).message);
    return exitCodes.wrongCall;
  }
  if (code === '42P01' || code === '3F000') {
    print('The database has no Evenfall schema. Run `evenfall migrate`.');
    return exitCodes.wrongCall;
  }
  print(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return exitCodes.failed;
}
