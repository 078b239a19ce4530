/**
 * Tells a customer that the trial is about to become a paid subscription: when, what will be charged, and the way
 * out (seed 0.9). Found by sql/sweeps/trial-ending-email.sql; asks Stripe again before it writes.
 *
 * Safe to run twice: the mail is an effect claimed by subscription, trial end and reminder, and its row in the
 * ledger of mails is one. Where nobody knows whether it went out, it is not sent again.
 *
 * When it is dead: the mail server refused the address or the sender for good, no mail server is configured, or
 * Stripe or the mail server did not answer for two days. Mend the cause, then `evenfall dead replay N`: it looks
 * again whether the mail is still due.
 */
import { chargedTo, endsUnpaid } from '../src/billing/charges.ts';
import { reach } from '../src/billing/reach.ts';
import { candidatesOf, noAddress, ownerAt } from '../src/billing/recipient.ts';
import type { Context } from '../src/core/context.ts';
import { ifKnown } from '../src/core/errors.ts';
import { defineJob } from '../src/core/job.ts';
import { suppressed } from '../src/core/notices.ts';
import type { NoticeKey } from '../src/core/notices.ts';
import { done, skipped } from '../src/core/outcome.ts';
import type { Outcome } from '../src/core/outcome.ts';
import { duration, payload, stripeId } from '../src/core/payload.ts';
import { minutes, seconds } from '../src/core/retry.ts';
import type { Subscription } from '../src/core/stripe.ts';
import { stale } from './sync-customer.ts';

export const trialEndingEmail = defineJob({
  name: 'trial-ending-email',
  summary: 'Tells a customer that the trial is about to become a paid subscription.',
  queue: 'mail',
  payload: payload({ subscriptionId: stripeId('sub'), offset: duration() }),
  key: ['subscriptionId', 'offset'],
  schedule: { cron: '*/10 * * * *', catchUp: 'once', windowHours: 24 },
  retry: {
    attempts: 100,
    firstDelayMs: seconds(2),
    maxDelayMs: minutes(30),
    giveUpAfter: 'P2D',
    crashBudget: 10,
  },
  timeoutMs: seconds(180),

  async run(ctx, { subscriptionId, offset }) {
    if (await ctx.notices.giveUpBegun())
      return skipped('an earlier run died while it sent the mail: perhaps sent');

    const subscription = await ifKnown(ctx.stripe.retrieveSubscription(subscriptionId));
    if (!subscription) return skipped('Stripe does not know this subscription any more');
    const { customerId, trialEnd } = subscription;
    if (!trialEnd) return await stale(ctx, customerId, 'it has no trial');
    const [team] = await ctx.sql.teamOfCustomer({ customerId, namedTeam: null });
    const notice = {
      kind: 'trial-ending',
      subject: `subscription:${subscriptionId}`,
      occasion: `${trialEnd.toISOString()} ${offset}`,
      teamId: team?.teamId ?? null,
    } as const;
    const { status } = subscription;
    if (status !== 'trialing')
      return suppressed(ctx.notices, notice, `the trial is over: the subscription is ${status}`);
    // may be taken back until the last moment, so nothing is written down
    if (endsUnpaid(subscription, trialEnd))
      return await stale(ctx, customerId, 'it is cancelled and ends by itself');

    const [due] = await ctx.sql.trialReminder({
      trialStart: subscription.trialStart,
      trialEnd,
      reminder: offset,
      reminders: ctx.policy.trialReminders,
      now: ctx.now,
    });
    switch (due?.verdict) {
      case 'due':
        return await send(ctx, subscription, trialEnd, notice);
      case 'late':
        return suppressed(ctx.notices, notice, 'less than 24 hours of the trial are left');
      case 'superseded':
        return skipped('a later reminder is due by now');
      case 'short':
        return await stale(ctx, customerId, `the whole trial is no longer than ${offset}`);
      default:
        return await stale(ctx, customerId, `the trial ends at ${trialEnd.toISOString()}: too early to tell`);
    }
  },
});

async function send(
  ctx: Context,
  subscription: Subscription,
  endsAt: Date,
  key: NoticeKey & { kind: 'trial-ending' },
): Promise<Outcome> {
  const { customerId, amount, currency } = subscription;
  const { customer, cards } = await ctx.stripe.readCustomer(customerId);
  const [team] = await ctx.sql.teamOfCustomer({ customerId, namedTeam: customer.teamId });
  const notice = { ...key, teamId: team?.teamId ?? null };
  const recipient = await reach(ctx, candidatesOf(team, customer.email));
  if (recipient.to === undefined) {
    return suppressed(ctx.notices, notice, recipient.suppressed?.why ?? noAddress);
  }

  const happened = await ctx.notices.notify({
    ...notice,
    userId: ownerAt(recipient.to, team),
    to: recipient.to,
    props: {
      now: ctx.now,
      endsAt,
      timeZone: team?.timeZone ?? 'UTC',
      teamName: team?.teamName ?? null,
      price: amount === null ? null : { amount, currency },
      card: cards.find(({ id }) => id === chargedTo(subscription, customer)) ?? null,
    },
  });
  return done({ sent: happened, occasion: notice.occasion });
}
