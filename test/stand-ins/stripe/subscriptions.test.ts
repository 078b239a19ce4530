import { expect, test } from 'vitest';
import { DAY, T0, failure, scene } from './harness.ts';

const MONTH = 31 * DAY;

async function subscribed(input: { trialDays?: number } = {}) {
  const { standIn, stripe, client } = await scene();
  const customer = await stripe.customers.create({
    email: 'owner@example.org',
    payment_method: 'pm_card_visa',
  });
  const card = (await stripe.customers.listPaymentMethods(customer.id)).data[0]!;
  await stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: card.id } });
  const product = await stripe.products.create({ name: 'Team plan' });
  const price = await stripe.prices.create({
    product: product.id,
    currency: 'eur',
    unit_amount: 1900,
    recurring: { interval: 'month' },
  });
  const subscription = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: price.id, quantity: 3 }],
    ...(input.trialDays === undefined ? {} : { trial_period_days: input.trialDays }),
  });
  return { standIn, stripe, client, customer, card, price, subscription };
}

test('a subscription with a card is active at once, with the period on its item and nowhere else', async () => {
  const { subscription, price } = await subscribed();
  expect(subscription).toMatchObject({
    object: 'subscription',
    status: 'active',
    currency: 'eur',
    cancel_at_period_end: false,
    ended_at: null,
    plan: { id: price.id },
    quantity: 3,
  });
  expect(subscription).not.toHaveProperty('current_period_end');
  expect(subscription.items.data[0]).toMatchObject({
    current_period_start: T0,
    current_period_end: T0 + MONTH,
    price: { unit_amount: 1900 },
  });
  expect(String(subscription.items.data[0]!.price.unit_amount_decimal)).toBe('1900');
});

test('a trial begins without a charge and its period ends with it', async () => {
  const { stripe, subscription } = await subscribed({ trialDays: 14 });
  const end = T0 + 14 * DAY;
  expect(subscription).toMatchObject({
    status: 'trialing',
    trial_start: T0,
    trial_end: end,
    billing_cycle_anchor: end,
  });
  expect(subscription.items.data[0]!.current_period_end).toBe(end);
  const invoices = await stripe.invoices.list({ subscription: subscription.id });
  expect(invoices.data.map(({ total, status }) => ({ total, status }))).toEqual([
    { total: 0, status: 'paid' },
  ]);
});

test('[P4] an immediate cancel ends the subscription now and tells why', async () => {
  const { standIn, stripe, subscription } = await subscribed();
  standIn.clock.advance(DAY);
  const canceled = await stripe.subscriptions.cancel(subscription.id, {
    invoice_now: true,
    prorate: true,
    cancellation_details: { comment: 'moving on', feedback: 'unused' },
  });
  expect(canceled).toMatchObject({
    status: 'canceled',
    ended_at: T0 + DAY,
    canceled_at: T0 + DAY,
    cancel_at: null,
    cancel_at_period_end: false,
    cancellation_details: { reason: 'cancellation_requested', comment: 'moving on', feedback: 'unused' },
  });
  expect((await stripe.subscriptions.retrieve(subscription.id)).status).toBe('canceled');
  expect(standIn.effects()[subscription.id]).toEqual({ canceled: 1, setToCancelAtPeriodEnd: 0 });
});

test('[P4] a second cancel answers 404 resource_missing, although the subscription still retrieves', async () => {
  const { standIn, stripe, subscription } = await subscribed();
  await stripe.subscriptions.cancel(subscription.id);
  const error = await failure(stripe.subscriptions.cancel(subscription.id));
  expect(error).toMatchObject({
    type: 'StripeInvalidRequestError',
    statusCode: 404,
    code: 'resource_missing',
    param: 'id',
    message: `No such subscription: '${subscription.id}'`,
  });
  expect((await stripe.subscriptions.retrieve(subscription.id)).status).toBe('canceled');
  expect(standIn.effects()[subscription.id]?.canceled).toBe(1);
});

test('a cancel at the period end is planned, and leaves the subscription active', async () => {
  const { standIn, stripe, subscription } = await subscribed();
  standIn.clock.advance(DAY);
  const planned = await stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true });
  expect(planned).toMatchObject({
    status: 'active',
    cancel_at_period_end: true,
    cancel_at: T0 + MONTH,
    canceled_at: T0 + DAY,
    ended_at: null,
    cancellation_details: { reason: 'cancellation_requested' },
  });
  await stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true });
  expect(standIn.effects()[subscription.id]).toEqual({ canceled: 0, setToCancelAtPeriodEnd: 1 });
});

test('an immediate cancel after a planned one keeps the time of the earlier request in canceled_at', async () => {
  const { standIn, stripe, subscription } = await subscribed();
  await stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true });
  standIn.clock.advance(2 * DAY);
  const canceled = await stripe.subscriptions.cancel(subscription.id);
  expect(canceled).toMatchObject({
    cancel_at_period_end: false,
    cancel_at: null,
    canceled_at: T0,
    ended_at: T0 + 2 * DAY,
  });
});

test('a planned cancel can be withdrawn', async () => {
  const { stripe, subscription } = await subscribed();
  await stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true });
  const resumed = await stripe.subscriptions.update(subscription.id, { cancel_at_period_end: false });
  expect(resumed).toMatchObject({
    cancel_at_period_end: false,
    cancel_at: null,
    canceled_at: null,
    cancellation_details: { reason: null },
  });
});

test('cancel_at alone plans the end without cancel_at_period_end, as flexible billing does', async () => {
  const { stripe, subscription } = await subscribed();
  const planned = await stripe.subscriptions.update(subscription.id, { cancel_at: 'min_period_end' });
  expect(planned).toMatchObject({ cancel_at_period_end: false, cancel_at: T0 + MONTH, canceled_at: T0 });
  const past = await failure(stripe.subscriptions.update(subscription.id, { cancel_at: T0 - 1 }));
  expect(past).toMatchObject({ statusCode: 400, param: 'cancel_at' });
});

test('a cancel in the trial does not clear trial_end', async () => {
  const { stripe, subscription } = await subscribed({ trialDays: 14 });
  const canceled = await stripe.subscriptions.cancel(subscription.id);
  expect(canceled).toMatchObject({
    status: 'canceled',
    trial_end: T0 + 14 * DAY,
    canceled_at: T0,
    ended_at: T0,
  });
});

test('a cancelled subscription takes only cancellation_details and metadata', async () => {
  const { stripe, subscription } = await subscribed();
  await stripe.subscriptions.cancel(subscription.id);
  const error = await failure(stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true }));
  expect(error).toMatchObject({
    type: 'StripeInvalidRequestError',
    statusCode: 400,
    message: 'A canceled subscription can only update its cancellation_details and metadata.',
  });
  const updated = await stripe.subscriptions.update(subscription.id, {
    metadata: { closed_by: 'evenfall' },
    cancellation_details: { comment: 'later' },
  });
  expect(updated.metadata).toEqual({ closed_by: 'evenfall' });
  expect(updated.cancellation_details).toMatchObject({ comment: 'later', reason: 'cancellation_requested' });
});

test('a subscription under a schedule refuses a planned cancel and accepts an immediate one', async () => {
  const { standIn, stripe } = await scene();
  const customer = standIn.seed.customer();
  const { id } = standIn.seed.subscription({ customer: customer.id, schedule: 'sub_sched_1' });
  const error = await failure(stripe.subscriptions.update(id, { cancel_at_period_end: true }));
  expect(error.statusCode).toBe(400);
  expect(error.message).toContain(
    'The subscription is managed by the subscription schedule `sub_sched_1`, and updating any cancelation ' +
      'behavior directly is not allowed.',
  );
  expect((await stripe.subscriptions.cancel(id)).status).toBe('canceled');
});

test('without a card there is no subscription, unless its first payment may be incomplete', async () => {
  const { standIn, stripe } = await scene();
  const customer = standIn.seed.customer();
  const price = standIn.seed.price();
  const order = { customer: customer.id, items: [{ price: price.id }] };
  // HTTP 400 with the code of a missing object: the reason why the code alone proves nothing.
  const error = await failure(stripe.subscriptions.create(order));
  expect(error).toMatchObject({ statusCode: 400, code: 'resource_missing' });
  expect(error.message).toMatch(/^This customer has no attached payment source or default payment method\./);
  expect(error.headers?.['stripe-should-retry']).toBe('false');
  const incomplete = await stripe.subscriptions.create({ ...order, payment_behavior: 'default_incomplete' });
  expect(incomplete.status).toBe('incomplete');
  const canceled = await stripe.subscriptions.cancel(incomplete.id);
  expect(['canceled', 'incomplete_expired']).toContain(canceled.status);
  expect((await failure(stripe.subscriptions.cancel(incomplete.id))).statusCode).toBe(404);
});

test('a price or a customer that a subscription names and that is not there is 400 on that parameter', async () => {
  const { stripe, customer, price } = await subscribed();
  const noPrice = stripe.subscriptions.create({ customer: customer.id, items: [{ price: 'invalid' }] });
  expect(await failure(noPrice)).toMatchObject({
    statusCode: 400,
    code: 'resource_missing',
    param: 'items[0][price]',
    message: "No such price: 'invalid'",
  });
  const noCustomer = stripe.subscriptions.create({ customer: 'cus_gone', items: [{ price: price.id }] });
  expect(await failure(noCustomer)).toMatchObject({
    statusCode: 400,
    code: 'resource_missing',
    param: 'customer',
  });
});

test('an update swaps the price, and another interval begins a new period at once', async () => {
  const { standIn, stripe, subscription } = await subscribed();
  const yearly = standIn.seed.price({ recurring: { interval: 'year' } });
  standIn.clock.advance(5 * DAY);
  const swapped = await stripe.subscriptions.update(subscription.id, {
    items: [{ id: subscription.items.data[0]!.id, price: yearly.id }],
    proration_behavior: 'always_invoice',
  });
  expect(swapped.items.data).toHaveLength(1);
  expect(swapped.items.data[0]).toMatchObject({
    id: subscription.items.data[0]!.id,
    price: { id: yearly.id },
    quantity: 3,
    current_period_start: T0 + 5 * DAY,
  });
  expect(swapped.latest_invoice).not.toBe(subscription.latest_invoice);
});

test('an update adds and removes items, and merges metadata', async () => {
  const { standIn, stripe, subscription } = await subscribed();
  const extra = standIn.seed.price({ unit_amount: 500 });
  const both = await stripe.subscriptions.update(subscription.id, {
    items: [{ price: extra.id, quantity: 2 }],
    metadata: { team: '7', keep: 'yes' },
  });
  expect(both.items.data.map((item) => item.quantity)).toEqual([3, 2]);
  const one = await stripe.subscriptions.update(subscription.id, {
    items: [{ id: both.items.data[0]!.id, deleted: true }],
    metadata: { team: '' },
  });
  expect(one.items.data.map((item) => item.price.id)).toEqual([extra.id]);
  expect(one.metadata).toEqual({ keep: 'yes' });
});

test('a trial can be prolonged, and ended now', async () => {
  const { stripe, subscription } = await subscribed({ trialDays: 14 });
  const longer = await stripe.subscriptions.update(subscription.id, { trial_end: T0 + 30 * DAY });
  expect(longer).toMatchObject({ status: 'trialing', trial_end: T0 + 30 * DAY });
  expect(longer.items.data[0]!.current_period_end).toBe(T0 + 30 * DAY);
  const ended = await stripe.subscriptions.update(subscription.id, { trial_end: 'now' });
  expect(ended).toMatchObject({ status: 'active', trial_end: T0 });
  expect(ended.items.data[0]).toMatchObject({ current_period_start: T0, current_period_end: T0 + MONTH });
});

test('the default payment method must belong to the customer', async () => {
  const { standIn, stripe, subscription, card } = await subscribed();
  const stranger = standIn.seed.customer();
  const theirs = standIn.seed.paymentMethod({ customer: stranger.id });
  const update = (id: string) => stripe.subscriptions.update(subscription.id, { default_payment_method: id });
  expect(await failure(update(theirs.id))).toMatchObject({
    statusCode: 400,
    param: 'default_payment_method',
  });
  expect((await update(card.id)).default_payment_method).toBe(card.id);
});

test('a refused update changes nothing', async () => {
  const { stripe, subscription } = await subscribed();
  await failure(
    stripe.subscriptions.update(subscription.id, {
      cancel_at_period_end: true,
      description: 'half done',
      default_payment_method: 'pm_missing',
    }),
  );
  const after = await stripe.subscriptions.retrieve(subscription.id);
  expect(after).toMatchObject({ cancel_at_period_end: false, description: null });
});
