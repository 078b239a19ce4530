import { createHash } from 'node:crypto';
import type { Database, Statements } from '../db/connect.ts';
import { Problem } from './problem.ts';

/** One use of an `Idempotency-Key`: whose, which, and for what. */
export interface KeyUse {
  /** The token itself is never stored. */
  readonly tokenHash: string;
  /** Hashed, and with the token, which nobody can guess: callers put into it whom a request is about (P7). */
  readonly key: string;
  /** As an older release has stored it: answered, too, for the seven days. */
  readonly plainKey: string;
  readonly bodyHash: string;
}

/**
 * What an `Idempotency-Key` header asks for; undefined without one.
 *
 * @throws Problem 400 when the key is not 1 to 255 printable ASCII characters
 */
export function readKeyUse(
  header: string | undefined,
  request: { authorization: string; kind: string; body: Uint8Array },
): KeyUse | undefined {
  if (header === undefined) return undefined;
  if (!/^[ -~]{1,255}$/.test(header)) {
    const message = 'Idempotency-Key must have 1 to 255 printable ASCII characters.';
    throw new Problem(400, 'wrong_idempotency_key', message, { field: 'Idempotency-Key' });
  }
  const token = request.authorization.replace(/^Bearer +/i, '');
  return {
    tokenHash: createHash('sha256').update(token).digest('hex'),
    key: createHash('sha256').update(`${token}\n${header}`).digest('hex'),
    plainKey: header,
    // the kind is part of what was asked for; a kind holds no line break, so the two cannot run into each other
    bodyHash: createHash('sha256').update(`${request.kind}\n`).update(request.body).digest('hex'),
  };
}

/**
 * The job that an earlier use of the key enqueued, within seven days.
 *
 * @throws Problem 422 when the key was used for another request
 */
export async function recall(statements: Statements, use: KeyUse): Promise<number | undefined> {
  const { tokenHash, key, plainKey } = use;
  const [earlier] = await statements.recallIdempotencyKey({ tokenHash, key, plainKey });
  if (!earlier) return undefined;
  if (earlier.bodyHash === use.bodyHash) return earlier.jobId;
  throw new Problem(
    422,
    'idempotency_key_reused',
    'This Idempotency-Key was used for another request; use a new key for a new request.',
    { field: 'Idempotency-Key' },
  );
}

/** A request with the same key committed first: ours leaves no trace. */
class TakenMeanwhile extends Error {
  override readonly name = 'TakenMeanwhile';
}

/**
 * Enqueues and keeps the key in one transaction: there is never one without the other, and of two first
 * uses at once one enqueues and the other gets the same job.
 */
export async function enqueueOnce(
  database: Pick<Database, 'statements' | 'transaction'>,
  use: KeyUse,
  enqueue: (tx: Statements) => Promise<number>,
): Promise<{ id: number; replayed: boolean }> {
  try {
    const id = await database.transaction(async (tx) => {
      const jobId = await enqueue(tx);
      const kept = await tx.keepIdempotencyKey({ ...use, jobId });
      if (kept.length === 0) throw new TakenMeanwhile();
      return jobId;
    });
    return { id, replayed: false };
  } catch (error) {
    if (!(error instanceof TakenMeanwhile)) throw error;
    const id = await recall(database.statements, use);
    if (id === undefined) throw error;
    return { id, replayed: true };
  }
}
