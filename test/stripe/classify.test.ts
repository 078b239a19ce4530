import type { RequestListener } from 'node:http';
import Stripe from 'stripe';
import { describe, expect, test } from 'vitest';
import { Retryable, Terminal } from '../../src/core/errors.ts';
import { DeadlinePassed, succeeded } from '../../src/stripe/answer.ts';
import { classifyStripeFailure, whatItTells } from '../../src/stripe/classify.ts';
import { toSubscription } from '../../src/stripe/mapping.ts';
import { failure, hang, json, raw, reset, resetMidBody, scripted } from './scripted-server.ts';

const asked = { operation: 'cancel', subject: 'sub_1', livemode: false };

/** What the SDK really rejects with, or our own judgement of what it resolves with, after such answers. */
async function failureOf(
  script: [RequestListener, ...RequestListener[]],
  { call = (stripe: Stripe) => stripe.subscriptions.cancel('sub_1'), timeout = 20_000 } = {},
): Promise<{ error: unknown; requests: string[] }> {
  await using server = await scripted(...script);
  const stripe = sdk(server.port, timeout);
  try {
    const answer = succeeded(await call(stripe), 'subscription');
    toSubscription(answer, answer.lastResponse);
  } catch (error) {
    return { error, requests: server.requests };
  }
  throw new Error('the call succeeded');
}

function sdk(port: number, timeout = 20_000): Stripe {
  const address = { host: '127.0.0.1', port, protocol: 'http' } as const;
  return new Stripe('sk_test_123456789012', { ...address, timeout, maxNetworkRetries: 1, telemetry: false });
}

const update = (idempotencyKey: string) => (stripe: Stripe) =>
  stripe.subscriptions.update('sub_1', { cancel_at_period_end: true }, { idempotencyKey });

const missing = { type: 'invalid_request_error', code: 'resource_missing' };
const badDecimal = { object: 'subscription', items: { data: [{ price: { unit_amount_decimal: 'abc' } }] } };

interface Row {
  when: string;
  script: [RequestListener, ...RequestListener[]];
  call?: (stripe: Stripe) => Promise<Stripe.Response<Stripe.Subscription>>;
  timeout?: number;
  /** Requests that the SDK sends, its own retries included. */
  sent: number;
  verdict: typeof Retryable | typeof Terminal;
  facts: object;
  retry?: { outcomeUnknown?: boolean; waiting?: boolean; afterMs?: number };
  /** What it says of Stripe itself; an answer of Stripe's own when left out. */
  tells?: 'down' | 'nothing';
}

const unknown = { outcomeUnknown: true };
/** Stripe does not work: no failure of the job's. */
const down = { retry: { outcomeUnknown: true, waiting: true }, tells: 'down' } as const;
const answered = { requestId: 'req_1', url: 'https://dashboard.stripe.com/test/logs/req_1' };

const rows: Row[] = [
  // The rate limiter, and the lock that answers with the same status.
  {
    when: '429 rate_limit with Retry-After: it waits as long as Stripe says, and uses no attempt',
    script: [failure(429, { type: 'invalid_request_error', code: 'rate_limit' }, { 'retry-after': '2' })],
    sent: 1,
    verdict: Retryable,
    facts: {
      class: 'stripe_rate_limited',
      type: 'invalid_request_error',
      code: 'rate_limit',
      httpStatus: 429,
      ...answered,
    },
    retry: { waiting: true, afterMs: 2_000 },
    tells: 'nothing',
  },
  {
    when: '429 without Retry-After: the kind backs off by itself',
    script: [failure(429, { type: 'invalid_request_error', code: 'rate_limit' })],
    sent: 1,
    verdict: Retryable,
    facts: { class: 'stripe_rate_limited', httpStatus: 429 },
    retry: { waiting: true },
    tells: 'nothing',
  },
  {
    when: '429 with a Retry-After of nothing: that is no reason to come back at once',
    script: [failure(429, { type: 'rate_limit_error' }, { 'retry-after': '0' })],
    sent: 1,
    verdict: Retryable,
    facts: { class: 'stripe_rate_limited' },
    retry: { waiting: true },
    tells: 'nothing',
  },
  {
    when: '429 with a date for Retry-After, which Stripe does not send: it is left aside',
    script: [failure(429, { type: 'rate_limit_error' }, { 'retry-after': 'Fri, 31 Dec 1999 23:59:59 GMT' })],
    sent: 1,
    verdict: Retryable,
    facts: { class: 'stripe_rate_limited' },
    retry: { waiting: true },
    tells: 'nothing',
  },
  {
    when: '429 with an absurd Retry-After: an hour is the longest wait',
    script: [failure(429, { type: 'rate_limit_error' }, { 'retry-after': '99999999' })],
    sent: 1,
    verdict: Retryable,
    facts: { class: 'stripe_rate_limited' },
    retry: { waiting: true, afterMs: 3_600_000 },
    tells: 'nothing',
  },
  {
    when: '400 with the code rate_limit: the limiter too',
    script: [failure(400, { type: 'invalid_request_error', code: 'rate_limit' })],
    sent: 1,
    verdict: Retryable,
    facts: { class: 'stripe_rate_limited', httpStatus: 400 },
    retry: { waiting: true },
    tells: 'nothing',
  },
  {
    when: '429 lock_timeout, again on the retry of the SDK: another request holds the object',
    script: [
      failure(
        429,
        { type: 'invalid_request_error', code: 'lock_timeout' },
        { 'retry-after': '3', 'stripe-should-retry': 'true' },
      ),
    ],
    sent: 2,
    verdict: Retryable,
    facts: { class: 'stripe_busy', code: 'lock_timeout', httpStatus: 429 },
    retry: { afterMs: 3_000 },
  },

  // Answers after which nobody can tell what Stripe did.
  {
    when: '500 that Stripe will repeat: whether it happened is unknown',
    script: [failure(500, { type: 'api_error' }, { 'stripe-should-retry': 'false' })],
    sent: 1,
    verdict: Retryable,
    facts: { class: 'stripe_unavailable', type: 'api_error', httpStatus: 500, ...answered },
    ...down,
  },
  {
    when: '503, on the retry of the SDK too',
    script: [failure(503, { type: 'api_error' })],
    sent: 2,
    verdict: Retryable,
    facts: { class: 'stripe_unavailable', httpStatus: 503 },
    ...down,
  },
  {
    when: '409 idempotency_key_in_use: our own first try may still be under way',
    script: [failure(409, { type: 'idempotency_error', code: 'idempotency_key_in_use' })],
    call: update('key-1'),
    sent: 2,
    verdict: Retryable,
    facts: {
      class: 'stripe_busy',
      type: 'idempotency_error',
      code: 'idempotency_key_in_use',
      httpStatus: 409,
    },
    retry: unknown,
  },
  {
    when: 'a connection that is reset before an answer, twice',
    script: [reset],
    sent: 2,
    verdict: Retryable,
    facts: {
      class: 'stripe_unavailable',
      type: 'StripeConnectionError',
      code: 'ECONNRESET',
      subject: 'sub_1',
    },
    ...down,
  },
  {
    when: 'no answer until the socket times out, twice',
    script: [hang],
    timeout: 100,
    sent: 2,
    verdict: Retryable,
    facts: { class: 'stripe_unavailable', type: 'StripeConnectionError', code: 'ETIMEDOUT' },
    ...down,
  },
  {
    when: 'a connection that is reset in the middle of the answer, which the SDK does not retry',
    script: [resetMidBody],
    sent: 1,
    verdict: Retryable,
    facts: { class: 'stripe_unavailable', type: 'StripeConnectionError', code: 'ECONNRESET', ...answered },
    ...down,
  },
  {
    when: '502 with a page of HTML',
    script: [raw(502, '<html>Bad Gateway</html>', { 'stripe-should-retry': 'false' })],
    sent: 1,
    verdict: Retryable,
    facts: { class: 'stripe_unclear', type: 'StripeAPIError', requestId: 'req_1' },
    ...down,
  },
  {
    when: '200 with nothing in it',
    script: [raw(200, '')],
    sent: 1,
    verdict: Retryable,
    facts: { class: 'stripe_unclear', type: 'StripeAPIError' },
    ...down,
  },
  {
    when: "502 with a gateway's own error, whose text is not kept",
    script: [json(502, { error: 'Bad Gateway' }, { 'stripe-should-retry': 'false' })],
    sent: 1,
    verdict: Retryable,
    facts: { class: 'stripe_unavailable', type: 'StripeOAuthError', httpStatus: 502 },
    ...down,
  },
  {
    when: '503 {}, which the SDK takes for a success',
    script: [json(503, {}, { 'stripe-should-retry': 'false' })],
    sent: 1,
    verdict: Retryable,
    facts: { class: 'stripe_unavailable', type: 'UnusableAnswer', httpStatus: 503, ...answered },
    ...down,
  },
  {
    when: '202 with the right object: only 200 is a success',
    script: [json(202, { object: 'subscription', status: 'canceled' })],
    sent: 1,
    verdict: Retryable,
    facts: { class: 'stripe_unclear', type: 'UnusableAnswer', httpStatus: 202 },
    ...down,
  },
  {
    when: '200 with another object',
    script: [json(200, { object: 'invoice', status: 'open' })],
    sent: 1,
    verdict: Retryable,
    facts: { class: 'stripe_unclear', type: 'UnusableAnswer', httpStatus: 200 },
    ...down,
  },
  {
    when: '200 with a subscription that has no status',
    script: [json(200, { object: 'subscription', id: 'sub_1' })],
    sent: 1,
    verdict: Retryable,
    facts: { class: 'stripe_unclear', type: 'UnusableAnswer', httpStatus: 200 },
    ...down,
  },
  {
    when: '200 with an error in it',
    script: [failure(200, { type: 'api_error' })],
    sent: 1,
    verdict: Retryable,
    facts: { class: 'stripe_unclear', type: 'api_error', httpStatus: 200 },
    ...down,
  },
  {
    when: '200 with a number that the SDK cannot read, which it throws as a plain Error',
    script: [json(200, badDecimal)],
    sent: 1,
    verdict: Retryable,
    facts: { class: 'stripe_unclear', type: 'Error' },
    retry: unknown,
    tells: 'nothing',
  },

  // Refusals.
  {
    when: '404 resource_missing of the id in the URL',
    script: [failure(404, { ...missing, param: 'id' })],
    sent: 1,
    verdict: Terminal,
    facts: {
      class: 'not_found',
      type: 'invalid_request_error',
      code: 'resource_missing',
      param: 'id',
      httpStatus: 404,
    },
  },
  {
    when: 'a cancel whose answer is lost, so that the SDK comes again: only a retrieve can tell',
    script: [reset, failure(404, { ...missing, param: 'id' })],
    sent: 2,
    verdict: Terminal,
    facts: { class: 'not_found', httpStatus: 404 },
  },
  {
    when: '404 resource_missing of another parameter',
    script: [failure(404, { ...missing, param: 'payment_method' })],
    sent: 1,
    verdict: Terminal,
    facts: { class: 'stripe_refused', param: 'payment_method', httpStatus: 404 },
  },
  {
    when: '404 without a code',
    script: [failure(404, { type: 'invalid_request_error', param: 'id' })],
    sent: 1,
    verdict: Terminal,
    facts: { class: 'stripe_refused', httpStatus: 404 },
  },
  {
    when: '400 resource_missing, of whatever parameter: not said of what the URL names',
    script: [failure(400, { ...missing, param: 'id' })],
    sent: 1,
    verdict: Terminal,
    facts: { class: 'stripe_refused', code: 'resource_missing', param: 'id', httpStatus: 400 },
  },
  {
    when: '400 resource_missing of a price: the code alone does not say that the subscription is gone',
    script: [failure(400, { ...missing, param: 'items[0][price]' })],
    sent: 1,
    verdict: Terminal,
    facts: { class: 'stripe_refused', code: 'resource_missing', param: 'items[0][price]', httpStatus: 400 },
  },
  {
    when: '400 of a subscription that a schedule manages',
    script: [failure(400, { type: 'invalid_request_error' })],
    sent: 1,
    verdict: Terminal,
    facts: { class: 'stripe_refused', type: 'invalid_request_error', httpStatus: 400, ...answered },
  },
  {
    when: '401: the key',
    script: [failure(401, { type: 'invalid_request_error' })],
    sent: 1,
    verdict: Terminal,
    facts: { class: 'stripe_auth', httpStatus: 401 },
  },
  {
    when: '403: its permissions',
    script: [failure(403, { type: 'invalid_request_error', code: 'more_permissions_required' })],
    sent: 1,
    verdict: Terminal,
    facts: { class: 'stripe_auth', code: 'more_permissions_required', httpStatus: 403 },
  },
  {
    when: '402: a card',
    script: [failure(402, { type: 'card_error', code: 'card_declined', param: '' })],
    sent: 1,
    verdict: Terminal,
    facts: { class: 'stripe_card', type: 'card_error', code: 'card_declined', httpStatus: 402 },
  },
  {
    when: '400 idempotency_error: one key for two things is a fault of ours',
    script: [failure(400, { type: 'idempotency_error' })],
    call: update('key-1'),
    sent: 1,
    verdict: Terminal,
    facts: { class: 'stripe_bug', type: 'idempotency_error', httpStatus: 400 },
  },
  {
    when: 'a header that cannot be sent: it looks like a lost connection and is a fault of ours',
    script: [hang],
    call: update('schlüssel-€'),
    sent: 0,
    verdict: Terminal,
    facts: { class: 'stripe_bug', type: 'StripeConnectionError', code: 'ERR_INVALID_CHAR' },
    tells: 'nothing',
  },
];

describe.concurrent('a failure of Stripe', () => {
  test.for(rows)('$when', async (row, { expect }) => {
    const { script, call, timeout, sent, verdict, facts, retry, tells = 'works' } = row;
    const { error, requests } = await failureOf(script, {
      ...(call && { call }),
      ...(timeout && { timeout }),
    });
    const judged = classifyStripeFailure(error, asked);

    expect(judged).toBeInstanceOf(verdict);
    expect(judged.facts).toMatchObject({ subject: 'sub_1', ...facts });
    expect(judged.cause).toBe(error);
    expect(requests).toHaveLength(sent);
    if (judged instanceof Retryable) {
      const { outcomeUnknown, waiting, afterMs } = judged;
      const quiet = { outcomeUnknown: false, waiting: false, afterMs: undefined };
      expect({ outcomeUnknown, waiting, afterMs }).toEqual({ ...quiet, ...retry });
    }
    expect(whatItTells(error)).toBe(tells);
  });

  test('a refused connection may work later', async ({ expect }) => {
    const { port, ...server } = await scripted(hang);
    await server[Symbol.asyncDispose]();
    const error = await sdk(port)
      .subscriptions.cancel('sub_1')
      .catch((refusal: unknown) => refusal);
    expect(classifyStripeFailure(error, asked)).toMatchObject({
      name: 'Retryable',
      outcomeUnknown: true,
      facts: { class: 'stripe_unavailable', code: 'ECONNREFUSED' },
    });
  });

  test('our own deadline leaves the outcome unknown', ({ expect }) => {
    expect(classifyStripeFailure(new DeadlinePassed(30_000), asked)).toMatchObject({
      name: 'Retryable',
      outcomeUnknown: true,
      waiting: true,
      facts: { class: 'stripe_unavailable', type: 'DeadlinePassed' },
    });
    expect(whatItTells(new DeadlinePassed(30_000))).toBe('down');
  });

  test.for([undefined, null, 'a text', 7, {}, new TypeError('x is not a function')])(
    'whatever else is thrown (%s) may have happened and is tried again',
    (error, { expect }) => {
      expect(classifyStripeFailure(error, asked)).toMatchObject({
        name: 'Retryable',
        outcomeUnknown: true,
        waiting: false,
        facts: { class: 'stripe_unclear', subject: 'sub_1' },
      });
      expect(whatItTells(error)).toBe('nothing');
    },
  );

  test('of a read leaves nothing unknown, for it can have changed nothing', async ({ expect }) => {
    const { error } = await failureOf([
      failure(500, { type: 'api_error' }, { 'stripe-should-retry': 'false' }),
    ]);
    const judged = classifyStripeFailure(error, { ...asked, operation: 'retrieve', readOnly: true });
    expect(judged).toMatchObject({ name: 'Retryable', outcomeUnknown: false });
    expect(judged.message).toBe(
      'Stripe was not available when asked to retrieve sub_1: 500 api_error, request req_1',
    );
  });
});

describe('what is said of a failure', () => {
  const messageOf = async (...script: [RequestListener]) =>
    classifyStripeFailure((await failureOf(script)).error, asked).message;

  test('is one sentence of ids and codes', async () => {
    expect(await messageOf(failure(400, { ...missing, param: 'items' }))).toBe(
      'Stripe refused to cancel sub_1: 400 invalid_request_error (resource_missing, param items), request req_1',
    );
    expect(await messageOf(resetMidBody)).toBe(
      'Stripe was not available when asked to cancel sub_1: StripeConnectionError (ECONNRESET), request req_1; ' +
        'whether it happened is unknown',
    );
    expect(await messageOf(failure(401, { type: 'invalid_request_error' }))).toBe(
      'Stripe does not accept our API key (replaced, or mistyped?): it refused to cancel sub_1: ' +
        '401 invalid_request_error, request req_1',
    );
    expect(await messageOf(failure(403, { type: 'invalid_request_error' }))).toMatch(
      /^Our API key lacks a permission \(a restricted key\?\): Stripe refused to cancel sub_1: 403/,
    );
  });

  test('[P7] holds no text that Stripe or a gateway wrote, in whatever field it came', async () => {
    const text = 'ann@example.com lost her card';
    const fields = [
      'message',
      'type',
      'code',
      'param',
      'decline_code',
      'doc_url',
      'user_message',
      'request_log_url',
    ];
    const answers = [
      failure(400, Object.fromEntries(fields.map((field) => [field, text])), { 'request-id': text }),
      failure(400, Object.fromEntries(fields.map((field) => [field, { text }]))),
      json(502, { error: text, error_description: text }, { 'stripe-should-retry': 'false' }),
      raw(500, text, { 'stripe-should-retry': 'false' }),
    ];
    for (const answer of answers) {
      const { message, facts } = classifyStripeFailure((await failureOf([answer])).error, asked);
      expect(JSON.stringify({ message, facts })).not.toContain('ann@example.com');
    }
  });

  test('leads to the log of the request, of the mode of the key', async () => {
    const { error } = await failureOf([failure(400, { type: 'invalid_request_error' })]);
    const urlIn = (livemode: boolean) => classifyStripeFailure(error, { ...asked, livemode }).facts.url;
    expect(urlIn(false)).toBe('https://dashboard.stripe.com/test/logs/req_1');
    expect(urlIn(true)).toBe('https://dashboard.stripe.com/logs/req_1');
  });

  test("leads to Stripe's own link where there is one, and to no other site", async () => {
    const urlOf = async (request_log_url: string) => {
      const { error } = await failureOf([failure(400, { type: 'invalid_request_error', request_log_url })]);
      return classifyStripeFailure(error, asked).facts.url;
    };
    const own = 'https://dashboard.stripe.com/acct_1/test/workbench/logs?object=req_1';
    expect(await urlOf(own)).toBe(own);
    expect(await urlOf('https://dashboard.stripe.com.example.com/')).toBe(
      'https://dashboard.stripe.com/test/logs/req_1',
    );
  });
});
