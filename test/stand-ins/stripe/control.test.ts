import { expect, test } from 'vitest';
import { startStripeStandIn } from '../../../src/stand-ins/stripe/index.ts';
import { DAY, T0, failure, raw, scene } from './harness.ts';
import type { StripeStandIn } from '../../../src/stand-ins/stripe/index.ts';

async function control(standIn: StripeStandIn, method: string, name: string, body?: object) {
  return raw(standIn, method, `/_stand-in/${name}`, body === undefined ? {} : { body: JSON.stringify(body) });
}

test('faults are added and cleared over HTTP', async () => {
  const { standIn, stripe } = await scene();
  const { id } = standIn.seed.subscription({ customer: standIn.seed.customer().id });
  const added = await control(standIn, 'POST', 'faults', {
    match: { method: 'DELETE', path: '/v1/subscriptions' },
    times: 'forever',
    kind: 'refused',
    status: 403,
    error: { type: 'invalid_request_error', message: 'Not with this key.' },
  });
  expect(added).toMatchObject({ status: 200, body: { kind: 'refused', times: 'forever' } });
  expect((await failure(stripe.subscriptions.cancel(id))).statusCode).toBe(403);
  expect((await control(standIn, 'GET', 'faults')).body).toMatchObject([
    { hits: 1, fault: { kind: 'refused' } },
  ]);
  await control(standIn, 'DELETE', 'faults');
  expect((await stripe.subscriptions.cancel(id)).status).toBe('canceled');
});

test('a bad script or body is refused with what is wrong', async () => {
  const { standIn } = await scene();
  const bad = await control(standIn, 'POST', 'faults', { kind: 'rate-limit', retryAfter: 'soon' });
  expect(bad.status).toBe(400);
  expect(bad.body.error).toContain('retryAfter');
  expect((await control(standIn, 'POST', 'clock', { advance: 3 })).status).toBe(400);
  const lost = await control(standIn, 'GET', 'nowhere');
  expect(lost.status).toBe(404);
  expect(lost.body.error).toContain('POST /_stand-in/faults');
});

test('the clock is read, advanced and set over HTTP', async () => {
  const { standIn, stripe } = await scene();
  const customer = standIn.seed.customer();
  const { id } = standIn.seed.subscription({
    customer: customer.id,
    status: 'trialing',
    trial_end: T0 + DAY,
  });
  expect((await control(standIn, 'GET', 'clock')).body).toEqual({ now: '2026-01-15T12:00:00.000Z' });
  const moved = await control(standIn, 'POST', 'clock', { advanceSeconds: DAY });
  expect(moved.body).toEqual({ now: '2026-01-16T12:00:00.000Z' });
  expect((await stripe.subscriptions.retrieve(id)).status).toBe('active');
  await control(standIn, 'POST', 'clock', { now: '2026-03-01T00:00:00Z' });
  expect((await stripe.customers.create({})).created).toBe(Date.UTC(2026, 2, 1) / 1000);
});

test('the log tells what each request asked, saw and did', async () => {
  const { standIn, stripe } = await scene();
  const { id } = standIn.seed.subscription({ customer: standIn.seed.customer().id });
  await stripe.subscriptions.update(
    id,
    {
      cancel_at_period_end: true,
      items: [{ quantity: 2, id: standIn.store.subscriptions.get(id)!.items.data[0]!.id }],
    },
    { idempotencyKey: 'k-1' },
  );
  await stripe.subscriptions.cancel(id, { prorate: true });
  await failure(stripe.subscriptions.cancel(id));
  const { body } = await control(standIn, 'GET', 'requests');
  expect(body).toEqual([
    {
      id: 'req_EF000000000001',
      time: '2026-01-15T12:00:00.000Z',
      method: 'POST',
      path: `/v1/subscriptions/${id}`,
      params: { cancel_at_period_end: 'true', items: [{ quantity: '2', id: expect.any(String) }] },
      status: 200,
      idempotencyKey: 'k-1',
      fault: null,
      acted: true,
      replayed: false,
    },
    expect.objectContaining({ method: 'DELETE', params: { prorate: 'true' }, status: 200, acted: true }),
    expect.objectContaining({ method: 'DELETE', status: 404, acted: false }),
  ]);
  expect((await control(standIn, 'GET', 'effects')).body).toEqual({
    [id]: { canceled: 1, setToCancelAtPeriodEnd: 1 },
  });
});

test('reset brings back the start: fixtures, clock, ids, no faults, no log', async () => {
  const fixtures = [{ object: 'customer', id: 'cus_fixture', email: 'f@example.org' }];
  const { standIn, stripe } = await scene({ fixtures });
  const before = await stripe.customers.create({});
  await stripe.customers.del('cus_fixture');
  standIn.clock.advance(DAY);
  standIn.faults.add({ kind: 'server-error', times: 'forever' });
  await control(standIn, 'POST', 'reset');
  expect(standIn.requests).toEqual([]);
  expect(standIn.clock.seconds()).toBe(T0);
  expect((await stripe.customers.list()).data.map(({ id }) => id)).toEqual(['cus_fixture']);
  expect((await stripe.events.list()).data).toEqual([]);
  expect((await stripe.customers.create({})).id).toBe(before.id);
});

test('two stand-ins live side by side, and a taken port is an error', async () => {
  const one = await scene();
  const two = await scene();
  await one.stripe.customers.create({});
  expect((await two.stripe.customers.list()).data).toEqual([]);
  await expect(startStripeStandIn({ port: one.standIn.port })).rejects.toThrow(/EADDRINUSE/);
});

test('close may be called twice', async () => {
  const { standIn } = await scene();
  await standIn.close();
  await standIn.close();
});
