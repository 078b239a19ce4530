import { afterAll, describe, expect, test } from 'vitest';
import { syncCustomer } from '../../jobs/sync-customer.ts';
import { allJobs } from '../../jobs/index.ts';
import type { StripePort } from '../../src/core/stripe.ts';
import { startStripeStandIn } from '../../src/stand-ins/stripe/index.ts';
import { createStripeGateway } from '../../src/stripe/gateway.ts';
import { createTestDatabase } from '../support/database.ts';
import { createRunner, silentLog, testHash } from '../support/machine.ts';

const { database, sql } = await createTestDatabase();
const standIn = await startStripeStandIn();
afterAll(() => standIn.close());
const secretKey = 'sk_test_sync';
const stripe = createStripeGateway({ secretKey, apiBase: standIn.url, log: silentLog });

const person = { name: 'Philippa Featherstonehaugh', email: ' Pippa@Example.org', phone: '+44 1632 960961' };

async function ask(customerId: string): Promise<number> {
  const wanted = {
    kind: syncCustomer.name,
    payload: { customerId },
    key: null,
    runAt: null,
    teamId: null,
    priority: 0,
  };
  const [row] = await database.statements.enqueue(wanted);
  return row!.id;
}

/** Runs the one job that is due. */
async function run(port: StripePort = stripe) {
  const { runNext } = await createRunner(database, allJobs, { stripe: port });
  return await runNext('stripe');
}

async function sync(customerId: string): Promise<void> {
  await ask(customerId);
  expect(await run()).toMatchObject({ as: 'finished' });
}

const call = (method: string, path: string, body = '') =>
  fetch(`${standIn.url}/v1/${path}`, {
    method,
    headers: { authorization: `Bearer ${secretKey}`, 'content-type': 'application/x-www-form-urlencoded' },
    ...(body === '' ? {} : { body }),
  });

const subscriptions = (customer: string) =>
  sql`select id, status, gone, amount, ended_at from evenfall.subscription where customer_id = ${customer} order by id`;

/** A customer with a card for its default and a subscription. */
function scene() {
  const customer = standIn.seed.customer(person).id;
  const card = standIn.seed.paymentMethod({ customer }).id;
  standIn.store.customers.get(customer)!.invoice_settings.default_payment_method = card;
  return { customer, card, sub: standIn.seed.subscription({ customer }).id };
}

describe('what is mirrored', () => {
  test('[P7] customer, subscriptions and cards; the address as a hash, and nothing else of the person', async () => {
    const { customer, card, sub } = scene();
    await sync(customer);
    const [row] = await sql`select * from evenfall.customer where id = ${customer}`;
    expect(row).toMatchObject({ defaultPaymentMethod: card, livemode: false, deleted: false });
    expect(row!['emailHash']).toBe(testHash('pippa@example.org'));
    expect(await subscriptions(customer)).toMatchObject([{ id: sub, status: 'active', gone: false }]);
    expect(await sql`select detached from evenfall.card where id = ${card}`).toMatchObject([
      { detached: false },
    ]);

    const kept = await sql`
      select to_jsonb(c)::text as text from evenfall.customer c union all
      select to_jsonb(s)::text from evenfall.subscription s union all
      select to_jsonb(d)::text from evenfall.card d union all
      select to_jsonb(j)::text from evenfall.job j`;
    for (const { text } of kept) expect(text).not.toMatch(/@|pippa|Featherstonehaugh|960961/i);
  });

  test('changes: a cancelled subscription, another card', async () => {
    const { customer, card, sub } = scene();
    await sync(customer);
    await call('DELETE', `subscriptions/${sub}`);
    const other = standIn.seed.paymentMethod({ customer }).id;
    await call('POST', `customers/${customer}`, `invoice_settings[default_payment_method]=${other}`);
    await sync(customer);
    expect(await subscriptions(customer)).toMatchObject([{ id: sub, status: 'canceled', gone: false }]);
    expect(
      await sql`select id, detached from evenfall.card where customer_id = ${customer} order by id`,
    ).toEqual(
      [
        { id: card, detached: true },
        { id: other, detached: false },
      ].toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    );
  });

  test('a subscription that Stripe no longer has is gone, and one that is back is not', async () => {
    const { customer, sub } = scene();
    await sync(customer);
    const kept = standIn.store.subscriptions.get(sub)!;
    standIn.store.subscriptions.remove(sub);
    await sync(customer);
    expect(await subscriptions(customer)).toMatchObject([{ gone: true }]);
    standIn.store.subscriptions.add(kept);
    await sync(customer);
    expect(await subscriptions(customer)).toMatchObject([{ gone: false }]);
  });

  test('[P4] a deleted customer: its subscriptions are asked for one by one', async () => {
    const { customer, card, sub } = scene();
    await sync(customer);
    await call('DELETE', `customers/${customer}`);
    await sync(customer);
    expect(await sql`select deleted, email_hash from evenfall.customer where id = ${customer}`).toMatchObject(
      [{ deleted: true, emailHash: null }],
    );
    expect(await subscriptions(customer)).toMatchObject([
      { id: sub, status: 'canceled', gone: false, endedAt: expect.any(Date) },
    ]);
    expect(await sql`select detached from evenfall.card where id = ${card}`).toMatchObject([
      { detached: true },
    ]);
  });

  test('a deleted customer that was never mirrored is mirrored as deleted', async () => {
    const { customer } = scene();
    await call('DELETE', `customers/${customer}`);
    await sync(customer);
    expect(await sql`select deleted from evenfall.customer where id = ${customer}`).toMatchObject([
      { deleted: true },
    ]);
  });
});

describe('the order of reads', () => {
  test('what was read earlier never overwrites what was read later', async () => {
    const { customer, sub } = scene();
    const old = { readAt: '2026-01-01T00:00:00Z', seen: await rowsNow(), now: new Date() };
    await call('DELETE', `subscriptions/${sub}`);
    await sync(customer);
    await database.statements.mirror(old);
    expect(await subscriptions(customer)).toMatchObject([{ status: 'canceled' }]);

    async function rowsNow() {
      await sync(customer);
      const rows = async (table: string) => {
        const [row] = await sql.unsafe(`select json_agg(t) as all from evenfall.${table} t`);
        return row!['all'] as object[];
      };
      return {
        customers: await rows('customer'),
        subscriptions: await rows('subscription'),
        cards: await rows('card'),
      };
    }
  });

  test('asked for while it runs, it runs once more: the last state is read', async () => {
    const { customer, sub } = scene();
    await ask(customer);
    const meanwhile: StripePort = {
      ...stripe,
      async readCustomer(id) {
        const picture = await stripe.readCustomer(id);
        await call('DELETE', `subscriptions/${sub}`);
        await ask(customer);
        return picture;
      },
    };
    await run(meanwhile);
    expect(await subscriptions(customer)).toMatchObject([{ status: 'active' }]);
    await run();
    expect(await subscriptions(customer)).toMatchObject([{ status: 'canceled' }]);
    expect(await run()).toBeUndefined();
  });
});

test('one that Stripe does not know ends in the dead letters: a key of another account must not pass in silence', async () => {
  const id = await ask('cus_9');
  await run();
  expect(await sql`select class from evenfall.dead_letter where job_id = ${id}`).toMatchObject([
    { class: 'not_found' },
  ]);
});
