import { expect, test } from 'vitest';
import { T0, failure, scene } from './harness.ts';

test('a customer is created, retrieved, updated and found by exact e-mail', async () => {
  const { stripe } = await scene();
  const created = await stripe.customers.create({
    email: 'Ada@example.org',
    name: 'Ada',
    address: { city: 'London' },
    metadata: { team: '42' },
  });
  expect(created).toMatchObject({
    object: 'customer',
    created: T0,
    livemode: false,
    email: 'Ada@example.org',
  });
  expect(created.address).toMatchObject({ city: 'London', country: null });
  const updated = await stripe.customers.update(created.id, {
    name: '',
    metadata: { team: '', plan: 'pro' },
  });
  expect(updated).toMatchObject({ name: null, metadata: { plan: 'pro' } });
  expect(await stripe.customers.retrieve(created.id)).toMatchObject({ id: created.id, name: null });
  expect((await stripe.customers.list({ email: 'Ada@example.org' })).data).toHaveLength(1);
  expect((await stripe.customers.list({ email: 'ada@example.org' })).data).toHaveLength(0);
});

test('a customer who is not there is 404 resource_missing on id', async () => {
  const { stripe } = await scene();
  expect(await failure(stripe.customers.retrieve('cus_gone'))).toMatchObject({
    statusCode: 404,
    code: 'resource_missing',
    param: 'id',
    message: "No such customer: 'cus_gone'",
    doc_url: 'https://stripe.com/docs/error-codes/resource-missing',
  });
});

test('[P4] deleting a customer cancels every live subscription, once', async () => {
  const { standIn, stripe } = await scene();
  const customer = standIn.seed.customer();
  const card = standIn.seed.paymentMethod({ customer: customer.id });
  const live = standIn.seed.subscription({ customer: customer.id });
  const trial = standIn.seed.subscription({ customer: customer.id, status: 'trialing' });
  const over = standIn.seed.subscription({ customer: customer.id, status: 'canceled' });

  expect(await stripe.customers.del(customer.id)).toMatchObject({
    id: customer.id,
    object: 'customer',
    deleted: true,
  });
  expect(await stripe.customers.retrieve(customer.id)).toMatchObject({ id: customer.id, deleted: true });
  expect((await stripe.subscriptions.retrieve(live.id)).status).toBe('canceled');
  expect((await stripe.subscriptions.retrieve(trial.id)).status).toBe('canceled');
  expect(Object.values(standIn.effects()).map((effect) => effect.canceled)).toEqual([1, 1, 0]);
  expect((await stripe.paymentMethods.retrieve(card.id)).customer).toBeNull();

  const ended = await stripe.subscriptions.list({ customer: customer.id, status: 'canceled' });
  expect(ended.data.map(({ id }) => id).sort()).toEqual([live.id, over.id, trial.id].sort());
  const expanded = await stripe.subscriptions.retrieve(live.id, { expand: ['customer'] });
  expect(expanded.customer).toEqual({ id: customer.id, object: 'customer', deleted: true });
  expect((await stripe.customers.list()).data).toEqual([]);
  expect(await failure(stripe.customers.del(customer.id))).toMatchObject({ statusCode: 404, param: 'id' });
});

test('a card is attached by its own id or by the name of a test card, and listed by customer and type', async () => {
  const { stripe } = await scene();
  const customer = await stripe.customers.create({});
  const own = await stripe.paymentMethods.create({
    type: 'card',
    card: { number: '5555555555554444', exp_month: 2, exp_year: 2027 },
    billing_details: { name: 'Ada' },
  });
  expect(own).toMatchObject({ customer: null, card: { exp_month: 2, exp_year: 2027, last4: '4444' } });
  const attached = await stripe.paymentMethods.attach(own.id, { customer: customer.id });
  expect(attached.customer).toBe(customer.id);
  const visa = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id });
  expect(visa.id).not.toBe('pm_card_visa');
  const listed = await stripe.customers.listPaymentMethods(customer.id, { type: 'card' });
  expect(listed.data.map(({ id }) => id)).toEqual([visa.id, own.id]);
  expect((await stripe.paymentMethods.list({ customer: customer.id, type: 'card' })).data).toHaveLength(2);
  expect((await stripe.paymentMethods.list({ customer: customer.id, type: 'link' })).data).toEqual([]);
});

test('a declined card is 402, an unknown one 404 on payment_method', async () => {
  const { stripe } = await scene();
  const customer = await stripe.customers.create({});
  const attach = (id: string) => failure(stripe.paymentMethods.attach(id, { customer: customer.id }));
  expect(await attach('pm_card_chargeDeclined')).toMatchObject({
    type: 'StripeCardError',
    statusCode: 402,
    code: 'card_declined',
    decline_code: 'generic_decline',
  });
  expect(await attach('pm_missing')).toMatchObject({
    statusCode: 404,
    code: 'resource_missing',
    param: 'payment_method',
    message: "No such PaymentMethod: 'pm_missing'",
  });
});

test('the default payment method of a customer must be their own', async () => {
  const { standIn, stripe } = await scene();
  const customer = await stripe.customers.create({});
  const theirs = standIn.seed.paymentMethod({ customer: standIn.seed.customer().id });
  const update = (id: string) =>
    stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: id } });
  expect(await failure(update(theirs.id))).toMatchObject({ statusCode: 400 });
  const own = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id });
  expect((await update(own.id)).invoice_settings.default_payment_method).toBe(own.id);
});

test('products and prices are created, retrieved and listed', async () => {
  const { stripe } = await scene();
  const product = await stripe.products.create({ name: 'Plan', id: 'plan-pro' });
  const price = await stripe.prices.create({
    product: product.id,
    currency: 'usd',
    unit_amount: 2500,
    lookup_key: 'pro-monthly',
    recurring: { interval: 'month' },
  });
  const inline = await stripe.prices.create({
    currency: 'usd',
    unit_amount: 100,
    product_data: { name: 'Once' },
  });
  expect(price).toMatchObject({ type: 'recurring', product: 'plan-pro', unit_amount: 2500 });
  expect(inline).toMatchObject({ type: 'one_time', recurring: null });
  expect((await stripe.prices.list({ lookup_keys: ['pro-monthly'] })).data.map(({ id }) => id)).toEqual([
    price.id,
  ]);
  expect((await stripe.prices.list({ product: product.id })).data).toHaveLength(1);
  expect((await stripe.products.list()).data).toHaveLength(2);
  expect(await stripe.prices.retrieve(price.id, { expand: ['product'] })).toMatchObject({
    product: { id: 'plan-pro', name: 'Plan' },
  });
  expect(await failure(stripe.products.retrieve('prod_gone'))).toMatchObject({ statusCode: 404 });
});
