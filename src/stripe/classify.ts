import Stripe from 'stripe';
import { Retryable, Terminal } from '../core/errors.ts';
import type { FailureFacts } from '../core/errors.ts';
import type { StripeCall } from '../core/stripe-gate.ts';
import { DeadlinePassed, NoSecondTurn, UnusableAnswer } from './answer.ts';

/** What was asked of Stripe when it failed. */
export interface FailedCall extends StripeCall {
  readonly livemode: boolean;
  /** It can have changed nothing, so its outcome is never unknown. */
  readonly readOnly?: boolean;
}

/**
 * Every failure of a call to Stripe, as what a job can act on. Closed by default: what is not listed may have
 * happened and is tried again. `unknown` is `outcomeUnknown`, of writes only.
 *
 * | class                 | verdict             | when                                                     |
 * |-----------------------|---------------------|----------------------------------------------------------|
 * | `stripe_unavailable`  | waiting, unknown    | no connection, a time-out, our deadline, 500 and above   |
 * | `stripe_unclear`      | waiting, unknown    | no success and no error of Stripe's                      |
 * |                       | Retryable, unknown  | nothing of the SDK's: a fault of ours in reading it      |
 * | `stripe_rate_limited` | waiting             | 429: the limiter runs before anything else               |
 * | `stripe_busy`         | Retryable           | 429 `lock_timeout`: another request holds the object     |
 * |                       | Retryable, unknown  | 409: our own first try may still be under way            |
 * | `not_found`           | Terminal            | 404 `resource_missing` of the id in the URL, as also of  |
 * |                       |                     | a cancel that came second: only `retrieve` tells         |
 * | `stripe_auth`         | Terminal            | 401 and 403: every other job will fail the same way      |
 * | `stripe_card`         | Terminal            | 402                                                      |
 * | `stripe_bug`          | Terminal            | our request cannot be right: an impossible header, an    |
 * |                       |                     | idempotency key used for something else                  |
 * | `stripe_refused`      | Terminal            | every other 4xx, `resource_missing` of a parameter too   |
 *
 * `waiting` is Retryable without using an attempt: Stripe does not work, which is not the job's failure.
 *
 * Beside these the gateway has `bad_id`, Terminal: what it was given is no id, or no e-mail, so it asked nothing. The
 * gate has `stripe_down` and `stripe_budget`, waiting: nothing was sent (src/core/stripe-gate.ts).
 *
 * Sources: docs.stripe.com/api/errors, docs.stripe.com/error-low-level, docs.stripe.com/rate-limits; how
 * stripe-node 23.1.0 turns answers into errors was tried out case by case (the test's table).
 *
 * The sentence and the facts are made of ids and codes: Stripe's own message may hold personal data. It is
 * still in `cause`, for the debugger: whoever stores or logs a failure leaves that out.
 */
export function classifyStripeFailure(error: unknown, asked: FailedCall): Retryable | Terminal {
  const verdict = judge(error);
  const facts = factsOf(error, verdict.class, asked);
  const unknown = verdict.outcomeUnknown === true && asked.readOnly !== true;
  const options = { facts, cause: error };
  const message =
    `${verdict.says} ${asked.operation} ${asked.subject}${details(facts)}` +
    (unknown ? '; whether it happened is unknown' : '');
  if (verdict.terminal) return new Terminal(message, options);
  const afterMs = retryAfterMs(error);
  return new Retryable(message, {
    ...options,
    waiting: verdict.waiting ?? false,
    outcomeUnknown: unknown,
    ...(afterMs === undefined ? {} : { afterMs }),
  });
}

/**
 * What a failure says of Stripe itself: `down`, that it does not work; `works`, that this was an answer of its own;
 * `nothing`: it was too busy to look at the request, or the request never left.
 */
export function whatItTells(error: unknown): 'works' | 'down' | 'nothing' {
  if (!(error instanceof Stripe.errors.StripeError)) return judge(error).down ? 'down' : 'nothing';
  if (error.detail instanceof NoSecondTurn) return 'nothing';
  const verdict = judge(error);
  if (verdict.down) return 'down';
  const isAnswer = !(error instanceof Stripe.errors.StripeConnectionError) && verdict !== RATE_LIMITED;
  return isAnswer ? 'works' : 'nothing';
}

interface Verdict {
  readonly class: string;
  readonly says: string;
  readonly terminal?: true;
  readonly waiting?: true;
  readonly outcomeUnknown?: true;
  /** Stripe itself does not work. */
  readonly down?: true;
}

const UNAVAILABLE: Verdict = {
  class: 'stripe_unavailable',
  says: 'Stripe was not available when asked to',
  waiting: true,
  outcomeUnknown: true,
  down: true,
};
const UNCLEAR: Verdict = {
  class: 'stripe_unclear',
  says: 'Stripe gave no clear answer when asked to',
  waiting: true,
  outcomeUnknown: true,
  down: true,
};
const UNFORESEEN: Verdict = { class: UNCLEAR.class, says: UNCLEAR.says, outcomeUnknown: true };
const RATE_LIMITED: Verdict = {
  class: 'stripe_rate_limited',
  says: 'Stripe was over its rate limit when asked to',
  waiting: true,
};
const LOCKED: Verdict = { class: 'stripe_busy', says: 'Stripe was busy with another request when asked to' };
const IN_FLIGHT: Verdict = { ...LOCKED, outcomeUnknown: true };
const NOT_FOUND: Verdict = {
  class: 'not_found',
  says: 'Stripe found nothing, in the mode and account of our key, when asked to',
  terminal: true,
};
const KEY_REFUSED: Verdict = {
  class: 'stripe_auth',
  says: 'Stripe does not accept our API key (replaced, or mistyped?): it refused to',
  terminal: true,
};
const NOT_PERMITTED: Verdict = {
  class: 'stripe_auth',
  says: 'Our API key lacks a permission (a restricted key?): Stripe refused to',
  terminal: true,
};
const CARD: Verdict = {
  class: 'stripe_card',
  says: 'A payment failed, so Stripe refused to',
  terminal: true,
};
const BUG: Verdict = {
  class: 'stripe_bug',
  says: 'Our request to Stripe was malformed when asked to',
  terminal: true,
};
const REFUSED: Verdict = { class: 'stripe_refused', says: 'Stripe refused to', terminal: true };

/** By the status first, by the SDK's type second: it types 409, HTML and gateways' own errors oddly. */
function judge(error: unknown): Verdict {
  if (error instanceof UnusableAnswer) return error.statusCode >= 500 ? UNAVAILABLE : UNCLEAR;
  if (error instanceof DeadlinePassed) return UNAVAILABLE;
  if (!(error instanceof Stripe.errors.StripeError)) return UNFORESEEN;
  if (error instanceof Stripe.errors.StripeConnectionError) {
    // Never leaves the machine, and never will: it only looks like a connection that failed.
    return systemCode(error) === 'ERR_INVALID_CHAR' ? BUG : UNAVAILABLE;
  }
  const status = error.statusCode;
  if (status === undefined || status < 400) return UNCLEAR;
  // Older endpoints limit with 400 and the code `rate_limit`; the SDK gives both the same type.
  if (status === 429 || error instanceof Stripe.errors.StripeRateLimitError) {
    return error.code === 'lock_timeout' ? LOCKED : RATE_LIMITED;
  }
  if (status >= 500) return UNAVAILABLE;
  if (status === 409) return IN_FLIGHT;
  // The code alone is not enough: 400 has it too, of a price that is unknown or a customer without a card.
  if (status === 404 && error.code === 'resource_missing' && error.param === 'id') return NOT_FOUND;
  if (status === 401) return KEY_REFUSED;
  if (status === 403) return NOT_PERMITTED;
  if (status === 402) return CARD;
  if (error instanceof Stripe.errors.StripeIdempotencyError) return BUG;
  return REFUSED;
}

function factsOf(error: unknown, failureClass: string, { subject, livemode }: FailedCall): FailureFacts {
  const known = readError(error);
  const requestId = word(known.requestId);
  const log = requestId && `https://dashboard.stripe.com/${livemode ? '' : 'test/'}logs/${requestId}`;
  const facts = stated({
    type: word(known.rawType) ?? word(known.type),
    code: word(known.code),
    param: word(known.param),
    httpStatus: known.statusCode,
    requestId,
    url: dashboardUrl(known.request_log_url) ?? log,
  });
  return { class: failureClass, ...facts, subject };
}

type Known = Partial<
  Record<'rawType' | 'type' | 'code' | 'param' | 'requestId' | 'request_log_url', unknown> & {
    statusCode: number;
  }
>;

function readError(error: unknown): Known {
  if (error instanceof Stripe.errors.StripeError) {
    const { rawType, type, code = systemCode(error), param, requestId, request_log_url, statusCode } = error;
    return { rawType, type, code, param, requestId, request_log_url, ...(statusCode && { statusCode }) };
  }
  if (error instanceof UnusableAnswer) {
    return { type: error.name, requestId: error.requestId, statusCode: error.statusCode };
  }
  return { type: error instanceof Error ? error.name : typeof error };
}

/** Of a connection that failed: `ECONNRESET`, `ETIMEDOUT`, … */
function systemCode(error: Stripe.errors.StripeError): unknown {
  return error.detail instanceof Error && 'code' in error.detail ? error.detail.code : undefined;
}

/** Codes and ids only: a gateway in between may put any text where Stripe puts a code. */
function word(value: unknown): string | undefined {
  return typeof value === 'string' && /^[\w.[\]-]{1,100}$/.test(value) ? value : undefined;
}

function dashboardUrl(value: unknown): string | undefined {
  return typeof value === 'string' && /^https:\/\/dashboard\.stripe\.com\/[\w/?=&.-]{1,200}$/.test(value)
    ? value
    : undefined;
}

/** `: 400 invalid_request_error (resource_missing, param items), request req_1` */
function details({ httpStatus, type, code, param, requestId }: FailureFacts): string {
  const kind = [httpStatus, type].filter(Boolean).join(' ');
  const about = [code, param && `param ${param}`].filter(Boolean).join(', ');
  return `: ${kind}${about && ` (${about})`}${requestId ? `, request ${requestId}` : ''}`;
}

const LONGEST_WAIT_S = 3600;

/**
 * Stripe's wish, in whole seconds. The SDK has ignored it since 22.3.1. Capped, so that no proxy's header can
 * put a cancellation off past its deadline.
 */
function retryAfterMs(error: unknown): number | undefined {
  if (!(error instanceof Stripe.errors.StripeError) || error.statusCode !== 429) return undefined;
  const seconds = /^[1-9]\d*$/.exec(error.headers?.['retry-after'] ?? '')?.[0];
  return seconds === undefined ? undefined : Math.min(Number(seconds), LONGEST_WAIT_S) * 1000;
}

type Stated<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** A fact is known or absent, never undefined. */
function stated<T extends object>(facts: T): Stated<T> {
  return Object.fromEntries(Object.entries(facts).filter(([, fact]) => fact !== undefined)) as Stated<T>;
}
