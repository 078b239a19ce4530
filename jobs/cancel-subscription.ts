/**
 * Cancels in Stripe: every live subscription of a team's customer, of a customer, or one subscription; at
 * once, or at the end of the paid period.
 *
 * Safe to run twice: it reads what is live, acts on that alone, and reads again. Each cancellation is an
 * effect claimed by subscription, and one that is over already counts as done, whoever ended it.
 *
 * When it is dead: Stripe refused for good (the alert says with which code), or did not answer for five
 * days. The customer may still be billed. Follow the link to Stripe's log, mend the cause (a key without
 * rights, a subscription held by a schedule), then `evenfall dead replay N`; or cancel it in Stripe's
 * dashboard, and replay all the same: it will see that it is over.
 */
import type { Context } from '../src/core/context.ts';
import { Retryable, Terminal } from '../src/core/errors.ts';
import { defineJob } from '../src/core/job.ts';
import { done, skipped } from '../src/core/outcome.ts';
import { choice, payload, stripeId, teamId } from '../src/core/payload.ts';
import { hours, seconds } from '../src/core/retry.ts';
import type { Subscription } from '../src/core/stripe.ts';

export const cancelSubscription = defineJob({
  name: 'cancel-subscription',
  summary: "Cancels a team's, a customer's or one subscription in Stripe, now or at period end.",
  queue: 'stripe',
  payload: payload(
    {
      teamId: teamId().optional(),
      customerId: stripeId('cus').optional(),
      subscriptionId: stripeId('sub').optional(),
      when: choice(['now', 'at_period_end']),
    },
    { exactlyOneOf: ['teamId', 'customerId', 'subscriptionId'] },
  ),
  key: ['teamId', 'customerId', 'subscriptionId'],
  team: 'teamId',
  precedence: { field: 'when', weakestFirst: ['at_period_end', 'now'] },
  retry: {
    attempts: 200,
    firstDelayMs: seconds(2),
    maxDelayMs: hours(1),
    giveUpAfter: 'P5D',
    crashBudget: 10,
  },
  timeoutMs: seconds(300),
  publicMessages: {
    retrying: 'We are still working on cancelling your subscription.',
    dead: 'We hit a problem cancelling your subscription, please contact support.',
  },

  async run(ctx, { teamId, customerId, subscriptionId, when }) {
    if (subscriptionId !== undefined) {
      const look = async () => [await ctx.stripe.retrieveSubscription(subscriptionId)];
      return done(await endAll(ctx, when, [look]));
    }
    const customer = customerId ?? (await customerOfTeam(ctx, teamId ?? ''));
    if (customer === null) return skipped('the team has no Stripe customer');
    return done(await endAll(ctx, when, [liveOf(ctx, customer)], teamId));
  },
});

/**
 * Cancels at once every live subscription of these customers, for another kind whose own business that is: by the
 * same effects, so that both kinds together do it once.
 *
 * @throws Retryable or Terminal what kept one from being ended; the others are ended all the same
 */
export async function cancelAllNow(ctx: Context, customerIds: readonly string[]): Promise<Ended> {
  return await endAll(
    ctx,
    'now',
    customerIds.map((customerId) => liveOf(ctx, customerId)),
  );
}

type When = 'now' | 'at_period_end';

/** One ending, as it is claimed: what a later run has to know of it. */
type Ending = { subscriptionId: string; customerId: string; statusBefore: string; when: When };

/** Ids of subscriptions: those that this run ended, and those that it found to be over. */
type Ended = { cancelled: string[]; alreadyOver: string[] };

/** Finds what may be live. */
type Look = () => Promise<Subscription[]>;

function liveOf(ctx: Context, customerId: string): Look {
  return () => ctx.stripe.listLiveSubscriptions(customerId);
}

/** Ends what an earlier run had begun, and all that these looks find. */
async function endAll(ctx: Context, when: When, looks: Look[], teamId?: string): Promise<Ended> {
  const cancelled = new Set<string>();
  const over = new Set<string>();

  const endOne = async (key: string, ending: Ending) => {
    await end(ctx, key, ending, teamId);
    cancelled.add(ending.subscriptionId);
  };
  // what an earlier run ended but could not record is over by now, and no look would find it
  const endBegun = async () => {
    const begun = (await ctx.effects.begun()).filter(({ key }) => key.startsWith('stripe:cancel'));
    await toEach(begun, ({ key, about }) => endOne(key, about as Ending));
  };
  // what is live, then looks again: a subscription can begin while others are being cancelled
  const endFound = async (look: Look) => {
    for (let rounds = 0; rounds < 3; rounds++) {
      const open = [];
      for (const subscription of await look()) {
        if (!isEnded(subscription, when)) open.push(subscription);
        else if (!cancelled.has(subscription.id)) over.add(subscription.id);
      }
      if (open.length === 0) return;
      await toEach(open, ({ id, customerId, status }) =>
        endOne(keyOf(ctx, id, when), { subscriptionId: id, customerId, statusBefore: status, when }),
      );
    }
    throw new Retryable('subscriptions are still live after three rounds of cancelling', {
      facts: { class: 'still_live', subject: [...cancelled].join(' ') },
    });
  };

  await toEach([endBegun, ...looks.map((look) => () => endFound(look))], (step) => step());
  return { cancelled: [...cancelled], alreadyOver: [...over] };
}

/** One that cannot be ended must not let the others go on billing: each is tried, then the failure is thrown. */
async function toEach<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const failures: (Retryable | Terminal)[] = [];
  for (const item of items) {
    try {
      await act(item);
    } catch (error) {
      if (!(error instanceof Retryable || error instanceof Terminal)) throw error;
      failures.push(error);
    }
  }
  // what may still work first: the job is not dead as long as there is any
  const failure = failures.find((each) => each instanceof Retryable) ?? failures[0];
  if (failure) throw failure;
}

/**
 * Cancelled at once is for ever. "At period end" can be taken back by the customer and asked for anew, so
 * there each asking is an occasion of its own.
 */
function keyOf(ctx: Context, id: string, when: When): string {
  return when === 'now' ? `stripe:cancel:${id}` : `stripe:cancel-at-period-end:${id}:${ctx.occasion}`;
}

async function end(ctx: Context, key: string, ending: Ending, teamId?: string): Promise<void> {
  const { subscriptionId: id, when } = ending;
  await ctx.effects.perform({
    key,
    kind: when === 'now' ? 'stripe.subscription.cancel' : 'stripe.subscription.cancel-at-period-end',
    about: ending,
    act: async () =>
      proof(
        when === 'now'
          ? await ctx.stripe.cancelSubscription(id)
          : await ctx.stripe.cancelSubscriptionAtPeriodEnd(id),
      ),
    ask: async () => {
      const current = await ctx.stripe.retrieveSubscription(id);
      return isEnded(current, when) ? proof(current) : undefined;
    },
    settle: (tx, evidence) =>
      ctx.history(tx, {
        what: when === 'now' ? 'subscription.cancelled' : 'subscription.cancelled-at-period-end',
        subject: `subscription:${id}`,
        ...(teamId === undefined ? {} : { teamId }),
        detail: { customerId: ending.customerId, statusBefore: ending.statusBefore, ...evidence },
      }),
  });
}

function isEnded(subscription: Subscription, when: When): boolean {
  return subscription.over || (when === 'at_period_end' && subscription.ending);
}

function proof(subscription: Subscription) {
  return {
    status: subscription.status,
    endedAt: subscription.endedAt?.toISOString() ?? null,
    cancelAt: subscription.cancelAt?.toISOString() ?? null,
    requestId: subscription.requestId,
  };
}

async function customerOfTeam(ctx: Context, teamId: string): Promise<string | null> {
  const [team] = await ctx.sql.customerOfTeam({ teamId });
  if (!team) {
    throw new Terminal(`the app has no team ${teamId}`, {
      facts: { class: 'not_found', subject: `team:${teamId}` },
    });
  }
  return team.stripeCustomerId;
}
