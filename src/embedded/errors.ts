/** A failure of the embedded services, written for the person at the terminal: what, where, what to do. */
export class EmbeddedError extends Error {
  override readonly name = 'EmbeddedError';
}

const reasons: [RegExp, string][] = [
  [
    /ENOSPC|No space left on device|Check free disk space/i,
    'the disk is full: free some space and start again',
  ],
  [/EROFS|Read-only file system/i, 'the file system is read-only: choose a folder that can be written'],
  [/EDQUOT|Disk quota exceeded/i, 'the disk quota is used up: free some space and start again'],
  [
    /EACCES|EPERM|Permission denied|could not change permissions|Operation not permitted/i,
    'no permission: run as the user who owns that folder, remove it to start afresh, or use one you may write',
  ],
  [/EEXIST|ENOTDIR/, 'a file stands where a folder belongs: move it away, or use another folder'],
  [/EADDRINUSE|No free port/, 'the port is taken by another program: stop that one and start again'],
  [/EMFILE|ENFILE/, 'too many files are open: raise the limit (ulimit -n) and start again'],
];

/** The usual reasons of the operating system in words, or undefined for one that is not among them. */
export function systemReason(text: string): string | undefined {
  return reasons.find(([pattern]) => pattern.test(text))?.[1];
}

/**
 * Wraps what went wrong while doing `what` (a clause such as "Cannot prepare the folder X").
 * An EmbeddedError is returned as it is: it has been explained already.
 */
export function explained(what: string, cause: unknown): EmbeddedError {
  if (cause instanceof EmbeddedError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  return new EmbeddedError(`${what}: ${systemReason(text) ?? text}`, { cause });
}
