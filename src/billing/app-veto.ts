import type { LiveMarkRow } from '../../sql/queries.gen.ts';
import type { Context } from '../core/context.ts';
import { skipped } from '../core/outcome.ts';
import type { Outcome } from '../core/outcome.ts';
import { untilReleased } from './fuse.ts';

/*
 * The app is asked last, after Stripe and before the locks: what it does when it agrees may not be undone, and no lock
 * is held while it thinks. What is read again behind the locks may still spare what it has agreed to.
 */

/**
 * Asks the app whether a marked team may go. When it refuses, the mark is taken back and the team is left alone for as
 * long as the keep link would have it (ruling 6), and this is how the job ends. Undefined when it agrees. Throws what
 * `AppPort` throws, and waits while the fuse is blown: nobody is asked in vain.
 */
export async function refusedByApp(
  ctx: Context,
  kind: string,
  { teamId, mark, deleteAfter }: { teamId: string; mark: LiveMarkRow; deleteAfter: Date },
): Promise<Outcome | undefined> {
  await untilReleased(ctx, kind);
  const { veto } = await ctx.app.beforeDeletion(
    {
      id: `mark-${mark.id}-team`,
      type: 'team.deleting',
      teamId,
      markId: mark.id,
      deleteAfter: deleteAfter.toISOString(),
      reason: 'inactive-team',
    },
    ctx.signal,
  );
  if (veto === undefined) return undefined;
  await ctx.transaction(async (tx) => {
    const { inactiveTeamAge } = ctx.policy;
    const [snoozed] = await tx.vetoDeletion({ id: mark.id, now: ctx.now, why: veto, inactiveTeamAge });
    // taken back by somebody else meanwhile, who has said so
    if (!snoozed) return;
    await ctx.history(tx, {
      what: 'team.vetoed-by-app',
      subject: `team:${teamId}`,
      teamId,
      detail: { mark: mark.id, why: veto, until: snoozed.until.toISOString(), who: 'app' },
    });
  });
  return skipped('the app refused');
}

/** Asks the app about the owner of a team that is gone: why it refuses, undefined when it agrees. */
export async function vetoOnOwner(
  ctx: Context,
  { teamId, ownerId, markId }: { teamId: string; ownerId: string; markId: number },
): Promise<string | undefined> {
  const { veto } = await ctx.app.beforeDeletion(
    {
      id: `mark-${markId}-owner`,
      type: 'user.deleting',
      teamId,
      userId: ownerId,
      markId,
      reason: 'last-team-deleted',
    },
    ctx.signal,
  );
  return veto;
}

/** Asks the app about a user who never verified: why it refuses, undefined when it agrees. */
export async function vetoOnUnverified(ctx: Context, userId: string): Promise<string | undefined> {
  const { veto } = await ctx.app.beforeDeletion(
    {
      // an id may be any text, and this becomes a header
      id: encodeURIComponent(`job-${ctx.occasion}-user-${userId}`),
      type: 'user.deleting',
      userId,
      reason: 'never-verified',
    },
    ctx.signal,
  );
  return veto;
}
