import type { LiveMarkRow, Queries, TeamToEndRow } from '../../sql/queries.gen.ts';
import type { Context } from '../core/context.ts';
import { Retryable } from '../core/errors.ts';
import { skipped, snoozed } from '../core/outcome.ts';
import type { Outcome } from '../core/outcome.ts';
import { minutes } from '../core/retry.ts';
import { heldByFuse, untilItsTurn } from './fuse.ts';
import { reach } from './reach.ts';
import { address } from './recipient.ts';
import type { Recipient } from './recipient.ts';
import { traceOfTeam } from './trace.ts';
import type { Trace } from './trace.ts';

/*
 * What the kinds that end a team share: how they look before they act, and how they hold back
 * (docs/protocol.md, "Before anything irreversible").
 */

/** The team and its owner as the app has them now, with what speaks for them; undefined when it is gone. */
export async function lookUpTeam(
  ctx: Context,
  teamId: string,
  tx: Queries = ctx.sql,
): Promise<TeamToEndRow | undefined> {
  const [team] = await tx.teamToEnd({ teamId, now: ctx.now, inactiveTeamAge: ctx.policy.inactiveTeamAge });
  return team;
}

/** Why our own data speak against ending the team. */
export function speaksAgainst(team: TeamToEndRow | undefined): string | undefined {
  if (!team) return 'the app has it no more';
  return team.spared ?? (team.isOld ? undefined : 'it is not old enough');
}

/** Whoever owns it now was told nothing. */
export function newOwner(
  team: TeamToEndRow | undefined,
  mark: Pick<LiveMarkRow, 'ownerId'>,
): string | undefined {
  return team && team.ownerId !== mark.ownerId ? 'it has a new owner since its notice' : undefined;
}

/**
 * The outcome while there is no full picture of Stripe that is younger than a day; undefined when there is one.
 * Without it every team looks as if it had never subscribed.
 */
export async function withoutPicture(ctx: Context): Promise<Outcome | undefined> {
  const [picture] = await ctx.sql.pictureOfStripe();
  if (picture?.isFresh && picture.isOurs) return undefined;
  const later = new Date(ctx.now.getTime() + minutes(10));
  return snoozed(
    later,
    picture?.isFresh
      ? 'the app names Stripe customers, and the backfill has found none: is the key of another account?'
      : 'no complete backfill of Stripe has finished within the last 24 hours',
  );
}

/** What Stripe said, and when it was asked, by the database's clock. */
export interface Asked {
  readonly at: string;
  /** The team's own customers, as our data name them. */
  readonly own: string[];
  readonly trace: Trace;
}

/**
 * Asks Stripe itself, by the customers of the team and by its owner's exact e-mail. Throws what Stripe's failures are:
 * when it cannot be asked, nothing is done.
 *
 * @param known customers of the team besides those that our data name
 */
export async function askStripe(
  ctx: Context,
  { id, ownerEmail }: { id: string; ownerEmail: string | null },
  known: readonly string[] = [],
): Promise<Asked> {
  const [clock] = await ctx.sql.readBegins();
  const customers = await ctx.sql.customersOfTeam({ teamId: id });
  const own = [...new Set([...known, ...customers.map((customer) => customer.id)])];
  const trace = await traceOfTeam(ctx.stripe, {
    customerIds: own,
    // what is no address is no customer's either, and Stripe is not asked for it
    email: address(ownerEmail) ?? null,
    async isElsewhere(customerIds) {
      const others = await ctx.sql.linkedElsewhere({ customerIds, teamId: id });
      return new Set(others.map((other) => other.id));
    },
  });
  return { at: clock?.readAt ?? '', own, trace };
}

/** The owner, else the address that Stripe has of the team's customer, else the operator's fallback. */
export async function recipientOfTeam(
  ctx: Context,
  team: TeamToEndRow,
  { trace }: Asked,
): Promise<Recipient> {
  const owner = team.ownerIsActive && team.ownerIsVerified ? team.ownerEmail : null;
  const found = await reach(ctx, [owner]);
  if (found.to !== undefined) return found;
  const [customerId] = trace.customers;
  const customer = customerId === undefined ? undefined : await ctx.stripe.readCustomer(customerId);
  return await reach(ctx, [owner, customer?.customer.email ?? null, ctx.policy.noticeFallbackEmail]);
}

/** Why Stripe speaks against ending the team. */
function vetoOf({ live, over, paidBy }: Trace): string | undefined {
  if (live.length > 0) return `Stripe knows ${live.map(({ id, status }) => `${id} (${status})`).join(', ')}`;
  if (over.length > 0) return `it has subscribed: Stripe knows ${over.map(({ id }) => id).join(', ')}`;
  if (paidBy.length > 0) return `it has paid: ${paidBy.join(', ')} has a paid invoice`;
  return undefined;
}

/** A team that nothing speaks for so far, or how the job ends that has found something. */
export type FirstLook =
  | { readonly outcome: Outcome }
  | { readonly team: TeamToEndRow; readonly asked: Asked; readonly outcome?: undefined };

interface Looked {
  readonly teamId: string;
  /** Taken back when something speaks for the team. */
  readonly markId: number | undefined;
  /** What speaks for it besides. */
  readonly unless?: (team: TeamToEndRow) => string | undefined;
  /** Reads customers again, of which Stripe has said more than the mirror knows. */
  readonly sync: (ctx: Context, customerIds: readonly string[]) => Promise<void>;
}

/** What our own data say, then what Stripe says; no lock is held meanwhile. */
export async function firstLook(ctx: Context, looked: Looked): Promise<FirstLook> {
  const { teamId, markId, unless, sync } = looked;
  const team = await lookUpTeam(ctx, teamId);
  const against = speaksAgainst(team) ?? (team && unless?.(team));
  if (!team || against !== undefined) {
    const why = against ?? '';
    await ctx.transaction((tx) => clear(ctx, tx, { teamId, markId, why }));
    return { outcome: skipped(why) };
  }
  const asked = await askStripe(ctx, team);
  const why = vetoOf(asked.trace);
  if (why === undefined) return { team, asked };

  const { trace } = asked;
  await ctx.transaction(async (tx) => {
    await clear(ctx, tx, { teamId, markId, why });
    if (trace.paidBy.length > 0) await tx.rememberPaid({ customerIds: trace.paidBy });
    if (trace.live.length > 0) await tellOfLive(ctx, tx, { teamId, why }, trace);
  });
  await sync(ctx, trace.customers);
  return { outcome: skipped(why) };
}

/** Stripe contradicts our data: people are told. */
async function tellOfLive(
  ctx: Context,
  tx: Queries,
  { teamId, why }: { teamId: string; why: string },
  { live }: Trace,
): Promise<void> {
  const ids = live.map(({ id }) => id).toSorted();
  await ctx.find(tx, {
    kind: 'stripe-veto',
    subject: `team:${teamId}`,
    occasion: ids.join(' '),
    teamId,
    message:
      `Team ${teamId} looks as if it had never subscribed, but ${why}. It is spared. ` +
      'Link the customer to the team in your data, or exempt the team.',
    detail: { subscriptions: ids, customers: [...new Set(live.map((one) => one.customerId))] },
  });
}

/** Takes a mark back, where there is one, and says so. */
export async function clear(
  ctx: Pick<Context, 'now' | 'history'>,
  tx: Queries,
  { teamId, markId, why }: { teamId: string; markId: number | undefined; why: string },
): Promise<void> {
  if (markId === undefined) return;
  const cleared = await tx.clearMark({ id: markId, now: ctx.now, why });
  if (cleared.length === 0) return;
  await ctx.history(tx, {
    what: 'team.mark-cleared',
    subject: `team:${teamId}`,
    teamId,
    detail: { mark: markId, why },
  });
}

/** Why the last look, under lock, lets nothing be done: for good, or for now. */
export type HeldBack = string | Retryable;

/** That, as the job's outcome or as its waiting: when the transaction of the look has committed. */
export function heldBack(why: HeldBack): Outcome {
  if (why instanceof Retryable) throw why;
  return skipped(why);
}

/** Whether Stripe's answer has grown too old to act on while locks were waited for; then it is asked anew. */
export async function tooOld(tx: Queries, askedAt: string): Promise<Retryable | undefined> {
  const [answer] = await tx.askedLately({ askedAt });
  if (answer?.isYoung) return undefined;
  return new Retryable("Stripe's answer was more than 60 seconds old when the locks were held", {
    facts: { class: 'answer_too_old' },
    waiting: true,
  });
}

/** Counts this act, or says why it waits: the fuse has blown, or a spread has its turn come later. Last of all conditions. */
export async function throughFuse(
  ctx: Context,
  tx: Queries,
  { kind, teamId, markId }: { kind: string; teamId: string; markId: number },
): Promise<Retryable | undefined> {
  const { fuseMax, fuseShare } = ctx.policy;
  const [fuse] = await tx.tryTeamFuse({ kind, teamId, occasion: `mark ${markId}`, fuseMax, fuseShare });
  if (fuse?.verdict === 'later') return await untilItsTurn(ctx, tx, { kind, teamId });
  return await heldByFuse(ctx, tx, kind, fuse?.verdict);
}
