import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Log } from '../../src/core/context.ts';
import type { Terminal } from '../../src/core/errors.ts';
import type { StripePort } from '../../src/core/stripe.ts';
import { startStripeStandIn } from '../../src/stand-ins/stripe/index.ts';
import type { StripeStandIn } from '../../src/stand-ins/stripe/index.ts';
import type { StripeRequest } from '../../src/stripe/client.ts';
import { createStripeGateway } from '../../src/stripe/gateway.ts';
import type { GatewaySettings, StripeGateway } from '../../src/stripe/gateway.ts';
import { json, raw, scripted, trickle } from './scripted-server.ts';

const secretKey = 'sk_test_51EvenfallSecret';
const silent: Log = { info() {}, warn() {}, error() {} };

let standIn: StripeStandIn;
/** What the stand-in does right after the next requests that it carried out, one each. */
let afterActing: (() => void)[];
let stripe: StripeGateway;

beforeEach(async () => {
  afterActing = [];
  standIn = await startStripeStandIn({ onActed: () => afterActing.shift()?.() });
  stripe = gateway();
});
afterEach(() => standIn.close());

function gateway(settings: Partial<GatewaySettings> = {}): StripeGateway {
  return createStripeGateway({ secretKey, apiBase: standIn.url, log: silent, ...settings });
}

const sent = () => standIn.requests.map(({ method, path }) => `${method} ${path}`);

function seedSubscription(input: object = {}): string {
  standIn.seed.customer({ id: 'cus_1' });
  return standIn.seed.subscription({ id: 'sub_1', customer: 'cus_1', ...input }).id;
}

/** What a call rejects with. */
async function failureOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => expect.unreachable('the call succeeded'),
    (failure: unknown) => failure,
  );
}

const notFound = {
  name: 'Terminal',
  facts: { class: 'not_found', code: 'resource_missing', httpStatus: 404 },
};

describe('listLiveSubscriptions', () => {
  test('[P4] finds every live subscription of a customer, on all pages, each once', async () => {
    standIn.seed.customer({ id: 'cus_1' });
    standIn.seed.customer({ id: 'cus_2' });
    standIn.seed.subscription({ customer: 'cus_2' });
    const price = standIn.seed.price().id;
    const ids = Array.from({ length: 250 }, (_, index) => `sub_${index}`);
    for (const id of ids) standIn.seed.subscription({ id, customer: 'cus_1', price });

    const found = await stripe.listLiveSubscriptions('cus_1');

    expect(found.map(({ id }) => id).sort()).toEqual(ids.sort());
    expect(sent()).toEqual(['GET /v1/customers/cus_1', ...Array(3).fill('GET /v1/subscriptions')]);
  });

  test('[P4] takes for live what can still bill: all but canceled and incomplete_expired', async () => {
    standIn.seed.customer({ id: 'cus_1' });
    const live = ['active', 'trialing', 'past_due', 'unpaid', 'paused', 'incomplete'] as const;
    for (const status of [...live, 'canceled', 'incomplete_expired'] as const) {
      standIn.seed.subscription({ customer: 'cus_1', status });
    }
    const found = await stripe.listLiveSubscriptions('cus_1');
    expect(found.map(({ status }) => status).sort()).toEqual([...live].sort());
    expect(found.every(({ over }) => !over)).toBe(true);
    expect(standIn.requests.at(-1)?.params).toMatchObject({ status: 'all' });
  });

  test('tells the request of the page that each was on', async () => {
    seedSubscription();
    const [found] = await stripe.listLiveSubscriptions('cus_1');
    expect(found?.requestId).toBe(standIn.requests.at(-1)?.id);
  });

  test('[P3] a customer that Stripe does not know is not one without subscriptions', async () => {
    expect(await failureOf(stripe.listLiveSubscriptions('cus_9'))).toMatchObject({
      ...notFound,
      message: expect.stringContaining('list the subscriptions of cus_9'),
    });
  });

  test('[P3] nor is a customer of the other mode', async () => {
    standIn.seed.customer({ id: 'cus_1', livemode: true });
    expect(await failureOf(stripe.listLiveSubscriptions('cus_1'))).toMatchObject(notFound);
  });

  test('a known customer without subscriptions has none, and so has a deleted one', async () => {
    standIn.seed.customer({ id: 'cus_1' });
    expect(await stripe.listLiveSubscriptions('cus_1')).toEqual([]);
    standIn.store.customers.remove('cus_1');
    standIn.store.deletedCustomers.set('cus_1', { id: 'cus_1', object: 'customer', deleted: true });
    expect(await stripe.listLiveSubscriptions('cus_1')).toEqual([]);
    // The list is not asked: nowhere does Stripe say what it answers for a deleted customer.
    expect(sent()).toEqual(['GET /v1/customers/cus_1', 'GET /v1/subscriptions', 'GET /v1/customers/cus_1']);
  });

  test('[P4] a page that fails fails the whole, rather than leaving out what was on it', async () => {
    standIn.seed.customer({ id: 'cus_1' });
    for (let index = 0; index < 101; index++) standIn.seed.subscription({ customer: 'cus_1' });
    const failNextPage = () => standIn.faults.add({ kind: 'server-error', shouldRetry: 'false' });
    afterActing = [() => {}, failNextPage];
    expect(await failureOf(stripe.listLiveSubscriptions('cus_1'))).toMatchObject({
      name: 'Retryable',
      outcomeUnknown: false,
      facts: { class: 'stripe_unavailable', httpStatus: 500, subject: 'cus_1' },
    });
  });

  test.each([
    ['does not say whether there are more', { object: 'list', data: [] }],
    ['promises more after nothing', { object: 'list', data: [], has_more: true }],
    [
      'holds what is no subscription',
      { object: 'list', data: [{ object: 'plan', status: 'active' }], has_more: false },
    ],
    ['has no data', { object: 'list', has_more: false }],
    ['is no list', { object: 'search_result', data: [], has_more: false }],
  ])('[P4] a page that %s is no answer', async (_what, page) => {
    await using server = await scripted(json(200, { object: 'customer', id: 'cus_1' }), json(200, page));
    expect(await failureOf(gateway({ apiBase: server.url }).listLiveSubscriptions('cus_1'))).toMatchObject({
      name: 'Retryable',
      facts: { class: 'stripe_unclear', type: 'UnusableAnswer', httpStatus: 200 },
    });
  });
});

describe('retrieveSubscription', () => {
  test('tells what Stripe knows, in our words', async () => {
    seedSubscription();
    expect(await stripe.retrieveSubscription('sub_1')).toMatchObject({
      id: 'sub_1',
      customerId: 'cus_1',
      status: 'active',
      over: false,
      ending: false,
      endedAt: null,
      cancelAt: null,
      requestId: standIn.requests[0]?.id,
    });
  });

  test('cancel_at_period_end is an ending, with or without a date', async () => {
    seedSubscription({ cancel_at_period_end: true, cancel_at: null });
    expect(await stripe.retrieveSubscription('sub_1')).toMatchObject({ ending: true, cancelAt: null });
  });

  test('a date to end at is an ending too: the portal sets it without cancel_at_period_end', async () => {
    seedSubscription({ cancel_at: 2_000_000_000 });
    expect(await stripe.retrieveSubscription('sub_1')).toMatchObject({
      ending: true,
      cancelAt: new Date(2_000_000_000_000),
    });
  });

  test('what is unknown, and what is of the other mode, is not found', async () => {
    seedSubscription({ livemode: true });
    expect(await failureOf(stripe.retrieveSubscription('sub_9'))).toMatchObject(notFound);
    expect(await failureOf(stripe.retrieveSubscription('sub_1'))).toMatchObject(notFound);
  });
});

describe('cancelSubscription', () => {
  test('[P4] cancels at once, and tells when it ended', async () => {
    seedSubscription();
    const cancelled = await stripe.cancelSubscription('sub_1');
    expect(cancelled).toMatchObject({ status: 'canceled', over: true, requestId: standIn.requests[0]?.id });
    expect(cancelled.endedAt).toEqual(new Date(standIn.clock.seconds() * 1000));
    expect(standIn.requests).toMatchObject([
      { method: 'DELETE', path: '/v1/subscriptions/sub_1', params: {} },
    ]);
  });

  test('tells when it ended, not when that was first asked for', async () => {
    seedSubscription();
    await stripe.cancelSubscriptionAtPeriodEnd('sub_1');
    standIn.clock.advance(3600);
    const { endedAt } = await stripe.cancelSubscription('sub_1');
    expect(endedAt).toEqual(new Date(standIn.clock.seconds() * 1000));
  });

  test('[P2] a second cancel is not found, and retrieve tells that it is over', async () => {
    seedSubscription();
    await stripe.cancelSubscription('sub_1');
    expect(await failureOf(stripe.cancelSubscription('sub_1'))).toMatchObject(notFound);
    expect(await stripe.retrieveSubscription('sub_1')).toMatchObject({ over: true });
    expect(standIn.effects()['sub_1']?.canceled).toBe(1);
  });

  test('[P2] a connection that is lost after Stripe acted ends the same way', async () => {
    seedSubscription();
    standIn.faults.add({ kind: 'reset-after' });
    expect(await failureOf(stripe.cancelSubscription('sub_1'))).toMatchObject(notFound);
    expect(await stripe.retrieveSubscription('sub_1')).toMatchObject({ over: true });
    expect(standIn.effects()['sub_1']?.canceled).toBe(1);
  });

  test('a blip is bridged by one retry', async () => {
    seedSubscription();
    standIn.faults.add({ kind: 'server-error' });
    expect(await stripe.cancelSubscription('sub_1')).toMatchObject({ over: true });
    expect(sent()).toHaveLength(2);
  });

  test('[P4] 503 {} is no success, whatever the SDK says', async () => {
    seedSubscription();
    standIn.faults.add({ kind: 'unavailable-empty', times: 'forever' });
    expect(await failureOf(stripe.cancelSubscription('sub_1'))).toMatchObject({
      name: 'Retryable',
      outcomeUnknown: true,
      facts: { class: 'stripe_unavailable', httpStatus: 503 },
    });
    standIn.faults.clear();
    expect(await stripe.retrieveSubscription('sub_1')).toMatchObject({ status: 'active' });
  });

  test('[P4] no answer by the deadline leaves the outcome unknown, for it may have happened', async () => {
    seedSubscription();
    const acted = new Promise<void>((resolve) => (afterActing = [resolve]));
    standIn.faults.add({ kind: 'hang', act: true });
    expect(await failureOf(gateway({ deadlineMs: 50 }).cancelSubscription('sub_1'))).toMatchObject({
      name: 'Retryable',
      outcomeUnknown: true,
      facts: { class: 'stripe_unavailable', type: 'DeadlinePassed' },
    });
    await acted;
    expect(await stripe.retrieveSubscription('sub_1')).toMatchObject({ over: true });
  });

  test('an answer that trickles in for ever meets the deadline, idle or not', async () => {
    await using server = await scripted(trickle);
    const hurried = gateway({ apiBase: server.url, deadlineMs: 100 });
    expect(await failureOf(hurried.cancelSubscription('sub_1'))).toMatchObject({
      facts: { class: 'stripe_unavailable', type: 'DeadlinePassed' },
    });
  });

  test('a rate limit passes on how long Stripe wants us to wait', async () => {
    seedSubscription();
    standIn.faults.add({ kind: 'rate-limit', retryAfter: 7 });
    expect(await failureOf(stripe.cancelSubscription('sub_1'))).toMatchObject({
      name: 'Retryable',
      waiting: true,
      afterMs: 7_000,
      outcomeUnknown: false,
    });
    expect(sent()).toHaveLength(1);
  });
});

describe('cancelSubscriptionAtPeriodEnd', () => {
  test('[P4] lets it end with what is paid: still live, and ending', async () => {
    seedSubscription();
    const ending = await stripe.cancelSubscriptionAtPeriodEnd('sub_1');
    const end = standIn.store.subscriptions.get('sub_1')?.items.data[0]?.current_period_end ?? 0;
    expect(ending).toMatchObject({ status: 'active', over: false, ending: true, endedAt: null });
    expect(ending.cancelAt).toEqual(new Date(end * 1000));
  });

  test('[P2] asked twice, and with a connection lost after Stripe acted, it is set once', async () => {
    seedSubscription();
    standIn.faults.add({ kind: 'reset-after' });
    expect(await stripe.cancelSubscriptionAtPeriodEnd('sub_1')).toMatchObject({ ending: true });
    expect(await stripe.cancelSubscriptionAtPeriodEnd('sub_1')).toMatchObject({ ending: true });
    expect(standIn.effects()['sub_1']).toEqual({ canceled: 0, setToCancelAtPeriodEnd: 1 });
  });

  test('what is over can no longer be told to end: refused, and retrieve tells that it is over', async () => {
    seedSubscription({ status: 'canceled' });
    expect(await failureOf(stripe.cancelSubscriptionAtPeriodEnd('sub_1'))).toMatchObject({
      name: 'Terminal',
      facts: { class: 'stripe_refused', httpStatus: 400, subject: 'sub_1' },
    });
    expect(await stripe.retrieveSubscription('sub_1')).toMatchObject({ over: true });
  });
});

describe('findCustomers', () => {
  const email = 'Ann+old@example.com';
  const none = {
    name: 'Terminal',
    message: 'Stripe was not asked to look by e-mail among customers, for the e-mail is no address',
    facts: { class: 'bad_id' },
  };

  test('[P3] finds every customer with exactly this e-mail, on all pages', async () => {
    const ids = Array.from({ length: 201 }, (_, index) => `cus_${index}`);
    for (const id of ids) standIn.seed.customer({ id, email });
    for (const other of [email.toLowerCase(), 'old@example.com', null])
      standIn.seed.customer({ email: other });

    const found = await stripe.findCustomers(email);

    expect(found.map(({ id }) => id).sort()).toEqual(ids.sort());
    expect(found[0]).toMatchObject({ email, deleted: false });
    expect(sent()).toEqual(Array(3).fill('GET /v1/customers'));
    expect(standIn.requests[0]?.params).toEqual({ email, limit: '100' });
  });

  test('nobody has it', async () => {
    standIn.seed.customer({ email: 'bob@example.com' });
    expect(await stripe.findCustomers(email)).toEqual([]);
  });

  test('[P3] whoever else an answer names is left out', async () => {
    const data = [email, email.toLowerCase(), null].map((each, index) => customer(`cus_${index}`, each));
    await using server = await scripted(json(200, { object: 'list', data, has_more: false }));
    const found = await gateway({ apiBase: server.url }).findCustomers(email);
    expect(found.map(({ id }) => id)).toEqual(['cus_0']);
  });

  test('[P3] a page that holds what is no customer is no answer', async () => {
    const data = [{ object: 'plan', id: 'plan_1' }];
    await using server = await scripted(json(200, { object: 'list', data, has_more: false }));
    expect(await failureOf(gateway({ apiBase: server.url }).findCustomers(email))).toMatchObject({
      name: 'Retryable',
      facts: { class: 'stripe_unclear', httpStatus: 200 },
    });
  });

  test('[P3] what is no e-mail is not asked for, since without a filter everybody is listed', async () => {
    standIn.seed.customer({ email: null });
    const texts = ['', ' ', '@', 'ann', 'ann@', '@example.com', ' ann@example.com', 'ann@example.com\n'];
    const absurd = ['ann\0@example.com', 'ann\ud800@example.com', `${'a'.repeat(512)}@example.com`];
    const others = [undefined, null, 1, {}, [email]] as unknown as string[];
    for (const text of [...texts, ...absurd, ...others]) {
      const failure = await failureOf(stripe.findCustomers(text));
      expect(failure).toMatchObject(none);
      expect(inspect(failure, { depth: Infinity })).not.toContain('example.com');
    }
    expect(sent()).toEqual([]);
  });

  test('what only looks odd is asked for', async () => {
    for (const odd of ['a@b', '"a@b"@example.com', 'jürgen@exämple.de', "o'hara@example.com"]) {
      const { id } = standIn.seed.customer({ email: odd });
      expect(await stripe.findCustomers(odd)).toMatchObject([{ id }]);
    }
  });

  test('[P7] a failure tells nothing of the address', async () => {
    const refusal = {
      type: 'invalid_request_error',
      message: `Invalid email address: ${email}`,
      param: 'email',
    };
    standIn.faults.add({ kind: 'refused', status: 400, error: refusal });
    const refused = await failureOf(stripe.findCustomers(email));
    standIn.faults.add({ kind: 'reset-before', times: 2 });
    const reset = await failureOf(stripe.findCustomers(email));
    standIn.faults.add({ kind: 'hang' });
    const late = await failureOf(gateway({ deadlineMs: 50 }).findCustomers(email));

    expect(refused).toMatchObject({
      name: 'Terminal',
      facts: { class: 'stripe_refused', subject: 'customers' },
    });
    const unavailable = { class: 'stripe_unavailable', subject: 'customers' };
    for (const failure of [reset, late]) {
      expect(failure).toMatchObject({ name: 'Retryable', outcomeUnknown: false, facts: unavailable });
    }
    for (const failure of [refused, reset, late]) {
      const { message, facts } = failure as Terminal;
      expect(message + JSON.stringify(facts)).not.toMatch(/example|ann/i);
    }
  });
});

describe('hasPaidInvoice', () => {
  test('one that was paid with money is enough, with a subscription or without', async () => {
    standIn.seed.customer({ id: 'cus_1' });
    expect(await stripe.hasPaidInvoice('cus_1')).toBe(false);
    standIn.seed.invoice({ customer: 'cus_1', total: 1 });
    expect(await stripe.hasPaidInvoice('cus_1')).toBe(true);
    expect(standIn.requests[0]?.params).toEqual({ customer: 'cus_1', status: 'paid', limit: '100' });
  });

  test('4.3: an invoice over nothing is none: every trial has one, and it counts as paid', async () => {
    standIn.seed.customer({ id: 'cus_1' });
    standIn.seed.invoice({ customer: 'cus_1', total: 0 });
    expect(await stripe.hasPaidInvoice('cus_1')).toBe(false);
  });

  test.each(['draft', 'open', 'uncollectible', 'void'] as const)('nor is one that is %s', async (status) => {
    standIn.seed.customer({ id: 'cus_1' });
    standIn.seed.invoice({ customer: 'cus_1', status });
    expect(await stripe.hasPaidInvoice('cus_1')).toBe(false);
  });

  test("nor is another customer's", async () => {
    standIn.seed.customer({ id: 'cus_1' });
    standIn.seed.customer({ id: 'cus_2' });
    standIn.seed.invoice({ customer: 'cus_2' });
    expect(await stripe.hasPaidInvoice('cus_1')).toBe(false);
  });

  test('[P3] looks on every page, and no further than the first that has one', async () => {
    standIn.seed.customer({ id: 'cus_1' });
    standIn.seed.customer({ id: 'cus_2' });
    // newest first: of the first the paid one is on the last page, of the second on the first
    for (let index = 0; index <= 200; index++) {
      standIn.seed.invoice({ customer: 'cus_1', total: index === 0 ? 900 : 0 });
      standIn.seed.invoice({ customer: 'cus_2', total: index === 200 ? 900 : 0 });
    }
    expect(await stripe.hasPaidInvoice('cus_1')).toBe(true);
    expect(sent()).toEqual(Array(3).fill('GET /v1/invoices'));
    expect(await stripe.hasPaidInvoice('cus_2')).toBe(true);
    expect(sent()).toHaveLength(4);
  });

  test('[P3] of a deleted customer the invoices remain', async () => {
    standIn.seed.customer({ id: 'cus_1' });
    standIn.seed.invoice({ customer: 'cus_1' });
    standIn.store.customers.remove('cus_1');
    standIn.store.deletedCustomers.set('cus_1', { id: 'cus_1', object: 'customer', deleted: true });
    expect(await stripe.hasPaidInvoice('cus_1')).toBe(true);
  });

  test('[P3] a customer that Stripe does not know is not one who never paid', async () => {
    expect(await failureOf(stripe.hasPaidInvoice('cus_9'))).toMatchObject({
      name: 'Terminal',
      facts: { class: 'stripe_refused', code: 'resource_missing', param: 'customer', subject: 'cus_9' },
    });
  });

  test('[P3] a page that fails or holds no invoices is no answer', async () => {
    const data = [{ object: 'invoice', id: 'in_1', status: 'paid' }];
    await using server = await scripted(json(200, { object: 'list', data, has_more: false }));
    expect(await failureOf(gateway({ apiBase: server.url }).hasPaidInvoice('cus_1'))).toMatchObject({
      name: 'Retryable',
      outcomeUnknown: false,
      facts: { class: 'stripe_unclear', subject: 'cus_1' },
    });
    standIn.faults.add({ kind: 'server-error', times: 2 });
    expect(await failureOf(stripe.hasPaidInvoice('cus_1'))).toMatchObject({
      name: 'Retryable',
      outcomeUnknown: false,
      facts: { class: 'stripe_unavailable', subject: 'cus_1' },
    });
  });
});

describe('deleteCustomer', () => {
  const isDeleted = async () => (await stripe.readCustomer('cus_1')).customer.deleted;
  beforeEach(() => void standIn.seed.customer({ id: 'cus_1' }));

  test('deletes, and tells by which request', async () => {
    expect(await stripe.deleteCustomer('cus_1')).toEqual({ requestId: standIn.requests[0]?.id });
    expect(standIn.requests).toMatchObject([{ method: 'DELETE', path: '/v1/customers/cus_1', params: {} }]);
    expect(await isDeleted()).toBe(true);
  });

  test('[P2] a second time, and after a connection lost when Stripe had acted, it is not found, and deleted', async () => {
    standIn.faults.add({ kind: 'reset-after' });
    for (let times = 0; times < 2; times++) {
      expect(await failureOf(stripe.deleteCustomer('cus_1'))).toMatchObject(notFound);
      expect(await isDeleted()).toBe(true);
    }
  });

  test('one that Stripe does not know, or of the other mode, is not found', async () => {
    standIn.seed.customer({ id: 'cus_2', livemode: true });
    for (const id of ['cus_2', 'cus_9']) {
      expect(await failureOf(stripe.deleteCustomer(id))).toMatchObject({
        ...notFound,
        message: expect.stringContaining(`delete ${id}`),
      });
    }
  });

  const unknown = { name: 'Retryable', waiting: true, outcomeUnknown: true };
  test.each([
    ['503 {}', { kind: 'unavailable-empty' }, { ...unknown, facts: { class: 'stripe_unavailable' } }],
    ['a 500', { kind: 'server-error' }, { ...unknown, facts: { class: 'stripe_unavailable' } }],
    ['no connection', { kind: 'reset-before' }, { ...unknown, facts: { class: 'stripe_unavailable' } }],
    ['half an answer', { kind: 'reset-mid-body' }, { ...unknown, facts: { class: 'stripe_unavailable' } }],
    ['no JSON', { kind: 'invalid-json' }, { name: 'Retryable', outcomeUnknown: true }],
    [
      'a rate limit',
      { kind: 'rate-limit', retryAfter: 7 },
      { name: 'Retryable', waiting: true, outcomeUnknown: false, afterMs: 7_000 },
    ],
    [
      'a lock',
      { kind: 'lock-timeout' },
      { name: 'Retryable', waiting: false, outcomeUnknown: false, facts: { class: 'stripe_busy' } },
    ],
    [
      'a key without the right',
      { kind: 'refused', status: 403, error: { type: 'invalid_request_error', message: 'no' } },
      { name: 'Terminal', facts: { class: 'stripe_auth', subject: 'cus_1' } },
    ],
    [
      'a refusal',
      { kind: 'refused', status: 400, error: { type: 'invalid_request_error', message: 'no' } },
      { name: 'Terminal', facts: { class: 'stripe_refused', subject: 'cus_1' } },
    ],
  ] as const)('%s', async (_what, fault, failure) => {
    standIn.faults.add({ ...fault, times: 2 });
    expect(await failureOf(stripe.deleteCustomer('cus_1'))).toMatchObject(failure);
  });

  test('[P2] an answer that does not say so is no answer', async () => {
    await using server = await scripted(json(200, customer('cus_1', null)));
    expect(await failureOf(gateway({ apiBase: server.url }).deleteCustomer('cus_1'))).toMatchObject({
      name: 'Retryable',
      outcomeUnknown: true,
      facts: { class: 'stripe_unclear', type: 'UnusableAnswer' },
    });
  });
});

describe('an id that is none', () => {
  type Method = Exclude<keyof StripePort, 'findCustomers' | 'listSubscriptionsPage' | 'listCustomersPage'>;
  const methods = {
    listLiveSubscriptions: 'cus',
    retrieveSubscription: 'sub',
    cancelSubscription: 'sub',
    cancelSubscriptionAtPeriodEnd: 'sub',
    readCustomer: 'cus',
    deleteCustomer: 'cus',
    hasPaidInvoice: 'cus',
  } satisfies Record<Method, string>;

  test.each(Object.entries(methods) as [Method, string][])(
    '[P4] is refused by %s before anything is sent, and not repeated',
    async (method, prefix) => {
      const wrong = prefix === 'sub' ? 'cus_1' : 'sub_1';
      const texts = [
        '',
        prefix,
        `${prefix}_`,
        wrong,
        `${prefix}_1/x`,
        `${prefix}_1?x`,
        `${prefix}_1\n`,
        `${prefix}_é`,
      ];
      const others = [undefined, null, 1, {}] as unknown as string[];
      for (const id of [...texts, ...others, `${prefix}_${'1'.repeat(255)}`, 'ann@example.com']) {
        const failure = await failureOf(stripe[method](id));
        expect(failure).toMatchObject({ name: 'Terminal', facts: { class: 'bad_id' } });
        expect(inspect(failure)).not.toContain('ann@example.com');
      }
      expect(sent()).toEqual([]);
    },
  );
});

describe('the key', () => {
  test('that Stripe does not take is said in a sentence, and ends the job', async () => {
    await using rejecting = await disposable(await startStripeStandIn({ apiKey: 'sk_test_another' }));
    expect(await failureOf(gateway({ apiBase: rejecting.url }).cancelSubscription('sub_1'))).toMatchObject({
      name: 'Terminal',
      message: expect.stringContaining('does not accept our API key'),
      facts: { class: 'stripe_auth', httpStatus: 401, subject: 'sub_1' },
    });
  });

  test('is in no failure, causes included', async () => {
    seedSubscription();
    standIn.faults.add({ kind: 'reset-before', times: 2 });
    const reset = await failureOf(stripe.cancelSubscription('sub_1'));
    standIn.faults.add({ kind: 'hang' });
    const late = await failureOf(gateway({ deadlineMs: 50 }).cancelSubscription('sub_1'));
    const missing = await failureOf(stripe.retrieveSubscription('sub_9'));
    for (const failure of [reset, late, missing]) {
      expect(inspect(failure, { depth: Infinity, showHidden: true })).not.toContain(secretKey);
    }
  });
});

describe('ping', () => {
  test('succeeds with a Stripe that answers, and fails as any call does', async () => {
    await stripe.ping();
    standIn.faults.add({
      kind: 'refused',
      status: 403,
      error: { type: 'invalid_request_error', message: 'no' },
    });
    expect(await failureOf(stripe.ping())).toMatchObject({
      name: 'Terminal',
      facts: { class: 'stripe_auth', httpStatus: 403, subject: 'subscriptions' },
    });
  });
});

describe('what is observed', () => {
  test('[P7] is every answer, with neither ids nor query in its path', async () => {
    const seen: StripeRequest[] = [];
    const observed = gateway({ onRequest: (request) => seen.push(request) });
    seedSubscription();
    await observed.listLiveSubscriptions('cus_1');
    await observed.cancelSubscription('sub_1');
    await failureOf(observed.cancelSubscription('sub_1'));
    await observed.findCustomers('ann@example.com');
    await observed.hasPaidInvoice('cus_1');
    expect(seen.map(({ method, path, status }) => `${method} ${path} ${status}`)).toEqual([
      'GET /v1/customers/{id} 200',
      'GET /v1/subscriptions 200',
      'DELETE /v1/subscriptions/{id} 200',
      'DELETE /v1/subscriptions/{id} 404',
      'GET /v1/customers 200',
      'GET /v1/invoices 200',
    ]);
    expect(seen.map(({ requestId }) => requestId)).toEqual(standIn.requests.map(({ id }) => id));
    expect(seen.every(({ elapsedMs }) => elapsedMs >= 0)).toBe(true);
  });

  test('cannot disturb the call: an observer that throws is logged', async () => {
    seedSubscription();
    const logged: object[] = [];
    const observed = gateway({
      log: { ...silent, error: (fields) => logged.push(fields) },
      onRequest() {
        throw new RangeError('ann@example.com');
      },
    });
    expect(await observed.cancelSubscription('sub_1')).toMatchObject({ over: true });
    expect(logged).toEqual([
      { class: 'unexpected', message: "unexpected RangeError; the worker's log has the stack" },
    ]);
  });
});

describe('JSON that is no object', () => {
  test.each(['"Service Unavailable"', '12', 'true', 'null'])(
    '[P6] such as %s is an unclear answer, and not the end of the process',
    async (body) => {
      await using server = await scripted(raw(503, body, { 'stripe-should-retry': 'false' }));
      expect(await failureOf(gateway({ apiBase: server.url }).cancelSubscription('sub_1'))).toMatchObject({
        name: 'Retryable',
        outcomeUnknown: true,
        facts: { class: 'stripe_unclear', type: 'StripeAPIError' },
      });
    },
  );
});

/** As far as it is read. */
function customer(id: string, email: string | null): object {
  return { object: 'customer', id, email, created: 1, livemode: false, metadata: {} };
}

async function disposable(server: StripeStandIn): Promise<StripeStandIn & AsyncDisposable> {
  return Object.assign(server, { [Symbol.asyncDispose]: () => server.close() });
}
