import { StripeRefusal, invalid } from './errors.ts';

const LIFE = 24 * 3600;
const MAX_LENGTH = 255;

interface SavedAnswer {
  status: number;
  body: string;
  requestId: string;
}

interface Record {
  fingerprint: string;
  since: number;
  answer: SavedAnswer | undefined;
}

/**
 * The keys of POSTs (docs.stripe.com/api/idempotent_requests): the first executed result is replayed for 24
 * hours, errors included; other parameters under the same key are refused, and so is a second request while
 * the first runs.
 */
export class IdempotencyKeys {
  readonly #records = new Map<string, Record>();

  /** The saved answer, or undefined when the request should be carried out; the key is then in use. */
  begin(key: string, fingerprint: string, now: number): SavedAnswer | undefined {
    if (key.length > MAX_LENGTH) throw invalid(`Idempotency keys may have at most ${MAX_LENGTH} characters.`);
    const record = this.#records.get(key);
    if (record === undefined || now - record.since >= LIFE) {
      this.#records.set(key, { fingerprint, since: now, answer: undefined });
      return undefined;
    }
    if (record.fingerprint !== fingerprint) throw mismatch(key);
    if (record.answer === undefined) throw keyInUse(key);
    return record.answer;
  }

  /** Keeps what an executed request answered. */
  save(key: string, answer: SavedAnswer): void {
    const record = this.#records.get(key);
    if (record !== undefined) record.answer = answer;
  }

  /** A request that never began leaves its key free. */
  release(key: string): void {
    if (this.#records.get(key)?.answer === undefined) this.#records.delete(key);
  }

  clear(): void {
    this.#records.clear();
  }
}

export function keyInUse(key: string): StripeRefusal {
  return new StripeRefusal(409, {
    type: 'idempotency_error',
    code: 'idempotency_key_in_use',
    message:
      'There is currently another in-progress request using this Idempotent Key (that probably means you ' +
      `submitted twice, and the other request is still going through): ${key}. Please try again later.`,
  });
}

function mismatch(key: string): StripeRefusal {
  return new StripeRefusal(400, {
    type: 'idempotency_error',
    message:
      'Keys for idempotent requests can only be used with the same parameters they were first used with. ' +
      `Try using a key other than '${key}' if you meant to execute a different request.`,
  });
}
