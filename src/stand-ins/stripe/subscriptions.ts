import { blankItem, blankSubscription } from './blank-subscription.ts';
import { knownCustomer, liveCustomer, requireOwnCard } from './common.ts';
import { TRIAL_NOTICE, announceTrialEnd, hasCard, startPeriod } from './lifecycle.ts';
import { amountOf, bill } from './invoices.ts';
import { page, within } from './lists.ts';
import { either, endpoint, fields, flag, inert, integer, listOf, listing, oneOf } from './params.ts';
import { pairs, range, required, text, unmodelled } from './params.ts';
import { route } from './route.ts';
import { checkCancelPlan, checkTrialEnd, noPaymentSource, planCancel } from './subscription-rules.ts';
import { chooseTrialEnding, recurringPrice, trialSettings } from './subscription-rules.ts';
import { SUBSCRIPTION_STATUSES, isOver } from './objects.ts';
import type { WireItem, WirePrice, WireSubscription } from './objects.ts';
import type { Values } from './params.ts';
import type { Call } from './route.ts';

const DAY = 86_400;

const createShape = {
  add_invoice_items: unmodelled,
  application_fee_percent: unmodelled,
  automatic_tax: unmodelled,
  backdate_start_date: unmodelled,
  billing_cycle_anchor: unmodelled,
  billing_cycle_anchor_config: unmodelled,
  billing_mode: inert,
  billing_schedules: unmodelled,
  billing_thresholds: unmodelled,
  cancel_at: integer,
  cancel_at_period_end: flag,
  collection_method: oneOf('charge_automatically', 'send_invoice'),
  currency: text,
  customer: text,
  customer_account: unmodelled,
  days_until_due: integer,
  default_payment_method: text,
  default_source: unmodelled,
  default_tax_rates: unmodelled,
  description: text,
  discounts: unmodelled,
  invoice_settings: unmodelled,
  items: listOf(fields({ metadata: pairs, plan: text, price: text, quantity: integer })),
  metadata: pairs,
  off_session: inert,
  on_behalf_of: unmodelled,
  payment_behavior: oneOf(
    'allow_incomplete',
    'default_incomplete',
    'error_if_incomplete',
    'pending_if_incomplete',
  ),
  payment_settings: inert,
  pending_invoice_item_interval: unmodelled,
  proration_behavior: inert,
  transfer_data: unmodelled,
  trial_end: either(oneOf('now'), integer),
  trial_from_plan: flag,
  trial_period_days: integer,
  trial_settings: trialSettings,
};

const listParams = listing({
  automatic_tax: unmodelled,
  collection_method: oneOf('charge_automatically', 'send_invoice'),
  created: range,
  current_period_end: range,
  current_period_start: range,
  customer: text,
  customer_account: inert,
  plan: text,
  price: text,
  status: oneOf('all', 'ended', ...SUBSCRIPTION_STATUSES),
  test_clock: text,
});

export const subscriptionRoutes = [
  route('POST', '/v1/subscriptions', endpoint(createShape), create),

  route('GET', '/v1/subscriptions', listParams, (call, params) => {
    if (params.customer !== undefined) knownCustomer(call, params.customer);
    return page(call.store.subscriptions, '/v1/subscriptions', params, (row) => matches(call, row, params));
  }),

  route('GET', '/v1/subscriptions/:id', endpoint({}), ({ store, livemode }, _params, id) =>
    store.get(store.subscriptions, id, livemode),
  ),
];

type ListQuery = Values<{
  collection_method: typeof text;
  created: typeof range;
  current_period_end: typeof range;
  current_period_start: typeof range;
  customer: typeof text;
  plan: typeof text;
  price: typeof text;
  status: typeof text;
  test_clock: typeof text;
}>;

/** By default all but the cancelled; `ended` is both terminal states (the SDK's types). */
function matches({ livemode }: Call, row: WireSubscription, query: ListQuery): boolean {
  const price = query.price ?? query.plan;
  const items = row.items.data;
  return (
    row.livemode === livemode &&
    hasStatus(row, query.status) &&
    within(row.created, query.created) &&
    (query.customer === undefined || row.customer === query.customer) &&
    (query.collection_method === undefined || row.collection_method === query.collection_method) &&
    (price === undefined || items.some((item) => item.price.id === price)) &&
    items.some((item) => within(item.current_period_end, query.current_period_end)) &&
    items.some((item) => within(item.current_period_start, query.current_period_start)) &&
    inTestClock(row, query)
  );
}

function hasStatus(row: WireSubscription, status: string | undefined): boolean {
  if (status === undefined) return row.status !== 'canceled';
  if (status === 'all') return true;
  return status === 'ended' ? isOver(row) : row.status === status;
}

/** Objects of a test clock are left out unless the clock or the customer is named (the SDK's types). */
function inTestClock(row: WireSubscription, query: ListQuery): boolean {
  if (query.test_clock !== undefined) return row.test_clock === query.test_clock;
  return query.customer !== undefined || row.test_clock === null;
}

type Create = Values<typeof createShape> & { expand?: string[] };

function create(call: Call, params: Create): WireSubscription {
  const { store, now, livemode } = call;
  const customer = liveCustomer(call, required(params.customer, 'customer'));
  const chosen = required(params.items, 'items').map((item, index) => ({
    ...item,
    price: recurringPrice(call, item, `items[${index}]`),
  }));
  if (params.default_payment_method !== undefined) {
    requireOwnCard(call, customer.id, params.default_payment_method, 'default_payment_method');
  }
  checkCancelPlan(params, now);
  checkTrialEnd(params.trial_end, now);
  const trialEnd = trialEndOf(params, chosen[0]?.price, now);
  const id = store.nextId('sub', 24);
  const items = chosen.map(({ price, quantity, metadata }): WireItem => ({
    ...blankItem(store.nextId('si'), id, price, now),
    quantity: quantity ?? 1,
    metadata: metadata ?? {},
  }));
  const subscription: WireSubscription = {
    ...blankSubscription({ id, created: now, livemode }, customer.id, items),
    test_clock: customer.test_clock ?? null,
    collection_method: params.collection_method ?? 'charge_automatically',
    days_until_due: params.days_until_due ?? null,
    default_payment_method: params.default_payment_method ?? null,
    description: params.description ?? null,
    metadata: params.metadata ?? {},
  };
  chooseTrialEnding(subscription, params.trial_settings);
  if (trialEnd === null) begin(call, subscription, params.payment_behavior);
  else beginTrial(call, subscription, trialEnd);
  planCancel(subscription, params, now);
  if (subscription.cancel_at_period_end) store.effectsOf(id).setToCancelAtPeriodEnd += 1;
  customer.currency ??= subscription.currency;
  store.subscriptions.add(subscription);
  store.events.emit({ type: 'customer.subscription.created', at: now, object: subscription, cause: call });
  // A short trial is announced in the same breath: docs.stripe.com/api/events/types.
  if (trialEnd !== null && trialEnd - TRIAL_NOTICE <= now) {
    store.events.emit({ ...announceTrialEnd(store, subscription, now), cause: call });
  }
  return subscription;
}

function begin(call: Call, subscription: WireSubscription, behavior: string | undefined): void {
  const { store, now } = call;
  const free = amountOf(subscription) === 0 || subscription.collection_method === 'send_invoice';
  if (!free && !hasCard(store, subscription)) {
    if (behavior !== 'default_incomplete') throw noPaymentSource();
    subscription.status = 'incomplete';
  }
  startPeriod(store, subscription, now, 'subscription_create');
}

function beginTrial({ store, now }: Call, subscription: WireSubscription, trialEnd: number): void {
  subscription.status = 'trialing';
  subscription.trial_start = now;
  subscription.trial_end = trialEnd;
  subscription.billing_cycle_anchor = trialEnd;
  for (const item of subscription.items.data) item.current_period_end = trialEnd;
  bill(store, subscription, now, { reason: 'subscription_create', paid: true });
}

function trialEndOf(params: Create, price: WirePrice | undefined, now: number): number | null {
  const days =
    params.trial_period_days ?? (params.trial_from_plan ? price?.recurring?.trial_period_days : null);
  if (params.trial_end === undefined) return days ? now + days * DAY : null;
  if (params.trial_end === 'now') return null;
  return params.trial_end;
}
