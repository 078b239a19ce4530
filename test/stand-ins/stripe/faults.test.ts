import Stripe from 'stripe';
import { expect, test } from 'vitest';
import { failure, scene } from './harness.ts';
import type { FaultScript, RequestRecord } from '../../../src/stand-ins/stripe/index.ts';

async function faulty(fault: FaultScript, options: { maxNetworkRetries?: number; timeout?: number } = {}) {
  const { standIn, client } = await scene();
  const stripe = client('sk_test_standin0000', options);
  const { id } = standIn.seed.subscription({ customer: standIn.seed.customer().id });
  standIn.faults.add(fault);
  const cancel = () => stripe.subscriptions.cancel(id);
  const log = () =>
    standIn.requests.map(({ status, fault: kind, acted }) => ({ status, fault: kind, acted }));
  const cancellations = () => standIn.effects()[id]?.canceled;
  return { standIn, stripe, id, cancel, log, cancellations };
}

test('rate-limit is 429, carries retry-after and the reason, and is not retried by the SDK', async () => {
  const { cancel, log, cancellations } = await faulty(
    { kind: 'rate-limit', retryAfter: 2, reason: 'global-rate' },
    { maxNetworkRetries: 2 },
  );
  const error = await failure(cancel());
  expect(error).toMatchObject({ type: 'StripeRateLimitError', statusCode: 429, code: 'rate_limit' });
  expect(error.headers).toMatchObject({ 'retry-after': '2', 'stripe-rate-limited-reason': 'global-rate' });
  expect(log()).toEqual([{ status: 429, fault: 'rate-limit', acted: false }]);
  expect(cancellations()).toBe(0);
});

test('lock-timeout is 429 lock_timeout, which the SDK may retry', async () => {
  const { cancel, log, cancellations } = await faulty({ kind: 'lock-timeout' }, { maxNetworkRetries: 1 });
  expect((await cancel()).status).toBe('canceled');
  expect(log().map(({ status }) => status)).toEqual([429, 200]);
  expect(cancellations()).toBe(1);
});

test('server-error with should-retry false is not retried', async () => {
  const { cancel, log } = await faulty(
    { kind: 'server-error', shouldRetry: 'false' },
    { maxNetworkRetries: 2 },
  );
  expect(await failure(cancel())).toMatchObject({ type: 'StripeAPIError', statusCode: 500 });
  expect(log()).toHaveLength(1);
});

test.each(['true', undefined] as const)(
  'server-error with should-retry %s is retried',
  async (shouldRetry) => {
    const script = shouldRetry === undefined ? {} : { shouldRetry };
    const { cancel, log } = await faulty({ kind: 'server-error', ...script }, { maxNetworkRetries: 1 });
    expect((await cancel()).status).toBe('canceled');
    expect(log().map(({ status }) => status)).toEqual([500, 200]);
  },
);

test('[P4] server-error may act all the same, so that the outcome is unknown', async () => {
  const { stripe, id, cancel, cancellations, log } = await faulty({ kind: 'server-error', act: true });
  expect(await failure(cancel())).toMatchObject({ statusCode: 500 });
  expect(log()).toEqual([{ status: 500, fault: 'server-error', acted: true }]);
  expect(await failure(cancel())).toMatchObject({ statusCode: 404, code: 'resource_missing' });
  expect((await stripe.subscriptions.retrieve(id)).status).toBe('canceled');
  expect(cancellations()).toBe(1);
});

test('[P4] unavailable-empty resolves in the SDK with status 503 and nothing cancelled', async () => {
  const { cancel, cancellations } = await faulty({ kind: 'unavailable-empty' });
  const answer = await cancel();
  expect(answer.lastResponse.statusCode).toBe(503);
  expect(answer.status).toBeUndefined();
  expect(cancellations()).toBe(0);
});

test('bad-gateway-html becomes an API error without a status', async () => {
  const { cancel } = await faulty({ kind: 'bad-gateway-html' });
  const error = await failure(cancel());
  expect(error.type).toBe('StripeAPIError');
  expect(error.statusCode).toBeUndefined();
});

test('bad-gateway-json becomes an OAuth error of all things', async () => {
  const { cancel } = await faulty({ kind: 'bad-gateway-json' });
  const error = await failure(cancel());
  expect(error).toBeInstanceOf(Stripe.errors.StripeError);
  expect(error).toMatchObject({ type: 'StripeOAuthError', statusCode: 502 });
});

test('conflict is 409 idempotency_key_in_use, an API error to the SDK', async () => {
  const { cancel } = await faulty({ kind: 'conflict' });
  expect(await failure(cancel())).toMatchObject({
    type: 'StripeAPIError',
    statusCode: 409,
    rawType: 'idempotency_error',
    code: 'idempotency_key_in_use',
  });
});

test.each([
  [401, 'StripeAuthenticationError', { type: 'invalid_request_error', message: 'Expired API Key provided' }],
  [402, 'StripeCardError', { type: 'card_error', code: 'card_declined', message: 'Your card was declined.' }],
  [403, 'StripePermissionError', { type: 'invalid_request_error', message: 'This key may not do that.' }],
  [400, 'StripeInvalidRequestError', { type: 'invalid_request_error', message: 'No.', param: 'id' }],
])('refused answers with the given %i, which the SDK calls %s', async (status, type, error) => {
  const { cancel, cancellations } = await faulty({ kind: 'refused', status, error });
  expect(await failure(cancel())).toMatchObject({ type, statusCode: status, message: error.message });
  expect(cancellations()).toBe(0);
});

test('hang never answers, and closing the stand-in does not wait for it', async () => {
  const { cancel, cancellations, standIn } = await faulty({ kind: 'hang' }, { timeout: 100 });
  expect(await failure(cancel())).toMatchObject({
    type: 'StripeConnectionError',
    detail: { code: 'ETIMEDOUT' },
  });
  expect(cancellations()).toBe(0);
  standIn.faults.add({ kind: 'hang' });
  const pending = failure(cancel());
  await expect.poll(() => standIn.requests.length).toBe(2);
  await standIn.close();
  expect((await pending).type).toBe('StripeConnectionError');
});

test('[P4] hang may act first: the cancel is done and nobody is told', async () => {
  const { cancel, cancellations, log } = await faulty({ kind: 'hang', act: true }, { timeout: 100 });
  expect(await failure(cancel())).toMatchObject({ detail: { code: 'ETIMEDOUT' } });
  expect(cancellations()).toBe(1);
  expect(log()).toEqual([{ status: null, fault: 'hang', acted: true }]);
});

test('reset-before cuts the connection with nothing done; the SDK tries once more by itself', async () => {
  const { cancel, log, cancellations } = await faulty({ kind: 'reset-before', times: 2 });
  expect(await failure(cancel())).toMatchObject({
    type: 'StripeConnectionError',
    detail: { code: 'ECONNRESET' },
  });
  expect(log()).toEqual(Array(2).fill({ status: null, fault: 'reset-before', acted: false }));
  expect(cancellations()).toBe(0);
});

test('[P4] reset-after cancels and cuts; the retry of the SDK gets 404 although the cancel worked', async () => {
  const { stripe, id, cancel, log, cancellations } = await faulty({ kind: 'reset-after' });
  expect(await failure(cancel())).toMatchObject({ statusCode: 404, code: 'resource_missing', param: 'id' });
  expect(log()).toEqual([
    { status: null, fault: 'reset-after', acted: true },
    { status: 404, fault: null, acted: false },
  ]);
  expect((await stripe.subscriptions.retrieve(id)).status).toBe('canceled');
  expect(cancellations()).toBe(1);
});

test('[P2] reset-after on a POST is replayed to the SDK under its own key', async () => {
  const { standIn, stripe, id } = await faulty({ kind: 'reset-after' });
  const updated = await stripe.subscriptions.update(id, { cancel_at_period_end: true });
  expect(updated.lastResponse.headers['idempotent-replayed']).toBe('true');
  expect(standIn.requests.map(({ acted, replayed }) => ({ acted, replayed }))).toEqual([
    { acted: true, replayed: false },
    { acted: false, replayed: true },
  ]);
  expect(standIn.effects()[id]?.setToCancelAtPeriodEnd).toBe(1);
});

test('[P4] reset-mid-body acts and breaks off; the SDK knows the request id and does not retry', async () => {
  const { cancel, log, cancellations } = await faulty({ kind: 'reset-mid-body' }, { maxNetworkRetries: 2 });
  const error = await failure(cancel());
  expect(error.type).toBe('StripeConnectionError');
  expect(error.requestId).toMatch(/^req_/);
  expect(log()).toHaveLength(1);
  expect(cancellations()).toBe(1);
});

test('trickle acts and answers in bits, which no idle timeout stops', async () => {
  const { cancel, cancellations } = await faulty({ kind: 'trickle', ms: 5 });
  expect((await cancel()).status).toBe('canceled');
  expect(cancellations()).toBe(1);
});

test('slow waits, then acts and answers', async () => {
  const { cancel, log } = await faulty({ kind: 'slow', ms: 5 });
  expect((await cancel()).status).toBe('canceled');
  expect(log()).toEqual([{ status: 200, fault: 'slow', acted: true }]);
});

test('invalid-json acts and answers what cannot be read', async () => {
  const { cancel, cancellations } = await faulty({ kind: 'invalid-json' });
  const error = await failure(cancel());
  expect(error.type).toBe('StripeAPIError');
  expect(error.message).toContain('Invalid JSON');
  expect(cancellations()).toBe(1);
});

test('a fault meets the method, path or subscription it names, as often as it is told', async () => {
  const { standIn, stripe } = await scene();
  const customer = standIn.seed.customer();
  const one = standIn.seed.subscription({ customer: customer.id });
  const two = standIn.seed.subscription({ customer: customer.id });
  const planned = standIn.faults.add({
    match: { method: 'DELETE', subscription: one.id },
    times: 'forever',
    kind: 'server-error',
  });
  expect((await stripe.subscriptions.cancel(two.id)).status).toBe('canceled');
  expect((await stripe.subscriptions.retrieve(one.id)).status).toBe('active');
  for (let n = 0; n < 3; n++)
    expect((await failure(stripe.subscriptions.cancel(one.id))).statusCode).toBe(500);
  expect(planned.hits).toBe(3);
  planned.remove();
  expect((await stripe.subscriptions.cancel(one.id)).status).toBe('canceled');

  standIn.faults.add({ match: { path: /^\/v1\/customers\/[^/]+$/ }, kind: 'rate-limit', times: 2 });
  standIn.faults.add({ match: { path: '/v1/subscriptions' }, kind: 'bad-gateway-json', times: 'forever' });
  expect((await stripe.customers.list()).data).toHaveLength(1);
  expect((await failure(stripe.customers.retrieve(customer.id))).statusCode).toBe(429);
  expect((await failure(stripe.subscriptions.list())).statusCode).toBe(502);
  standIn.faults.clear();
  expect((await stripe.customers.retrieve(customer.id)).id).toBe(customer.id);
});

test('faults are played in the order they were added', async () => {
  const { standIn, stripe } = await scene();
  standIn.faults.add({ kind: 'server-error' });
  standIn.faults.add({ kind: 'rate-limit' });
  const statuses = [];
  for (let n = 0; n < 2; n++) statuses.push((await failure(stripe.customers.list())).statusCode);
  expect(statuses).toEqual([500, 429]);
  expect((await stripe.customers.list()).data).toEqual([]);
});

test('a fault that makes no sense is refused when it is added', async () => {
  const { standIn } = await scene();
  expect(() => standIn.faults.add({ kind: 'meteor' } as unknown as FaultScript)).toThrow(/kind/);
  expect(() => standIn.faults.add({ kind: 'hang', retryAfter: 3 } as unknown as FaultScript)).toThrow(
    /retryAfter/,
  );
});

test('onActed is called after the act and before the answer', async () => {
  const seen: RequestRecord[] = [];
  const { standIn, stripe } = await scene({ onActed: (request) => void seen.push({ ...request }) });
  const { id } = standIn.seed.subscription({ customer: standIn.seed.customer().id });
  await stripe.subscriptions.cancel(id);
  await failure(stripe.subscriptions.cancel(id));
  expect(seen).toMatchObject([
    { method: 'DELETE', path: `/v1/subscriptions/${id}`, acted: true, status: null },
  ]);
});
