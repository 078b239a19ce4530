import type { NoteBouncedRow, Queries } from '../../sql/queries.gen.ts';
import type { Context } from '../core/context.ts';
import { clear } from './team-ending.ts';

/** A recipient of ours, and the mail that the provider tells of. */
export interface Told {
  readonly recipientHash: string;
  /** Null where the provider names none of ours. */
  readonly messageId: string | null;
}

/** Whoever takes it in: a job, or the door for the provider's events. */
type Taker = Pick<Context, 'now' | 'history' | 'find'>;

/**
 * Mail does not reach the recipient: takes back every mark whose notice went to them, notes which mails bounced, and
 * tells people where the deletion has begun. The same once more changes nothing. For a transaction that holds the
 * recipient, who is suppressed by it or before.
 */
export async function takeBounce(ctx: Taker, tx: Queries, told: Told): Promise<void> {
  const marks = await tx.lockMarksTold({ recipientHash: told.recipientHash });
  const noted = await tx.noteBounced({ ...told, now: ctx.now });
  for (const notice of noted) {
    await ctx.history(tx, { what: 'notice.bounced', ...about(notice) });
    if (notice.mark === 'deleting' || notice.mark === 'deleted') await tellTooLate(ctx, tx, notice);
  }
  for (const { id, teamId } of marks) {
    await clear(ctx, tx, { teamId, markId: id, why: 'its notice bounced' });
  }
}

/** The recipient has complained of a mail. It has arrived, so no mark is taken back. */
export async function takeComplaint(ctx: Taker, tx: Queries, told: Told): Promise<void> {
  for (const notice of await tx.noteComplained({ ...told, now: ctx.now })) {
    await ctx.history(tx, { what: 'notice.complained', ...about(notice) });
  }
}

async function tellTooLate(
  ctx: Taker,
  tx: Queries,
  { subject, teamId, markId, mark }: NoteBouncedRow,
): Promise<void> {
  const stage = mark === 'deleted' ? 'was over' : 'had begun';
  await ctx.find(tx, {
    kind: 'bounced-too-late',
    subject,
    occasion: `mark ${markId}`,
    teamId,
    message:
      `The notice that team ${teamId} would be deleted has bounced, and the deletion ${stage} by then. Perhaps nobody ` +
      'has read it. Reach its owner another way; restore the team from your backup if it should have been kept.',
  });
}

function about(notice: { kind: string; subject: string; occasion: string; teamId: string | null }) {
  const { kind: mail, subject, occasion, teamId } = notice;
  return { subject, detail: { mail, occasion }, ...(teamId === null ? {} : { teamId }) };
}
