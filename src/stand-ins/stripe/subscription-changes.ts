import { blankItem, itemList, singleItem } from './blank-subscription.ts';
import { mergeMetadata, requireOwnCard } from './common.ts';
import { invalid, missing } from './errors.ts';
import { difference } from './events.ts';
import { TRIAL_NOTICE, announceTrialEnd, endSubscription, endTrial, startPeriod } from './lifecycle.ts';
import { clearable, either, endpoint, fields, flag, inert, integer, listOf, oneOf, pairs } from './params.ts';
import { text, unmodelled } from './params.ts';
import { route } from './route.ts';
import { checkCancelPlan, checkTrialEnd, managedBySchedule, overAndDone } from './subscription-rules.ts';
import { chooseTrialEnding, planCancel, recurringPrice, trialSettings } from './subscription-rules.ts';
import { isOver } from './objects.ts';
import type { WireItem, WireSubscription } from './objects.ts';
import type { Values } from './params.ts';
import type { Call } from './route.ts';

const feedback = oneOf(
  'customer_service',
  'low_quality',
  'missing_features',
  'other',
  'switched_service',
  'too_complex',
  'too_expensive',
  'unused',
);
const cancellationDetails = fields({
  comment: clearable(text),
  feedback: clearable(feedback),
  feedback_option: clearable(text),
});

const updateShape = {
  add_invoice_items: unmodelled,
  application_fee_percent: unmodelled,
  automatic_tax: unmodelled,
  billing_cycle_anchor: oneOf('now', 'unchanged'),
  billing_schedules: unmodelled,
  billing_thresholds: unmodelled,
  cancel_at: clearable(either(oneOf('min_period_end', 'max_period_end'), integer)),
  cancel_at_period_end: flag,
  cancellation_details: cancellationDetails,
  collection_method: oneOf('charge_automatically', 'send_invoice'),
  days_until_due: integer,
  default_payment_method: clearable(text),
  default_source: unmodelled,
  default_tax_rates: unmodelled,
  description: clearable(text),
  discounts: unmodelled,
  invoice_settings: unmodelled,
  items: listOf(
    fields({ deleted: flag, id: text, metadata: pairs, plan: text, price: text, quantity: integer }),
  ),
  metadata: pairs,
  off_session: inert,
  on_behalf_of: unmodelled,
  pause_collection: clearable(
    fields({ behavior: oneOf('keep_as_draft', 'mark_uncollectible', 'void'), resumes_at: integer }),
  ),
  payment_behavior: inert,
  payment_settings: inert,
  pending_invoice_item_interval: unmodelled,
  proration_behavior: inert,
  proration_date: inert,
  transfer_data: unmodelled,
  trial_end: either(oneOf('now'), integer),
  trial_from_plan: unmodelled,
  trial_settings: trialSettings,
};
type Update = Values<typeof updateShape>;

const cancelParams = endpoint({
  cancellation_details: cancellationDetails,
  invoice_now: inert,
  prorate: inert,
});

export const subscriptionChangeRoutes = [
  route('POST', '/v1/subscriptions/:id', endpoint(updateShape), update),

  /** Stripe answers 404 to a second cancel, although the subscription still retrieves: stripe-go#1887. */
  route('DELETE', '/v1/subscriptions/:id', cancelParams, (call, params, id) => {
    const { store, now, livemode } = call;
    const subscription = store.get(store.subscriptions, id, livemode);
    if (isOver(subscription)) throw missing('subscription', id, { param: 'id' });
    explain(subscription, params.cancellation_details);
    store.events.emit({ ...endSubscription(store, subscription, now), cause: call });
    return subscription;
  }),
];

function update(call: Call, params: Update & { expand?: string[] }, id: string): WireSubscription {
  const { store, now } = call;
  const subscription = store.get(store.subscriptions, id, call.livemode);
  check(call, subscription, params);
  const before = structuredClone(subscription);
  assign(subscription, params);
  if (params.items !== undefined) replaceItems(call, subscription, params.items);
  if (params.billing_cycle_anchor === 'now' || intervalChanged(before, subscription)) {
    subscription.billing_cycle_anchor = now;
    startPeriod(store, subscription, now, 'subscription_update');
  }
  if (typeof params.trial_end === 'number') prolongTrial(call, subscription, params.trial_end);
  planCancel(subscription, params, now);
  if (subscription.cancel_at_period_end && !before.cancel_at_period_end) {
    store.effectsOf(id).setToCancelAtPeriodEnd += 1;
  }
  if (params.trial_end === 'now' && subscription.status === 'trialing') {
    // Announced even when it ends at once: docs.stripe.com/api/events/types.
    store.events.emit({ ...announceTrialEnd(store, subscription, now), cause: call });
    const ended = endTrial(store, subscription, now);
    if (isOver(subscription)) {
      store.events.emit({ ...ended, cause: call });
      return subscription;
    }
  }
  if (Object.keys(difference(before, subscription)).length > 0) {
    const type = 'customer.subscription.updated';
    store.events.emit({ type, at: now, object: subscription, before, cause: call });
  }
  return subscription;
}

/** Everything that can be refused is refused before anything changes. */
function check(call: Call, subscription: WireSubscription, params: Update & { expand?: string[] }): void {
  const { cancellation_details: _details, metadata: _metadata, expand: _expand, ...others } = params;
  if (isOver(subscription) && Object.keys(others).length > 0) throw overAndDone();
  const touchesCancel = params.cancel_at !== undefined || params.cancel_at_period_end !== undefined;
  if (subscription.schedule !== null && touchesCancel) throw managedBySchedule(subscription.schedule);
  checkCancelPlan(params, call.now);
  checkTrialEnd(params.trial_end, call.now);
  if (params.default_payment_method != null) {
    requireOwnCard(call, subscription.customer, params.default_payment_method, 'default_payment_method');
  }
  for (const [index, item] of (params.items ?? []).entries()) {
    if (item.id !== undefined && !subscription.items.data.some(({ id }) => id === item.id)) {
      throw missing('subscription_item', item.id, { param: `items[${index}][id]`, status: 400 });
    }
    if (item.id === undefined || item.price !== undefined || item.plan !== undefined) {
      recurringPrice(call, item, `items[${index}]`);
    }
  }
  if (params.pause_collection && params.pause_collection.behavior === undefined) {
    throw invalid(
      'Missing required param: pause_collection[behavior].',
      'pause_collection[behavior]',
      'parameter_missing',
    );
  }
}

function assign(subscription: WireSubscription, params: Update): void {
  explain(subscription, params.cancellation_details);
  if (params.metadata !== undefined)
    subscription.metadata = mergeMetadata(subscription.metadata, params.metadata);
  if (params.collection_method !== undefined) subscription.collection_method = params.collection_method;
  if (params.days_until_due !== undefined) subscription.days_until_due = params.days_until_due;
  if (params.default_payment_method !== undefined) {
    subscription.default_payment_method = params.default_payment_method;
  }
  if (params.description !== undefined) subscription.description = params.description;
  chooseTrialEnding(subscription, params.trial_settings);
  if (params.pause_collection === null) subscription.pause_collection = null;
  else if (params.pause_collection?.behavior !== undefined) {
    const { behavior, resumes_at: resumesAt = null } = params.pause_collection;
    subscription.pause_collection = { behavior, resumes_at: resumesAt };
  }
}

function explain(subscription: WireSubscription, details: Update['cancellation_details']): void {
  if (details === undefined) return;
  subscription.cancellation_details = {
    comment: null,
    feedback: null,
    feedback_option: null,
    reason: null,
    ...subscription.cancellation_details,
    ...details,
  };
}

function replaceItems(call: Call, subscription: WireSubscription, changes: Update['items'] & {}): void {
  const { store } = call;
  let items: WireItem[] = subscription.items.data;
  for (const [index, wanted] of changes.entries()) {
    const old = items.find(({ id }) => id === wanted.id);
    if (old !== undefined && wanted.deleted === true) {
      items = items.filter((item) => item !== old);
      continue;
    }
    const named = wanted.price ?? wanted.plan;
    const price =
      old !== undefined && named === undefined ? old.price : recurringPrice(call, wanted, `items[${index}]`);
    const fresh = blankItem(old?.id ?? store.nextId('si'), subscription.id, price, call.now);
    const item: WireItem = {
      ...(old ?? fresh),
      plan: fresh.plan,
      price,
      quantity: wanted.quantity ?? old?.quantity ?? 1,
      metadata: mergeMetadata(old?.metadata ?? {}, wanted.metadata ?? {}),
    };
    items = old === undefined ? [...items, item] : items.map((kept) => (kept === old ? item : kept));
  }
  subscription.items = itemList(subscription.id, items);
  Object.assign(subscription, singleItem(items));
}

/** A new interval begins a new period at once: docs.stripe.com/billing/subscriptions/change. */
function intervalChanged(before: WireSubscription, after: WireSubscription): boolean {
  const shapes = ({ items }: WireSubscription): string[] =>
    items.data.map(({ plan }) => `${plan.interval_count} ${plan.interval}`);
  return after.status !== 'trialing' && shapes(after).some((shape) => !shapes(before).includes(shape));
}

function prolongTrial(call: Call, subscription: WireSubscription, trialEnd: number): void {
  const { store, now } = call;
  if (subscription.status !== 'trialing') {
    for (const item of subscription.items.data) item.current_period_start = now;
    subscription.trial_start = now;
  }
  subscription.status = 'trialing';
  subscription.trial_end = trialEnd;
  subscription.billing_cycle_anchor = trialEnd;
  for (const item of subscription.items.data) item.current_period_end = trialEnd;
  if (trialEnd - TRIAL_NOTICE <= now) {
    store.events.emit({ ...announceTrialEnd(store, subscription, now), cause: call });
  }
}
