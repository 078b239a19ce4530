/**
 * Deletes a marked team after its date, then its owner where nothing else ties them to the app (seeds 4.7, 4.8).
 * Found by sql/sweeps/delete-inactive-team.sql. Asks Stripe, then locks mark, team and owner, reads every condition
 * again, and deletes through the contract's functions; what Stripe has against it takes the mark back. Asks once more
 * afterwards: a live subscription then is told to people at once, and keeps the owner. Where APP_CALLBACK_URL is set the
 * app is asked too, after Stripe and before the locks, about the team and then about its owner: what it refuses is not
 * deleted, and the team is snoozed for POLICY_INACTIVE_TEAM_AGE. An owner who goes is erased: the deletion asks for it,
 * with what the person's traces are found by.
 *
 * Safe to run twice: the team and the step of its mark change in one transaction, and so do the owner and the last
 * step; a later run goes on from the step that stands. The app is asked again under the same id, and no more about a
 * team that is gone.
 *
 * When it is dead: class `contract_refused` means that the app's own tables hold on to the team or its owner (the code
 * names the constraint): extend app_delete_team or app_delete_user in the contract, `evenfall migrate`, then
 * `evenfall dead replay N`: it goes on from where it stopped. Class `app_callback_misconfigured`: what answers at
 * APP_CALLBACK_URL is not the app's callback. Or Stripe or the app did not answer for five days. Nothing was deleted
 * without their answers; mend the cause, then replay.
 */
import type { LiveMarkRow, OwnerToEndRow, TeamToEndRow } from '../sql/queries.gen.ts';
import { refusedByApp, vetoOnOwner } from '../src/billing/app-veto.ts';
import { address } from '../src/billing/recipient.ts';
import {
  askStripe,
  clear,
  firstLook,
  heldBack,
  lookUpTeam,
  newOwner,
  speaksAgainst,
  throughFuse,
  tooOld,
  withoutPicture,
} from '../src/billing/team-ending.ts';
import type { Asked, HeldBack } from '../src/billing/team-ending.ts';
import { askErasure } from '../src/billing/erasure.ts';
import type { Context } from '../src/core/context.ts';
import { Terminal, refusalOf } from '../src/core/errors.ts';
import { defineJob } from '../src/core/job.ts';
import { done, skipped } from '../src/core/outcome.ts';
import type { Outcome } from '../src/core/outcome.ts';
import { payload, teamId } from '../src/core/payload.ts';
import { minutes, seconds } from '../src/core/retry.ts';
import { syncAll } from './sync-customer.ts';

export const deleteInactiveTeam = defineJob({
  name: 'delete-inactive-team',
  summary: 'Deletes a marked team after its date, and its owner where nothing else ties them to the app.',
  queue: 'lifecycle',
  payload: payload({ teamId: teamId() }),
  key: ['teamId'],
  team: 'teamId',
  schedule: { cron: '11 * * * *', catchUp: 'once', windowHours: 48 },
  retry: {
    attempts: 100,
    firstDelayMs: seconds(2),
    maxDelayMs: minutes(60),
    giveUpAfter: 'P5D',
    crashBudget: 10,
  },
  timeoutMs: seconds(180),

  async run(ctx, { teamId: id }) {
    const [mark] = await ctx.sql.liveMark({ teamId: id });
    if (!mark) return skipped('it bears no mark');
    if (mark.state === 'deleting') return await goOn(ctx, id, mark, mark.customerIds ?? []);
    const { deleteAfter } = mark;
    if (deleteAfter === null) return skipped('its notice was not sent, so no clock runs');
    if (deleteAfter >= ctx.now) return skipped(`its date is ${deleteAfter.toISOString()}`);
    const blind = await withoutPicture(ctx);
    if (blind) return blind;

    const unless = (team: TeamToEndRow) => newOwner(team, mark);
    const look = await firstLook(ctx, { teamId: id, markId: mark.id, unless, sync: syncAll });
    if (look.outcome) return look.outcome;
    const { team, asked } = look;
    const refusal = await refusedByApp(ctx, deleteInactiveTeam.name, { teamId: id, mark, deleteAfter });
    if (refusal) return refusal;

    const held = await ctx
      .transaction((tx) => deleteUnderLock(ctx, tx, team, mark, asked))
      .catch((error: unknown) => refused(error, `team:${id}`));
    if (held !== undefined) return heldBack(held);
    return await goOn(ctx, id, mark, asked.own);
  },
});

/** The first irreversible step, with every condition read again behind the locks: mark, team, owner, fuse. */
async function deleteUnderLock(
  ctx: Context,
  tx: Context['sql'],
  team: TeamToEndRow,
  mark: LiveMarkRow,
  asked: Asked,
): Promise<HeldBack | undefined> {
  const { id: teamId, ownerId } = team;
  const [held] = await tx.lockMark({ id: mark.id, now: ctx.now });
  if (held?.state !== 'noticed' || !held.isDue) {
    return 'its mark was taken back meanwhile';
  }
  await tx.lockTeam({ teamId });
  if (ownerId !== null) await tx.lockUser({ userId: ownerId });
  const current = await lookUpTeam(ctx, teamId, tx);
  const why = speaksAgainst(current) ?? newOwner(current, mark);
  if (why !== undefined) {
    await clear(ctx, tx, { teamId, markId: mark.id, why });
    return why;
  }
  const wait =
    (await tooOld(tx, asked.at)) ??
    (await throughFuse(ctx, tx, { kind: deleteInactiveTeam.name, teamId, markId: mark.id }));
  if (wait) return wait;

  await tx.beginDeletion({ id: mark.id, now: ctx.now, customerIds: asked.own });
  await tx.deleteTeam({ teamId });
  await ctx.history(tx, {
    what: 'team.deleted',
    subject: `team:${teamId}`,
    teamId,
    detail: { mark: mark.id, ownerId },
  });
  return undefined;
}

/** What follows the team's deletion, in the run that deleted it or in a later one. */
async function goOn(
  ctx: Context,
  id: string,
  mark: LiveMarkRow,
  teamCustomers: readonly string[],
): Promise<Outcome> {
  const alive = await lookAfterwards(ctx, id, mark, teamCustomers);
  const asked = await askAboutOwner(ctx, id, mark, { teamCustomers, alive });
  const outcome = await ctx
    .transaction((tx) => endOwnerUnderLock(ctx, tx, id, mark, { ...asked, teamCustomers }))
    .catch((error: unknown) => refused(error, `user:${mark.ownerId ?? ''}`));
  return done({ mark: mark.id, team: 'deleted', owner: outcome });
}

/** A subscription that began while the team was being deleted can be seen by nobody but Stripe, and by now. */
async function lookAfterwards(
  ctx: Context,
  id: string,
  mark: LiveMarkRow,
  teamCustomers: readonly string[],
): Promise<boolean> {
  const [owner] = mark.ownerId === null ? [] : await ctx.sql.ownerToEnd({ userId: mark.ownerId });
  const { trace } = await askStripe(ctx, { id, ownerEmail: owner?.email ?? null }, teamCustomers);
  if (trace.live.length === 0) return false;
  const ids = trace.live.map((one) => one.id).toSorted();
  await ctx.transaction((tx) =>
    ctx.find(tx, {
      kind: 'deleted-while-subscribed',
      subject: `team:${id}`,
      occasion: `mark ${mark.id}`,
      teamId: id,
      message:
        `Team ${id} was deleted, and right afterwards Stripe knows ${ids.join(', ')}. ` +
        'Write to the customer: restore the team from your backup, or cancel and refund.',
      detail: { subscriptions: ids },
    }),
  );
  return true;
}

/** Why the owner stays, in the words of `owner_outcome`. */
type Kept = string | undefined;

interface AskedOwner {
  readonly at: string;
  /** Whatever the app's data say by the time of the deletion. */
  readonly kept?: Kept;
  /** In the app's own words. */
  readonly veto?: string;
}

/** The owner goes only when nothing else ties them to the app, Stripe knows nothing of them, and the app agrees. */
async function askAboutOwner(
  ctx: Context,
  teamId: string,
  { id: markId, ownerId }: LiveMarkRow,
  { teamCustomers, alive }: { teamCustomers: readonly string[]; alive: boolean },
): Promise<AskedOwner> {
  const [clock] = await ctx.sql.readBegins();
  const at = clock?.readAt ?? '';
  const [owner] = ownerId === null ? [] : await ctx.sql.ownerToEnd({ userId: ownerId });
  const email = address(owner?.email ?? null);
  const found = email === undefined ? [] : await ctx.stripe.findCustomers(email);
  // a customer with the exact e-mail that is not the deleted team's
  const own = found.find(({ id, deleted }) => !deleted && !teamCustomers.includes(id));
  const kept =
    (await keptByData(ctx.sql, { teamId, now: ctx.now, ownerId }, owner)) ??
    (alive ? 'the team subscribed while it was deleted' : own && `has a Stripe customer, ${own.id}`);
  // the app does not hear of whoever stays anyway; nor may they go behind the lock, for it was not asked
  if (kept !== undefined || ownerId === null) return { at, kept };
  const veto = await vetoOnOwner(ctx, { teamId, ownerId, markId });
  return veto === undefined ? { at } : { at, kept: 'the app refused', veto };
}

async function endOwnerUnderLock(
  ctx: Context,
  tx: Context['sql'],
  id: string,
  mark: LiveMarkRow,
  asked: AskedOwner & { teamCustomers: readonly string[] },
): Promise<string> {
  const { ownerId } = mark;
  await tx.lockMark({ id: mark.id, now: ctx.now });
  if (ownerId !== null) await tx.lockUser({ userId: ownerId });
  const old = await tooOld(tx, asked.at);
  if (old) throw old;
  const [owner] = ownerId === null ? [] : await tx.ownerToEnd({ userId: ownerId });
  const outcome =
    (await keptByData(tx, { teamId: id, now: ctx.now, ownerId }, owner)) ?? asked.kept ?? 'deleted';
  if (outcome === 'deleted' && ownerId !== null) {
    await askErasure(ctx, tx, { userId: ownerId, email: owner?.email, customerIds: asked.teamCustomers });
    await tx.deleteUser({ userId: ownerId });
    await ctx.history(tx, {
      what: 'user.deleted',
      subject: `user:${ownerId}`,
      teamId: id,
      detail: { why: 'the last of their teams was deleted' },
    });
  }
  if (outcome === asked.kept && asked.veto !== undefined) {
    const detail = { why: asked.veto, who: 'app' };
    await ctx.history(tx, { what: 'user.spared', subject: `user:${ownerId}`, teamId: id, detail });
  }
  await tx.endDeletion({ id: mark.id, now: ctx.now, ownerOutcome: outcome });
  return outcome;
}

async function keptByData(
  tx: Context['sql'],
  { teamId, now, ownerId }: { teamId: string; now: Date; ownerId: string | null },
  owner: OwnerToEndRow | undefined,
): Promise<Kept> {
  if (ownerId === null) return 'there was none';
  if (!owner) return 'is gone already';
  if (owner.kept !== null) return owner.kept;
  return (await tx.holdsOnTeam({ teamId, now })).length > 0 ? 'the team is held' : undefined;
}

/** What the app's own tables refuse is for a person to mend; the transaction has left everything as it was. */
function refused(error: unknown, subject: string): never {
  const code = refusalOf(error);
  if (code === undefined) throw error;
  throw new Terminal(
    `the app refused to delete ${subject} (${code}): extend the contract's function, migrate, then replay`,
    { cause: error, facts: { class: 'contract_refused', code, subject } },
  );
}
