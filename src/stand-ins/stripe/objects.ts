import type Stripe from 'stripe';

/**
 * Stripe's objects as they travel. They differ from the SDK's types in two ways: decimals are strings (the
 * SDK makes `Decimal` objects of them on arrival), and the references kept here are ids, expanded on demand.
 */

type WireList<T> = Stripe.ApiList<T> & { total_count: number };

export type WireProduct = Omit<Stripe.Product, 'default_price' | 'deleted'> & {
  default_price: string | null;
};

export type WirePrice = Omit<
  Stripe.Price,
  'unit_amount_decimal' | 'product' | 'tiers' | 'currency_options'
> & {
  product: string;
  unit_amount_decimal: string | null;
};

export type WirePlan = Omit<Stripe.Plan, 'amount_decimal' | 'product' | 'tiers'> & {
  product: string;
  amount_decimal: string | null;
};

export type WireItem = Omit<Stripe.SubscriptionItem, 'price' | 'plan'> & { price: WirePrice; plan: WirePlan };

type SubscriptionReference =
  | 'customer'
  | 'default_payment_method'
  | 'default_source'
  | 'latest_invoice'
  | 'schedule';

/** `plan` and `quantity` are undocumented, but every recorded answer of Stripe carries them. */
export type WireSubscription = Omit<Stripe.Subscription, SubscriptionReference | 'items'> & {
  customer: string;
  default_payment_method: string | null;
  default_source: string | null;
  latest_invoice: string | null;
  schedule: string | null;
  items: WireList<WireItem>;
  plan: WirePlan | null;
  quantity: number | null;
};

type CustomerReference = 'default_source' | 'sources' | 'subscriptions' | 'tax_ids' | 'discount' | 'deleted';

export type WireCustomer = Omit<Stripe.Customer, CustomerReference | 'invoice_settings'> & {
  default_source: string | null;
  discount: null;
  invoice_settings: Omit<Stripe.Customer.InvoiceSettings, 'default_payment_method'> & {
    default_payment_method: string | null;
  };
};

export type WireDeletedCustomer = Pick<Stripe.DeletedCustomer, 'id' | 'object' | 'deleted'>;

export type WirePaymentMethod = Omit<Stripe.PaymentMethod, 'customer'> & { customer: string | null };

export type WireLineItem = Omit<Stripe.InvoiceLineItem, 'quantity_decimal' | 'pricing' | 'subscription'> & {
  subscription: string | null;
  quantity_decimal: string | null;
  pricing: Omit<Stripe.InvoiceLineItem.Pricing, 'unit_amount_decimal'> & {
    unit_amount_decimal: string | null;
  };
};

export type WireInvoice = Omit<Stripe.Invoice, 'customer' | 'lines' | 'deleted'> & {
  customer: string;
  lines: WireList<WireLineItem>;
};

export type WireEvent = Omit<Stripe.EventBase, 'type' | 'data'> & {
  type: EventType;
  data: { object: object; previous_attributes?: Record<string, unknown> };
};

export type EventType =
  | 'customer.created'
  | 'customer.updated'
  | 'customer.deleted'
  | 'customer.subscription.created'
  | 'customer.subscription.updated'
  | 'customer.subscription.deleted'
  | 'customer.subscription.trial_will_end'
  | 'payment_method.attached'
  | 'payment_method.detached'
  | 'payment_method.updated';

export const SUBSCRIPTION_STATUSES = [
  'active',
  'canceled',
  'incomplete',
  'incomplete_expired',
  'past_due',
  'paused',
  'trialing',
  'unpaid',
] as const;

/** Nothing leads out of these two: a cancel of them is 404, an update 400. */
export function isOver(subscription: { status: string }): boolean {
  return subscription.status === 'canceled' || subscription.status === 'incomplete_expired';
}

/** The API version the installed SDK is pinned to, and the version of the events written here. */
export const API_VERSION = '2026-10-28.endive';
