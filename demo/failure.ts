import { systemReason } from '../src/embedded/errors.ts';

/** A failure of the demo, written for the person at the terminal. */
export class DemoError extends Error {
  override readonly name = 'DemoError';
}

/** What to print of any failure: a sentence where the cause is known, the stack where it is not. */
export function inWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (['DemoError', 'EmbeddedError', 'Misconfigured'].includes(error.name)) return error.message;
  const reason = systemReason(error.message);
  return reason === undefined ? (error.stack ?? error.message) : `${error.message}\n${reason}`;
}
