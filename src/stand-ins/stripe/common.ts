import { invalid, missing } from './errors.ts';
import { clearable, fields, text } from './params.ts';
import type { WireCustomer } from './objects.ts';
import type { Call } from './route.ts';

export const addressParams = fields({
  city: clearable(text),
  country: clearable(text),
  line1: clearable(text),
  line2: clearable(text),
  postal_code: clearable(text),
  state: clearable(text),
});

/** Keys are merged; an empty value removes one, null all (docs.stripe.com/api/metadata). */
export function mergeMetadata(
  before: Record<string, string>,
  change: Record<string, string> | null,
): Record<string, string> {
  if (change === null) return {};
  return Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value !== ''));
}

/** The customer a filter names: a deleted one still has its cancelled subscriptions and its invoices. */
export function knownCustomer({ store, livemode }: Call, id: string, param = 'customer'): void {
  if (store.deletedCustomers.has(id)) return;
  store.reference(store.customers, id, livemode, param);
}

/** The customer something is made for: a deleted one takes nothing new. */
export function liveCustomer({ store, livemode }: Call, id: string, param = 'customer'): WireCustomer {
  if (store.deletedCustomers.has(id)) throw missing('customer', id, { param, status: 400 });
  return store.reference(store.customers, id, livemode, param);
}

/** A default payment method has to belong to the customer it is the default of. */
export function requireOwnCard({ store, livemode }: Call, customer: string, id: string, param: string): void {
  const method = store.reference(store.paymentMethods, id, livemode, param);
  if (method.customer === customer) return;
  throw invalid(
    `The customer does not have a payment method with the ID ${id}. The payment method must be attached ` +
      'to the customer.',
    param,
    'resource_missing',
  );
}
