import { blankCard, blankCustomer, blankPrice, blankProduct } from './blank.ts';
import { blankInvoice } from './blank-invoice.ts';
import type { Bill } from './blank-invoice.ts';
import { blankItem, blankSubscription, planOf } from './blank-subscription.ts';
import { addInterval } from './clock.ts';
import { namedOn } from './invoices.ts';
import { TRIAL_NOTICE } from './lifecycle.ts';
import type {
  WireCustomer,
  WireInvoice,
  WireItem,
  WirePaymentMethod,
  WirePrice,
  WireProduct,
} from './objects.ts';
import type { WireSubscription } from './objects.ts';
import type { StripeStore } from './store.ts';

/**
 * Puts objects that exist from the start into the store, filling in what is left out. No events are written.
 */

const DAY = 86_400;

export type CustomerInput = Partial<Omit<WireCustomer, 'invoice_settings'>> & {
  invoice_settings?: Partial<WireCustomer['invoice_settings']>;
};

export type PaymentMethodInput = Partial<Omit<WirePaymentMethod, 'card' | 'billing_details'>> & {
  card?: Partial<NonNullable<WirePaymentMethod['card']>>;
  billing_details?: Partial<WirePaymentMethod['billing_details']>;
};

export type PriceInput = Partial<Omit<WirePrice, 'recurring'>> & {
  recurring?: Partial<NonNullable<WirePrice['recurring']>> | null;
};

type ItemInput = Partial<Omit<WireItem, 'price'>> & { price: string | PriceInput };

export type SubscriptionInput = Partial<Omit<WireSubscription, 'items'>> & {
  customer: string;
  items?: { data: ItemInput[] };
};

export type InvoiceInput = Partial<Omit<WireInvoice, keyof Bill>> & Partial<Bill> & { customer: string };

export function addCustomer(store: StripeStore, now: number, input: CustomerInput): WireCustomer {
  const blank = blankCustomer(birthOf(input, now, () => store.nextId('cus')));
  const settings = { ...blank.invoice_settings, ...input.invoice_settings };
  return store.customers.add({ ...blank, ...input, invoice_settings: settings });
}

export function addProduct(store: StripeStore, now: number, input: Partial<WireProduct>): WireProduct {
  const blank = blankProduct(
    birthOf(input, now, () => store.nextId('prod')),
    'Product',
  );
  return store.products.add({ ...blank, ...input });
}

export function addPrice(store: StripeStore, now: number, input: PriceInput): WirePrice {
  const product = input.product ?? addProduct(store, now, {}).id;
  const blank = blankPrice(
    birthOf(input, now, () => store.nextId('price', 24)),
    product,
  );
  const amount = input.unit_amount === undefined ? blank.unit_amount : input.unit_amount;
  const recurring = input.recurring === null ? null : { ...blank.recurring!, ...input.recurring };
  return store.prices.add({
    ...blank,
    unit_amount_decimal: amount === null ? null : String(amount),
    type: recurring === null ? 'one_time' : 'recurring',
    ...input,
    recurring,
  });
}

export function addPaymentMethod(
  store: StripeStore,
  now: number,
  input: PaymentMethodInput,
): WirePaymentMethod {
  const { card: blankDetails, ...blank } = blankCard(birthOf(input, now, () => store.nextId('pm', 24)));
  const { card, ...rest } = input;
  const isCard = (input.type ?? 'card') === 'card';
  return store.paymentMethods.add({
    ...blank,
    ...rest,
    billing_details: { ...blank.billing_details, ...input.billing_details },
    ...(isCard && blankDetails !== undefined ? { card: { ...blankDetails, ...card } } : {}),
  });
}

/** The price of an item is an id already known, or an embedded object, which then becomes known. */
export function addSubscription(store: StripeStore, now: number, input: SubscriptionInput): WireSubscription {
  const { items: given, ...rest } = input;
  const birth = birthOf(input, input.start_date ?? now, () => store.nextId('sub', 24));
  const inputs = given?.data ?? [{ price: addPrice(store, now, { livemode: birth.livemode }).id }];
  const trial = trialOf(input, birth.created, now);
  const items = inputs.map((item): WireItem => {
    const price = priceOf(store, now, item.price);
    const blank = blankItem(item.id ?? store.nextId('si'), birth.id, price, birth.created);
    return { ...blank, ...periodOf(price, birth.created, now, trial), ...item, plan: planOf(price), price };
  });
  const blank = blankSubscription(birth, input.customer, items);
  const subscription: WireSubscription = { ...blank, ...trial, ...endingOf(input, items, now), ...rest };
  if (subscription.trial_end !== null && subscription.trial_end - TRIAL_NOTICE <= now) {
    store.announcedTrialEnds.set(subscription.id, subscription.trial_end);
  }
  return store.subscriptions.add(subscription);
}

/** Of no subscription and paid, unless told otherwise. */
export function addInvoice(store: StripeStore, now: number, input: InvoiceInput): WireInvoice {
  const { customer, currency = 'usd', total = 1000, status = 'paid', ...rest } = input;
  const birth = birthOf(input, now, () => store.nextId('in', 24));
  const blank = blankInvoice(birth, customer, { currency, total, status });
  return store.invoices.add({ ...blank, ...namedOn(store, customer), ...rest });
}

function birthOf(
  input: { id?: string; created?: number; livemode?: boolean },
  now: number,
  nextId: () => string,
): { id: string; created: number; livemode: boolean } {
  return { id: input.id ?? nextId(), created: input.created ?? now, livemode: input.livemode ?? false };
}

function priceOf(store: StripeStore, now: number, given: string | PriceInput): WirePrice {
  const id = typeof given === 'string' ? given : given.id;
  const known = id === undefined ? undefined : store.prices.get(id);
  if (known !== undefined) return known;
  if (typeof given === 'string') throw new Error(`There is no price '${given}'.`);
  return addPrice(store, now, given);
}

type Trial = Pick<WireSubscription, 'trial_start' | 'trial_end' | 'billing_cycle_anchor'>;

function trialOf(input: SubscriptionInput, created: number, now: number): Trial | undefined {
  if (input.status !== 'trialing') return undefined;
  const end = input.trial_end ?? now + 14 * DAY;
  return {
    trial_start: input.trial_start ?? Math.min(created, end),
    trial_end: end,
    billing_cycle_anchor: end,
  };
}

/** The trial, or the period that holds the present moment. */
function periodOf(price: WirePrice, created: number, now: number, trial: Trial | undefined) {
  if (trial !== undefined) {
    return {
      current_period_start: trial.trial_start ?? created,
      current_period_end: trial.trial_end ?? created,
    };
  }
  const { interval, interval_count: count } = planOf(price);
  let start = created;
  let end = addInterval(start, interval, count, created);
  while (end <= now) [start, end] = [end, addInterval(end, interval, count, created)];
  return { current_period_start: start, current_period_end: end };
}

/** The fields that go with an end, reached or planned. */
function endingOf(input: SubscriptionInput, items: WireItem[], now: number): Partial<WireSubscription> {
  const over = input.status === 'canceled' || input.status === 'incomplete_expired';
  const planned = input.cancel_at_period_end === true || input.cancel_at != null;
  if (!over && !planned) return {};
  const end = input.cancel_at ?? Math.min(...items.map((item) => item.current_period_end));
  return {
    canceled_at: over ? (input.ended_at ?? now) : now,
    ended_at: over ? now : null,
    cancel_at: planned ? end : null,
    cancellation_details: {
      comment: null,
      feedback: null,
      feedback_option: null,
      reason: input.status === 'incomplete_expired' ? null : 'cancellation_requested',
    },
  };
}
