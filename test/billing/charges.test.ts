import { expect, test } from 'vitest';
import { chargesTo, endsUnpaid } from '../../src/billing/charges.ts';
import { candidatesOf, recipientOf } from '../../src/billing/recipient.ts';
import type { Card, Customer, Subscription } from '../../src/core/stripe.ts';

const expiresAt = new Date('2028-03-01T00:00:00Z');
const nextPeriod = new Date('2028-03-09T14:00:00Z');
const card: Card = {
  id: 'pm_1',
  customerId: 'cus_1',
  brand: 'visa',
  last4: '4242',
  expMonth: 2,
  expYear: 2028,
  expiresAt,
};
const customer: Customer = {
  id: 'cus_1',
  deleted: false,
  email: null,
  teamId: null,
  defaultPaymentMethod: null,
  livemode: false,
  createdAt: null,
};
const subscription: Subscription = {
  id: 'sub_1',
  customerId: 'cus_1',
  status: 'active',
  over: false,
  ending: false,
  cancelAtPeriodEnd: false,
  cancelAt: null,
  canceledAt: null,
  endedAt: null,
  trialStart: null,
  trialEnd: null,
  currentPeriodEnd: nextPeriod,
  defaultPaymentMethod: 'pm_1',
  amount: 2900,
  currency: 'eur',
  livemode: false,
  createdAt: new Date('2027-01-09T14:00:00Z'),
  requestId: 'req_1',
};

const backed = (changes: Partial<Subscription>, own: Partial<Customer> = {}) =>
  chargesTo(card, {
    customer: { ...customer, ...own },
    subscriptions: [{ ...subscription, ...changes }],
    cards: [card],
  }).length === 1;

test.for([
  ['active', { status: 'active' }, true],
  ['in trial', { status: 'trialing' }, true],
  ['past due', { status: 'past_due' }, true],
  ['unpaid', { status: 'unpaid' }, false],
  ['paused', { status: 'paused' }, false],
  ['incomplete', { status: 'incomplete' }, false],
  ['cancelled', { status: 'canceled' }, false],
  ['to end with its period', { cancelAtPeriodEnd: true }, false],
  ['to end before the card', { cancelAt: new Date(expiresAt.getTime() - 1) }, false],
  ['to end with the card', { cancelAt: expiresAt }, false],
  ['to end before its next charge', { cancelAt: nextPeriod }, false],
  ['to end after its next charge', { cancelAt: new Date(nextPeriod.getTime() + 1) }, true],
  ['to end after the card, its period unknown', { cancelAt: nextPeriod, currentPeriodEnd: null }, true],
  ['charged to another card', { defaultPaymentMethod: 'pm_2' }, false],
] as const)('a subscription that is %s is charged to the card, as the sweep says: %o', ([, changes, is]) => {
  expect(backed(changes)).toBe(is);
});

test("the customer's card counts where the subscription has none of its own", () => {
  expect(backed({ defaultPaymentMethod: null }, { defaultPaymentMethod: 'pm_1' })).toBe(true);
  expect(backed({ defaultPaymentMethod: 'pm_2' }, { defaultPaymentMethod: 'pm_1' })).toBe(false);
  expect(backed({ defaultPaymentMethod: null })).toBe(false);
});

test.for([
  ['that goes on', {}, false],
  ['to end with its period', { cancelAtPeriodEnd: true }, true],
  ['to end before its trial', { cancelAt: new Date(nextPeriod.getTime() - 1) }, true],
  ['to end with its trial', { cancelAt: nextPeriod }, true],
  ['to end later', { cancelAt: new Date(nextPeriod.getTime() + 1) }, false],
] as const)('0.9: a subscription in trial %s ends unpaid: %o', ([, changes, is]) => {
  expect(endsUnpaid({ ...subscription, ...changes }, nextPeriod)).toBe(is);
});

test('the next charge comes first, unknown ones last', () => {
  const at = (id: string, currentPeriodEnd: Date | null) => ({ ...subscription, id, currentPeriodEnd });
  const subscriptions = [at('unknown', null), at('later', nextPeriod), at('next', expiresAt)];
  const ids = chargesTo(card, { customer, subscriptions, cards: [card] }).map(({ id }) => id);
  expect(ids).toEqual(['next', 'later', 'unknown']);
});

test.for([
  ['olive@harbour.example', true, 'olive@harbour.example'],
  [' olive@harbour.example\n', true, 'olive@harbour.example'],
  ['olive@harbour.example', false, 'books@harbour.example'],
  [null, true, 'books@harbour.example'],
  ['Olive <olive@harbour.example>', true, 'books@harbour.example'],
  ['olive@harbour.example,eve@x.example', true, 'books@harbour.example'],
  ['olive@harbour.example\nBcc: eve@x.example', true, 'books@harbour.example'],
] as const)(
  'an owner with the address %j, active: %s, is written to at %s',
  ([ownerEmail, ownerIsActive, to]) => {
    const candidates = candidatesOf({ ownerEmail, ownerIsActive }, 'books@harbour.example');
    expect(recipientOf(candidates, () => undefined)).toEqual({ to });
  },
);

test.for([
  [{}, { to: 'olive@harbour.example' }],
  [{ 'olive@harbour.example': 'bounce' }, { to: 'books@harbour.example' }],
  [{ 'books@harbour.example': 'complaint' }, { to: 'olive@harbour.example' }],
  [
    { 'olive@harbour.example': 'bounce', 'books@harbour.example': 'bounce' },
    { suppressed: { why: 'nobody can be written to: mail to every known address bounces' } },
  ],
  [
    { 'olive@harbour.example': 'complaint', 'books@harbour.example': 'bounce' },
    {
      suppressed: {
        why: 'nobody can be written to: mail to every known address bounces or was complained of',
      },
    },
  ],
] as const)('with %o nobody suppressed is written to: %o', ([suppressed, expected]) => {
  const candidates = candidatesOf(
    { ownerEmail: 'olive@harbour.example', ownerIsActive: true },
    'books@harbour.example',
  );
  const dates = { 'olive@harbour.example': expiresAt, 'books@harbour.example': nextPeriod };
  const found = recipientOf(candidates, (to) => {
    const why = (suppressed as Record<string, string>)[to];
    return why === undefined ? undefined : { why, at: dates[to as keyof typeof dates] };
  });
  expect(found).toMatchObject(expected);
  // the later of the two: a bounce since then is something new to tell
  if ('suppressed' in expected) {
    const latest = new Date(Math.max(expiresAt.getTime(), nextPeriod.getTime()));
    expect(found).toMatchObject({ suppressed: { since: latest } });
  }
});
