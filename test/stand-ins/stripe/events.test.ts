import { expect, test } from 'vitest';
import { DAY, T0, failure, scene } from './harness.ts';
import type { WireEvent } from '../../../src/stand-ins/stripe/index.ts';

test('each change writes one event, listed newest first and retrieved by id', async () => {
  const { standIn, stripe } = await scene();
  const customer = await stripe.customers.create({ email: 'a@example.org', payment_method: 'pm_card_visa' });
  const { id } = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: standIn.seed.price().id }],
    trial_period_days: 14,
  });
  await stripe.subscriptions.update(id, { cancel_at_period_end: true }, { idempotencyKey: 'plan-1' });
  await stripe.subscriptions.update(id, { cancel_at_period_end: true });
  await stripe.subscriptions.cancel(id);
  await stripe.customers.update(customer.id, { name: 'Ada' });
  await stripe.customers.update(customer.id, { name: 'Ada' });
  await stripe.customers.del(customer.id);

  const { data } = await stripe.events.list({ limit: 100 });
  expect(data.map(({ type }) => type)).toEqual([
    'customer.deleted',
    'customer.updated',
    'customer.subscription.deleted',
    'customer.subscription.updated',
    'customer.subscription.created',
    'payment_method.attached',
    'customer.created',
  ]);
  const updated = await stripe.events.retrieve(data[3]!.id);
  expect(updated).toMatchObject({
    object: 'event',
    api_version: '2026-10-28.endive',
    created: T0,
    request: { idempotency_key: 'plan-1' },
    data: {
      object: { id, cancel_at_period_end: true },
      previous_attributes: {
        cancel_at_period_end: false,
        cancel_at: null,
        canceled_at: null,
        cancellation_details: { reason: null },
      },
    },
  });
});

test('what happens by itself has no request', async () => {
  const { standIn, stripe } = await scene();
  standIn.seed.subscription({
    customer: standIn.seed.customer().id,
    status: 'trialing',
    trial_end: T0 + 4 * DAY,
  });
  standIn.clock.advance(4 * DAY);
  const { data } = await stripe.events.list();
  expect(data.map(({ type, request }) => [type, request])).toEqual([
    ['customer.subscription.updated', { id: null, idempotency_key: null }],
    ['customer.subscription.trial_will_end', { id: null, idempotency_key: null }],
  ]);
});

test('an event keeps the object as it was', async () => {
  const { standIn, stripe } = await scene();
  const customer = await stripe.customers.create({ name: 'Before' });
  await stripe.customers.update(customer.id, { name: 'After' });
  const [, created] = (await stripe.events.list()).data;
  expect(created?.data.object).toMatchObject({ name: 'Before' });
  expect(standIn.store.customers.get(customer.id)?.name).toBe('After');
});

test('events are caught up from the last one seen, by type and by what was delivered', async () => {
  const { standIn, stripe } = await scene();
  for (let n = 0; n < 5; n++) await stripe.customers.create({ payment_method: 'pm_card_visa' });
  const all = (await stripe.events.list({ limit: 100 })).data.map(({ id }) => id);
  const since = await stripe.events.list({ ending_before: all[4]!, types: ['customer.created'] });
  expect(since.data).toHaveLength(2);
  standIn.store.events.markDelivered(all[0]!);
  expect((await stripe.events.list({ delivery_success: true })).data.map(({ id }) => id)).toEqual([all[0]]);
  expect((await stripe.events.list({ delivery_success: false, limit: 100 })).data).toHaveLength(9);
  const both = stripe.events.list({ type: 'customer.created', types: ['customer.updated'] });
  expect(await failure(both)).toMatchObject({ statusCode: 400 });
});

test('a listener hears each event as it is written, and seeds write none', async () => {
  const { standIn, stripe } = await scene();
  const heard: WireEvent['type'][] = [];
  const stop = standIn.store.events.subscribe(({ type }) => heard.push(type));
  const { id } = standIn.seed.subscription({ customer: standIn.seed.customer().id });
  await stripe.subscriptions.cancel(id);
  stop();
  await stripe.customers.create({});
  expect(heard).toEqual(['customer.subscription.deleted']);
});
