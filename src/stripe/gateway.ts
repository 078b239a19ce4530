import type Stripe from 'stripe';
import { Terminal } from '../core/errors.ts';
import type { StripePort, Subscription } from '../core/stripe.ts';
import { succeeded, withDeadline } from './answer.ts';
import { classifyStripeFailure } from './classify.ts';
import { createStripeClient } from './client.ts';
import type { StripeSettings } from './client.ts';
import { toPage, toSubscription } from './mapping.ts';

export interface GatewaySettings extends StripeSettings {
  /** For one request, the SDK's own retry included; past it the outcome is unknown. */
  readonly deadlineMs?: number;
}

export interface StripeGateway extends StripePort {
  /** Whether Stripe answers and the key may read subscriptions; throws what any other call would. */
  ping(): Promise<void>;
}

/** Stripe as jobs see it. Every failure leaves here as `Retryable` or `Terminal` (see `classify.ts`). */
export function createStripeGateway(settings: GatewaySettings): StripeGateway {
  const { deadlineMs = 30_000 } = settings;
  const { stripe, livemode } = createStripeClient(settings);

  /** One request: sent, judged and read, or classified. */
  async function ask<T extends { object: string }, R>(
    about: About,
    request: () => Promise<Stripe.Response<T>>,
    read: (answer: Stripe.Response<T>) => R,
  ): Promise<R> {
    try {
      return read(succeeded(await withDeadline(deadlineMs, request()), about.object));
    } catch (error) {
      throw classifyStripeFailure(error, { ...about, livemode });
    }
  }

  const askSubscription = (
    about: Omit<About, 'object'>,
    request: () => Promise<Stripe.Response<Stripe.Subscription>>,
  ) =>
    ask({ ...about, object: 'subscription' }, request, (answer) =>
      toSubscription(answer, answer.lastResponse),
    );

  return {
    async listLiveSubscriptions(customerId) {
      const about = { operation: 'list the subscriptions of', subject: customerId, readOnly: true };
      requireId('cus', about);
      // Asked first, so that an unknown customer (a key of the other mode!) never passes for one that has
      // none. A deleted one has none: all were cancelled with it (docs.stripe.com/api/customers/delete).
      const deleted = await ask(
        { ...about, object: 'customer' },
        () => stripe.customers.retrieve(customerId),
        (customer) => customer.deleted === true,
      );
      if (deleted) return [];

      const live: Subscription[] = [];
      let after: string | undefined;
      do {
        // All, and judged here: what the list leaves out by itself is not for us to guess
        // (docs.stripe.com/api/subscriptions/list).
        const page = await ask(
          { ...about, object: 'list' },
          () =>
            stripe.subscriptions.list({
              customer: customerId,
              status: 'all',
              limit: 100,
              ...(after === undefined ? {} : { starting_after: after }),
            }),
          (list) => toPage(list, list.lastResponse),
        );
        live.push(...page.subscriptions.filter(({ over }) => !over));
        after = page.next;
      } while (after !== undefined);
      return live;
    },

    async retrieveSubscription(id) {
      const about = { operation: 'retrieve', subject: id, readOnly: true };
      requireId('sub', about);
      return askSubscription(about, () => stripe.subscriptions.retrieve(id));
    },

    /**
     * Without parameters: no proration and no final invoice (docs.stripe.com/api/subscriptions/cancel). It is
     * a DELETE, for which Stripe knows no idempotency key: when the SDK's retry follows a first try that
     * acted, the answer is 404, class `not_found`.
     */
    async cancelSubscription(id) {
      const about = { operation: 'cancel', subject: id };
      requireId('sub', about);
      return askSubscription(about, () => stripe.subscriptions.cancel(id));
    },

    async cancelSubscriptionAtPeriodEnd(id) {
      const about = { operation: 'schedule the cancellation of', subject: id };
      requireId('sub', about);
      return askSubscription(about, () => stripe.subscriptions.update(id, { cancel_at_period_end: true }));
    },

    async ping() {
      const about = { operation: 'list', subject: 'subscriptions', readOnly: true, object: 'list' };
      await ask(
        about,
        () => stripe.subscriptions.list({ limit: 1 }),
        () => undefined,
      );
    },
  };
}

interface About {
  readonly operation: string;
  readonly subject: string;
  readonly readOnly?: boolean;
  /** What a success is. */
  readonly object: string;
}

/**
 * Asked before every call, for the SDK does not: `cancel('')` would send `DELETE /v1/subscriptions/`. What is
 * not an id may be anything, an address even, so it is not repeated.
 */
function requireId(
  prefix: 'sub' | 'cus',
  { operation, subject }: { operation: string; subject: string },
): void {
  if (typeof subject === 'string' && subject.length <= 255 && ID[prefix].test(subject)) return;
  throw new Terminal(`Stripe was not asked to ${operation} what is no id of the form ${prefix}_…`, {
    facts: { class: 'bad_id' },
  });
}

const ID = { sub: /^sub_[A-Za-z0-9]+$/, cus: /^cus_[A-Za-z0-9]+$/ };
