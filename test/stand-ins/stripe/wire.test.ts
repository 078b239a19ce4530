import { expect, test } from 'vitest';
import { failure, raw, scene } from './harness.ts';

test('a missing or rejected key is 401 with www-authenticate and without a request id', async () => {
  const { standIn, client } = await scene({ apiKey: 'sk_test_theRightOne' });
  const wrong = await raw(standIn, 'GET', '/v1/customers', { key: 'sk_test_theWrongOne' });
  expect(wrong.status).toBe(401);
  expect(wrong.headers.get('www-authenticate')).toBe('Bearer realm="Stripe"');
  expect(wrong.headers.has('request-id')).toBe(false);
  expect(wrong.body.error).toEqual({
    type: 'invalid_request_error',
    message: 'Invalid API Key provided: sk_test_*******gOne',
  });
  const none = await raw(standIn, 'GET', '/v1/customers', { headers: { authorization: '' } });
  expect(none.status).toBe(401);
  const error = await failure(client('sk_test_theWrongOne').customers.list());
  expect(error).toMatchObject({ type: 'StripeAuthenticationError', statusCode: 401 });
  expect((await client('sk_test_theRightOne').customers.list()).data).toEqual([]);
});

test('a key may also come by Basic authentication', async () => {
  const { standIn } = await scene();
  const authorization = `Basic ${Buffer.from('sk_test_basic:').toString('base64')}`;
  expect((await raw(standIn, 'GET', '/v1/customers', { headers: { authorization } })).status).toBe(200);
});

test('[P3] an object of the other mode is 404 with the suffix that tells so', async () => {
  const { standIn, stripe, client } = await scene();
  const customer = standIn.seed.customer({ livemode: true });
  const subscription = standIn.seed.subscription({ customer: customer.id, livemode: true });
  expect(await failure(stripe.subscriptions.cancel(subscription.id))).toMatchObject({
    statusCode: 404,
    code: 'resource_missing',
    param: 'id',
    message:
      `No such subscription: '${subscription.id}'; a similar object exists in live mode, but a test mode ` +
      'key was used to make this request.',
  });
  expect((await stripe.subscriptions.list()).data).toEqual([]);
  const live = client('sk_live_standin0000');
  expect((await live.subscriptions.list()).data).toHaveLength(1);
  expect((await live.subscriptions.cancel(subscription.id)).livemode).toBe(true);
});

test('an unknown parameter is 400 parameter_unknown, nested ones too', async () => {
  const { standIn, stripe } = await scene();
  const { id } = standIn.seed.subscription({ customer: standIn.seed.customer().id });
  const top = await raw(standIn, 'DELETE', `/v1/subscriptions/${id}?at_period_end=true`);
  expect(top.status).toBe(400);
  expect(top.body.error).toMatchObject({
    type: 'invalid_request_error',
    code: 'parameter_unknown',
    param: 'at_period_end',
    message: 'Received unknown parameter: at_period_end',
  });
  const nested = await raw(standIn, 'POST', `/v1/subscriptions/${id}`, {
    body: 'cancellation_details[reason]=x&cancellation_details[why]=y',
  });
  expect(nested.body.error).toMatchObject({
    code: 'parameter_unknown',
    param: 'cancellation_details[reason]',
    message: 'Received unknown parameters: cancellation_details[reason], cancellation_details[why]',
  });
  expect((await stripe.subscriptions.retrieve(id)).status).toBe('active');
});

test('values of the wrong type are refused on their parameter', async () => {
  const { standIn } = await scene();
  const { id } = standIn.seed.subscription({ customer: standIn.seed.customer().id });
  const post = async (body: string) =>
    (await raw(standIn, 'POST', `/v1/subscriptions/${id}`, { body })).body.error;
  expect(await post('cancel_at_period_end=maybe')).toMatchObject({ param: 'cancel_at_period_end' });
  expect(await post('days_until_due=soon')).toMatchObject({
    code: 'parameter_invalid_integer',
    param: 'days_until_due',
  });
  expect(await post('cancellation_details[feedback]=sad')).toMatchObject({
    param: 'cancellation_details[feedback]',
  });
  expect(await post('cancellation_details[feedback_option]=&items[0][id]=')).toMatchObject({
    code: 'parameter_invalid_empty',
  });
  expect(await post('items=x')).toMatchObject({ message: 'Invalid array', param: 'items' });
});

test('a parameter whose effect is not built is refused aloud', async () => {
  const { standIn, stripe } = await scene();
  const { id } = standIn.seed.subscription({ customer: standIn.seed.customer().id });
  const error = await failure(stripe.subscriptions.update(id, { discounts: [{ coupon: 'HALF' }] }));
  expect(error).toMatchObject({
    statusCode: 400,
    message: "The Stripe stand-in does not model the parameter 'discounts'.",
  });
});

test('query and body are one, and lists may be indexed or not', async () => {
  const { standIn, stripe } = await scene();
  const customer = await stripe.customers.create({ payment_method: 'pm_card_visa' });
  const order = (lists: string) => `customer=${customer.id}&payment_behavior=default_incomplete&${lists}`;
  const price = standIn.seed.price();
  for (const body of [`items[0][price]=${price.id}`, `items[][price]=${price.id}`]) {
    const created = await raw(standIn, 'POST', '/v1/subscriptions?expand[]=customer', { body: order(body) });
    expect(created.status).toBe(200);
    expect(created.body.customer.id).toBe(customer.id);
  }
  const { id } = standIn.seed.subscription({ customer: customer.id });
  const canceled = await raw(standIn, 'DELETE', `/v1/subscriptions/${id}?prorate=true`, {
    body: 'invoice_now=true&cancellation_details[comment]=bye',
  });
  expect(canceled.body).toMatchObject({ status: 'canceled', cancellation_details: { comment: 'bye' } });
});

test('an executed POST answers with its key, its original request and should-retry false; a DELETE echoes the key', async () => {
  const { standIn } = await scene();
  const headers = { 'idempotency-key': 'key-1', 'stripe-version': '2025-10-29.clover' };
  const created = await raw(standIn, 'POST', '/v1/customers', { headers });
  expect(created.headers.get('idempotency-key')).toBe('key-1');
  expect(created.headers.get('original-request')).toBe(created.headers.get('request-id'));
  expect(created.headers.get('stripe-should-retry')).toBe('false');
  expect(created.headers.get('stripe-version')).toBe('2025-10-29.clover');

  const refused = await raw(standIn, 'POST', '/v1/customers', {
    body: 'colour=red',
    headers: { 'idempotency-key': 'key-2' },
  });
  expect(refused.status).toBe(400);
  expect(refused.headers.get('original-request')).toBe(refused.headers.get('request-id'));
  expect(refused.headers.has('stripe-should-retry')).toBe(false);

  const deleted = await raw(standIn, 'DELETE', `/v1/customers/${created.body.id}`, {
    headers: { 'idempotency-key': 'key-3' },
  });
  expect(deleted.headers.get('idempotency-key')).toBe('key-3');
  expect(deleted.headers.has('original-request')).toBe(false);
  expect(deleted.headers.has('stripe-should-retry')).toBe(false);
});

test('the SDK sees the request id and the pinned API version', async () => {
  const { stripe } = await scene();
  const { lastResponse } = await stripe.customers.create({});
  expect(lastResponse.statusCode).toBe(200);
  expect(lastResponse.requestId).toMatch(/^req_\w+$/);
  expect(lastResponse.headers['stripe-version']).toBe('2026-10-28.endive');
});

test('an address that is not there is 404 Unrecognized request URL', async () => {
  const { standIn, stripe } = await scene();
  const answer = await raw(standIn, 'POST', '/v1/rockets');
  expect(answer.status).toBe(404);
  expect(answer.body.error.type).toBe('invalid_request_error');
  expect(answer.body.error.message).toMatch(/^Unrecognized request URL \(POST: \/v1\/rockets\)\./);
  expect(answer.body.error).not.toHaveProperty('code');
  // The SDK does not stop an empty id: DELETE /v1/subscriptions/ reaches no endpoint.
  const empty = await failure(stripe.subscriptions.cancel(''));
  expect(empty).toMatchObject({ statusCode: 404 });
  expect(empty.code).toBeUndefined();
});

test('expand replaces ids by objects up to four levels deep', async () => {
  const { standIn, stripe } = await scene();
  const customer = standIn.seed.customer({ id: 'cus_ada' });
  const card = standIn.seed.paymentMethod({ id: 'pm_ada', customer: customer.id });
  standIn.store.customers.get(customer.id)!.invoice_settings.default_payment_method = card.id;
  standIn.seed.subscription({ customer: customer.id, default_payment_method: card.id });
  const page = await stripe.subscriptions.list({
    limit: 100,
    expand: [
      'data.customer',
      'data.default_payment_method',
      'data.latest_invoice',
      'data.customer.invoice_settings.default_payment_method',
    ],
  });
  expect(page.data[0]).toMatchObject({
    customer: { id: 'cus_ada', invoice_settings: { default_payment_method: { id: 'pm_ada', type: 'card' } } },
    default_payment_method: { id: 'pm_ada', card: { last4: '4242' } },
    latest_invoice: null,
  });
  const plain = await stripe.subscriptions.list();
  expect(plain.data[0]).toMatchObject({ customer: 'cus_ada', default_payment_method: 'pm_ada' });
  const embedded = await stripe.customers.retrieve('cus_ada', { expand: ['subscriptions'] });
  expect(embedded).toMatchObject({ subscriptions: { object: 'list', data: [{ customer: 'cus_ada' }] } });
});

test('an expand that is too deep or names no reference is refused before anything happens', async () => {
  const { standIn, stripe } = await scene();
  const { id } = standIn.seed.subscription({ customer: standIn.seed.customer().id });
  const cancel = (path: string) => failure(stripe.subscriptions.cancel(id, { expand: [path] }));
  expect(await cancel('status')).toMatchObject({
    statusCode: 400,
    message: 'This property cannot be expanded (status).',
  });
  expect(
    await cancel('latest_invoice.customer.invoice_settings.default_payment_method.customer'),
  ).toMatchObject({
    statusCode: 400,
  });
  expect((await stripe.subscriptions.retrieve(id)).status).toBe('active');
});
