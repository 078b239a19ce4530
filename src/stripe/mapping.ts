import type Stripe from 'stripe';
import { isOver } from '../core/stripe.ts';
import type { Card, Customer, StripePage, Subscription } from '../core/stripe.ts';
import { UnusableAnswer } from './answer.ts';
import type { Origin } from './answer.ts';

/**
 * Stripe's subscription in our words, as the answer `origin` showed it.
 *
 * `ending`: with flexible billing mode the customer portal sets `cancel_at` alone, so both fields are read.
 * `endedAt`: `canceled_at` keeps the time of an earlier request to cancel at period end; only `ended_at` says
 * when it was over (docs.stripe.com/api/subscriptions/object).
 */
export function toSubscription(wire: Stripe.Subscription, origin: Origin): Subscription {
  if (wire.object !== 'subscription' || typeof wire.status !== 'string') throw new UnusableAnswer(origin);
  // since 2025-03-31.basil a period belongs to an item (docs.stripe.com/changelog)
  const periodEnds = (wire.items?.data ?? []).map((item) => item.current_period_end);
  return {
    id: wire.id,
    customerId: idOf(wire.customer),
    status: wire.status,
    over: isOver(wire.status),
    ending: wire.cancel_at_period_end || wire.cancel_at !== null,
    cancelAtPeriodEnd: wire.cancel_at_period_end,
    cancelAt: instant(wire.cancel_at),
    canceledAt: instant(wire.canceled_at),
    endedAt: instant(wire.ended_at),
    trialStart: instant(wire.trial_start),
    trialEnd: instant(wire.trial_end),
    currentPeriodEnd: periodEnds.length === 0 ? null : instant(Math.min(...periodEnds)),
    defaultPaymentMethod: idOf(wire.default_payment_method),
    amount: amountOf(wire),
    currency: wire.currency,
    livemode: wire.livemode,
    createdAt: new Date(wire.created * 1000),
    requestId: origin.requestId,
  };
}

/**
 * What the items cost together. Null for prices by tiers, by usage or in fractions of a cent (Stripe leaves
 * `unit_amount` out), and with discounts, which only Stripe can reckon.
 */
function amountOf({ items, discounts }: Stripe.Subscription): number | null {
  if (!items || items.has_more || (discounts?.length ?? 0) > 0) return null;
  let sum = 0;
  for (const { price, quantity, discounts: own } of items.data) {
    const { unit_amount: unit, transform_quantity: packs } = price;
    if (unit === null || quantity === undefined || packs || (own?.length ?? 0) > 0) return null;
    sum += unit * quantity;
  }
  return sum;
}

/** Stripe's customer; of a deleted one it says no more than that, and the mode is the key's. */
export function toCustomer(wire: Stripe.Customer | Stripe.DeletedCustomer, livemode: boolean): Customer {
  if (wire.deleted === true) {
    const unknown = { email: null, teamId: null, defaultPaymentMethod: null, createdAt: null };
    return { id: wire.id, deleted: true, livemode, ...unknown };
  }
  return {
    id: wire.id,
    deleted: false,
    email: wire.email ?? null,
    teamId: teamIdOf(wire.metadata),
    defaultPaymentMethod: idOf(wire.invoice_settings?.default_payment_method ?? null),
    livemode: wire.livemode,
    createdAt: new Date(wire.created * 1000),
  };
}

/** One of a list: what is no customer there makes the list no answer. */
export function toListedCustomer(wire: Stripe.Customer, origin: Origin, livemode: boolean): Customer {
  if (wire.object !== 'customer') throw new UnusableAnswer(origin);
  return toCustomer(wire, livemode);
}

/** Whether the invoice was paid, and over more than nothing: a trial has one over zero, which counts as paid. */
export function isPaidWithMoney(wire: Stripe.Invoice, origin: Origin): boolean {
  if (wire.object !== 'invoice' || typeof wire.amount_paid !== 'number') throw new UnusableAnswer(origin);
  return wire.status === 'paid' && wire.amount_paid > 0;
}

/** Metadata is the app's and may hold anything: what does not look like an id, such as an address, is none. */
function teamIdOf(metadata: Stripe.Metadata | null): string | null {
  const value = metadata?.['team_id'];
  return value !== undefined && /^[\w.:-]{1,255}$/.test(value) ? value : null;
}

/** The card of an expanded payment method; null when it is none, or was not expanded. */
export function toCard(wire: string | Stripe.PaymentMethod | null | undefined): Card | null {
  if (typeof wire !== 'object' || wire === null || wire.type !== 'card' || !wire.card) return null;
  const { brand, last4, exp_month: expMonth, exp_year: expYear } = wire.card;
  return {
    id: wire.id,
    customerId: idOf(wire.customer),
    brand,
    last4,
    expMonth,
    expYear,
    // good to the last day of its month; months count from 0 here, so this is the first day of the next
    expiresAt: new Date(Date.UTC(expYear, expMonth, 1)),
  };
}

/** The default cards of these, whose payment methods are expanded; each once. */
export function toCards(
  objects: readonly (Stripe.Customer | Stripe.DeletedCustomer | Stripe.Subscription)[],
): Card[] {
  const cards = objects.map((object) => {
    if (object.object === 'subscription') return toCard(object.default_payment_method);
    return object.deleted === true ? null : toCard(object.invoice_settings?.default_payment_method);
  });
  return eachOnce(cards.filter((card) => card !== null));
}

/** By id: a statement may write a row only once. */
export function eachOnce<T extends { id: string }>(objects: readonly T[]): T[] {
  return [...new Map(objects.map((object) => [object.id, object])).values()];
}

/** A page of subscriptions whose customers and payment methods are expanded. */
export function toSubscriptionsPage(
  list: Stripe.ApiList<Stripe.Subscription>,
  origin: Origin,
  livemode: boolean,
): StripePage {
  const { items, next } = toPage(list, origin);
  const customers = eachOnce(
    items.map(({ customer }) => customer).filter((customer) => typeof customer !== 'string'),
  );
  return {
    subscriptions: items.map((wire) => toSubscription(wire, origin)),
    customers: customers.map((wire) => toCustomer(wire, livemode)),
    cards: toCards([...customers, ...items]),
    next,
  };
}

/** A page of customers whose payment methods are expanded. */
export function toCustomersPage(
  list: Stripe.ApiList<Stripe.Customer>,
  origin: Origin,
  livemode: boolean,
): StripePage {
  const { items, next } = toPage(list, origin);
  return {
    subscriptions: [],
    customers: items.map((wire) => toCustomer(wire, livemode)),
    cards: toCards(items),
    next,
  };
}

/**
 * One page of a list, and where the next begins. A page that does not say whether there are more, or says so
 * without a last id, is none (docs.stripe.com/api/pagination).
 */
export function toPage<T extends { id: string }>(
  list: Stripe.ApiList<T>,
  origin: Origin,
): { readonly items: T[]; readonly next: string | undefined } {
  if (!Array.isArray(list.data) || typeof list.has_more !== 'boolean') throw new UnusableAnswer(origin);
  const last = list.data.at(-1);
  if (list.has_more && last === undefined) throw new UnusableAnswer(origin);
  return { items: list.data, next: list.has_more ? last?.id : undefined };
}

/** Of a reference, expanded or not. */
function idOf(reference: string | { id: string }): string;
function idOf(reference: string | { id: string } | null): string | null;
function idOf(reference: string | { id: string } | null): string | null {
  return typeof reference === 'object' ? (reference?.id ?? null) : reference;
}

/** Stripe counts seconds. */
function instant(seconds: number | null): Date | null {
  return seconds === null ? null : new Date(seconds * 1000);
}
