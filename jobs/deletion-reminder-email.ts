/**
 * Tells the owner of a marked team once more, before its date, that it will be deleted and how to keep it. Only where
 * POLICY_DELETION_REMINDER asks for it; found by sql/sweeps/deletion-reminder-email.sql. Looks first, as the deletion
 * will: what speaks for the team takes its mark back, and nobody is reminded.
 *
 * Safe to run twice: the mail is an effect claimed by mark, and its row in the ledger of mails is one. Where nobody knows
 * whether it went out, it is not sent again: the first notice did. It starts no clock and moves none, and the deletion
 * does not wait for it.
 *
 * When it is dead: the mail server refused the address or the sender for good, no mail server is configured, or
 * Stripe or the mail server did not answer for two days. The team goes on its date all the same. Mend the cause, then
 * `evenfall dead replay N`: it looks again whether the mail is still due.
 */
import type { LiveMarkRow } from '../sql/queries.gen.ts';
import { noAddress, ownerAt } from '../src/billing/recipient.ts';
import { firstLook, newOwner, recipientOfTeam, withoutPicture } from '../src/billing/team-ending.ts';
import type { Context } from '../src/core/context.ts';
import { defineJob } from '../src/core/job.ts';
import { suppressed } from '../src/core/notices.ts';
import type { NoticeKey } from '../src/core/notices.ts';
import { done, skipped } from '../src/core/outcome.ts';
import type { Outcome } from '../src/core/outcome.ts';
import { payload, teamId } from '../src/core/payload.ts';
import { minutes, seconds } from '../src/core/retry.ts';
import { syncAll } from './sync-customer.ts';

export const deletionReminderEmail = defineJob({
  name: 'deletion-reminder-email',
  summary:
    'Tells the owner of a marked team once more that it will be deleted, where the policy asks for it.',
  queue: 'mail',
  payload: payload({ teamId: teamId() }),
  key: ['teamId'],
  team: 'teamId',
  schedule: { cron: '*/10 * * * *', catchUp: 'once', windowHours: 24 },
  retry: {
    attempts: 100,
    firstDelayMs: seconds(2),
    maxDelayMs: minutes(30),
    giveUpAfter: 'P2D',
    crashBudget: 10,
  },
  timeoutMs: seconds(180),

  async run(ctx, { teamId: id }) {
    if (await ctx.notices.giveUpBegun())
      return skipped('an earlier run died while it sent the mail: perhaps sent');

    const [mark] = await ctx.sql.liveMark({ teamId: id });
    const deleteAfter = mark?.state === 'noticed' ? mark.deleteAfter : null;
    if (!mark || !deleteAfter) return skipped('it bears no mark that waits for its date');
    const notice = {
      kind: 'deletion-reminder',
      subject: `team:${id}`,
      occasion: `mark ${mark.id}`,
      teamId: id,
    } as const;
    const { deletionReminder: reminder } = ctx.policy;
    const [due] = await ctx.sql.deletionReminder({ deleteAfter, reminder, now: ctx.now });
    switch (due?.verdict) {
      case 'due':
        return await remind(ctx, mark, deleteAfter, notice);
      case 'late':
        return suppressed(ctx.notices, notice, 'an hour or less is left before the deletion');
      case 'none':
        return skipped('no reminder is asked for');
      default:
        return skipped(`its date is ${deleteAfter.toISOString()}: too early to remind of it`);
    }
  },
});

async function remind(
  ctx: Context,
  mark: LiveMarkRow,
  deleteAfter: Date,
  notice: NoticeKey & { kind: 'deletion-reminder'; teamId: string },
): Promise<Outcome> {
  const blind = await withoutPicture(ctx);
  if (blind) return blind;
  const look = await firstLook(ctx, {
    teamId: notice.teamId,
    markId: mark.id,
    unless: (found) => newOwner(found, mark),
    sync: syncAll,
  });
  if (look.outcome) return look.outcome;
  const { team, asked } = look;
  const recipient = await recipientOfTeam(ctx, team, asked);
  if (recipient.to === undefined)
    return suppressed(ctx.notices, notice, recipient.suppressed?.why ?? noAddress);

  const sent = await ctx.notices.notify({
    ...notice,
    userId: ownerAt(recipient.to, team),
    to: recipient.to,
    props: {
      now: ctx.now,
      timeZone: team.timeZone ?? 'UTC',
      teamName: team.name,
      createdAt: team.createdAt,
      deleteAfter,
      keepUrl: ctx.keepLink(mark.id),
    },
  });
  return done({ mark: mark.id, sent });
}
