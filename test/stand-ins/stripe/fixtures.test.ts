import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { FixtureError, readFixtures, startStripeStandIn } from '../../../src/stand-ins/stripe/index.ts';
import { DAY, T0, scene } from './harness.ts';

const price = {
  object: 'price',
  id: 'price_pro',
  currency: 'usd',
  product: 'prod_pro',
  unit_amount: 4900,
  recurring: { interval: 'month', interval_count: 1 },
};
const customer = { object: 'customer', id: 'cus_ada', email: 'ada@example.org', metadata: { team: '1' } };
const card = {
  object: 'payment_method',
  id: 'pm_ada',
  type: 'card',
  customer: 'cus_ada',
  card: { exp_month: 1, exp_year: 2026, brand: 'visa', last4: '4242' },
};
const subscription = {
  object: 'subscription',
  id: 'sub_ada',
  customer: 'cus_ada',
  status: 'active',
  created: T0 - 10 * DAY,
  default_payment_method: 'pm_ada',
  items: {
    data: [{ id: 'si_ada', price, current_period_start: T0 - 10 * DAY, current_period_end: T0 + 21 * DAY }],
  },
};

async function refusal(fixtures: unknown): Promise<string> {
  const error: unknown = await startStripeStandIn({ fixtures }).catch((reason: unknown) => reason);
  if (error instanceof FixtureError) return error.message;
  throw new Error('The fixtures were expected to be refused.');
}

test('fixtures are served as given, and completed to what Stripe returns', async () => {
  const { stripe } = await scene({ fixtures: [subscription, card, customer] });
  expect(await stripe.customers.retrieve('cus_ada')).toMatchObject({
    ...customer,
    balance: 0,
    livemode: false,
  });
  expect(await stripe.paymentMethods.retrieve('pm_ada')).toMatchObject({
    card: { exp_month: 1, exp_year: 2026 },
  });
  expect(await stripe.prices.retrieve('price_pro')).toMatchObject({ unit_amount: 4900, type: 'recurring' });
  const served = await stripe.subscriptions.retrieve('sub_ada', {
    expand: ['customer', 'default_payment_method'],
  });
  expect(served).toMatchObject({
    customer: { email: 'ada@example.org' },
    default_payment_method: { id: 'pm_ada' },
    created: T0 - 10 * DAY,
    cancellation_details: { reason: null },
    plan: { id: 'price_pro', amount: 4900 },
  });
  expect(served.items.data[0]).toMatchObject({
    id: 'si_ada',
    current_period_end: T0 + 21 * DAY,
    quantity: 1,
  });
  expect((await stripe.events.list()).data).toEqual([]);
});

test('fixtures may be expanded, as Stripe returns them on demand', async () => {
  const expanded = { ...subscription, customer, default_payment_method: card };
  const { stripe } = await scene({ fixtures: [customer, card, expanded] });
  expect(await stripe.subscriptions.retrieve('sub_ada')).toMatchObject({
    customer: 'cus_ada',
    default_payment_method: 'pm_ada',
  });
});

test('fixtures that cannot be used are refused with every offending entry named', async () => {
  const message = await refusal([
    { ...customer, id: 'ada' },
    { ...subscription, status: 'alive' },
    { ...subscription, id: 'sub_old', current_period_end: T0 },
    { ...card, card: { exp_month: 13, exp_year: 2026 } },
    { object: 'charge', id: 'ch_1' },
    'nonsense',
  ]);
  expect(message).toContain("entry 1 (customer ada): id must look like 'cus_…'");
  expect(message).toContain('entry 2 (subscription sub_ada): status ');
  expect(message).toContain(
    'entry 3 (subscription sub_old): current_period_end lives on the items, not on the subscription',
  );
  expect(message).toContain('entry 4 (payment_method pm_ada): card.exp_month ');
  expect(message).toContain("entry 5 (charge ch_1): object 'object' must be customer");
  expect(message).toMatch(/entry 6: /);
});

test('a reference to what is not there and an id that occurs twice are named', async () => {
  expect(await refusal([subscription])).toContain(
    "entry 1 (subscription sub_ada): customer 'cus_ada' is not among the fixtures",
  );
  const byId = { ...subscription, items: { data: [{ price: 'price_gone', current_period_end: T0 }] } };
  expect(await refusal([customer, byId])).toContain("price 'price_gone' is not among the fixtures");
  expect(await refusal([customer, customer])).toContain(
    'entry 2 (customer cus_ada): its id occurs more than once',
  );
  expect(await refusal({ customers: [] })).toContain('they must be a JSON list of Stripe objects');
});

test('fixtures are read from a file, and a broken one is named', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stand-in-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const good = join(folder, 'good.json');
  const bad = join(folder, 'bad.json');
  await writeFile(good, JSON.stringify([customer]));
  await writeFile(bad, '[{');
  const { stripe } = await scene({ fixtures: await readFixtures(good) });
  expect((await stripe.customers.list()).data).toHaveLength(1);
  await expect(readFixtures(bad)).rejects.toThrow(/bad\.json is not JSON/);
});

test('a deleted customer may be a fixture', async () => {
  const { stripe } = await scene({ fixtures: [{ object: 'customer', id: 'cus_gone', deleted: true }] });
  expect(await stripe.customers.retrieve('cus_gone')).toEqual({
    id: 'cus_gone',
    object: 'customer',
    deleted: true,
  });
});

test('seeds fill in what is left out, and make ids that count', async () => {
  const { standIn } = await scene();
  const ada = standIn.seed.customer({ email: 'ada@example.org' });
  const one = standIn.seed.subscription({ customer: ada.id });
  const old = standIn.seed.subscription({ customer: ada.id, created: T0 - 100 * DAY });
  const trial = standIn.seed.subscription({ customer: ada.id, status: 'trialing', trial_end: T0 + 2 * DAY });
  const planned = standIn.seed.subscription({ customer: ada.id, cancel_at_period_end: true });
  const over = standIn.seed.subscription({ customer: ada.id, status: 'canceled', quantity: 4 });
  expect(ada.id).toBe('cus_EF000000000001');
  expect(one.id).toBe('sub_1EF000000000000000000001');
  expect(one.id).toMatch(/^sub_[A-Za-z0-9]+$/);
  const period = (item: typeof old) => item.items.data[0]!;
  expect(period(old).current_period_start).toBeLessThanOrEqual(T0);
  expect(period(old).current_period_end).toBeGreaterThan(T0);
  expect(period(trial).current_period_end).toBe(T0 + 2 * DAY);
  expect(planned).toMatchObject({ cancel_at: period(planned).current_period_end, canceled_at: T0 });
  expect(over).toMatchObject({ ended_at: T0, canceled_at: T0, quantity: 4 });
  expect(Object.values(standIn.effects())).toEqual(Array(5).fill({ canceled: 0, setToCancelAtPeriodEnd: 0 }));
  expect(() => standIn.seed.subscription({ customer: 'cus_nobody' })).toThrow(/no customer 'cus_nobody'/);
});
