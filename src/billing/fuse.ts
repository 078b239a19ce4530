import type { Queries } from '../../sql/queries.gen.ts';
import type { Context } from '../core/context.ts';
import { Retryable } from '../core/errors.ts';
import { isSpreadable } from '../core/fuse.ts';
import { seconds } from '../core/retry.ts';

/**
 * What becomes of a job whose act the fuse of its kind has not let through (sql/functions/fuse.sql): undefined when it
 * has. It waits until a person releases the fuse; when it was this act that blew it, people are told.
 *
 * @param tx the transaction that has tried the fuse; it must commit, and must not act
 */
export async function heldByFuse(
  ctx: Context,
  tx: Queries,
  kind: string,
  verdict: string | undefined,
): Promise<Retryable | undefined> {
  if (verdict === 'holds') return undefined;
  const [fuse] = await tx.blownFuse({ kind });
  if (verdict === 'blows' && fuse) {
    await ctx.find(tx, {
      kind: 'fuse-blown',
      subject: `fuse:${kind}`,
      occasion: fuse.blownAt.toISOString(),
      message:
        `The fuse of ${kind} has blown: ${fuse.blownBy}. Nothing of it happens until ` +
        `\`evenfall fuse release ${kind} --acts N --why TEXT\`${isSpreadable(kind) ? orSpread : ''}. ` +
        `Look first: \`evenfall sweep ${kind} --dry-run\`.`,
    });
  }
  return blown(kind);
}

/** Throws while a kind's fuse is blown: before somebody is asked about an act that it would not let through. */
export async function untilReleased(ctx: Context, kind: string): Promise<void> {
  if ((await ctx.sql.blownFuse({ kind })).length > 0) throw blown(kind);
}

function blown(kind: string): Retryable {
  return new Retryable(`the fuse of ${kind} has blown; \`evenfall fuse status\` says by what`, {
    facts: { class: 'fuse_blown', subject: `fuse:${kind}` },
    held: true,
    afterMs: seconds(60),
  });
}

const orSpread = ', or `--spread` for so many a day';

/**
 * The waiting of a job whose turn comes later, for a person has spread the backlog of its kind: until its place, or until
 * the day has room for one more.
 */
export async function untilItsTurn(
  ctx: Context,
  tx: Queries,
  { kind, teamId }: { kind: string; teamId: string },
): Promise<Retryable> {
  const { fuseMax, fuseShare } = ctx.policy;
  const [room] = await tx.roomInFuse({ kind, teamId, fuseMax, fuseShare });
  return new Retryable(`a person has spread over days what waits for ${kind}: its turn comes later`, {
    facts: { class: 'fuse_spread', subject: `fuse:${kind}` },
    held: true,
    afterMs: Math.max(seconds(1), Math.ceil(room?.inMs ?? 0)),
  });
}
