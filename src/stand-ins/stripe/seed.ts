import { singleItem } from './blank-subscription.ts';
import {
  addCustomer,
  addInvoice,
  addPaymentMethod,
  addPrice,
  addProduct,
  addSubscription,
} from './complete.ts';
import type {
  CustomerInput,
  InvoiceInput,
  PaymentMethodInput,
  PriceInput,
  SubscriptionInput,
} from './complete.ts';
import type { StandInClock } from './clock.ts';
import type {
  WireCustomer,
  WireInvoice,
  WirePaymentMethod,
  WirePrice,
  WireProduct,
  WireSubscription,
} from './objects.ts';
import type { StripeStore } from './store.ts';

/** A subscription in short: one item, unless `items` lists them. */
export type SubscriptionSeed = SubscriptionInput & {
  price?: string;
  quantity?: number;
  current_period_start?: number;
  current_period_end?: number;
};

export interface Seed {
  customer(input?: CustomerInput): WireCustomer;
  product(input?: Partial<WireProduct>): WireProduct;
  price(input?: PriceInput): WirePrice;
  paymentMethod(input?: PaymentMethodInput): WirePaymentMethod;
  subscription(input: SubscriptionSeed): WireSubscription;
  invoice(input: InvoiceInput): WireInvoice;
}

/**
 * Objects that were there before the story begins: no request, no event, no effect. What is left out is
 * filled in as Stripe would have it by now; the answers are copies.
 */
export function makeSeed(store: StripeStore, clock: StandInClock): Seed {
  return {
    customer: (input = {}) => structuredClone(addCustomer(store, clock.seconds(), input)),
    product: (input = {}) => structuredClone(addProduct(store, clock.seconds(), input)),
    price: (input = {}) => structuredClone(addPrice(store, clock.seconds(), input)),
    paymentMethod(input = {}) {
      if (typeof input.customer === 'string') requireCustomer(store, input.customer);
      return structuredClone(addPaymentMethod(store, clock.seconds(), input));
    },
    subscription(input) {
      requireCustomer(store, input.customer);
      const { price, quantity, current_period_start: start, current_period_end: end, ...rest } = input;
      const item = {
        price: price ?? addPrice(store, clock.seconds(), { livemode: input.livemode ?? false }).id,
        ...(quantity === undefined ? {} : { quantity }),
        ...(start === undefined ? {} : { current_period_start: start }),
        ...(end === undefined ? {} : { current_period_end: end }),
      };
      const subscription = addSubscription(store, clock.seconds(), {
        ...rest,
        items: input.items ?? { data: [item] },
      });
      Object.assign(subscription, singleItem(subscription.items.data));
      return structuredClone(subscription);
    },
    invoice(input) {
      requireCustomer(store, input.customer);
      return structuredClone(addInvoice(store, clock.seconds(), input));
    },
  };
}

function requireCustomer(store: StripeStore, id: string): void {
  if (store.customers.get(id) === undefined)
    throw new Error(`There is no customer '${id}' to seed this for.`);
}
