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
  /**
   * A customer whole: its subscriptions in every status, all pages, and the cards they are charged to. Of a
   * deleted one Stripe lists no subscriptions; each can still be retrieved.
   *
   * @throws Terminal class `not_found` when Stripe does not know it (in this mode and account).
   */
  readCustomer(id: string): Promise<CustomerPicture>;
  /** Customers with exactly this e-mail, all pages; Stripe compares it to the letter (docs.stripe.com/api/customers/list). */
  findCustomers(email: string): Promise<Customer[]>;
  /** Whether any invoice of the customer was paid with money; one over nothing does not count. */
  hasPaidInvoice(customerId: string): Promise<boolean>;
  /**
   * Deletes a customer for good, and with it whatever subscription is live (docs.stripe.com/api/customers/delete). A
   * second time is refused by Stripe (404); whether it is deleted, `readCustomer` tells.
   */
  deleteCustomer(id: string): Promise<{ readonly requestId: string }>;
  /** A page of all subscriptions in every status, with their customers and cards; the next begins `after` it. */
  listSubscriptionsPage(after?: string): Promise<StripePage>;
  /** A page of all customers, which the pages of subscriptions leave out when they have none. */
  listCustomersPage(after?: string): Promise<StripePage>;
}

export interface Subscription {
  readonly id: string;
  readonly customerId: string;
  readonly status: string;
  /** Over for good: `canceled` or `incomplete_expired`. */
  readonly over: boolean;
  /** It will end by itself: at the period's end or at a set date (`cancel_at_period_end` or `cancel_at`). */
  readonly ending: boolean;
  readonly cancelAtPeriodEnd: boolean;
  readonly cancelAt: Date | null;
  /** When somebody asked for its end, which may lie ahead of the end. */
  readonly canceledAt: Date | null;
  readonly endedAt: Date | null;
  readonly trialStart: Date | null;
  readonly trialEnd: Date | null;
  /** The earliest of its items': where each is billed on its own day. */
  readonly currentPeriodEnd: Date | null;
  /** Of the subscription itself; without one its customer's is charged. */
  readonly defaultPaymentMethod: string | null;
  /** What a period costs before tax, in the currency's smallest unit; null when it cannot be told beforehand. */
  readonly amount: number | null;
  readonly currency: string;
  readonly livemode: boolean;
  readonly createdAt: Date;
  /** Of the answer that said so; Stripe's support and dashboard find it. */
  readonly requestId: string;
}

export interface Customer {
  readonly id: string;
  readonly deleted: boolean;
  /** For the moment of sending only: it is stored as a keyed hash or not at all (P7). */
  readonly email: string | null;
  /** `metadata.team_id`, where the app sets it. */
  readonly teamId: string | null;
  readonly defaultPaymentMethod: string | null;
  readonly livemode: boolean;
  /** Stripe does not say it of a deleted one. */
  readonly createdAt: Date | null;
}

/** A payment method of type `card` that a customer or a subscription has for its default. */
export interface Card {
  /** Of the payment method: `pm_1`. */
  readonly id: string;
  readonly customerId: string | null;
  readonly brand: string | null;
  readonly last4: string | null;
  readonly expMonth: number;
  readonly expYear: number;
  /** The first instant at which it is good no more: the end of its month, in UTC. */
  readonly expiresAt: Date;
}

export interface CustomerPicture {
  readonly customer: Customer;
  readonly subscriptions: Subscription[];
  readonly cards: Card[];
}

/** One page of a list, each object at most once. */
export interface StripePage {
  readonly customers: Customer[];
  readonly subscriptions: Subscription[];
  readonly cards: Card[];
  /** Where the next begins; undefined at the end. */
  readonly next: string | undefined;
}

/** Terminal for good; everything else can still bill (product.md, P4). */
export function isOver(status: string): boolean {
  return status === 'canceled' || status === 'incomplete_expired';
}
