import { expect, test } from 'vitest';
import { DAY, T0, scene } from './harness.ts';
import type { SubscriptionSeed } from '../../../src/stand-ins/stripe/index.ts';

async function seeded(seed: Omit<SubscriptionSeed, 'customer'>, options: { card?: boolean } = {}) {
  const { standIn, stripe } = await scene();
  const customer = standIn.seed.customer();
  if (options.card === true) {
    const card = standIn.seed.paymentMethod({ customer: customer.id });
    await stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: card.id } });
  }
  const { id } = standIn.seed.subscription({ customer: customer.id, ...seed });
  const now = () => stripe.subscriptions.retrieve(id);
  const events = async () =>
    (await stripe.events.list({ types: ['customer.subscription.*'] })).data
      .map(({ type, created }) => [type.replace('customer.subscription.', ''), created])
      .toReversed();
  return { standIn, stripe, id, now, events };
}

test('a trial ends at its second and not before, into an active period', async () => {
  const end = T0 + 10 * DAY;
  const { standIn, now, events } = await seeded({ status: 'trialing', trial_end: end }, { card: true });
  standIn.clock.set(new Date((end - 1) * 1000));
  expect((await now()).status).toBe('trialing');
  standIn.clock.advance(1);
  const active = await now();
  expect(active).toMatchObject({ status: 'active', trial_end: end, billing_cycle_anchor: end });
  expect(active.items.data[0]).toMatchObject({
    current_period_start: end,
    current_period_end: end + 31 * DAY,
  });
  expect(await events()).toEqual([
    ['trial_will_end', end - 3 * DAY],
    ['updated', end],
  ]);
});

test.each([
  ['pause', 'paused'],
  ['cancel', 'canceled'],
  ['create_invoice', 'active'],
] as const)('a trial that ends without a card and with %s becomes %s', async (choice, status) => {
  const { standIn, now } = await seeded({
    status: 'trialing',
    trial_end: T0 + DAY,
    trial_settings: { end_behavior: { billing_cycle_anchor: null, missing_payment_method: choice } },
  });
  standIn.clock.advance(DAY);
  expect((await now()).status).toBe(status);
});

test('with a card the trial settings for a missing one do not matter', async () => {
  const settings = { end_behavior: { billing_cycle_anchor: null, missing_payment_method: 'cancel' } };
  const { standIn, now } = await seeded(
    { status: 'trialing', trial_end: T0 + DAY, trial_settings: settings },
    { card: true },
  );
  standIn.clock.advance(DAY);
  expect((await now()).status).toBe('active');
});

test('[P4] a cancel at the period end takes place there, and counts as one effect', async () => {
  const { standIn, stripe, id, now, events } = await seeded({});
  const planned = await stripe.subscriptions.update(id, { cancel_at_period_end: true });
  const end = planned.items.data[0]!.current_period_end;
  standIn.clock.set(new Date((end - 1) * 1000));
  expect((await now()).status).toBe('active');
  standIn.clock.advance(40 * DAY);
  expect(await now()).toMatchObject({
    status: 'canceled',
    ended_at: end,
    canceled_at: T0,
    cancel_at: end,
    cancel_at_period_end: true,
  });
  expect(standIn.effects()[id]).toEqual({ canceled: 1, setToCancelAtPeriodEnd: 1 });
  expect(await events()).toEqual([
    ['updated', T0],
    ['deleted', end],
  ]);
});

test('a trial set to cancel ends cancelled, not active', async () => {
  const { standIn, stripe, id, now } = await seeded(
    { status: 'trialing', trial_end: T0 + 5 * DAY },
    { card: true },
  );
  await stripe.subscriptions.update(id, { cancel_at_period_end: true });
  standIn.clock.advance(5 * DAY);
  expect(await now()).toMatchObject({ status: 'canceled', ended_at: T0 + 5 * DAY });
});

test('an incomplete subscription expires after 23 hours', async () => {
  const { standIn, now } = await seeded({ status: 'incomplete' });
  standIn.clock.advance(23 * 3600 - 1);
  expect((await now()).status).toBe('incomplete');
  standIn.clock.advance(1);
  expect(await now()).toMatchObject({ status: 'incomplete_expired', ended_at: T0 + 23 * 3600 });
});

test('periods roll over with an invoice each, and months come back to the anchor day', async () => {
  const anchor = Date.UTC(2026, 0, 31) / 1000;
  const { standIn, stripe } = await scene();
  standIn.clock.set(new Date(anchor * 1000));
  const customer = standIn.seed.customer();
  const { id } = standIn.seed.subscription({ customer: customer.id });
  const ends: string[] = [];
  for (let month = 0; month < 4; month++) {
    const end = (await stripe.subscriptions.retrieve(id)).items.data[0]!.current_period_end;
    ends.push(new Date(end * 1000).toISOString().slice(0, 10));
    standIn.clock.set(new Date(end * 1000));
  }
  expect(ends).toEqual(['2026-02-28', '2026-03-31', '2026-04-30', '2026-05-31']);
  const invoices = await stripe.invoices.list({ subscription: id });
  expect(invoices.data).toHaveLength(4);
  expect(await stripe.subscriptions.retrieve(id, { expand: ['latest_invoice'] })).toMatchObject({
    latest_invoice: {
      id: invoices.data[0]!.id,
      billing_reason: 'subscription_cycle',
      amount_due: 1000,
      parent: { subscription_details: { subscription: id } },
    },
  });
});

test('a paused subscription does not roll over, and a paused collection resumes at its time', async () => {
  const { standIn, now } = await seeded({ status: 'paused' });
  const before = (await now()).items.data[0]!.current_period_end;
  standIn.clock.advance(100 * DAY);
  expect((await now()).items.data[0]!.current_period_end).toBe(before);

  const other = await seeded({});
  await other.stripe.subscriptions.update(other.id, {
    pause_collection: { behavior: 'void', resumes_at: T0 + 2 * DAY },
  });
  expect((await other.now()).pause_collection).toEqual({ behavior: 'void', resumes_at: T0 + 2 * DAY });
  other.standIn.clock.advance(2 * DAY);
  expect((await other.now()).pause_collection).toBeNull();
});

test('a short trial, and one that is ended now, is announced at once', async () => {
  const { standIn, stripe } = await scene();
  const customer = standIn.seed.customer();
  const price = standIn.seed.price();
  const order = { customer: customer.id, items: [{ price: price.id }] };
  const short = await stripe.subscriptions.create({ ...order, trial_period_days: 1 });
  const long = await stripe.subscriptions.create({ ...order, trial_period_days: 10 });
  const announced = async () =>
    (await stripe.events.list({ type: 'customer.subscription.trial_will_end' })).data.map(
      (event) => (event.data.object as { id: string }).id,
    );
  expect(await announced()).toEqual([short.id]);
  await stripe.subscriptions.update(long.id, { trial_end: 'now' });
  expect(await announced()).toEqual([long.id, short.id]);
});

test('a trial that is moved is announced again for its new end', async () => {
  const { standIn, stripe, id, events } = await seeded({ status: 'trialing', trial_end: T0 + 5 * DAY });
  standIn.clock.advance(2 * DAY);
  await stripe.subscriptions.update(id, { trial_end: T0 + 12 * DAY });
  standIn.clock.advance(7 * DAY);
  expect(await events()).toEqual([
    ['trial_will_end', T0 + 2 * DAY],
    ['updated', T0 + 2 * DAY],
    ['trial_will_end', T0 + 9 * DAY],
  ]);
});

test('what a long jump makes due is written in the order of time', async () => {
  const { standIn, stripe } = await scene();
  const customer = standIn.seed.customer();
  for (const days of [20, 5, 12]) {
    standIn.seed.subscription({ customer: customer.id, status: 'trialing', trial_end: T0 + days * DAY });
  }
  standIn.clock.advance(25 * DAY);
  const times = (await stripe.events.list({ limit: 100 })).data.map(({ created }) => created);
  expect(times).toHaveLength(6);
  expect(times).toEqual(times.toSorted((a, b) => b - a));
});
