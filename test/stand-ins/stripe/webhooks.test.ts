import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import type { AddressInfo } from 'node:net';
import Stripe from 'stripe';
import { expect, onTestFinished, test } from 'vitest';
import { deliverEvents } from '../../../src/stand-ins/stripe/index.ts';
import type { DeliveryOptions } from '../../../src/stand-ins/stripe/index.ts';
import { scene } from './harness.ts';

const secret = 'whsec_delivery';

/** A stand-in whose events go to an endpoint, which answers as it is told and keeps what it got. */
async function delivering(options: Partial<DeliveryOptions> = {}, statuses: number[] = []) {
  const { standIn, stripe } = await scene();
  const received: { id: string; type: string; verified: boolean }[] = [];
  const endpoint = createServer(async (request, response) => {
    const body = await text(request);
    const event = Stripe.webhooks.constructEvent(body, String(request.headers['stripe-signature']), secret);
    received.push({ id: event.id, type: event.type, verified: true });
    response.writeHead(statuses.shift() ?? 200).end('{}');
  });
  await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/`;
  const deliveries = deliverEvents(standIn.store, { url, secret, ...options });
  onTestFinished(async () => {
    await deliveries.stop();
    endpoint.closeAllConnections();
    endpoint.close();
  });
  const customers = async (count: number) => {
    for (let n = 0; n < count; n++) await stripe.customers.create({});
    return standIn.store.events.all().map(({ id }) => id);
  };
  return { stripe, received, deliveries, customers };
}

test('each event comes by itself, signed as Stripe signs, in order, and counts as delivered', async () => {
  const { stripe, received, customers } = await delivering();
  const ids = await customers(5);
  await expect.poll(() => received.map(({ id }) => id), { timeout: 5_000 }).toEqual(ids);
  expect(received.every(({ verified }) => verified)).toBe(true);
  await expect
    .poll(async () => (await stripe.events.list({ delivery_success: true })).data.length, { timeout: 5_000 })
    .toBe(5);
});

test('nothing comes before its time', async () => {
  const { received, deliveries, customers } = await delivering({ delayMs: Infinity });
  const ids = await customers(3);
  expect(received).toEqual([]);
  await deliveries.flush();
  expect(received.map(({ id }) => id)).toEqual(ids);
});

test('events come twice, in another order, or never', async () => {
  const twice = await delivering({ delayMs: Infinity, duplicate: 1 });
  const ids = await twice.customers(3);
  await twice.deliveries.flush();
  expect(twice.received.map(({ id }) => id)).toEqual(ids.flatMap((id) => [id, id]));

  // always to the front of those that wait
  const backwards = await delivering({ delayMs: Infinity, reorder: true, random: () => 0 });
  const order = await backwards.customers(3);
  await backwards.deliveries.flush();
  expect(backwards.received.map(({ id }) => id)).toEqual(order.toReversed());

  const never = await delivering({ delayMs: Infinity, drop: 1 });
  await never.customers(3);
  await never.deliveries.flush();
  expect(never.received).toEqual([]);
});

test('what is not answered with success comes again, at most as often as said', async () => {
  const { received, deliveries, customers } = await delivering(
    { retryMs: 1, attempts: 3 },
    [503, 500, 200, 503, 503, 503],
  );
  await customers(1);
  await expect
    .poll(() => deliveries.records.map(({ status }) => status), { timeout: 5_000 })
    .toEqual([503, 500, 200]);
  await customers(1);
  await expect.poll(() => received.length, { timeout: 5_000 }).toBe(6);
  await deliveries.flush();
  expect(received).toHaveLength(6);
});
