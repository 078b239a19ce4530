import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { backfillStripe } from '../../jobs/backfill-stripe.ts';
import { allJobs } from '../../jobs/index.ts';
import type { StripePort } from '../../src/core/stripe.ts';
import { runInline } from '../../src/queue/inline.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { startStripeStandIn } from '../../src/stand-ins/stripe/index.ts';
import { createStripeGateway } from '../../src/stripe/gateway.ts';
import { createTestDatabase } from '../support/database.ts';
import { createRunner, forgetHeartbeat, recordingAlerts, silentLog, testHash } from '../support/machine.ts';

const { database, sql } = await createTestDatabase();
const standIn = await startStripeStandIn();
afterAll(() => standIn.close());
const stripe = createStripeGateway({ secretKey: 'sk_test_backfill', apiBase: standIn.url, log: silentLog });

beforeEach(async () => {
  standIn.reset();
  await sql`
    truncate evenfall.job, evenfall.backfill, evenfall.customer, evenfall.subscription, evenfall.card`;
});

/** 250 subscriptions of 120 customers, and 30 customers without one: three pages, and two. */
function seed(): string[] {
  const price = standIn.seed.price().id;
  const customers = Array.from({ length: 150 }, () => standIn.seed.customer({ email: 'ann@example.org' }).id);
  return Array.from({ length: 250 }, (_, index) => {
    const status = (['active', 'trialing', 'canceled'] as const)[index % 3]!;
    return standIn.seed.subscription({ customer: customers[index % 120]!, price, status }).id;
  });
}
const pages = 5;

async function ask(): Promise<number> {
  const wanted = {
    kind: backfillStripe.name,
    payload: {},
    key: null,
    runAt: null,
    teamId: null,
    priority: 0,
  };
  const [row] = await database.statements.enqueue(wanted);
  return row!.id;
}

async function runOnce(port: StripePort = stripe) {
  await sql`
    update evenfall.job set state = 'queued', due = true, run_at = clock_timestamp() where state = 'dispatched'`;
  const { runNext, workerId } = await createRunner(database, allJobs, { stripe: port });
  return { workerId, running: runNext('stripe') };
}

async function runToEnd(): Promise<void> {
  for (let runs = 0; runs < 20; runs++) {
    const ended = await (await runOnce()).running;
    if (!ended) return;
  }
  throw new Error('still not done after 20 runs');
}

const backfills = () =>
  sql`select phase, cursor, pages, objects, finished_at from evenfall.backfill order by id`;
const mirrored = async (table: string, condition = 'true') => {
  const rows = await sql.unsafe(
    `select id from evenfall.${table} where ${condition} order by id collate "C"`,
  );
  return rows.map((row) => row['id'] as string);
};

/** Stripe, at whose n-th page the process stops for good: before the page came, or with the page in hand. */
function dyingAt(n: number, when: 'before' | 'after') {
  const reached = Promise.withResolvers<void>();
  let count = 0;
  async function page<T>(read: () => Promise<T>): Promise<T> {
    const last = ++count === n;
    if (last && when === 'before') return await forEver();
    const result = await read();
    return last ? await forEver() : result;
  }
  function forEver(): Promise<never> {
    reached.resolve();
    return new Promise(() => {});
  }
  const port: StripePort = {
    ...stripe,
    listSubscriptionsPage: (after) => page(() => stripe.listSubscriptionsPage(after)),
    listCustomersPage: (after) => page(() => stripe.listCustomersPage(after)),
  };
  return { port, reached: reached.promise };
}

test('mirrors every subscription and every customer, and says when the picture is whole', async () => {
  const subs = seed();
  const id = await ask();
  await runToEnd();
  expect(await mirrored('subscription', 'not gone')).toEqual(subs.toSorted());
  expect(await mirrored('customer', 'not deleted')).toHaveLength(150);
  expect(await backfills()).toMatchObject([{ phase: 'finished', pages, finishedAt: expect.any(Date) }]);
  const [job] = await sql`select state, outcome from evenfall.job where id = ${id}`;
  expect(job).toMatchObject({ state: 'done', outcome: { detail: { pages } } });
  const kept = await sql`select to_jsonb(c)::text as text from evenfall.customer c`;
  for (const { text } of kept) expect(text).not.toContain('@');
});

test('an account that is empty is a whole picture too', async () => {
  await ask();
  await runToEnd();
  expect(await backfills()).toMatchObject([
    { phase: 'finished', pages: 2, objects: 0, finishedAt: expect.any(Date) },
  ]);
});

describe('[P1] [P6] killed at a page', () => {
  const kills = Array.from({ length: pages }, (_, index) => index + 1).flatMap((page) => [
    [page, 'before'] as const,
    [page, 'after'] as const,
  ]);

  test.for(kills)(
    '%i, %s it came: goes on from there, reads no page before it again',
    async ([page, when]) => {
      const subs = seed();
      const id = await ask();
      const { port, reached } = dyingAt(page, when);
      const { workerId } = await runOnce(port);
      await reached;
      expect(await backfills()).toMatchObject([{ pages: page - 1, finishedAt: null }]);
      const asked = standIn.requests.length;

      // the process is gone: the job is another worker's
      await forgetHeartbeat(database, workerId);
      const { runner } = await createRunner(database, allJobs, { stripe });
      const [row] = await sql`select id, dispatch_no, kind from evenfall.job where id = ${id}`;
      expect(await runner.run(row as never, new AbortController().signal)).toMatchObject({ as: 'finished' });
      expect(standIn.requests.length - asked).toBe(pages - page + 1);
      expect(await mirrored('subscription', 'not gone')).toEqual(subs.toSorted());
      expect(await backfills()).toMatchObject([{ phase: 'finished', pages, finishedAt: expect.any(Date) }]);
      const [job] = await sql`select state, attempts from evenfall.job where id = ${id}`;
      expect(job).toMatchObject({ state: 'done', attempts: 0 });
    },
  );
});

test('of two runs at one page, such as one thought dead, one writes it and the other goes on from there', async () => {
  const subs = seed();
  await ask();
  let other: Promise<unknown> | undefined;
  const { port } = {
    port: {
      ...stripe,
      async listSubscriptionsPage(after?: string) {
        const page = await stripe.listSubscriptionsPage(after);
        other ??= ask().then(async () => (await runOnce()).running);
        await other;
        return page;
      },
    },
  };
  expect(await (await runOnce(port)).running).toMatchObject({
    as: 'later',
    summary: expect.stringContaining('a page ahead'),
  });
  expect(await mirrored('subscription')).toEqual(subs.toSorted());
  expect(await backfills()).toMatchObject([{ phase: 'finished', pages }]);
});

test('what Stripe no longer has is gone at the end, and not before; what came meanwhile stays', async () => {
  const [sub = ''] = seed();
  const customer = standIn.seed.customer().id;
  const card = standIn.seed.paymentMethod({ customer }).id;
  standIn.store.customers.get(customer)!.invoice_settings.default_payment_method = card;
  await ask();
  await runToEnd();
  expect(await mirrored('card', 'not detached')).toEqual([card]);

  standIn.store.subscriptions.remove(sub);
  standIn.store.customers.remove(customer);
  await ask();
  const meanwhile: StripePort = {
    ...stripe,
    async listCustomersPage(after) {
      expect(await mirrored('subscription', 'gone')).toEqual([]);
      // an event's own reading, of a subscription that began behind the first page
      const [clock] = await database.statements.readBegins();
      const { subscriptions } = await stripe.listSubscriptionsPage();
      const row = { ...subscriptions[0]!, id: 'sub_new' };
      const seen = {
        customers: [],
        cards: [],
        subscriptions: [
          {
            id: row.id,
            customer_id: row.customerId,
            status: row.status,
            cancel_at_period_end: false,
            livemode: false,
            created_at: row.createdAt,
          },
        ],
      };
      await database.statements.mirror({ readAt: clock!.readAt, seen, now: new Date() });
      return await stripe.listCustomersPage(after);
    },
  };
  await (
    await runOnce(meanwhile)
  ).running;
  expect(await mirrored('subscription', 'gone')).toEqual([sub]);
  expect(await mirrored('customer', 'deleted')).toEqual([customer]);
  expect(await mirrored('card', 'detached')).toEqual([card]);
  expect(await mirrored('subscription', `not gone and id = 'sub_new'`)).toEqual(['sub_new']);
});

test('a page that Stripe refuses is asked for again later, from where it was', async () => {
  seed();
  await ask();
  standIn.faults.add({ kind: 'server-error', shouldRetry: 'false', match: { path: '/v1/customers' } });
  expect(await (await runOnce()).running).toMatchObject({ as: 'later' });
  expect(await backfills()).toMatchObject([{ phase: 'customers', pages: 3, finishedAt: null }]);
  await runToEnd();
  expect(await backfills()).toMatchObject([{ phase: 'finished', pages }]);
});

test('a cursor that was deleted meanwhile lets the phase begin anew', async () => {
  seed();
  await ask();
  await sql`insert into evenfall.backfill (phase, cursor) values ('customers', 'cus_gone')`;
  await runToEnd();
  expect(await mirrored('customer')).toHaveLength(150);
  expect(await backfills()).toMatchObject([{ phase: 'finished', finishedAt: expect.any(Date) }]);
});

test('a run is short: after a hundred pages it gives way and goes on, which is no attempt', async () => {
  const [customer] = [standIn.seed.customer().id];
  const id = await ask();
  let count = 0;
  const long: StripePort = {
    ...stripe,
    listSubscriptionsPage: async () => ({
      ...(await stripe.listSubscriptionsPage()),
      next: ++count < 150 ? `sub_${count}` : undefined,
    }),
  };
  expect(await (await runOnce(long)).running).toMatchObject({
    as: 'later',
    summary: expect.stringContaining('page 100'),
  });
  expect(await (await runOnce(long)).running).toMatchObject({ as: 'finished' });
  expect(await mirrored('customer')).toEqual([customer]);
  const [job] = await sql`select attempts from evenfall.job where id = ${id}`;
  expect(job).toMatchObject({ attempts: 0 });
  expect(await backfills()).toMatchObject([{ pages: 151 }]);
});

test('a dry run reads every page and changes nothing', async () => {
  seed();
  const result = await runInline(backfillStripe, {}, {
    database,
    stripe,
    alerts: recordingAlerts(),
    policy: defaultPolicy,
    hash: testHash,
    log: silentLog,
    dryRun: true,
  } as never);
  expect(result).toMatchObject({ outcome: 'done', detail: { pages } });
  expect([...(await backfills()), ...(await mirrored('subscription'))]).toEqual([]);
});

test('is asked for at boot until it was done once, by any number of workers', async () => {
  const boot = () => database.statements.askFirstBackfill({ kind: backfillStripe.name });
  await Promise.all([boot(), boot(), boot()]);
  expect(await sql`select from evenfall.job where kind = ${backfillStripe.name}`).toHaveLength(1);
  await runToEnd();
  await boot();
  expect(await sql`select from evenfall.job where kind = ${backfillStripe.name}`).toHaveLength(1);
});
