import { StripeRefusal, invalid } from './errors.ts';
import { earliestPeriodEnd, latestPeriodEnd } from './lifecycle.ts';
import { fields, oneOf, required, unmodelled } from './params.ts';
import type { WirePrice, WireSubscription } from './objects.ts';
import type { Call } from './route.ts';

/** What the parameters of a create or an update say about ending the subscription later. */
interface CancelPlan {
  cancel_at?: number | 'min_period_end' | 'max_period_end' | null;
  cancel_at_period_end?: boolean;
}

export function checkCancelPlan(plan: CancelPlan, now: number): void {
  if (plan.cancel_at != null && plan.cancel_at_period_end === true) {
    throw invalid(
      'You cannot pass both `cancel_at` and `cancel_at_period_end` in the same request.',
      'cancel_at',
    );
  }
  if (typeof plan.cancel_at === 'number' && plan.cancel_at <= now) {
    throw invalid('The subscription `cancel_at` must be in the future.', 'cancel_at');
  }
}

/**
 * Plans the end, or withdraws the plan. As recorded: the status stays, `cancel_at` is the item's period end
 * and `canceled_at` the moment of the request; withdrawn, all of it is null again. `canceled_at` follows the
 * most recent request (the SDK's types).
 */
export function planCancel(subscription: WireSubscription, plan: CancelPlan, now: number): void {
  const { cancel_at: at, cancel_at_period_end: atPeriodEnd } = plan;
  if (at === undefined && atPeriodEnd === undefined) return;
  const end =
    atPeriodEnd === true ? earliestPeriodEnd(subscription) : resolveCancelAt(subscription, at ?? null);
  subscription.cancel_at_period_end = atPeriodEnd === true;
  subscription.cancel_at = end;
  subscription.canceled_at = end === null ? null : now;
  subscription.cancellation_details = {
    comment: null,
    feedback: null,
    feedback_option: null,
    ...subscription.cancellation_details,
    reason: end === null ? null : 'cancellation_requested',
  };
}

function resolveCancelAt(
  subscription: WireSubscription,
  at: (CancelPlan['cancel_at'] & {}) | null,
): number | null {
  if (at === 'min_period_end') return earliestPeriodEnd(subscription);
  if (at === 'max_period_end') return latestPeriodEnd(subscription);
  return at;
}

export function checkTrialEnd(trialEnd: number | 'now' | undefined, now: number): void {
  if (trialEnd === undefined || trialEnd === 'now' || trialEnd > now) return;
  throw invalid(
    'Invalid timestamp: must be an integer Unix timestamp in the future.',
    'trial_end',
    'parameter_invalid_integer',
  );
}

export const trialSettings = fields({
  end_behavior: fields({
    billing_cycle_anchor: unmodelled,
    missing_payment_method: oneOf('cancel', 'create_invoice', 'pause'),
  }),
});

/** What becomes of the trial that ends without a card. */
export function chooseTrialEnding(
  subscription: WireSubscription,
  settings: ReturnType<typeof trialSettings> | undefined,
): void {
  const missing = settings?.end_behavior?.missing_payment_method;
  if (missing === undefined) return;
  subscription.trial_settings = {
    end_behavior: { billing_cycle_anchor: null, missing_payment_method: missing },
  };
}

/** A price that can be subscribed to; an unknown one is 400 on the parameter that named it (recorded). */
export function recurringPrice(
  { store, livemode }: Call,
  item: { price?: string; plan?: string },
  param: string,
): WirePrice {
  const name = `${param}[${item.price === undefined && item.plan !== undefined ? 'plan' : 'price'}]`;
  const price = store.reference(store.prices, required(item.price ?? item.plan, name), livemode, name);
  if (price.recurring !== null) return price;
  throw invalid(
    'The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.',
    name,
  );
}

/** Stripe's words, as seen in fjordllc/bootcamp#10390. */
export function overAndDone(): StripeRefusal {
  return invalid(
    'A canceled subscription can only update its cancellation_details and metadata.',
    undefined,
    'invalid_canceled_subscription_fields',
  );
}

/** Stripe's words, as seen in dust-tt/dust#32051. */
export function managedBySchedule(schedule: string): StripeRefusal {
  return invalid(
    `The subscription is managed by the subscription schedule \`${schedule}\`, and updating any ` +
      'cancelation behavior directly is not allowed. Please update the schedule instead.',
  );
}

/** Recorded: an executed 400, with the same code as a missing object. */
export function noPaymentSource(): StripeRefusal {
  return new StripeRefusal(
    400,
    {
      type: 'invalid_request_error',
      code: 'resource_missing',
      message:
        'This customer has no attached payment source or default payment method. Please consider adding a ' +
        'default payment method. For more information, visit https://stripe.com/docs/billing/subscriptions/' +
        'payment-methods-setting#payment-method-priority.',
    },
    { executed: true },
  );
}
