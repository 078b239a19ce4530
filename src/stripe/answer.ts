/** What a success looks like, judged here because the SDK does not, and how long we wait for one. */

/** Where an answer came from; the SDK hangs it, not enumerable, on whatever it resolves with. */
export interface Origin {
  readonly statusCode: number;
  readonly requestId: string;
}

/** The SDK resolved, but not with a success: nobody can tell what Stripe did. */
export class UnusableAnswer extends Error {
  override readonly name = 'UnusableAnswer';
  readonly statusCode: number;
  readonly requestId: string;

  constructor(origin: Origin) {
    super(`status ${origin.statusCode} without the object asked for`);
    this.statusCode = origin.statusCode;
    this.requestId = origin.requestId;
  }
}

/** No answer in time; the request may still arrive and act. */
export class DeadlinePassed extends Error {
  override readonly name = 'DeadlinePassed';

  constructor(ms: number) {
    super(`no answer within ${ms} ms`);
  }
}

/** The SDK wanted to try again, and there was no turn for that. What became of its first request it alone knows. */
export class NoSecondTurn extends Error {
  override readonly name = 'NoSecondTurn';
}

/**
 * The answer, if it is one. stripe-node (23.1.0) takes every JSON object without an `error` for a success: a
 * `503 {}` resolves. Each call that is made here answers a success with 200 (docs.stripe.com/api/errors).
 */
export function succeeded<T extends { object: string; lastResponse: Origin }>(answer: T, object: string): T {
  if (answer.lastResponse.statusCode !== 200 || answer.object !== object) {
    throw new UnusableAnswer(answer.lastResponse);
  }
  return answer;
}

/**
 * stripe-node's `timeout` only limits how long the socket is idle, and it takes no AbortSignal: we race it.
 */
export async function withDeadline<T>(ms: number, answer: Promise<T>): Promise<T> {
  const { promise: deadline, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new DeadlinePassed(ms)), ms);
  try {
    return await Promise.race([answer, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
