import { isOver } from '../../../src/stand-ins/stripe/objects.ts';
import type { StripeStandIn } from '../../../src/stand-ins/stripe/index.ts';
import type { Card } from './ledger.ts';

const at = (seconds: number | null) => (seconds === null ? null : new Date(seconds * 1000));
const chargedStatuses = new Set(['active', 'trialing', 'past_due']);

/** Stripe's own book: how its objects stand by now, whatever anybody was told of them. */
export interface StripeBook {
  /** Lets what is due by now happen. */
  settle(): void;
  status(subscriptionId: string): string;
  subscription(id: string): {
    readonly status: string;
    readonly trialStart: Date | null;
    readonly trialEnd: Date | null;
    /** Cancelled, at whatever time. */
    readonly ending: boolean;
  };
  card(card: Card): { readonly month: number; readonly year: number; readonly charged: boolean };
}

export function stripeBook(standIn: StripeStandIn): StripeBook {
  const { store } = standIn;
  const find = (id: string) => {
    const found = store.subscriptions.get(id);
    if (!found) throw new Error(`Stripe has no subscription ${id}`);
    return found;
  };
  return {
    settle: () => void standIn.effects(),
    status: (id) => find(id).status,
    subscription(id) {
      const found = find(id);
      const { status, trial_start: start, trial_end: end, cancel_at: cancelAt } = found;
      return {
        status,
        trialStart: at(start),
        trialEnd: at(end),
        ending: found.cancel_at_period_end || cancelAt !== null,
      };
    },
    card({ id, customerId }) {
      const card = store.paymentMethods.get(id)?.card;
      if (!card) throw new Error(`Stripe has no card ${id}`);
      const fallback = store.customers.get(customerId)?.invoice_settings.default_payment_method;
      const charged = store.subscriptions
        .all()
        .some(
          (one) =>
            one.customer === customerId &&
            !isOver(one) &&
            chargedStatuses.has(one.status) &&
            !one.cancel_at_period_end &&
            (one.default_payment_method ?? fallback) === id,
        );
      return { month: card.exp_month, year: card.exp_year, charged };
    },
  };
}
