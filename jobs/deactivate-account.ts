/**
 * Deactivates a user's account (seeds 0.1 to 0.8): first every live subscription is cancelled in Stripe, the user's
 * own and those of the teams owned alone; only when that has succeeded is the user set inactive and the
 * sessions are ended, in one transaction; then comes the goodbye mail. When Stripe fails, the user stays active.
 *
 * Safe to run twice: the cancellations are the effects of cancel-subscription, an inactive user is not deactivated
 * again, and the mail is an effect claimed by the time of the deactivation. Where nobody knows whether it went out,
 * it is not sent again.
 *
 * When it is dead: Stripe refused for good or did not answer for five days, and the user is still active (see
 * cancel-subscription); or class `team_has_members`: others depend on a team that the user owns, which has to be
 * handed over or emptied first; or `contract_refused`: the app's own tables refused, though the subscriptions are
 * cancelled; or the mail was refused, and all else is done. Mend the cause, then `evenfall dead replay N`: it goes
 * on with what is left.
 */
import type { AccountOfRow, Queries } from '../sql/queries.gen.ts';
import { reach } from '../src/billing/reach.ts';
import type { Context } from '../src/core/context.ts';
import { Retryable, Terminal, refusalOf } from '../src/core/errors.ts';
import { defineJob } from '../src/core/job.ts';
import { done } from '../src/core/outcome.ts';
import type { Outcome } from '../src/core/outcome.ts';
import { payload, userId } from '../src/core/payload.ts';
import { hours, seconds } from '../src/core/retry.ts';
import { cancelAllNow } from './cancel-subscription.ts';

export const deactivateAccount = defineJob({
  name: 'deactivate-account',
  summary: "Cancels a user's subscriptions in Stripe, then deactivates the account and says goodbye.",
  queue: 'stripe',
  payload: payload({ userId: userId() }),
  key: ['userId'],
  retry: {
    attempts: 200,
    firstDelayMs: seconds(2),
    maxDelayMs: hours(1),
    giveUpAfter: 'P5D',
    crashBudget: 10,
  },
  timeoutMs: seconds(300),
  publicMessages: {
    retrying: 'We are still working on deactivating your account.',
    dead: 'We hit a problem while cancelling your subscription. Please contact support.',
  },

  async run(ctx, { userId: id }) {
    // the mail comes last: one that was begun says that all else has happened
    if (await afterwards(ctx.notices.giveUpBegun())) return done({ mail: 'unknown' });

    await accountToEnd(ctx.sql, id);
    const customers = await customersOf(ctx.sql, id);
    const { cancelled } = await cancelAllNow(ctx, customers);
    const deactivated = await ctx
      .transaction((tx) => deactivate(ctx, tx, id, { customers, cancelled }))
      .catch((error: unknown) => refused(error, id));
    if (!deactivated) return done({ cancelled, mail: 'none: the user was inactive already' });
    return await sayGoodbye(ctx, id, deactivated);
  },
});

/** @throws Terminal when the app has no such user, or when others depend on their teams */
async function accountToEnd(sql: Queries, id: string): Promise<AccountOfRow> {
  const [account] = await sql.accountOf({ userId: id });
  if (!account) {
    throw new Terminal(`the app has no user ${id}`, { facts: { class: 'not_found', subject: `user:${id}` } });
  }
  const [shared, ...more] = await sql.sharedTeamsOf({ userId: id });
  if (!shared) return account;
  const teams = [shared, ...more].map((team) => team.id).join(', ');
  throw new Terminal(
    `user ${id} owns teams with other members: ${teams}; they must be handed over or emptied first`,
    {
      facts: { class: 'team_has_members', subject: `team:${shared.id}` },
      publicMessage: 'You own a team with other members. Hand it over or remove them first.',
    },
  );
}

async function customersOf(sql: Queries, id: string): Promise<string[]> {
  return (await sql.customersOfAccount({ userId: id })).map((customer) => customer.id);
}

interface Deactivated {
  readonly at: Date;
  /** How many subscriptions were cancelled with it. */
  readonly cancelled: number;
  readonly email: string | null;
}

/**
 * Under lock, with everything read again. Undefined when somebody else had done it before: then nobody is written
 * to. What an earlier run of this job did is seen through.
 */
async function deactivate(
  ctx: Context,
  tx: Queries,
  id: string,
  ended: { customers: readonly string[]; cancelled: readonly string[] },
): Promise<Deactivated | undefined> {
  const { jobId } = ctx;
  await tx.lockUser({ userId: id });
  const { email, isActive } = await accountToEnd(tx, id);
  const unasked = (await customersOf(tx, id)).find((customer) => !ended.customers.includes(customer));
  if (unasked !== undefined) {
    throw new Retryable(`user ${id} has become ${unasked} while others were cancelled`, {
      facts: { class: 'new_customer', subject: unasked },
    });
  }
  if (!isActive) {
    const [before] = await tx.deactivatedByJob({ userId: id, jobId });
    return before && { ...before, email };
  }
  await tx.deactivateUser({ userId: id });
  const byEarlierRuns = (await tx.cancelledByJob({ jobId })).map((subscription) => subscription.id);
  const cancelled = [...new Set([...byEarlierRuns, ...ended.cancelled])];
  await ctx.history(tx, { what: 'user.deactivated', subject: `user:${id}`, detail: { cancelled } });
  return { at: ctx.now, cancelled: cancelled.length, email };
}

async function sayGoodbye(ctx: Context, id: string, { at, cancelled, email }: Deactivated): Promise<Outcome> {
  const notice = {
    kind: 'account-deactivated',
    subject: `user:${id}`,
    occasion: at.toISOString(),
    teamId: null,
    userId: id,
  } as const;
  const detail = { deactivatedAt: notice.occasion, cancelled };
  const recipient = await reach(ctx, [email]);
  if (recipient.to === undefined) {
    const reason = recipient.suppressed?.why ?? 'the user has no address';
    return done({ ...detail, mail: 'suppressed' }, (tx) => ctx.notices.suppress(tx, { ...notice, reason }));
  }
  const { to } = recipient;
  const mail = await afterwards(ctx.notices.notify({ ...notice, to, props: { cancelled } }));
  return done({ ...detail, mail });
}

/** A mail that cannot be sent must not look like a failed cancellation. */
async function afterwards<T>(mailing: Promise<T>): Promise<T> {
  try {
    return await mailing;
  } catch (error) {
    if (!(error instanceof Retryable || error instanceof Terminal)) throw error;
    const { message, facts } = error;
    const told = { cause: error, facts, publicMessage: 'Your account is deactivated.' };
    if (error instanceof Terminal) throw new Terminal(message, told);
    const { afterMs, waiting, outcomeUnknown } = error;
    throw new Retryable(message, {
      ...told,
      waiting,
      outcomeUnknown,
      ...(afterMs === undefined ? {} : { afterMs }),
    });
  }
}

/** What the app's own tables refuse is for a person to mend; Stripe has ended everything by then. */
function refused(error: unknown, id: string): never {
  const code = refusalOf(error);
  if (code === undefined) throw error;
  throw new Terminal(
    `the app refused to deactivate user ${id} (${code}): mend app_deactivate_user, migrate, then replay`,
    {
      cause: error,
      facts: { class: 'contract_refused', code, subject: `user:${id}` },
      publicMessage:
        'Your subscription is cancelled, but your account could not be deactivated. Please contact support.',
    },
  );
}
