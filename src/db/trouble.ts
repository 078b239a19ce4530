/**
 * Failures that say nothing about the statement: the database is away, restarting, full, or had to break a
 * deadlock. Whoever meets one tries again; a job that does uses no attempt.
 */
const passing = new Set([
  // the drivers and sockets
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
  'CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  // Postgres: serialization failure, deadlock, lock not available, too many connections, shutting down, starting up
  '40001',
  '40P01',
  '55P03',
  '53300',
  '57P01',
  '57P02',
  '57P03',
  '25P03',
]);

/** A fault of ours, such as a wrong number of parameters: it would come again for ever. */
const protocolViolation = '08P01';

export function isPassingTrouble(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return false;
  return passing.has(error.code) || (error.code.startsWith('08') && error.code !== protocolViolation);
}
