import type { Card, Customer, Subscription } from '../core/stripe.ts';

/** What a read of Stripe showed. */
export interface Seen {
  readonly customers: readonly Customer[];
  readonly subscriptions: readonly Subscription[];
  readonly cards: readonly Card[];
}

/** The same as rows of the mirror (sql/functions/mirror.sql), where an address is a hash (P7). */
export function mirrorRows(seen: Seen, hash: (address: string) => string): Record<keyof Seen, object[]> {
  return {
    customers: seen.customers.map((customer) => ({
      id: customer.id,
      email_hash: customer.email === null ? null : hash(customer.email),
      team_id: customer.teamId,
      default_payment_method: customer.defaultPaymentMethod,
      livemode: customer.livemode,
      created_at: customer.createdAt,
      deleted: customer.deleted,
    })),
    subscriptions: seen.subscriptions.map((subscription) => ({
      id: subscription.id,
      customer_id: subscription.customerId,
      status: subscription.status,
      cancel_at_period_end: subscription.cancelAtPeriodEnd,
      cancel_at: subscription.cancelAt,
      canceled_at: subscription.canceledAt,
      ended_at: subscription.endedAt,
      trial_start: subscription.trialStart,
      trial_end: subscription.trialEnd,
      current_period_end: subscription.currentPeriodEnd,
      default_payment_method: subscription.defaultPaymentMethod,
      amount: subscription.amount,
      currency: subscription.currency,
      livemode: subscription.livemode,
      created_at: subscription.createdAt,
    })),
    cards: seen.cards.map((card) => ({
      id: card.id,
      customer_id: card.customerId,
      brand: card.brand,
      last4: card.last4,
      exp_month: card.expMonth,
      exp_year: card.expYear,
      expires_at: card.expiresAt,
    })),
  };
}
