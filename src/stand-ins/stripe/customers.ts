import { blankCustomer } from './blank.ts';
import { addressParams, mergeMetadata, requireOwnCard } from './common.ts';
import { difference } from './events.ts';
import { page, within } from './lists.ts';
import { endSubscription } from './lifecycle.ts';
import {
  clearable,
  endpoint,
  fields,
  inert,
  integer,
  listOf,
  listing,
  oneOf,
  pairs,
  range,
} from './params.ts';
import { text, unmodelled } from './params.ts';
import { announceAttached, attach } from './payment-methods.ts';
import { route } from './route.ts';
import { isOver } from './objects.ts';
import type { WireCustomer, WireDeletedCustomer } from './objects.ts';
import type { Values } from './params.ts';
import type { Call } from './route.ts';

const shared = {
  address: clearable(addressParams),
  balance: integer,
  business_name: unmodelled,
  cash_balance: unmodelled,
  description: clearable(text),
  email: clearable(text),
  individual_name: unmodelled,
  invoice_prefix: text,
  invoice_settings: fields({ default_payment_method: clearable(text), footer: clearable(text) }),
  metadata: pairs,
  name: clearable(text),
  next_invoice_sequence: integer,
  phone: clearable(text),
  preferred_locales: listOf(text),
  shipping: unmodelled,
  source: unmodelled,
  tax: inert,
  tax_exempt: oneOf('exempt', 'none', 'reverse'),
  validate: inert,
};
const createParams = endpoint({ ...shared, payment_method: text, tax_id_data: unmodelled, test_clock: text });
const updateParams = endpoint({ ...shared, default_source: unmodelled });
const listParams = listing({ created: range, email: text, test_clock: text });

export const customerRoutes = [
  route('POST', '/v1/customers', createParams, (call, params) => {
    const { store, now, livemode } = call;
    const customer = blankCustomer({ id: store.nextId('cus'), created: now, livemode });
    customer.test_clock = params.test_clock ?? null;
    const attached = params.payment_method && attach(call, params.payment_method, customer).method;
    assign(call, customer, params);
    store.customers.add(customer);
    store.events.emit({ type: 'customer.created', at: now, object: customer, cause: call });
    if (attached) announceAttached(call, attached);
    return customer;
  }),

  route('GET', '/v1/customers', listParams, ({ store, livemode }, params) =>
    page(
      store.customers,
      '/v1/customers',
      params,
      (customer) =>
        customer.livemode === livemode &&
        within(customer.created, params.created) &&
        // A case-sensitive exact match: docs.stripe.com/api/customers/list.
        (params.email === undefined || customer.email === params.email) &&
        (params.test_clock === undefined
          ? customer.test_clock === null
          : customer.test_clock === params.test_clock),
    ),
  ),

  route('GET', '/v1/customers/:id', endpoint({}), ({ store, livemode }, _params, id) => {
    return store.deletedCustomers.get(id) ?? store.get(store.customers, id, livemode);
  }),

  route('POST', '/v1/customers/:id', updateParams, (call, params, id) => {
    const customer = call.store.get(call.store.customers, id, call.livemode);
    const before = structuredClone(customer);
    assign(call, customer, params);
    if (Object.keys(difference(before, customer)).length > 0) {
      call.store.events.emit({
        type: 'customer.updated',
        at: call.now,
        object: customer,
        before,
        cause: call,
      });
    }
    return customer;
  }),

  route('DELETE', '/v1/customers/:id', endpoint({}), (call, _params, id) => remove(call, id)),
];

/** Permanent, and cancels every subscription at once: docs.stripe.com/api/customers/delete. */
function remove(call: Call, id: string): WireDeletedCustomer {
  const { store, now, livemode } = call;
  const customer = store.get(store.customers, id, livemode);
  for (const subscription of store.subscriptions.all()) {
    if (subscription.customer === id && !isOver(subscription)) {
      store.events.emit({ ...endSubscription(store, subscription, now), cause: call });
    }
  }
  for (const method of store.paymentMethods.all()) {
    if (method.customer === id) method.customer = null;
  }
  const deleted: WireDeletedCustomer = { id, object: 'customer', deleted: true };
  store.customers.remove(id);
  store.deletedCustomers.set(id, deleted);
  store.events.emit({ type: 'customer.deleted', at: now, object: customer, cause: call });
  return deleted;
}

function assign(call: Call, customer: WireCustomer, params: Values<typeof shared>): void {
  const { address, invoice_settings: settings, metadata, ...plain } = params;
  const method = settings?.default_payment_method;
  // Checked before anything is written: a refused request changes nothing.
  if (typeof method === 'string') {
    requireOwnCard(call, customer.id, method, 'invoice_settings[default_payment_method]');
  }
  const { invoice_settings: kept } = customer;
  Object.assign(customer, withoutExtras(plain));
  if (address !== undefined) customer.address = address === null ? null : { ...EMPTY_ADDRESS, ...address };
  if (settings !== undefined) customer.invoice_settings = { ...kept, ...settings };
  if (metadata !== undefined) customer.metadata = mergeMetadata(customer.metadata, metadata);
}

const EMPTY_ADDRESS = { city: null, country: null, line1: null, line2: null, postal_code: null, state: null };

/** What belongs to the request and not to the object. */
function withoutExtras(params: Record<string, unknown>): Record<string, unknown> {
  const { expand: _expand, payment_method: _method, test_clock: _clock, ...plain } = params;
  return plain;
}
