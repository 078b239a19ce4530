import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startStripeStandIn } from '../../src/stand-ins/stripe/index.ts';
import type { StripeStandIn } from '../../src/stand-ins/stripe/index.ts';
import { createStripeGateway } from '../../src/stripe/gateway.ts';
import type { StripeGateway } from '../../src/stripe/gateway.ts';
import { silentLog } from '../support/machine.ts';
import { json, scripted } from './scripted-server.ts';

const secretKey = 'sk_test_mirror';
let standIn: StripeStandIn;
let stripe: StripeGateway;

beforeEach(async () => {
  standIn = await startStripeStandIn();
  stripe = createStripeGateway({ secretKey, apiBase: standIn.url, log: silentLog });
});
afterEach(() => standIn.close());

const ids = (objects: readonly { id: string }[]) => objects.map(({ id }) => id).toSorted();
const seconds = (date: string) => Date.parse(date) / 1000;

/** A customer whose invoices are charged to this card by default. */
function customerWithCard(id: string, card: string): void {
  standIn.seed.customer({ id, email: `${id}@example.org`, metadata: { team_id: '7' } });
  standIn.seed.paymentMethod({
    id: card,
    customer: id,
    card: { exp_month: 12, exp_year: 2026, brand: 'visa', last4: '4242' },
  });
  standIn.store.customers.get(id)!.invoice_settings.default_payment_method = card;
}

const deleteCustomer = (id: string) =>
  fetch(`${standIn.url}/v1/customers/${id}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${secretKey}` },
  });

describe('readCustomer', () => {
  test('has every subscription in every status on all pages, and each default card once', async () => {
    customerWithCard('cus_1', 'pm_1');
    const price = standIn.seed.price().id;
    const statuses = [
      'active',
      'trialing',
      'past_due',
      'unpaid',
      'paused',
      'incomplete',
      'canceled',
    ] as const;
    const subscriptions = Array.from({ length: 130 }, (_, index) =>
      standIn.seed.subscription({
        customer: 'cus_1',
        price,
        status: statuses[index % statuses.length]!,
        default_payment_method: 'pm_1',
      }),
    );
    const picture = await stripe.readCustomer('cus_1');
    expect(ids(picture.subscriptions)).toEqual(ids(subscriptions));
    expect(picture.customer).toMatchObject({
      id: 'cus_1',
      deleted: false,
      email: 'cus_1@example.org',
      teamId: '7',
      defaultPaymentMethod: 'pm_1',
      livemode: false,
    });
    expect(picture.cards).toEqual([
      {
        id: 'pm_1',
        customerId: 'cus_1',
        brand: 'visa',
        last4: '4242',
        expMonth: 12,
        expYear: 2026,
        expiresAt: new Date('2027-01-01T00:00:00Z'),
      },
    ]);
  });

  test('reads trial, period and amount; the earliest of two periods counts', async () => {
    standIn.seed.customer({ id: 'cus_1' });
    const [early, late] = [seconds('2026-12-01T00:00:00Z'), seconds('2027-12-01T00:00:00Z')];
    const { id } = standIn.seed.subscription({
      customer: 'cus_1',
      status: 'trialing',
      trial_start: seconds('2026-11-01T00:00:00Z'),
      trial_end: early,
      items: {
        data: [
          { price: { unit_amount: 1900, currency: 'eur' }, quantity: 3, current_period_end: late },
          { price: { unit_amount: 500, currency: 'eur' }, quantity: 1, current_period_end: early },
        ],
      },
    });
    const { subscriptions } = await stripe.readCustomer('cus_1');
    expect(subscriptions).toMatchObject([
      {
        id,
        amount: 6200,
        currentPeriodEnd: new Date('2026-12-01T00:00:00Z'),
        trialStart: new Date('2026-11-01T00:00:00Z'),
        trialEnd: new Date('2026-12-01T00:00:00Z'),
      },
    ]);
    expect(await stripe.retrieveSubscription(id)).toMatchObject({ amount: 6200 });
  });

  test('says no amount where only Stripe can reckon it', async () => {
    standIn.seed.customer({ id: 'cus_1' });
    standIn.seed.subscription({
      customer: 'cus_1',
      items: { data: [{ price: { unit_amount: 100 } }, { price: { unit_amount: null } }] },
    });
    standIn.seed.subscription({ customer: 'cus_1', discounts: ['di_1'] });
    const { subscriptions } = await stripe.readCustomer('cus_1');
    expect(subscriptions.map(({ amount }) => amount)).toEqual([null, null]);
  });

  test('metadata that is no id is no team: an app may keep an address there', async () => {
    standIn.seed.customer({ id: 'cus_1', metadata: { team_id: 'ann@example.org' } });
    expect((await stripe.readCustomer('cus_1')).customer.teamId).toBeNull();
  });

  test('a deleted customer is told as one; its subscriptions are not listed', async () => {
    customerWithCard('cus_1', 'pm_1');
    standIn.seed.subscription({ customer: 'cus_1' });
    await deleteCustomer('cus_1');
    expect(await stripe.readCustomer('cus_1')).toMatchObject({
      customer: { id: 'cus_1', deleted: true, email: null },
      subscriptions: [],
      cards: [],
    });
  });

  test('[P3] one that Stripe does not know is not one that is empty', async () => {
    await expect(stripe.readCustomer('cus_9')).rejects.toMatchObject({
      name: 'Terminal',
      facts: { class: 'not_found', subject: 'cus_9' },
    });
  });

  test('an item list that is cut short says no amount, a subscription without one breaks nothing', async () => {
    const wire = { id: 'sub_1', object: 'subscription', status: 'active', customer: 'cus_1', created: 1 };
    await using server = await scripted(json(200, wire));
    const odd = createStripeGateway({ secretKey, apiBase: server.url, log: silentLog });
    expect(await odd.retrieveSubscription('sub_1')).toMatchObject({ amount: null, currentPeriodEnd: null });
  });
});

describe('the pages of a backfill', () => {
  test('hold all subscriptions in every status, with customers and cards, in pages of 100', async () => {
    customerWithCard('cus_1', 'pm_1');
    customerWithCard('cus_2', 'pm_2');
    await deleteCustomer((standIn.seed.customer({ id: 'cus_3' }), 'cus_3'));
    const price = standIn.seed.price().id;
    const seeded = Array.from({ length: 250 }, (_, index) =>
      standIn.seed.subscription({
        customer: index % 2 ? 'cus_1' : 'cus_2',
        price,
        ...(index % 2 ? {} : { default_payment_method: 'pm_2' }),
      }),
    );
    const first = await stripe.listSubscriptionsPage();
    expect(first.subscriptions).toHaveLength(100);
    expect(ids(first.customers)).toEqual(['cus_1', 'cus_2']);
    // of a subscription that has none of its own, the customer's is charged, and comes with the customers
    expect(ids(first.cards)).toEqual(['pm_2']);
    const second = await stripe.listSubscriptionsPage(first.next);
    const third = await stripe.listSubscriptionsPage(second.next);
    expect(third.next).toBeUndefined();
    const all = [first, second, third].flatMap(({ subscriptions }) => subscriptions);
    expect(ids(all)).toEqual(ids(seeded));
  });

  test('name a deleted customer as deleted', async () => {
    standIn.seed.customer({ id: 'cus_1' });
    standIn.seed.subscription({ customer: 'cus_1' });
    await deleteCustomer('cus_1');
    const { customers, subscriptions } = await stripe.listSubscriptionsPage();
    expect(customers).toMatchObject([{ id: 'cus_1', deleted: true, email: null, livemode: false }]);
    expect(subscriptions).toMatchObject([{ customerId: 'cus_1', status: 'canceled' }]);
  });

  test('hold customers without subscriptions too', async () => {
    for (let count = 0; count < 101; count++) standIn.seed.customer();
    customerWithCard('cus_1', 'pm_1');
    const first = await stripe.listCustomersPage();
    const second = await stripe.listCustomersPage(first.next);
    expect(first.customers.length + second.customers.length).toBe(102);
    expect([...first.cards, ...second.cards]).toMatchObject([{ id: 'pm_1', customerId: 'cus_1' }]);
    expect(second.next).toBeUndefined();
  });

  test('a cursor that Stripe no longer knows is refused by name', async () => {
    await expect(stripe.listCustomersPage('cus_gone')).rejects.toMatchObject({
      name: 'Terminal',
      facts: { class: 'stripe_refused', param: 'starting_after' },
    });
  });
});
