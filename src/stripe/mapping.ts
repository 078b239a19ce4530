import type Stripe from 'stripe';
import { isOver } from '../core/stripe.ts';
import type { Subscription } from '../core/stripe.ts';
import { UnusableAnswer } from './answer.ts';
import type { Origin } from './answer.ts';

/**
 * Stripe's subscription in our words, as the answer `origin` showed it.
 *
 * `ending`: with flexible billing mode the customer portal sets `cancel_at` alone, so both fields are read.
 * `endedAt`: `canceled_at` keeps the time of an earlier request to cancel at period end; only `ended_at` says
 * when it was over (docs.stripe.com/api/subscriptions/object).
 */
export function toSubscription(wire: Stripe.Subscription, origin: Origin): Subscription {
  if (wire.object !== 'subscription' || typeof wire.status !== 'string') throw new UnusableAnswer(origin);
  return {
    id: wire.id,
    customerId: typeof wire.customer === 'string' ? wire.customer : wire.customer.id,
    status: wire.status,
    over: isOver(wire.status),
    ending: wire.cancel_at_period_end || wire.cancel_at !== null,
    endedAt: instant(wire.ended_at),
    cancelAt: instant(wire.cancel_at),
    requestId: origin.requestId,
  };
}

/** One page of a list, and where the next begins. */
export interface Page {
  readonly subscriptions: Subscription[];
  readonly next: string | undefined;
}

/**
 * A page that does not say whether there are more, or says so without a last id, is none
 * (docs.stripe.com/api/pagination).
 */
export function toPage(list: Stripe.ApiList<Stripe.Subscription>, origin: Origin): Page {
  if (!Array.isArray(list.data) || typeof list.has_more !== 'boolean') throw new UnusableAnswer(origin);
  const subscriptions = list.data.map((wire) => toSubscription(wire, origin));
  const last = subscriptions.at(-1);
  if (list.has_more && last === undefined) throw new UnusableAnswer(origin);
  return { subscriptions, next: list.has_more ? last?.id : undefined };
}

/** Stripe counts seconds. */
function instant(seconds: number | null): Date | null {
  return seconds === null ? null : new Date(seconds * 1000);
}
