import { expect, test } from 'vitest';
import { DAY, failure, raw, scene } from './harness.ts';

test('[P2] the same key and parameters replay the first answer and act once', async () => {
  const { standIn, stripe } = await scene();
  const options = { idempotencyKey: 'create-1' };
  const first = await stripe.customers.create({ email: 'a@example.org' }, options);
  const again = await stripe.customers.create({ email: 'a@example.org' }, options);
  expect(again.id).toBe(first.id);
  expect(again.lastResponse.headers).toMatchObject({
    'idempotent-replayed': 'true',
    'original-request': first.lastResponse.requestId,
  });
  expect(again.lastResponse.requestId).not.toBe(first.lastResponse.requestId);
  expect(standIn.store.customers.all()).toHaveLength(1);
});

test('the same key with other parameters is 400 idempotency_error', async () => {
  const { stripe } = await scene();
  const options = { idempotencyKey: 'create-1' };
  await stripe.customers.create({ email: 'a@example.org' }, options);
  const error = await failure(stripe.customers.create({ email: 'b@example.org' }, options));
  expect(error).toMatchObject({
    type: 'StripeIdempotencyError',
    statusCode: 400,
    rawType: 'idempotency_error',
  });
  expect(error.message).toMatch(/^Keys for idempotent requests can only be used with the same parameters/);
});

test('an executed refusal is kept under its key, one of validation is not', async () => {
  const { standIn, stripe } = await scene();
  const customer = await stripe.customers.create({});
  const price = standIn.seed.price();
  const order = { customer: customer.id, items: [{ price: price.id }] };
  const subscribe = () => stripe.subscriptions.create(order, { idempotencyKey: 'order-1' });
  expect((await failure(subscribe())).headers).not.toHaveProperty('idempotent-replayed');
  const card = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id });
  await stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: card.id } });
  expect((await failure(subscribe())).headers).toMatchObject({ 'idempotent-replayed': 'true' });

  const post = (body: string) =>
    raw(standIn, 'POST', '/v1/customers', { body, headers: { 'idempotency-key': 'typo-1' } });
  expect((await post('emial=a@example.org')).status).toBe(400);
  expect((await post('email=a@example.org')).status).toBe(200);
});

test('a rate limit is not kept, a 500 is when the script says that the request had begun', async () => {
  const { standIn, stripe } = await scene();
  const create = (key: string) => stripe.customers.create({}, { idempotencyKey: key });
  standIn.faults.add({ kind: 'rate-limit' });
  expect((await failure(create('k1'))).statusCode).toBe(429);
  expect((await create('k1')).object).toBe('customer');
  standIn.faults.add({ kind: 'server-error', saved: true });
  expect((await failure(create('k2'))).statusCode).toBe(500);
  const replayed = await failure(create('k2'));
  expect(replayed.statusCode).toBe(500);
  expect(replayed.headers).toMatchObject({ 'idempotent-replayed': 'true' });
  expect(standIn.store.customers.all()).toHaveLength(1);
});

test('a second request while the first still runs is 409 idempotency_key_in_use', async () => {
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const { standIn, stripe } = await scene({ onActed: () => held });
  const create = () => stripe.customers.create({}, { idempotencyKey: 'twice' });
  const first = create();
  await expect.poll(() => standIn.requests[0]?.acted).toBe(true);
  expect(await failure(create())).toMatchObject({
    type: 'StripeAPIError',
    statusCode: 409,
    code: 'idempotency_key_in_use',
  });
  release();
  expect((await create()).id).toBe((await first).id);
});

test('keys are forgotten after 24 hours of the clock', async () => {
  const { standIn, stripe } = await scene();
  const create = () => stripe.customers.create({}, { idempotencyKey: 'daily' });
  const first = await create();
  standIn.clock.advance(DAY - 1);
  expect((await create()).id).toBe(first.id);
  standIn.clock.advance(1);
  expect((await create()).id).not.toBe(first.id);
});

test('a key on a DELETE has no effect: the second one is 404', async () => {
  const { standIn, stripe } = await scene();
  const { id } = standIn.seed.subscription({ customer: standIn.seed.customer().id });
  const cancel = () => stripe.subscriptions.cancel(id, undefined, { idempotencyKey: 'cancel-1' });
  const done = await cancel();
  expect(done.lastResponse.headers).toMatchObject({ 'idempotency-key': 'cancel-1' });
  expect(done.lastResponse.headers).not.toHaveProperty('original-request');
  expect((await failure(cancel())).statusCode).toBe(404);
});

test('a key longer than 255 characters is refused', async () => {
  const { stripe } = await scene();
  const error = await failure(stripe.customers.create({}, { idempotencyKey: 'k'.repeat(256) }));
  expect(error.statusCode).toBe(400);
});
