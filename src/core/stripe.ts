/** What jobs ask of Stripe, in Stripe's words. Implemented by `src/stripe`; failures are `Retryable` or `Terminal`. */
export interface StripePort {
  /** Every live subscription of a customer: each status but `canceled` and `incomplete_expired`, all pages. */
  listLiveSubscriptions(customerId: string): Promise<Subscription[]>;
  /** @throws Terminal class `not_found` when Stripe does not know it (in this mode and account). */
  retrieveSubscription(id: string): Promise<Subscription>;
  /** Cancels at once. A second cancel is refused by Stripe (404); whether it is over, `retrieve` tells. */
  cancelSubscription(id: string): Promise<Subscription>;
  /** Lets it end with the period that is paid. */
  cancelSubscriptionAtPeriodEnd(id: string): Promise<Subscription>;
}

export interface Subscription {
  readonly id: string;
  readonly customerId: string;
  readonly status: string;
  /** Over for good: `canceled` or `incomplete_expired`. */
  readonly over: boolean;
  /** It will end by itself: at the period's end or at a set date (`cancel_at_period_end` or `cancel_at`). */
  readonly ending: boolean;
  readonly endedAt: Date | null;
  readonly cancelAt: Date | null;
  /** Of the answer that said so; Stripe's support and dashboard find it. */
  readonly requestId: string;
}

/** Terminal for good; everything else can still bill (product.md, P4). */
export function isOver(status: string): boolean {
  return status === 'canceled' || status === 'incomplete_expired';
}
