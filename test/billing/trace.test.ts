import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { traceOfTeam } from '../../src/billing/trace.ts';
import type { TeamInStripe } from '../../src/billing/trace.ts';
import { startStripeStandIn } from '../../src/stand-ins/stripe/index.ts';
import type { StripeStandIn } from '../../src/stand-ins/stripe/index.ts';
import { createStripeGateway } from '../../src/stripe/gateway.ts';
import { silentLog } from '../support/machine.ts';

const email = 'Ann@example.com';

let standIn: StripeStandIn;

beforeEach(async () => {
  standIn = await startStripeStandIn();
});
afterEach(() => standIn.close());

/** What Stripe knows of a team of which our data know no customer and no owner, unless told otherwise. */
function trace(team: Partial<TeamInStripe> = {}) {
  const stripe = createStripeGateway({ secretKey: 'sk_test_trace', apiBase: standIn.url, log: silentLog });
  const isElsewhere = () => Promise.resolve(new Set<string>());
  return traceOfTeam(stripe, { customerIds: [], email: null, isElsewhere, ...team });
}

const asked = (path: string) => standIn.requests.filter((request) => request.path === path).length;
const nothing = { live: [], over: [], paidBy: [] };

function deleteCustomer(id: string): void {
  standIn.store.customers.remove(id);
  standIn.store.deletedCustomers.set(id, { id, object: 'customer', deleted: true });
}

test('a team that nobody ever paid for has no trace, and without customer and address nothing is asked', async () => {
  expect(await trace()).toEqual({ ...nothing, customers: [] });
  expect(standIn.requests).toEqual([]);
  standIn.seed.customer({ id: 'cus_1', email });
  expect(await trace({ customerIds: ['cus_1'], email })).toEqual({ ...nothing, customers: ['cus_1'] });
});

describe('[P3] every status of a subscription', () => {
  test.each(['active', 'trialing', 'past_due', 'unpaid', 'paused', 'incomplete'] as const)(
    '%s is alive',
    async (status) => {
      standIn.seed.customer({ id: 'cus_1' });
      standIn.seed.subscription({ id: 'sub_1', customer: 'cus_1', status });
      const found = await trace({ customerIds: ['cus_1'] });
      expect(found).toMatchObject({ live: [{ id: 'sub_1', status }], over: [], paidBy: [] });
    },
  );

  test('4.3: canceled is over, and has subscribed', async () => {
    standIn.seed.customer({ id: 'cus_1' });
    standIn.seed.subscription({ id: 'sub_1', customer: 'cus_1', status: 'canceled' });
    const found = await trace({ customerIds: ['cus_1'] });
    expect(found).toMatchObject({ live: [], over: [{ id: 'sub_1', status: 'canceled' }], paidBy: [] });
  });

  test('4.3: incomplete_expired never began, so it is no trace', async () => {
    standIn.seed.customer({ id: 'cus_1' });
    standIn.seed.subscription({ customer: 'cus_1', status: 'incomplete_expired' });
    expect(await trace({ customerIds: ['cus_1'] })).toEqual({ ...nothing, customers: ['cus_1'] });
  });
});

describe('by id', () => {
  test('[P3] all customers of the team are asked, each once', async () => {
    standIn.seed.customer({ id: 'cus_1' });
    standIn.seed.customer({ id: 'cus_2', email: 'somebody@example.com' });
    standIn.seed.subscription({ id: 'sub_2', customer: 'cus_2' });
    const found = await trace({ customerIds: ['cus_1', 'cus_2', 'cus_1'], email });
    expect(found).toMatchObject({ live: [{ id: 'sub_2' }], customers: ['cus_1', 'cus_2'] });
    expect(asked('/v1/customers/cus_1')).toBe(1);
  });

  test('[P3] one that Stripe does not know means another account or mode, so there is no trace at all', async () => {
    standIn.seed.customer({ id: 'cus_1', livemode: true });
    for (const id of ['cus_1', 'cus_9']) {
      await expect(trace({ customerIds: [id], email })).rejects.toMatchObject({
        name: 'Terminal',
        facts: { class: 'not_found', subject: id },
      });
    }
  });

  test('[P3] a deleted one has no subscriptions; that it has paid is still seen', async () => {
    standIn.seed.customer({ id: 'cus_1' });
    deleteCustomer('cus_1');
    expect(await trace({ customerIds: ['cus_1'] })).toEqual({ ...nothing, customers: ['cus_1'] });
    standIn.seed.customer({ id: 'cus_2' });
    standIn.seed.invoice({ customer: 'cus_2' });
    deleteCustomer('cus_2');
    expect(await trace({ customerIds: ['cus_2'] })).toMatchObject({ paidBy: ['cus_2'] });
  });
});

describe('by e-mail', () => {
  test("[P3] a customer that our data do not name is found by the owner's address", async () => {
    standIn.seed.customer({ id: 'cus_1', email });
    standIn.seed.customer({ id: 'cus_2', email });
    standIn.seed.subscription({ id: 'sub_2', customer: 'cus_2' });
    const isElsewhere = vi.fn<TeamInStripe['isElsewhere']>(() => Promise.resolve(new Set()));
    const found = await trace({ customerIds: ['cus_1'], email, isElsewhere });
    expect(found).toMatchObject({ live: [{ id: 'sub_2' }], customers: ['cus_1', 'cus_2'] });
    // whether a customer of the team is another's is not asked
    expect(isElsewhere.mock.calls).toEqual([[['cus_2']]]);
  });

  test('to the letter: another case is another person', async () => {
    standIn.seed.customer({ id: 'cus_1', email: email.toLowerCase() });
    standIn.seed.subscription({ customer: 'cus_1' });
    expect(await trace({ email })).toEqual({ ...nothing, customers: [] });
  });

  test("4.3: a customer of the owner's other team is no trace of this one", async () => {
    standIn.seed.customer({ id: 'cus_1', email });
    standIn.seed.subscription({ customer: 'cus_1' });
    standIn.seed.customer({ id: 'cus_2', email });
    standIn.seed.subscription({ id: 'sub_2', customer: 'cus_2', status: 'canceled' });
    const found = await trace({ email, isElsewhere: () => Promise.resolve(new Set(['cus_1'])) });
    expect(found).toMatchObject({ live: [], over: [{ id: 'sub_2' }], customers: ['cus_2'] });
    expect(asked('/v1/customers/cus_1')).toBe(0);
  });

  test('[P3] a known customer counts, whoever else has it', async () => {
    standIn.seed.customer({ id: 'cus_1', email });
    standIn.seed.subscription({ id: 'sub_1', customer: 'cus_1' });
    const isElsewhere = (ids: string[]) => Promise.resolve(new Set([...ids, 'cus_1']));
    const found = await trace({ customerIds: ['cus_1'], email, isElsewhere });
    expect(found).toMatchObject({ live: [{ id: 'sub_1' }], customers: ['cus_1'] });
  });

  test('[P3] more than a page of customers with one address are all asked', async () => {
    for (let index = 0; index <= 100; index++) standIn.seed.customer({ id: `cus_${index}`, email });
    // newest first: the first one is alone on the second page
    standIn.seed.subscription({ id: 'sub_1', customer: 'cus_0' });
    const found = await trace({ email });
    expect(found).toMatchObject({ live: [{ id: 'sub_1' }], over: [], paidBy: [] });
    expect(found.customers).toHaveLength(101);
  });

  test('[P7] an address that is none ends it before anybody is listed, and is not repeated', async () => {
    const failure: unknown = await trace({ email: 'ann' }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: 'Terminal', facts: { class: 'bad_id' } });
    expect(standIn.requests).toEqual([]);
  });
});

describe('by what was paid', () => {
  test('[P3] 4.3: whoever paid without a subscription is a customer too', async () => {
    for (const id of ['cus_1', 'cus_2', 'cus_3']) standIn.seed.customer({ id, email });
    standIn.seed.invoice({ customer: 'cus_1' });
    standIn.seed.invoice({ customer: 'cus_3' });
    const found = await trace({ customerIds: ['cus_1', 'cus_2'], email });
    expect(found).toMatchObject({ live: [], over: [], paidBy: ['cus_1', 'cus_3'] });
  });

  test('4.3: an invoice over nothing is not paid', async () => {
    standIn.seed.customer({ id: 'cus_1' });
    standIn.seed.invoice({ customer: 'cus_1', total: 0 });
    expect(await trace({ customerIds: ['cus_1'] })).toMatchObject(nothing);
  });

  test('[P3] is asked beside one that never began', async () => {
    standIn.seed.customer({ id: 'cus_1' });
    standIn.seed.subscription({ customer: 'cus_1', status: 'incomplete_expired' });
    standIn.seed.invoice({ customer: 'cus_1' });
    expect(await trace({ customerIds: ['cus_1'] })).toMatchObject({ live: [], over: [], paidBy: ['cus_1'] });
  });

  test.each(['active', 'canceled'] as const)('is not asked where one that is %s decides', async (status) => {
    standIn.seed.customer({ id: 'cus_1' });
    standIn.seed.subscription({ customer: 'cus_1', status });
    standIn.seed.invoice({ customer: 'cus_1' });
    expect(await trace({ customerIds: ['cus_1'] })).toMatchObject({ paidBy: [] });
    expect(asked('/v1/invoices')).toBe(0);
  });
});

describe('[P3] where Stripe does not answer there is no trace', () => {
  test.each([
    ['the customers by e-mail', /^\/v1\/customers$/],
    ['a customer', /^\/v1\/customers\/cus_1$/],
    ['its subscriptions', /^\/v1\/subscriptions$/],
    ['its invoices', /^\/v1\/invoices$/],
  ])('not even when only %s cannot be read', async (_what, path) => {
    standIn.seed.customer({ id: 'cus_1', email });
    standIn.faults.add({ kind: 'server-error', match: { path }, shouldRetry: 'false' });
    await expect(trace({ customerIds: ['cus_1'], email })).rejects.toMatchObject({
      name: 'Retryable',
      facts: { class: 'stripe_unavailable' },
    });
  });
});
