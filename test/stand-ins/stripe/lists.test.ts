import { expect, test } from 'vitest';
import { DAY, T0, failure, scene } from './harness.ts';
import type { StripeStandIn } from '../../../src/stand-ins/stripe/index.ts';

/** `count` customers, one a minute; the newest was created last. */
function crowd(standIn: StripeStandIn, count: number): string[] {
  return Array.from(
    { length: count },
    (_, n) => standIn.seed.customer({ created: T0 - (count - n) * 60 }).id,
  );
}

test('a list is newest first, ten long by default, and tells whether there is more', async () => {
  const { standIn, stripe } = await scene();
  const ids = crowd(standIn, 12);
  const page = await stripe.customers.list();
  expect(page).toMatchObject({ object: 'list', url: '/v1/customers', has_more: true });
  expect(page.data.map(({ id }) => id)).toEqual(ids.toReversed().slice(0, 10));
  const rest = await stripe.customers.list({ starting_after: page.data.at(-1)!.id });
  expect(rest.data.map(({ id }) => id)).toEqual([ids[1], ids[0]]);
  expect(rest.has_more).toBe(false);
});

test('within one second the later object comes first', async () => {
  const { standIn, stripe } = await scene();
  const first = standIn.seed.customer();
  const second = standIn.seed.customer();
  expect((await stripe.customers.list()).data.map(({ id }) => id)).toEqual([second.id, first.id]);
});

test('ending_before gives the page just before the cursor', async () => {
  const { standIn, stripe } = await scene();
  const newest = crowd(standIn, 6).toReversed();
  const page = await stripe.customers.list({ ending_before: newest[4]!, limit: 2 });
  expect(page.data.map(({ id }) => id)).toEqual([newest[2], newest[3]]);
  expect(page.has_more).toBe(true);
});

test('a limit outside 1 to 100, an unknown cursor and two cursors are 400', async () => {
  const { standIn, stripe } = await scene();
  const [id = ''] = crowd(standIn, 1);
  const list = (params: object) => failure(stripe.customers.list(params));
  expect(await list({ limit: 0 })).toMatchObject({
    statusCode: 400,
    code: 'parameter_invalid_integer',
    param: 'limit',
  });
  expect(await list({ limit: 101 })).toMatchObject({ statusCode: 400, param: 'limit' });
  expect(await list({ starting_after: 'cus_gone' })).toMatchObject({
    statusCode: 400,
    code: 'resource_missing',
    param: 'starting_after',
    message: "No such customer: 'cus_gone'",
  });
  expect(await list({ starting_after: id, ending_before: id })).toMatchObject({ statusCode: 400 });
});

test('auto-pagination walks more than 250 customers without a gap or a repetition', async () => {
  const { standIn, stripe } = await scene();
  const ids = crowd(standIn, 257);
  const seen: string[] = [];
  for await (const customer of stripe.customers.list({ limit: 100 })) seen.push(customer.id);
  expect(seen).toEqual(ids.toReversed());
  expect(standIn.requests.map(({ params }) => params)).toHaveLength(3);
});

test('[P4] a walk over live subscriptions that cancels as it goes meets each one', async () => {
  const { standIn, stripe } = await scene();
  const customer = standIn.seed.customer();
  const price = standIn.seed.price();
  for (let n = 0; n < 25; n++) standIn.seed.subscription({ customer: customer.id, price: price.id });
  for await (const { id } of stripe.subscriptions.list({ limit: 10 })) await stripe.subscriptions.cancel(id);
  expect(Object.values(standIn.effects()).map(({ canceled }) => canceled)).toEqual(Array(25).fill(1));
});

test('subscriptions are listed without the cancelled, by status, all of them, or all that ended', async () => {
  const { standIn, stripe } = await scene();
  const customer = standIn.seed.customer();
  const other = standIn.seed.customer();
  const statuses = [
    'active',
    'trialing',
    'past_due',
    'unpaid',
    'paused',
    'incomplete',
    'canceled',
    'incomplete_expired',
  ] as const;
  for (const status of statuses) standIn.seed.subscription({ customer: customer.id, status });
  standIn.seed.subscription({ customer: other.id });
  const list = async (params: Parameters<typeof stripe.subscriptions.list>[0]) =>
    (await stripe.subscriptions.list({ limit: 100, ...params })).data
      .map(({ status }) => status)
      .toReversed();

  expect(await list({ customer: customer.id })).toEqual(statuses.filter((status) => status !== 'canceled'));
  expect(await list({ customer: customer.id, status: 'all' })).toEqual([...statuses]);
  expect(await list({ status: 'ended' })).toEqual(['canceled', 'incomplete_expired']);
  for (const status of statuses) expect(await list({ customer: customer.id, status })).toEqual([status]);
  expect(await list({ customer: other.id })).toEqual(['active']);
  expect(await failure(stripe.subscriptions.list({ status: 'gone' }))).toMatchObject({ param: 'status' });
  expect(await failure(stripe.subscriptions.list({ customer: 'cus_gone' }))).toMatchObject({
    statusCode: 400,
    param: 'customer',
  });
});

test('subscriptions are filtered by price, creation and period end', async () => {
  const { standIn, stripe } = await scene();
  const customer = standIn.seed.customer();
  const price = standIn.seed.price();
  const old = standIn.seed.subscription({ customer: customer.id, created: T0 - 80 * DAY });
  const fresh = standIn.seed.subscription({
    customer: customer.id,
    price: price.id,
    current_period_end: T0 + 3 * DAY,
  });
  const list = async (params: Parameters<typeof stripe.subscriptions.list>[0]) =>
    (await stripe.subscriptions.list(params)).data.map(({ id }) => id);
  expect(await list({ price: price.id })).toEqual([fresh.id]);
  expect(await list({ created: { lt: T0 } })).toEqual([old.id]);
  expect(await list({ created: { gte: T0 } })).toEqual([fresh.id]);
  expect(await list({ current_period_end: { lte: T0 + 3 * DAY } })).toEqual([fresh.id]);
});

test('invoices are listed by customer and status, newest first, those of a deleted customer too', async () => {
  const { standIn, stripe } = await scene();
  const customer = standIn.seed.customer({ email: 'ann@example.com' });
  const other = standIn.seed.customer();
  const statuses = ['draft', 'open', 'paid', 'uncollectible', 'void'] as const;
  const ids = statuses.map((status) => standIn.seed.invoice({ customer: customer.id, status }).id);
  const paid = standIn.seed.invoice({ customer: other.id, total: 0 });
  const list = async (params: Parameters<typeof stripe.invoices.list>[0]) =>
    (await stripe.invoices.list(params)).data.map(({ id }) => id);

  expect(await list({})).toEqual([paid.id, ...ids.toReversed()]);
  expect(await list({ customer: customer.id })).toEqual(ids.toReversed());
  expect(await list({ status: 'paid' })).toEqual([paid.id, ids[2]]);
  for (const [index, status] of statuses.entries()) {
    expect(await list({ customer: customer.id, status })).toEqual([ids[index]]);
  }
  expect(await list({ customer: customer.id, status: 'paid', starting_after: ids[2]! })).toEqual([]);
  await stripe.customers.del(customer.id);
  expect(await list({ customer: customer.id, status: 'paid' })).toEqual([ids[2]]);
  expect(await failure(stripe.invoices.list({ customer: 'cus_gone' }))).toMatchObject({
    statusCode: 400,
    code: 'resource_missing',
    param: 'customer',
  });
  expect(await failure(stripe.invoices.list({ status: 'gone' as 'paid' }))).toMatchObject({
    param: 'status',
  });
});

test('what an invoice says of its money follows from its total and status', async () => {
  const { standIn, stripe } = await scene();
  const { id: customer } = standIn.seed.customer({ email: 'ann@example.com' });
  const retrieve = (input: object) =>
    stripe.invoices.retrieve(standIn.seed.invoice({ customer, ...input }).id);
  expect(await retrieve({ total: 700 })).toMatchObject({
    status: 'paid',
    total: 700,
    amount_due: 700,
    amount_paid: 700,
    amount_remaining: 0,
    customer_email: 'ann@example.com',
    parent: null,
    status_transitions: { finalized_at: T0, paid_at: T0 },
  });
  expect(await retrieve({ status: 'open' })).toMatchObject({
    amount_due: 1000,
    amount_paid: 0,
    amount_remaining: 1000,
    status_transitions: { paid_at: null },
  });
});

test('an invoice is paid by the card there is; that of a trial is over nothing, and paid', async () => {
  const { standIn, stripe } = await scene();
  const { id: payer } = standIn.seed.customer();
  const card = standIn.seed.paymentMethod({ customer: payer });
  const { id: guest } = standIn.seed.customer();
  const items = [{ price: standIn.seed.price({ unit_amount: 900 }).id }];
  await stripe.subscriptions.create({ customer: payer, items, default_payment_method: card.id });
  await stripe.subscriptions.create({ customer: payer, items, trial_period_days: 14 });
  await stripe.subscriptions.create({ customer: guest, items, payment_behavior: 'default_incomplete' });
  const list = async (customer: string, status: 'paid' | 'open') =>
    (await stripe.invoices.list({ customer, status })).data.map(({ amount_paid: paid }) => paid);
  expect(await list(payer, 'paid')).toEqual([0, 900]);
  expect(await list(payer, 'open')).toEqual([]);
  expect(await list(guest, 'paid')).toEqual([]);
  expect(await list(guest, 'open')).toEqual([0]);
});

test('objects of a test clock are left out unless the customer or the clock is named', async () => {
  const { standIn, stripe } = await scene();
  const customer = standIn.seed.customer({ test_clock: 'clock_1' });
  standIn.seed.subscription({ customer: customer.id, test_clock: 'clock_1' });
  expect((await stripe.subscriptions.list()).data).toHaveLength(0);
  expect((await stripe.subscriptions.list({ customer: customer.id })).data).toHaveLength(1);
  expect((await stripe.subscriptions.list({ test_clock: 'clock_1' })).data).toHaveLength(1);
});
