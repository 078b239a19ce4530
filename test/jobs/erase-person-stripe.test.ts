import { beforeEach, describe, expect, test } from 'vitest';
import { erasePerson } from '../../jobs/erase-person.ts';
import { agreeingApp } from '../../src/core/app-callback.ts';
import type { Failpoint } from '../../src/core/failpoints.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { runInline } from '../../src/queue/inline.ts';
import { createTestDatabase } from '../support/database.ts';
import { startEndings } from '../support/endings.ts';
import { erasures } from '../support/erasures.ts';
import { noMail, recordingAlerts, silentLog, testHash, testKeepLink } from '../support/machine.ts';

const { database, sql } = await createTestDatabase();
const world = await startEndings(database, sql);
const { standIn, rows } = world;
const { person, askFor, ledger, isLeft } = erasures(world, sql);
const kind = erasePerson.name;
const policy = { ...defaultPolicy, eraseStripeCustomer: 'delete' } as const;

beforeEach(() => world.clear());

const deletions = () => standIn.requests.filter(({ method }) => method === 'DELETE').map(({ path }) => path);
const isDeleted = (customer: string) => standIn.store.deletedCustomers.has(customer);

async function erase(userId: string, customerId?: string) {
  await askFor(userId, customerId);
  await world.runAll({ policy });
  return await world.job(kind);
}

describe('POLICY_ERASE_STRIPE_CUSTOMER', () => {
  test('keep: nothing is asked of Stripe', async () => {
    const { id, customer } = await person();
    const asked = standIn.requests.length;
    await askFor(id);
    await world.runAll();
    expect(standIn.requests.length).toBe(asked);
    expect(await ledger()).toMatchObject([{ stripe: `${customer} kept: policy`, doneAt: expect.any(Date) }]);
  });

  test('delete: the own customer goes, and it is told', async () => {
    const { id, customer, email } = await person();
    expect(await erase(id)).toMatchObject({ state: 'done' });
    expect(isDeleted(customer)).toBe(true);
    expect(await isLeft(email)).toBe(false);
    expect(await ledger()).toMatchObject([{ stripe: `${customer} deleted`, doneAt: expect.any(Date) }]);
    const request = standIn.requests.find(({ method }) => method === 'DELETE');
    expect(await sql`select what, subject, detail from evenfall.history`).toEqual([
      {
        what: 'customer.deleted',
        subject: `customer:${customer}`,
        detail: { why: `user ${id} was erased`, requestId: request!.id },
      },
    ]);
  });

  test('delete: also the customer that is named when the user is gone', async () => {
    const { id, customer } = await person();
    await sql`delete from public.users where id = ${id}`;
    await erase(id, customer);
    expect(isDeleted(customer)).toBe(true);
  });

  test('[P2] deleted already, by whomever: success', async () => {
    const { id, customer } = await person();
    await world.stripe.deleteCustomer(customer);
    expect(await erase(id)).toMatchObject({ state: 'done' });
    expect(await ledger()).toMatchObject([{ stripe: `${customer} deleted` }]);
    expect(deletions()).toHaveLength(1);
  });

  test('a dry run says what would be done, and does nothing', async () => {
    const { id, customer, email } = await person();
    const dry = await runInline(
      erasePerson,
      { userId: id },
      {
        database,
        stripe: world.stripe,
        app: agreeingApp,
        mail: noMail,
        alerts: recordingAlerts(),
        hash: testHash,
        keepLink: testKeepLink,
        log: silentLog,
        dryRun: true,
        policy,
      },
    );
    expect(dry).toMatchObject({ outcome: 'done', detail: { customers: 1, stripe: `${customer} deleted` } });
    expect([isDeleted(customer), await isLeft(email)]).toEqual([false, true]);
    expect(await ledger()).toEqual([]);
  });
});

describe('[P3] [P4] what keeps the customer in Stripe', () => {
  test.for(['active', 'trialing', 'past_due', 'unpaid', 'paused', 'incomplete'] as const)(
    'a subscription that is %s: people are told, once; all else is erased',
    async (status) => {
      const { id, customer, email } = await person();
      const sub = standIn.seed.subscription({ customer, status }).id;
      await erase(id);
      await erase(id);
      expect(isDeleted(customer)).toBe(false);
      expect(await isLeft(email)).toBe(false);
      expect(await ledger()).toMatchObject([
        { stripe: `${customer} kept: live subscription`, doneAt: expect.any(Date) },
        {},
      ]);
      expect(await world.findings()).toMatchObject([
        {
          kind: 'erasure-while-subscribed',
          subject: `user:${id}`,
          message: expect.stringContaining(`${customer} is kept in Stripe, for it is still billed: ${sub}`),
        },
      ]);
    },
  );

  test('… until it is cancelled, and asked for again', async () => {
    const { id, customer } = await person();
    const sub = standIn.seed.subscription({ customer }).id;
    await erase(id);
    await world.stripe.cancelSubscription(sub);
    await erase(id, customer);
    expect(isDeleted(customer)).toBe(true);
  });

  test('a paid invoice: kept, for tax law; one over nothing, and one that was not paid, are no reason', async () => {
    const [paid, free] = [await person(), await person()];
    standIn.seed.invoice({ customer: paid.customer, total: 900 });
    standIn.seed.invoice({ customer: free.customer, total: 0 });
    standIn.seed.invoice({ customer: free.customer, total: 900, status: 'void' });
    for (const { id } of [paid, free]) await erase(id);
    expect([isDeleted(paid.customer), isDeleted(free.customer)]).toEqual([false, true]);
    expect(await ledger()).toMatchObject([
      { stripe: `${paid.customer} kept: paid invoices` },
      { stripe: `${free.customer} deleted` },
    ]);
    expect(await world.findings()).toEqual([]);
  });

  test('a trial, though it is over: kept', async () => {
    const { id, customer } = await person();
    standIn.seed.subscription({ customer, status: 'canceled', trial_start: 1, trial_end: 2 });
    await erase(id);
    expect(isDeleted(customer)).toBe(false);
    expect(await ledger()).toMatchObject([{ stripe: `${customer} kept: trial` }]);
  });

  type Person = Awaited<ReturnType<typeof person>>;
  test.for([
    [
      'another user has it too',
      ({ customer }: Person): Promise<unknown> => rows.user({ stripe_customer_id: customer }),
    ],
    [
      "it is another owner's team's",
      async ({ customer }: Person): Promise<unknown> =>
        await rows.team(await rows.user(), { stripe_customer_id: customer }),
    ],
    [
      'it is of a team without an owner',
      ({ customer }: Person): Promise<unknown> => rows.team(null, { stripe_customer_id: customer }),
    ],
    [
      'it is of their team, which has another member, or somebody who is invited',
      async ({ id, customer }: Person): Promise<unknown> =>
        await rows.member(
          await rows.team(id, { stripe_customer_id: customer }),
          await rows.user(),
          'invited',
        ),
    ],
    [
      "its metadata name another owner's team",
      async ({ customer }: Person): Promise<unknown> =>
        (standIn.store.customers.get(customer)!.metadata['team_id'] = await rows.team(await rows.user())),
    ],
  ] as const)('%s: kept', async ([, share]) => {
    const one = await person();
    await share(one);
    await erase(one.id);
    expect(isDeleted(one.customer)).toBe(false);
    expect(await ledger()).toMatchObject([{ stripe: `${one.customer} kept: others use it` }]);
  });

  test('of a team that is theirs alone it goes', async () => {
    const { id, customer } = await person();
    await rows.team(id, { stripe_customer_id: customer });
    await erase(id);
    expect(isDeleted(customer)).toBe(true);
  });

  test('one that is named by mistake, and is of others, keeps its address here, too', async () => {
    const [mine, theirs] = [await person(), await person()];
    await erase(mine.id, theirs.customer);
    expect(isDeleted(theirs.customer)).toBe(false);
    expect([await isLeft(mine.email), await isLeft(theirs.email)]).toEqual([false, true]);
  });
});

describe('when Stripe fails', () => {
  test('down: it waits without an attempt, and what is here is gone by then; back, it goes on', async () => {
    const { id, customer, email } = await person();
    standIn.faults.add({ kind: 'server-error', times: 'forever' });
    await askFor(id);
    await world.runOnce({ policy });
    expect(await isLeft(email)).toBe(false);
    expect(await ledger()).toMatchObject([{ what: { customers: 1 }, stripe: null, doneAt: null }]);
    standIn.faults.clear();
    await world.runAll({ policy });
    expect(isDeleted(customer)).toBe(true);
    expect(await sql`select state, attempts from evenfall.job where kind = ${kind}`).toEqual([
      { state: 'done', attempts: 0 },
    ]);
    expect(await ledger()).toMatchObject([{ what: { customers: 1 }, stripe: `${customer} deleted` }]);
  });

  test('[P2] an answer that is lost is asked about: deleted once', async () => {
    const { id, customer } = await person();
    standIn.faults.add({ kind: 'hang', act: true, match: { method: 'DELETE' } });
    const hurried = { ...world.stripe, deleteCustomer: lateFor(world.stripe.deleteCustomer) };
    await askFor(id);
    await world.runAll({ policy, stripe: hurried });
    expect(isDeleted(customer)).toBe(true);
    expect(deletions()).toHaveLength(1);
    expect(await ledger()).toMatchObject([{ stripe: `${customer} deleted` }]);
  });

  test('refused, or unknown there: dead, with all that is here erased; replayed, it goes on', async () => {
    const { id, customer, email } = await person();
    const error = { type: 'invalid_request_error', message: `no ${email}` };
    standIn.faults.add({ kind: 'refused', status: 403, error, match: { method: 'DELETE' } });
    expect(await erase(id)).toMatchObject({ state: 'dead', class: 'stripe_auth' });
    expect(await isLeft(email)).toBe(false);
    const [dead] = await sql`select id from evenfall.job where kind = ${kind}`;
    await database.statements.replay({ id: dead!['id'] as number, resolution: 'replayed by the test' });
    await world.runAll({ policy });
    expect(isDeleted(customer)).toBe(true);
    expect(await ledger()).toMatchObject([{ stripe: `${customer} deleted`, doneAt: expect.any(Date) }]);

    const unknown = await person();
    standIn.store.customers.remove(unknown.customer);
    expect(await erase(unknown.id)).toMatchObject({ state: 'dead', class: 'not_found' });
    expect(await isLeft(unknown.email)).toBe(false);
  });
});

describe('[P2] [P6] a worker that dies', () => {
  const points: Failpoint[] = [
    'run.started',
    'transaction.written',
    'transaction.committed',
    'effect.claimed',
    'effect.acted',
    'effect.settled',
    'run.ended',
  ];
  test.for(points)('at %s: erased once, deleted once, one row in the ledger', async (point) => {
    const { id, customer, email } = await person();
    await askFor(id);
    await world.dieAt(point, { policy });
    await world.runAll({ policy });
    expect(isDeleted(customer)).toBe(true);
    expect(deletions()).toHaveLength(1);
    expect(await isLeft(email)).toBe(false);
    expect(await ledger()).toMatchObject([
      {
        what: { customers: 1, cards: 1 },
        stripe: `${customer} deleted`,
        recipientHashes: [],
        doneAt: expect.any(Date),
      },
    ]);
    expect(await sql`select from evenfall.effect where state <> 'settled'`).toEqual([]);
    expect(await sql`select from evenfall.history where what = 'customer.deleted'`).toHaveLength(1);
  });

  test('with the claim, and then somebody subscribes: kept, and no claim is left open', async () => {
    const { id, customer } = await person();
    await askFor(id);
    await world.dieAt('effect.claimed', { policy });
    standIn.seed.subscription({ customer });
    await world.runAll({ policy });
    expect(isDeleted(customer)).toBe(false);
    expect(await sql`select state from evenfall.effect`).toEqual([{ state: 'settled' }]);
  });
});

/** As if its answer were given up before it came. */
function lateFor(remove: (id: string) => Promise<{ requestId: string }>) {
  return async (id: string) => {
    void remove(id).catch(() => {});
    await expect.poll(() => isDeleted(id)).toBe(true);
    const { Retryable } = await import('../../src/core/errors.ts');
    throw new Retryable('no answer', { facts: { class: 'stripe_unavailable' }, outcomeUnknown: true });
  };
}
