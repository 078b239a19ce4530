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
  const paid = options.paid || total === 0;
  const id = store.nextId('in', 24);
  const customer = store.customers.get(subscription.customer);
  const invoice: WireInvoice = {
    id,
    object: 'invoice',
    account_country: 'US',
    account_name: 'Stand-in',
    account_tax_ids: null,
    amount_due: total,
    amount_overpaid: 0,
    amount_paid: paid ? total : 0,
    amount_remaining: paid ? 0 : total,
    amount_shipping: 0,
    application: null,
    attempt_count: total === 0 ? 0 : 1,
    attempted: true,
    auto_advance: !paid,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null, provider: null, status: null },
    automatically_finalizes_at: null,
    billing_reason: options.reason,
    collection_method: subscription.collection_method,
    created: at,
    currency: subscription.currency,
    custom_fields: null,
    customer: subscription.customer,
    customer_account: null,
    customer_address: null,
    customer_email: customer?.email ?? null,
    customer_name: customer?.name ?? null,
    customer_phone: null,
    customer_shipping: null,
    customer_tax_exempt: 'none',
    customer_tax_ids: [],
    default_payment_method: null,
    default_source: null,
    default_tax_rates: [],
    description: null,
    discounts: [],
    due_date: null,
    effective_at: at,
    ending_balance: 0,
    footer: null,
    from_invoice: null,
    hosted_invoice_url: null,
    invoice_pdf: null,
    issuer: { type: 'self' },
    last_finalization_error: null,
    latest_revision: null,
    lines: {
      object: 'list',
      data: subscription.items.data.map((item, index) => lineOf(subscription, item, `${id}L${index}`, id)),
      has_more: false,
      total_count: subscription.items.data.length,
      url: `/v1/invoices/${id}/lines`,
    },
    livemode: subscription.livemode,
    metadata: {},
    next_payment_attempt: null,
    number: `${id.slice(-8)}-0001`,
    on_behalf_of: null,
    parent: {
      quote_details: null,
      subscription_details: { metadata: subscription.metadata, subscription: subscription.id },
      type: 'subscription_details',
    },
    payment_settings: { default_mandate: null, payment_method_options: null, payment_method_types: null },
    period_end: at,
    period_start: at,
    post_payment_credit_notes_amount: 0,
    pre_payment_credit_notes_amount: 0,
    receipt_number: null,
    rendering: null,
    shipping_cost: null,
    shipping_details: null,
    starting_balance: 0,
    statement_descriptor: null,
    status: paid ? 'paid' : 'open',
    status_transitions: {
      finalized_at: at,
      marked_uncollectible_at: null,
      paid_at: paid ? at : null,
      voided_at: null,
    },
    subtotal: total,
    subtotal_excluding_tax: total,
    test_clock: null,
    total,
    total_discount_amounts: [],
    total_excluding_tax: total,
    total_pretax_credit_amounts: [],
    total_taxes: [],
    webhooks_delivered_at: null,
  };
  subscription.latest_invoice = id;
  return store.invoices.add(invoice);
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
  route('GET', '/v1/invoices', listParams, ({ store, livemode }, params) =>
    page(
      store.invoices,
      '/v1/invoices',
      params,
      (invoice) =>
        invoice.livemode === livemode &&
        within(invoice.created, params.created) &&
        (params.due_date === undefined ||
          (invoice.due_date !== null && within(invoice.due_date, params.due_date))) &&
        (params.customer === undefined || invoice.customer === params.customer) &&
        (params.status === undefined || invoice.status === params.status) &&
        (params.collection_method === undefined || invoice.collection_method === params.collection_method) &&
        (params.subscription === undefined ||
          invoice.parent?.subscription_details?.subscription === params.subscription),
    ),
  ),
  route('GET', '/v1/invoices/:id', endpoint({}), ({ store, livemode }, _params, id) =>
    store.get(store.invoices, id, livemode),
  ),
];
