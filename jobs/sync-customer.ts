/**
 * Reads a customer from Stripe whole, with its subscriptions and cards, into the mirror.
 *
 * What an event says is not trusted: events come late, twice, in any order, so each only asks for this. Asked
 * for while it runs it runs once more afterwards, which puts the events of a customer in a row.
 *
 * Safe to run twice: it only reads, and a row of the mirror gives way to a later read alone.
 *
 * When it is dead: Stripe did not answer for days, refused the key, or does not know the customer: then it is
 * of another account or mode than STRIPE_SECRET_KEY, or its test data were deleted. The nightly backfill reads
 * everything anew, so nothing is lost for good; mend the cause, then replay.
 */
import { mirrorRows } from '../src/billing/mirror.ts';
import type { Context } from '../src/core/context.ts';
import { defineJob } from '../src/core/job.ts';
import { done, skipped } from '../src/core/outcome.ts';
import type { Detail, LastWrite, Outcome } from '../src/core/outcome.ts';
import { payload, stripeId } from '../src/core/payload.ts';
import { hours, seconds } from '../src/core/retry.ts';
import type { CustomerPicture, Subscription } from '../src/core/stripe.ts';

export const syncCustomer = defineJob({
  name: 'sync-customer',
  summary: 'Reads a customer from Stripe, with its subscriptions and cards, into the mirror.',
  queue: 'stripe',
  payload: payload({ customerId: stripeId('cus') }),
  key: ['customerId'],
  retry: {
    attempts: 100,
    firstDelayMs: seconds(2),
    maxDelayMs: hours(1),
    giveUpAfter: 'P3D',
    crashBudget: 10,
  },
  timeoutMs: seconds(300),

  async run(ctx, { customerId }) {
    const { detail, write } = await readWhole(ctx, customerId);
    return done(detail, write);
  },
});

/** What Stripe says of a customer, and how it gets into the mirror. */
export async function readWhole(
  ctx: Context,
  customerId: string,
): Promise<{ detail: Detail; write: LastWrite }> {
  const [clock] = await ctx.sql.readBegins();
  const readAt = clock?.readAt ?? '';
  const { customer, subscriptions, cards } = await read(ctx, customerId);
  const seen = mirrorRows({ customers: [customer], subscriptions, cards }, ctx.hash);
  return {
    detail: { deleted: customer.deleted, subscriptions: subscriptions.length, cards: cards.length },
    async write(tx) {
      await tx.mirror({ readAt, seen, now: ctx.now });
      // of a deleted customer nothing was listed, so nothing was missing from the list
      if (!customer.deleted) await tx.markGoneOfCustomer({ customerId, readAt });
      await tx.markDetachedOfCustomer({ customerId, readAt });
    },
  };
}

/** Stripe lists no subscriptions of a deleted customer, but still tells of each what became of it. */
async function read(ctx: Context, customerId: string): Promise<CustomerPicture> {
  const picture = await ctx.stripe.readCustomer(customerId);
  if (!picture.customer.deleted) return picture;
  const subscriptions: Subscription[] = [];
  for (const { id } of await ctx.sql.mirroredLiveSubscriptions({ customerId })) {
    subscriptions.push(await ctx.stripe.retrieveSubscription(id));
  }
  return { ...picture, subscriptions };
}

/** Reads customers again, of which Stripe has said more than the mirror knows. */
export async function syncAll(ctx: Context, customerIds: readonly string[]): Promise<void> {
  for (const customerId of customerIds) await ctx.enqueue(syncCustomer, { customerId });
}

/** How a job ends that finds the mirror behind Stripe: it is read again, so that the next sweep does not find the same. */
export async function stale(ctx: Context, customerId: string, reason: string): Promise<Outcome> {
  await ctx.enqueue(syncCustomer, { customerId });
  return skipped(reason);
}
