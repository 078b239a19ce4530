/** A job that an event asks for, beside the reading of its customer. */
export interface Hint {
  readonly kind: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/**
 * The events that something follows from: the customer they name is read anew, and each hint is enqueued.
 * Others are stored and ignored. An invoice's events are not here: what they change of a subscription comes
 * as an event of the subscription (docs.stripe.com/billing/subscriptions/webhooks).
 */
export const eventTypes: Readonly<Record<string, readonly Hint[]>> = {
  'customer.created': [],
  'customer.updated': [],
  'customer.deleted': [],
  'customer.subscription.created': [],
  'customer.subscription.updated': [],
  'customer.subscription.deleted': [],
  'customer.subscription.paused': [],
  'customer.subscription.resumed': [],
  'customer.subscription.pending_update_applied': [],
  'customer.subscription.pending_update_expired': [],
  // found by the sweep all the same, some minutes later
  'customer.subscription.trial_will_end': [{ kind: 'sweep', payload: { sweep: 'trial-ending-email' } }],
  'payment_method.attached': [],
  'payment_method.automatically_updated': [],
  'payment_method.detached': [],
  'payment_method.updated': [],
};
