import { Misconfigured } from '../core/errors.ts';
import { EmbeddedError, systemReason } from '../embedded/errors.ts';

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
  if (error instanceof EmbeddedError) {
    print(error.message);
    return exitCodes.failed;
  }
  const { code = '', syscall } = (error instanceof Error ? error : {}) as NodeJS.ErrnoException;
  // ENOENT is a socket's, for DATABASE_URL may name one; otherwise it is a file's
  if (
    ['ECONNREFUSED', 'ENOTFOUND', 'CONNECT_TIMEOUT'].includes(code) ||
    (code === 'ENOENT' && syscall === 'connect')
  ) {
    print(`A service does not answer (${code}): is Postgres running where DATABASE_URL says?`);
    return exitCodes.failed;
  }
  if (['EF404', 'EF409', 'EF422', '42501'].includes(code)) {
    print((error as Error).message);
    return exitCodes.wrongCall;
  }
  // no such database, no such role, a wrong password
  if (['3D000', '28000', '28P01'].includes(code)) {
    print(`Postgres answers: ${(error as Error).message}. Is DATABASE_URL right?`);
    return exitCodes.wrongCall;
  }
  if (code === '42P01' || code === '3F000') {
    print('The database has no Evenfall schema. Run `evenfall migrate`.');
    return exitCodes.wrongCall;
  }
  const reason = syscall === undefined ? undefined : systemReason((error as Error).message);
  if (reason !== undefined) {
    print(`${(error as Error).message}\n${reason}`);
    return exitCodes.failed;
  }
  print(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return exitCodes.failed;
}
