import { blankCard } from './blank.ts';
import { addressParams, knownCustomer, liveCustomer } from './common.ts';
import { StripeRefusal, invalid } from './errors.ts';
import { page } from './lists.ts';
import {
  clearable,
  endpoint,
  fields,
  inert,
  integer,
  listing,
  oneOf,
  pairs,
  required,
  text,
} from './params.ts';
import { route } from './route.ts';
import type { WireCustomer, WirePaymentMethod } from './objects.ts';
import type { Call } from './route.ts';

type Card = NonNullable<WirePaymentMethod['card']>;

/** Stripe's test cards by name (docs.stripe.com/testing); attaching one makes a new payment method of it. */
const TEST_CARDS: Record<string, Pick<Card, 'brand' | 'last4'>> = {
  visa: { brand: 'visa', last4: '4242' },
  mastercard: { brand: 'mastercard', last4: '4444' },
  amex: { brand: 'amex', last4: '8431' },
};

const cardParams = fields({
  cvc: inert,
  exp_month: integer,
  exp_year: integer,
  number: text,
  token: text,
});

const billingDetails = fields({
  address: addressParams,
  email: clearable(text),
  name: clearable(text),
  phone: clearable(text),
});

const createParams = endpoint({
  allow_redisplay: oneOf('always', 'limited', 'unspecified'),
  billing_details: billingDetails,
  card: cardParams,
  metadata: pairs,
  type: oneOf('card'),
});

const listParams = {
  allow_redisplay: oneOf('always', 'limited', 'unspecified'),
  type: text,
};

export const paymentMethodRoutes = [
  route('POST', '/v1/payment_methods', createParams, ({ store, now, livemode }, params) => {
    required(params.type, 'type');
    const method = blankCard({ id: store.nextId('pm', 24), created: now, livemode });
    const { exp_month: month, exp_year: year, number, token } = params.card ?? {};
    const known = TEST_CARDS[token?.replace(/^tok_/, '') ?? 'visa'];
    if (known === undefined) throw invalid(`No such token: '${token}'`, 'card[token]', 'resource_missing');
    Object.assign(cardOf(method), known, number === undefined ? {} : { last4: number.slice(-4) });
    setExpiry(method, month, year);
    if (params.allow_redisplay !== undefined) method.allow_redisplay = params.allow_redisplay;
    if (params.metadata) method.metadata = params.metadata;
    const { address, ...details } = params.billing_details ?? {};
    Object.assign(method.billing_details, details);
    Object.assign(method.billing_details.address ?? {}, address);
    return store.paymentMethods.add(method);
  }),

  route(
    'GET',
    '/v1/payment_methods',
    listing({ ...listParams, customer: text, customer_account: inert }),
    (call, params) => {
      if (params.customer !== undefined) knownCustomer(call, params.customer);
      return methodsOf(call, params, '/v1/payment_methods', params.customer);
    },
  ),

  route('GET', '/v1/payment_methods/:id', endpoint({}), ({ store, livemode }, _params, id) =>
    store.get(store.paymentMethods, id, livemode, 'payment_method'),
  ),

  route(
    'POST',
    '/v1/payment_methods/:id/attach',
    endpoint({ customer: text, customer_account: inert }),
    (call, params, id) => {
      const { method, changed } = attach(call, id, liveCustomer(call, required(params.customer, 'customer')));
      if (changed) announceAttached(call, method);
      return method;
    },
  ),

  route('GET', '/v1/customers/:id/payment_methods', listing(listParams), (call, params, id) => {
    call.store.get(call.store.customers, id, call.livemode, 'customer');
    return methodsOf(call, params, `/v1/customers/${id}/payment_methods`, id);
  }),
];

/**
 * Gives a payment method to a customer. `pm_card_chargeDeclined` is declined with 402, as recorded; an
 * unknown one is 404 on `payment_method`.
 */
export function attach(
  { store, now, livemode }: Call,
  id: string,
  customer: WireCustomer,
): { method: WirePaymentMethod; changed: boolean } {
  if (id === 'pm_card_chargeDeclined') throw declined();
  const known = TEST_CARDS[id.replace(/^pm_card_/, '')];
  let method = store.paymentMethods.get(id);
  if (method === undefined && known !== undefined) {
    method = store.paymentMethods.add(blankCard({ id: store.nextId('pm', 24), created: now, livemode }));
    Object.assign(cardOf(method), known);
  }
  method ??= store.get(store.paymentMethods, id, livemode, 'payment_method');
  if (method.customer !== null && method.customer !== customer.id) {
    throw invalid(
      'The payment method you provided has already been attached to a customer.',
      'payment_method',
    );
  }
  const changed = method.customer === null;
  method.customer = customer.id;
  return { method, changed };
}

export function announceAttached(call: Call, method: WirePaymentMethod): void {
  call.store.events.emit({ type: 'payment_method.attached', at: call.now, object: method, cause: call });
}

function methodsOf(
  { store, livemode }: Call,
  params: {
    limit?: number;
    starting_after?: string;
    ending_before?: string;
    type?: string;
    allow_redisplay?: string;
  },
  url: string,
  customer: string | undefined,
) {
  return page(
    store.paymentMethods,
    url,
    params,
    (method) =>
      method.livemode === livemode &&
      (customer === undefined ? method.customer !== null : method.customer === customer) &&
      (params.type === undefined || method.type === params.type) &&
      (params.allow_redisplay === undefined || method.allow_redisplay === params.allow_redisplay),
  );
}

function setExpiry(method: WirePaymentMethod, month: number | undefined, year: number | undefined): void {
  if (month !== undefined && (month < 1 || month > 12)) {
    throw new StripeRefusal(402, {
      type: 'card_error',
      code: 'invalid_expiry_month',
      message: "Your card's expiration month is invalid.",
      param: 'card[exp_month]',
    });
  }
  const card = cardOf(method);
  card.exp_month = month ?? card.exp_month;
  card.exp_year = year ?? card.exp_year;
}

function cardOf(method: WirePaymentMethod): Card {
  if (method.card === undefined) throw new Error(`${method.id} is no card`);
  return method.card;
}

function declined(): StripeRefusal {
  return new StripeRefusal(
    402,
    {
      type: 'card_error',
      code: 'card_declined',
      decline_code: 'generic_decline',
      advice_code: 'try_again_later',
      network_decline_code: '01',
      message: 'Your card was declined.',
      param: '',
    },
    { executed: true },
  );
}
