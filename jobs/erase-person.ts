/**
 * Erases a person's traces in Evenfall (GDPR, article 17): the keyed hashes of the address in the ledgers of mails and
 * acts and in the mirror, and the names of the cards. By policy (POLICY_ERASE_STRIPE_CUSTOMER) also the person's own
 * customer in Stripe: never one that others use or that has a live subscription, which is told to people; nor one that
 * has paid or had a trial. Asked for by the deletions of users, and by the app or an operator, before or after the app
 * deletes the user. What came of it is in the ledger `evenfall.erasure`; docs/operations.md, "Erasing a person", says what
 * is kept.
 *
 * Safe to run twice: what is erased is not found again, and a customer that is deleted counts as done, whoever did it.
 * What the person is found by is written down before anything is erased and goes with it, so a later run goes on where
 * another was killed.
 *
 * When it is dead: the traces here are gone, or Postgres refused; the ledger says which (`evenfall erasures`). Stripe
 * refused to delete the customer (a key without the right), does not know it (a key of another account or mode), or did
 * not answer for two weeks. Mend the cause, then `evenfall dead replay N`.
 */
import type { AdoptErasuresRow, Queries } from '../sql/queries.gen.ts';
import { hashesOf } from '../src/billing/erasure.ts';
import type { Context } from '../src/core/context.ts';
import type { Evidence } from '../src/core/effects.ts';
import { Retryable, ifKnown } from '../src/core/errors.ts';
import { defineJob } from '../src/core/job.ts';
import { done } from '../src/core/outcome.ts';
import { payload, stripeId, userId } from '../src/core/payload.ts';
import { hours, seconds } from '../src/core/retry.ts';
import { readWhole } from './sync-customer.ts';

export const erasePerson = defineJob({
  name: 'erase-person',
  summary: "Erases a person's traces in Evenfall and, by policy, the person's customer in Stripe.",
  queue: 'lifecycle',
  payload: payload({ userId: userId(), customerId: stripeId('cus').optional() }),
  key: ['userId', 'customerId'],
  retry: {
    attempts: 200,
    firstDelayMs: seconds(2),
    maxDelayMs: hours(1),
    giveUpAfter: 'P14D',
    crashBudget: 10,
  },
  timeoutMs: seconds(180),

  async run(ctx, { userId: id, customerId }) {
    const asking = await ctx.transaction((tx) => gather(ctx, tx, id, customerId));
    await mirrorUnknown(ctx, asking.customerIds);
    const erased = await ctx.transaction((tx) => eraseHere(ctx, tx, id, asking));
    if (erased instanceof Retryable) throw erased;

    const fates: string[] = [];
    for (const customer of asking.customerIds) {
      fates.push(`${customer} ${await eraseInStripe(ctx, id, customer)}`);
    }
    const stripe = fates.length === 0 ? 'no customer' : fates.join('; ');
    return done({ ...erased, stripe }, async (tx) => {
      await tx.endErasures({ ids: asking.ids, stripe, now: ctx.now });
    });
  },
});

/** The rows of the ledger that this run answers, and what the person is found by. */
interface Asking {
  readonly ids: number[];
  readonly recipientHashes: string[];
  readonly customerIds: string[];
}

/** All that leads to the person, written down at once: the app may delete the user at any time. */
async function gather(
  ctx: Context,
  tx: Queries,
  id: string,
  customerId: string | undefined,
): Promise<Asking> {
  const { jobId, now } = ctx;
  const adopted = await tx.adoptErasures({ userId: id, jobId });
  const rows: AdoptErasuresRow[] =
    adopted.length > 0 ? adopted : await tx.openErasure({ userId: id, jobId, now });
  const [person] = await tx.personToErase({ userId: id });
  const written = await tx.hashesOfUser({ userId: id });
  const asking = {
    ids: rows.map((row) => row.id),
    recipientHashes: unique([
      ...rows.flatMap((row) => row.recipientHashes),
      ...hashesOf(ctx.hash, person?.email),
      ...written.map(({ hash }) => hash),
    ]),
    customerIds: unique([
      ...rows.flatMap((row) => row.customerIds),
      ...[person?.stripeCustomerId, customerId].filter((one) => typeof one === 'string'),
    ]),
  };
  await tx.carryErasure(asking);
  return asking;
}

const unique = (items: readonly string[]) => [...new Set(items)];

/** A customer that the mirror has not seen yet would come into it later, with the address. */
async function mirrorUnknown(ctx: Context, customerIds: string[]): Promise<void> {
  for (const { id } of await ctx.sql.unmirroredCustomers({ customerIds })) {
    const read = await ifKnown(readWhole(ctx, id));
    if (read) await ctx.transaction(read.write);
  }
}

/** Counts of rows. A `Retryable` says why nothing is erased for now. */
async function eraseHere(
  ctx: Context,
  tx: Queries,
  id: string,
  { ids, recipientHashes, customerIds }: Asking,
): Promise<Record<string, number> | Retryable> {
  const linked = await tx.customersOfPerson({ userId: id, customerIds, namedTeam: null });
  const own = linked.filter((customer) => !customer.isShared).map((customer) => customer.id);
  const mailed = await tx.hashesOfCustomers({ customerIds: own });
  const everywhere = unique([...recipientHashes, ...mailed.map(({ hash }) => hash)]);
  if ((await tx.mailUnderWay({ recipientHashes: everywhere })).length > 0) {
    return new Retryable(`a mail to user ${id} is under way, and its traces are still to come`, {
      facts: { class: 'mail_under_way', subject: `user:${id}` },
      waiting: true,
    });
  }
  const [mails] = await tx.eraseMails({ recipientHashes: everywhere });
  const customers = (await tx.eraseCustomers({ customerIds: own, recipientHashes, now: ctx.now })).map(
    (customer) => customer.id,
  );
  const cards = await tx.eraseCards({ customerIds: unique([...own, ...customers]) });
  const counts = { ...mails, customers: customers.length, cards: cards.length };
  const [noted] = await tx.noteErased({ ids, counts });
  return noted?.what as Record<string, number>;
}

/** What became of the customer, as the ledger says it. Each asking is an occasion of its own: it looks anew. */
async function eraseInStripe(ctx: Context, id: string, customerId: string): Promise<string> {
  if (ctx.policy.eraseStripeCustomer === 'keep') return 'kept: policy';
  // of an earlier run, or of an asking that died: its claim is seen through
  const begun = (await ctx.effects.begun()).find(({ about }) => about['customerId'] === customerId);
  const { evidence } = await ctx.effects.perform({
    key: begun?.key ?? `stripe:delete-customer:${customerId}:${ctx.occasion}`,
    kind: 'stripe.customer.delete',
    about: { customerId, userId: id },
    act: () => deleteUnlessKept(ctx, id, customerId),
    async ask() {
      const { customer } = await ctx.stripe.readCustomer(customerId);
      return customer.deleted ? { fate: 'deleted' } : undefined;
    },
    settle: (tx, proof) => tell(ctx, tx, id, customerId, proof),
  });
  return String(evidence['fate']);
}

/** Asks Stripe, and only then deletes, at once. */
async function deleteUnlessKept(ctx: Context, id: string, customerId: string): Promise<Evidence> {
  const { customer, subscriptions } = await ctx.stripe.readCustomer(customerId);
  if (customer.deleted) return { fate: 'deleted' };
  const [linked] = await ctx.sql.customersOfPerson({
    userId: id,
    customerIds: [customerId],
    namedTeam: customer.teamId,
  });
  if (linked?.isShared !== false) return { fate: 'kept: others use it' };
  const live = subscriptions.filter((one) => !one.over).map((one) => one.id);
  if (live.length > 0) return { fate: 'kept: live subscription', live: live.toSorted().join(' ') };
  if (await ctx.stripe.hasPaidInvoice(customerId)) return { fate: 'kept: paid invoices' };
  if (subscriptions.some((one) => one.trialStart !== null)) return { fate: 'kept: trial' };
  const { requestId } = await ctx.stripe.deleteCustomer(customerId);
  return { fate: 'deleted', requestId };
}

/** Stripe contradicts the asking: people are told. A deletion is told in the history. */
async function tell(
  ctx: Context,
  tx: Queries,
  id: string,
  customerId: string,
  { fate, live, requestId }: Evidence,
): Promise<void> {
  if (fate === 'deleted') {
    await ctx.history(tx, {
      what: 'customer.deleted',
      subject: `customer:${customerId}`,
      detail: { why: `user ${id} was erased`, requestId: requestId ?? null },
    });
  }
  if (live === undefined) return;
  await ctx.find(tx, {
    kind: 'erasure-while-subscribed',
    subject: `user:${id}`,
    occasion: String(live),
    message:
      `User ${id} was erased here, and ${customerId} is kept in Stripe, for it is still billed: ${String(live)}. ` +
      'Cancel that, then ask for the erasure again, with the id of this customer.',
    detail: { customerId, subscriptions: String(live).split(' ') },
  });
}
