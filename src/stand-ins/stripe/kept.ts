import type { StripeStandIn } from './server.ts';

/* For a stand-in that is to remember over restarts what it was told: whoever starts it keeps this somewhere. */

/** Everything it can be started with again, as fixtures. */
export function objectsOf({ store }: StripeStandIn): object[] {
  const tables = [store.products, store.prices, store.customers, store.paymentMethods, store.subscriptions];
  return [...tables.flatMap((table): object[] => table.all()), ...store.deletedCustomers.values()];
}

/** Lets the numbers of events go on behind this one: an id that is known already would be taken for a repetition. */
export function passEvent({ store }: StripeStandIn, id: string): void {
  for (let next = ''; next < id;) next = store.nextId('evt', id.length - 'evt_'.length);
}
