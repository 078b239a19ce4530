import { blankInvoice } from './blank-invoice.ts';
import { knownCustomer } from './common.ts';
import { page, within } from './lists.ts';
import { endpoint, inert, listing, oneOf, range, text } from './params.ts';
import { route } from './route.ts';
import type { WireInvoice, WireLineItem, WireSubscription } from './objects.ts';
import type { StripeStore } from './store.ts';

/** What one billing period of the subscription costs, in the smallest unit; a trial costs nothing. */
export function amountOf(subscription: WireSubscription): number {
  if (subscription.status === 'trialing') return 0;
  return subscription.items.data.reduce(
    (sum, item) => sum + (item.price.unit_amount ?? 0) * (item.quantity ?? 1),
    0,
  );
}

/** Writes the invoice of the current period and makes it the subscription's latest. */
export function bill(
  store: StripeStore,
  subscription: WireSubscription,
  at: number,
  options: { reason: 'subscription_create' | 'subscription_cycle' | 'subscription_update'; paid: boolean },
): WireInvoice {
  const total = amountOf(subscription);
  const id = store.nextId('in', 24);
  const birth = { id, created: at, livemode: subscription.livemode };
  const blank = blankInvoice(birth, subscription.customer, {
    currency: subscription.currency,
    total,
    status: options.paid || total === 0 ? 'paid' : 'open',
  });
  const invoice: WireInvoice = {
    ...blank,
    ...namedOn(store, subscription.customer),
    billing_reason: options.reason,
    collection_method: subscription.collection_method,
    lines: {
      ...blank.lines,
      data: subscription.items.data.map((item, index) => lineOf(subscription, item, `${id}L${index}`, id)),
      total_count: subscription.items.data.length,
    },
    parent: {
      quote_details: null,
      subscription_details: { metadata: subscription.metadata, subscription: subscription.id },
      type: 'subscription_details',
    },
  };
  subscription.latest_invoice = id;
  return store.invoices.add(invoice);
}

/** Whom an invoice names, as they were called on its day. */
export function namedOn(
  store: StripeStore,
  customerId: string,
): Pick<WireInvoice, 'customer_email' | 'customer_name'> {
  const customer = store.customers.get(customerId);
  return { customer_email: customer?.email ?? null, customer_name: customer?.name ?? null };
}

function lineOf(
  subscription: WireSubscription,
  item: WireSubscription['items']['data'][number],
  id: string,
  invoice: string,
): WireLineItem {
  const unit = subscription.status === 'trialing' ? 0 : (item.price.unit_amount ?? 0);
  const quantity = item.quantity ?? 1;
  return {
    id: id.replace(/^in_/, 'il_'),
    object: 'line_item',
    amount: unit * quantity,
    currency: subscription.currency,
    description: null,
    discount_amounts: [],
    discountable: true,
    discounts: [],
    invoice,
    livemode: subscription.livemode,
    metadata: {},
    parent: {
      invoice_item_details: null,
      subscription_item_details: {
        invoice_item: null,
        proration: false,
        proration_details: { credited_items: null },
        subscription: subscription.id,
        subscription_item: item.id,
      },
      type: 'subscription_item_details',
    },
    period: { end: item.current_period_end, start: item.current_period_start },
    pretax_credit_amounts: [],
    pricing: {
      price_details: { price: item.price.id, product: item.price.product },
      type: 'price_details',
      unit_amount_decimal: String(unit),
    },
    quantity,
    quantity_decimal: String(quantity),
    subscription: subscription.id,
    subtotal: unit * quantity,
    taxes: [],
  };
}

const listParams = listing({
  collection_method: oneOf('charge_automatically', 'send_invoice'),
  created: range,
  customer: text,
  customer_account: inert,
  due_date: range,
  status: oneOf('draft', 'open', 'paid', 'uncollectible', 'void'),
  subscription: text,
});

export const invoiceRoutes = [
  route('GET', '/v1/invoices', listParams, (call, params) => {
    if (params.customer !== undefined) knownCustomer(call, params.customer);
    return page(
      call.store.invoices,
      '/v1/invoices',
      params,
      (invoice) =>
        invoice.livemode === call.livemode &&
        within(invoice.created, params.created) &&
        (params.due_date === undefined ||
          (invoice.due_date !== null && within(invoice.due_date, params.due_date))) &&
        (params.customer === undefined || invoice.customer === params.customer) &&
        (params.status === undefined || invoice.status === params.status) &&
        (params.collection_method === undefined || invoice.collection_method === params.collection_method) &&
        (params.subscription === undefined ||
          invoice.parent?.subscription_details?.subscription === params.subscription),
    );
  }),
  route('GET', '/v1/invoices/:id', endpoint({}), ({ store, livemode }, _params, id) =>
    store.get(store.invoices, id, livemode),
  ),
];
