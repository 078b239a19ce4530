import { addInterval } from './clock.ts';
import { bill } from './invoices.ts';
import { isOver } from './objects.ts';
import type { EventDraft } from './events.ts';
import type { WireSubscription } from './objects.ts';
import type { StripeStore } from './store.ts';

const HOUR = 3600;
/** `trial_will_end` comes three days before the end: docs.stripe.com/api/events/types. */
export const TRIAL_NOTICE = 72 * HOUR;
/** An unpaid first invoice expires its subscription: docs.stripe.com/billing/subscriptions/overview. */
const INCOMPLETE_LIFE = 23 * HOUR;

type Draft = Omit<EventDraft, 'cause'>;

interface Step {
  at: number;
  take: () => Draft;
}

/**
 * Lets time pass: takes every step that is due by `now`, each at its own moment, and writes the events in
 * order.
 */
export function settle(store: StripeStore, now: number): void {
  const drafts: Draft[] = [];
  for (const subscription of store.subscriptions.all()) {
    for (
      let step = nextStep(store, subscription);
      step && step.at <= now;
      step = nextStep(store, subscription)
    ) {
      drafts.push(step.take());
    }
  }
  drafts.sort((a, b) => a.at - b.at);
  for (const draft of drafts) store.events.emit({ ...draft, cause: null });
}

/** The first thing that time alone will do to this subscription. */
function nextStep(store: StripeStore, subscription: WireSubscription): Step | undefined {
  return possibleSteps(store, subscription).reduce<Step | undefined>(
    (first, step) => (first === undefined || step.at < first.at ? step : first),
    undefined,
  );
}

/**
 * Earlier in the list wins at the same moment: a cancellation at the period's end precedes the next period.
 */
function possibleSteps(store: StripeStore, subscription: WireSubscription): Step[] {
  if (isOver(subscription)) return [];
  const steps: Step[] = [];
  const { cancel_at: cancelAt, trial_end: trialEnd, status } = subscription;
  if (cancelAt !== null) {
    steps.push({
      at: cancelAt,
      take: () => endSubscription(store, subscription, cancelAt, { scheduled: true }),
    });
  }
  const resumesAt = subscription.pause_collection?.resumes_at ?? null;
  if (resumesAt !== null) {
    const resume = () => void (subscription.pause_collection = null);
    steps.push({ at: resumesAt, take: () => change(subscription, resumesAt, resume) });
  }
  if (status === 'incomplete') {
    const at = subscription.created + INCOMPLETE_LIFE;
    steps.push({ at, take: () => change(subscription, at, () => expire(subscription, at)) });
  }
  if (status === 'trialing' && trialEnd !== null) {
    if (store.announcedTrialEnds.get(subscription.id) !== trialEnd) {
      const at = trialEnd - TRIAL_NOTICE;
      steps.push({ at, take: () => announceTrialEnd(store, subscription, at) });
    }
    steps.push({ at: trialEnd, take: () => endTrial(store, subscription, trialEnd) });
  }
  if (status === 'active' || status === 'past_due' || status === 'unpaid') {
    const at = earliestPeriodEnd(subscription);
    steps.push({ at, take: () => change(subscription, at, () => rollOver(store, subscription, at)) });
  }
  return steps;
}

/**
 * The trial's end, with no card decided by `trial_settings`: docs.stripe.com/billing/subscriptions/trials.
 */
export function endTrial(store: StripeStore, subscription: WireSubscription, at: number): Draft {
  const fallback = subscription.trial_settings?.end_behavior.missing_payment_method ?? 'create_invoice';
  if (!hasCard(store, subscription) && fallback === 'cancel') return endSubscription(store, subscription, at);
  if (!hasCard(store, subscription) && fallback === 'pause') {
    return change(subscription, at, () => void (subscription.status = 'paused'));
  }
  return change(subscription, at, () => {
    subscription.status = 'active';
    subscription.trial_end = at;
    subscription.billing_cycle_anchor = at;
    startPeriod(store, subscription, at);
  });
}

/** Begins a billing period of every item at one moment and bills it. */
export function startPeriod(
  store: StripeStore,
  subscription: WireSubscription,
  at: number,
  reason: 'subscription_create' | 'subscription_cycle' | 'subscription_update' = 'subscription_cycle',
): void {
  for (const item of subscription.items.data) {
    item.current_period_start = at;
    item.current_period_end = addInterval(at, item.plan.interval, item.plan.interval_count, at);
  }
  bill(store, subscription, at, { reason, paid: hasCard(store, subscription) });
}

function rollOver(store: StripeStore, subscription: WireSubscription, at: number): void {
  for (const item of subscription.items.data) {
    if (item.current_period_end > at) continue;
    const { interval, interval_count: count } = item.plan;
    item.current_period_start = item.current_period_end;
    item.current_period_end = addInterval(
      item.current_period_end,
      interval,
      count,
      subscription.billing_cycle_anchor,
    );
  }
  const paid = subscription.status === 'active' && hasCard(store, subscription);
  bill(store, subscription, at, { reason: 'subscription_cycle', paid });
}

/**
 * The end of a subscription. `canceled_at` keeps an earlier request to cancel at the period's end and
 * `trial_end` is not cleared; at once, the schedule to cancel is (all recorded). Reached by schedule it
 * stays: "did cancel at the end of the period" (the SDK's types).
 */
export function endSubscription(
  store: StripeStore,
  subscription: WireSubscription,
  at: number,
  { scheduled = false }: { scheduled?: boolean } = {},
): Draft {
  // Both states are terminal; that a cancelled `incomplete` one becomes the second is not documented.
  subscription.status = subscription.status === 'incomplete' ? 'incomplete_expired' : 'canceled';
  subscription.ended_at = at;
  subscription.canceled_at ??= at;
  if (!scheduled) {
    subscription.cancel_at = null;
    subscription.cancel_at_period_end = false;
  }
  subscription.cancellation_details = {
    comment: null,
    feedback: null,
    feedback_option: null,
    ...subscription.cancellation_details,
    reason: 'cancellation_requested',
  };
  store.effectsOf(subscription.id).canceled += 1;
  return { type: 'customer.subscription.deleted', at, object: structuredClone(subscription) };
}

/**
 * An incomplete subscription ends as `incomplete_expired`, with `canceled_at` set (seen in pay's issue 91).
 */
function expire(subscription: WireSubscription, at: number): void {
  subscription.status = 'incomplete_expired';
  subscription.canceled_at ??= at;
  subscription.ended_at = at;
}

export function announceTrialEnd(store: StripeStore, subscription: WireSubscription, at: number): Draft {
  if (subscription.trial_end !== null) store.announcedTrialEnds.set(subscription.id, subscription.trial_end);
  return { type: 'customer.subscription.trial_will_end', at, object: structuredClone(subscription) };
}

export function earliestPeriodEnd(subscription: WireSubscription): number {
  return Math.min(...subscription.items.data.map((item) => item.current_period_end));
}

export function latestPeriodEnd(subscription: WireSubscription): number {
  return Math.max(...subscription.items.data.map((item) => item.current_period_end));
}

/** Precedence as in the SDK's types: the subscription's own, then the customer's. */
export function hasCard(store: StripeStore, subscription: WireSubscription): boolean {
  const customer = store.customers.get(subscription.customer);
  const backing =
    subscription.default_payment_method ??
    subscription.default_source ??
    customer?.invoice_settings.default_payment_method ??
    customer?.default_source ??
    null;
  return backing !== null;
}

function change(subscription: WireSubscription, at: number, apply: () => void): Draft {
  const before = structuredClone(subscription);
  apply();
  return { type: 'customer.subscription.updated', at, object: structuredClone(subscription), before };
}
