import type Stripe from 'stripe';
import type { Card, Customer, StripePort } from '../core/stripe.ts';
import type { StripeGate } from '../core/stripe-gate.ts';
import { UnusableAnswer } from './answer.ts';
import type { Origin } from './answer.ts';
import { collect, createAsk, pageAfter, pages, requireEmail, requireId } from './ask.ts';
import type { About } from './ask.ts';
import { createStripeClient } from './client.ts';
import type { StripeSettings } from './client.ts';
import {
  eachOnce,
  isPaidWithMoney,
  toCard,
  toCards,
  toCustomer,
  toCustomersPage,
  toListedCustomer,
  toSubscription,
  toSubscriptionsPage,
} from './mapping.ts';
import { atOnce, createTurns } from './turns.ts';

export interface GatewaySettings extends Omit<StripeSettings, 'beforeRequest'> {
  /** For one request, the SDK's own retry included; past it the outcome is unknown. */
  readonly deadlineMs?: number;
  /** Who may ask, and when; without one every request is sent at once. */
  readonly gate?: StripeGate;
}

export interface StripeGateway extends StripePort {
  /** Whether Stripe answers and the key may read subscriptions, past the gate; throws what any other call would. */
  ping(): Promise<void>;
}

/**
 * Stripe as jobs see it. Every failure leaves here as `Retryable` or `Terminal` (see `classify.ts`); trouble with
 * Postgres while a turn is waited for passes through.
 */
export function createStripeGateway(settings: GatewaySettings): StripeGateway {
  const { deadlineMs = 30_000, gate, ...client } = settings;
  const turns = gate === undefined ? atOnce : createTurns(gate);
  const { stripe, livemode } = createStripeClient({ ...client, beforeRequest: turns.beforeRequest });
  const ask = createAsk({ deadlineMs, livemode, turns });

  const askSubscription = (
    about: Omit<About, 'object'>,
    request: () => Promise<Stripe.Response<Stripe.Subscription>>,
  ) =>
    ask({ ...about, object: 'subscription' }, request, (answer) =>
      toSubscription(answer, answer.lastResponse),
    );

  /**
   * All pages of a customer's subscriptions in every status: what the list leaves out by itself is not for us
   * to guess (docs.stripe.com/api/subscriptions/list).
   */
  const listAll = <T>(
    about: Omit<About, 'object'>,
    read: (wire: Stripe.Subscription, origin: Origin) => T,
    more: { expand?: string[] } = {},
  ) =>
    collect(
      pages(
        ask,
        about,
        (page) => stripe.subscriptions.list({ customer: about.subject, status: 'all', ...more, ...page }),
        read,
      ),
    );

  /** What a customer's invoices are charged to, when it is a card. */
  async function cardsOf({ defaultPaymentMethod }: Customer): Promise<Card[]> {
    if (defaultPaymentMethod === null) return [];
    const about = { operation: 'read', subject: defaultPaymentMethod, readOnly: true };
    const card = await ask(
      { ...about, object: 'payment_method' },
      () => stripe.paymentMethods.retrieve(defaultPaymentMethod),
      toCard,
    );
    return card ? [card] : [];
  }

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

      const subscriptions = await listAll(about, toSubscription);
      return subscriptions.filter(({ over }) => !over);
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

    async readCustomer(id) {
      const about = { operation: 'read', subject: id, readOnly: true };
      requireId('cus', about);
      // Nothing is expanded: a deleted customer has nothing of the kind, and an expansion that does not fit is
      // refused (docs.stripe.com/api/expanding_objects).
      const customer = await ask(
        { ...about, object: 'customer' },
        () => stripe.customers.retrieve(id),
        (wire) => toCustomer(wire, livemode),
      );
      if (customer.deleted) return { customer, subscriptions: [], cards: [] };
      const found = await listAll(
        about,
        (wire, origin) => ({ subscription: toSubscription(wire, origin), cards: toCards([wire]) }),
        { expand: ['data.default_payment_method'] },
      );
      return {
        customer,
        subscriptions: found.map(({ subscription }) => subscription),
        cards: eachOnce([...(await cardsOf(customer)), ...found.flatMap((each) => each.cards)]),
      };
    },

    async findCustomers(email) {
      // the address is personal data: no failure is about it (P7)
      const about = { operation: 'look by e-mail among', subject: 'customers' };
      requireEmail(email, about);
      const found = pages(
        ask,
        about,
        (page) => stripe.customers.list({ email, ...page }),
        (wire, origin) => toListedCustomer(wire, origin, livemode),
      );
      // compared again: whoever else an answer names is a stranger
      return (await collect(found)).filter((customer) => customer.email === email);
    },

    async hasPaidInvoice(customerId) {
      const about = { operation: 'list the paid invoices of', subject: customerId };
      requireId('cus', about);
      const paid = pages(
        ask,
        about,
        (page) => stripe.invoices.list({ customer: customerId, status: 'paid', ...page }),
        isPaidWithMoney,
      );
      for await (const page of paid) if (page.includes(true)) return true;
      return false;
    },

    /** A DELETE, as a cancellation is: without an idempotency key, so that the SDK's retry may find it deleted. */
    async deleteCustomer(id) {
      const about = { operation: 'delete', subject: id, object: 'customer' };
      requireId('cus', about);
      return ask(
        about,
        () => stripe.customers.del(id),
        ({ deleted, lastResponse }) => {
          if (!deleted) throw new UnusableAnswer(lastResponse);
          return { requestId: lastResponse.requestId };
        },
      );
    },

    async listSubscriptionsPage(after) {
      const about = { operation: 'list', subject: 'subscriptions', readOnly: true, object: 'list' };
      return ask(
        about,
        () =>
          stripe.subscriptions.list({
            status: 'all',
            // the customers' own cards come with the pages of customers, of which none is deleted
            expand: ['data.customer', 'data.default_payment_method'],
            ...pageAfter(after),
          }),
        (list) => toSubscriptionsPage(list, list.lastResponse, livemode),
      );
    },

    async listCustomersPage(after) {
      const about = { operation: 'list', subject: 'customers', readOnly: true, object: 'list' };
      return ask(
        about,
        () =>
          stripe.customers.list({
            expand: ['data.invoice_settings.default_payment_method'],
            ...pageAfter(after),
          }),
        (list) => toCustomersPage(list, list.lastResponse, livemode),
      );
    },

    async ping() {
      const about = { operation: 'list', subject: 'subscriptions', readOnly: true, object: 'list' };
      const askAtOnce = createAsk({ deadlineMs, livemode, turns: atOnce });
      await askAtOnce(
        about,
        () => stripe.subscriptions.list({ limit: 1 }),
        () => undefined,
      );
    },
  };
}
