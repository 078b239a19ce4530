/**
 * Marks a team that never subscribed and has grown old, and tells its owner when it will be deleted and how to keep
 * it (seeds 4.3 to 4.6). Found by sql/sweeps/mark-team-for-deletion.sql; asks Stripe, and reads every condition again
 * under lock. The clock starts when the notice was really sent, and not when it has bounced by then. A subscription
 * takes the mark back in the transaction that mirrors it; so do a bounce, the link in the notice and an operator. After
 * a bounce the next day's sweep finds the team again, and somebody else is written to.
 *
 * Safe to run twice: a team has one live mark, and the notice is an effect claimed by team and date. Where nobody
 * knows whether it went out, the clock does not start.
 *
 * When it is dead: the mail server refused the owner's address or the sender, or the class is `unknown_effect`: the
 * worker died while the mail server took the notice. Look into its log, `evenfall effect settle ID
 * --happened|--did-not`, then `evenfall dead replay N`. Until then nothing of the team is deleted.
 */
import type { LiveMarkRow, OpenMarkRow, TeamToEndRow } from '../sql/queries.gen.ts';
import { takeBounce } from '../src/billing/bounce.ts';
import { ownerAt } from '../src/billing/recipient.ts';
import type { Unreached } from '../src/billing/recipient.ts';
import {
  clear,
  firstLook,
  heldBack,
  lookUpTeam,
  recipientOfTeam,
  speaksAgainst,
  throughFuse,
  tooOld,
  withoutPicture,
} from '../src/billing/team-ending.ts';
import type { Asked, HeldBack } from '../src/billing/team-ending.ts';
import type { Context } from '../src/core/context.ts';
import { Retryable } from '../src/core/errors.ts';
import { defineJob } from '../src/core/job.ts';
import { done, skipped } from '../src/core/outcome.ts';
import type { Outcome } from '../src/core/outcome.ts';
import { payload, teamId } from '../src/core/payload.ts';
import { minutes, seconds } from '../src/core/retry.ts';
import { syncAll } from './sync-customer.ts';

export const markTeamForDeletion = defineJob({
  name: 'mark-team-for-deletion',
  summary: 'Tells the owner of a team that never subscribed that it will be deleted, and when.',
  queue: 'lifecycle',
  payload: payload({ teamId: teamId() }),
  key: ['teamId'],
  team: 'teamId',
  schedule: { cron: '41 8 * * *', catchUp: 'once', windowHours: 48 },
  retry: {
    attempts: 100,
    firstDelayMs: seconds(2),
    maxDelayMs: minutes(60),
    giveUpAfter: 'P5D',
    crashBudget: 10,
  },
  timeoutMs: seconds(180),

  async run(ctx, { teamId: id }) {
    await ctx.notices.giveUpBegun();
    const blind = await withoutPicture(ctx);
    if (blind) return blind;

    const [live] = await ctx.sql.liveMark({ teamId: id });
    if (live && live.state !== 'marking') return skipped('it is marked already');
    const look = await firstLook(ctx, { teamId: id, markId: live?.id, sync: syncAll });
    if (look.outcome) return look.outcome;
    const { team, asked } = look;
    const recipient = await recipientOfTeam(ctx, team, asked);
    if (recipient.to === undefined) return await unreachable(ctx, team, live?.id, recipient);

    // open for all to see before the last look: a subscription that is mirrored from here on finds it, and clears it
    const mark = live ? await dated(ctx, live) : await open(ctx, team);
    const held = await ctx.transaction((tx) => lookAgain(ctx, tx, team, mark, asked));
    if (held !== undefined) return heldBack(held);
    return await announce(ctx, team, mark, recipient.to);
  },
});

async function unreachable(
  ctx: Context,
  team: TeamToEndRow,
  markId: number | undefined,
  { suppressed }: Unreached,
): Promise<Outcome> {
  const why = suppressed?.why ?? 'nobody can be written to: no active owner with a verified address';
  const owner = `owner ${team.ownerId ?? 'none'}`;
  await ctx.transaction(async (tx) => {
    await clear(ctx, tx, { teamId: team.id, markId, why });
    await ctx.find(tx, {
      kind: 'nobody-to-notify',
      subject: `team:${team.id}`,
      // a bounce since then is something new to tell
      occasion: suppressed ? `${owner}, ${suppressed.since.toISOString()}` : owner,
      teamId: team.id,
      message:
        `Team ${team.id} is due to be marked for deletion, and ${why}. It is left alone. Give it an owner whom mail ` +
        'reaches, set NOTICE_FALLBACK_EMAIL, or delete it yourself; acknowledged, it is looked at again.',
    });
  });
  return skipped(why);
}

async function open(ctx: Context, team: TeamToEndRow): Promise<OpenMarkRow> {
  const { deletionNotice } = ctx.policy;
  const { id: teamId, ownerId } = team;
  const mark = await ctx.transaction(async (tx) => {
    const [opened] = await tx.openMark({ teamId, ownerId, now: ctx.now, deletionNotice });
    return opened;
  });
  if (mark) return mark;
  throw new Retryable(`another run is marking team ${teamId} right now`, {
    facts: { class: 'mark_held' },
    waiting: true,
  });
}

/** With a date that still leaves the whole notice: the mark may have waited for days, for its fuse or its place. */
async function dated(ctx: Context, mark: LiveMarkRow): Promise<OpenMarkRow> {
  const { deletionNotice } = ctx.policy;
  const [renewed] = await ctx.transaction((tx) => tx.dateMark({ id: mark.id, now: ctx.now, deletionNotice }));
  return renewed ? { ...mark, ...renewed } : mark;
}

/** Everything once more, behind whoever mirrors a subscription of it right now, under lock: mark, team, fuse. */
async function lookAgain(
  ctx: Context,
  tx: Context['sql'],
  team: TeamToEndRow,
  mark: OpenMarkRow,
  asked: Asked,
): Promise<HeldBack | undefined> {
  const { id: teamId } = team;
  await tx.holdTeam({ teamId });
  const [held] = await tx.lockMark({ id: mark.id, now: ctx.now });
  if (held?.state !== 'marking') return 'its mark was taken back meanwhile';
  await tx.lockTeam({ teamId });
  const current = await lookUpTeam(ctx, teamId, tx);
  const why =
    speaksAgainst(current) ?? (current?.ownerId === team.ownerId ? undefined : 'it has a new owner');
  if (why !== undefined) {
    await clear(ctx, tx, { teamId, markId: mark.id, why });
    return why;
  }
  return (
    (await tooOld(tx, asked.at)) ??
    (await throughFuse(ctx, tx, { kind: markTeamForDeletion.name, teamId, markId: mark.id }))
  );
}

/** Sends the notice; what it prints is stored, and the clock starts with its sending. */
async function announce(ctx: Context, team: TeamToEndRow, mark: OpenMarkRow, to: string): Promise<Outcome> {
  const clock = (tx: Context['sql'], sentAt: Date) => startClock(ctx, tx, mark, sentAt);
  const sent = await ctx.notices.notify({
    kind: 'deletion-notice',
    subject: `team:${team.id}`,
    occasion: mark.announcedDeleteAt.toISOString(),
    teamId: team.id,
    userId: ownerAt(to, team),
    to,
    props: {
      timeZone: team.timeZone ?? 'UTC',
      teamName: team.name,
      createdAt: team.createdAt,
      deleteAfter: mark.announcedDeleteAt,
      keepUrl: ctx.keepLink(mark.id),
    },
    onSent: clock,
  });
  // a person has found out that it was sent, and when exactly nobody knows: the clock starts now
  return done({ mark: mark.id, sent }, sent === 'before' ? (tx) => clock(tx, ctx.now) : undefined);
}

/** Unless something has taken the mark back meanwhile, or the notice has bounced: then it is taken back here. */
async function startClock(ctx: Context, tx: Context['sql'], mark: OpenMarkRow, sentAt: Date): Promise<void> {
  const { id, teamId } = mark;
  await tx.holdRecipientOfMark({ markId: id });
  const [started] = await tx.startClock({ id, sentAt, deletionNotice: ctx.policy.deletionNotice });
  if (started) {
    const detail = { mark: id, deleteAfter: started.deleteAfter.toISOString() };
    await ctx.history(tx, { what: 'team.marked', subject: `team:${teamId}`, teamId, detail });
    return;
  }
  const [bounced] = await tx.bouncedRecipientOfMark({ markId: id });
  if (bounced) await takeBounce(ctx, tx, { ...bounced, messageId: null });
}
