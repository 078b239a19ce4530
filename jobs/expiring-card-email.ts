/**
 * Tells a customer that the card which pays for the subscription expires (seed 2.4). Found by
 * sql/sweeps/expiring-card-email.sql, for Stripe sends no event; asks Stripe again before it writes, because
 * banks renew cards without a word (docs.stripe.com/payments/cards/overview, automatic card updates).
 *
 * Safe to run twice: the mail is an effect claimed by card and month of expiry, and its row in the ledger of
 * mails is one. Where nobody knows whether it went out, it is not sent again.
 *
 * When it is dead: the mail server refused the address or the sender for good, no mail server is configured, or
 * Stripe or the mail server did not answer for five days. Mend the cause, then `evenfall dead replay N`: it looks
 * again whether the mail is still due.
 */
import type { TeamOfCustomerRow } from '../sql/queries.gen.ts';
import { chargesTo } from '../src/billing/charges.ts';
import { reach } from '../src/billing/reach.ts';
import { candidatesOf, noAddress, ownerAt } from '../src/billing/recipient.ts';
import type { Context } from '../src/core/context.ts';
import { ifKnown } from '../src/core/errors.ts';
import { defineJob } from '../src/core/job.ts';
import { suppressed } from '../src/core/notices.ts';
import type { NoticeKey } from '../src/core/notices.ts';
import { done, skipped } from '../src/core/outcome.ts';
import type { Outcome } from '../src/core/outcome.ts';
import { payload, stripeId } from '../src/core/payload.ts';
import { minutes, seconds } from '../src/core/retry.ts';
import type { Card, Subscription } from '../src/core/stripe.ts';
import { stale } from './sync-customer.ts';

export const expiringCardEmail = defineJob({
  name: 'expiring-card-email',
  summary: 'Tells a customer that the card which pays for the subscription expires.',
  queue: 'mail',
  // older cards are payment methods by their own ids (docs.stripe.com/payments/payment-methods/transitioning)
  payload: payload({ cardId: stripeId('(pm|card|src)') }),
  key: ['cardId'],
  schedule: { cron: '23 7 * * *', catchUp: 'once', windowHours: 48 },
  retry: {
    attempts: 200,
    firstDelayMs: seconds(2),
    maxDelayMs: minutes(60),
    giveUpAfter: 'P5D',
    crashBudget: 10,
  },
  timeoutMs: seconds(180),

  async run(ctx, { cardId }) {
    if (await ctx.notices.giveUpBegun())
      return skipped('an earlier run died while it sent the mail: perhaps sent');

    const [known] = await ctx.sql.customerOfCard({ id: cardId });
    if (!known) return skipped('no customer is known to have this card');
    const { customerId } = known;
    const picture = await ifKnown(ctx.stripe.readCustomer(customerId));
    if (!picture) return skipped('Stripe does not know the customer any more');
    const card = picture.cards.find(({ id }) => id === cardId);
    if (!card)
      return await stale(ctx, customerId, 'the card was replaced: it is no longer the one that is charged');
    const charges = chargesTo(card, picture);
    if (charges.length === 0) return await stale(ctx, customerId, 'nothing will be charged to the card');

    const { customer } = picture;
    const [team] = await ctx.sql.teamOfCustomer({ customerId, namedTeam: customer.teamId });
    const notice = {
      kind: 'expiring-card',
      subject: `card:${cardId}`,
      occasion: `${card.expYear}-${String(card.expMonth).padStart(2, '0')}`,
      teamId: team?.teamId ?? null,
    } as const;
    const { expiresAt } = card;
    const [due] = await ctx.sql.cardExpiry({ expiresAt, cardWindow: ctx.policy.cardWindow, now: ctx.now });
    if (due?.verdict === 'expired') return suppressed(ctx.notices, notice, 'the card has expired');
    if (due?.verdict !== 'due') {
      return await stale(ctx, customerId, `the card is good through ${notice.occasion}: too early to tell`);
    }
    const recipient = await reach(ctx, candidatesOf(team, customer.email));
    if (recipient.to === undefined) {
      return suppressed(ctx.notices, notice, recipient.suppressed?.why ?? noAddress);
    }
    return await send(ctx, { team, to: recipient.to }, card, charges, notice);
  },
});

async function send(
  ctx: Context,
  { team, to }: { team: TeamOfCustomerRow | undefined; to: string },
  card: Card,
  charges: readonly Subscription[],
  notice: NoticeKey & { kind: 'expiring-card' },
): Promise<Outcome> {
  const { brand, last4, expMonth, expYear } = card;
  const happened = await ctx.notices.notify({
    ...notice,
    userId: ownerAt(to, team),
    to,
    props: {
      timeZone: team?.timeZone ?? 'UTC',
      teamName: team?.teamName ?? null,
      card: { brand, last4 },
      expMonth,
      expYear,
      nextCharge: nextCharge(charges, ctx.now),
    },
  });
  return done({ sent: happened, occasion: notice.occasion });
}

function nextCharge(charges: readonly Subscription[], now: Date) {
  for (const { currentPeriodEnd: at, amount, currency } of charges) {
    if (at && at > now) return { at, price: amount === null ? null : { amount, currency } };
  }
  return null;
}
