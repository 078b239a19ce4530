import type { Card, Customer, CustomerPicture, Subscription } from '../core/stripe.ts';

/** The payment method that a subscription is charged to (docs.stripe.com/api/subscriptions/object). */
export function chargedTo(subscription: Subscription, customer: Customer): string | null {
  return subscription.defaultPaymentMethod ?? customer.defaultPaymentMethod;
}

const charged = new Set(['active', 'trialing', 'past_due']);

/**
 * The subscriptions that will be charged to a card and do not end before it does, the next to be charged first.
 * `unpaid` and `paused` ones are not charged. sql/sweeps/expiring-card-email.sql asks the mirror the same.
 */
export function chargesTo(card: Card, { customer, subscriptions }: CustomerPicture): Subscription[] {
  return subscriptions
    .filter(
      (one) => charged.has(one.status) && chargedTo(one, customer) === card.id && !endsBefore(one, card),
    )
    .toSorted((a, b) => timeOf(a.currentPeriodEnd) - timeOf(b.currentPeriodEnd));
}

/**
 * It ends with its trial, and nothing is charged after it. One that is set to end later is charged first: of that its
 * customer is told. sql/sweeps/trial-ending-email.sql asks the mirror the same.
 */
export function endsUnpaid({ cancelAtPeriodEnd, cancelAt }: Subscription, trialEnd: Date): boolean {
  return cancelAtPeriodEnd || (cancelAt !== null && cancelAt <= trialEnd);
}

/** No charge is left that could fail for the card's expiry. */
function endsBefore({ cancelAtPeriodEnd, cancelAt, currentPeriodEnd }: Subscription, card: Card): boolean {
  if (cancelAtPeriodEnd) return true;
  return (
    cancelAt !== null && (cancelAt <= card.expiresAt || cancelAt.getTime() <= timeOf(currentPeriodEnd, 0))
  );
}

function timeOf(at: Date | null, unknown = Infinity): number {
  return at?.getTime() ?? unknown;
}
