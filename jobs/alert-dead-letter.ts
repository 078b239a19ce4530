/**
 * Tells people about a dead letter, by mail and by JSON post, whichever is configured.
 *
 * May tell twice after a crash: alerts alone may repeat, under one stable id that the receiver can collapse.
 *
 * Skipped where no channel is configured: the dead letter then does not say that anybody was told, and `evenfall doctor` counts
 * it. Once there is one, `evenfall enqueue alert-dead-letter '{"deadLetterId": N}'` tells of it.
 *
 * When it is dead itself: no channel took it for a day. The dead letter is in `evenfall dead list` all the
 * same, and the log has said so; mend SMTP_URL or ALERT_WEBHOOK_URL and replay.
 */
import { noChannel } from '../src/core/alert.ts';
import { Terminal } from '../src/core/errors.ts';
import type { FailureFacts } from '../src/core/errors.ts';
import { defineJob } from '../src/core/job.ts';
import { done, skipped } from '../src/core/outcome.ts';
import { count, payload } from '../src/core/payload.ts';
import { minutes, seconds } from '../src/core/retry.ts';

export const alertDeadLetter = defineJob({
  name: 'alert-dead-letter',
  summary: 'Tells people, by mail and webhook, that a job gave up.',
  queue: 'dead-letter',
  payload: payload({ deadLetterId: count(1) }),
  key: ['deadLetterId'],
  retry: {
    attempts: 100,
    firstDelayMs: seconds(2),
    maxDelayMs: minutes(30),
    giveUpAfter: 'P1D',
    crashBudget: 10,
  },
  timeoutMs: seconds(120),

  async run(ctx, { deadLetterId }) {
    const [letter] = await ctx.sql.deadLetterToTell({ id: deadLetterId });
    if (!letter) {
      throw new Terminal(`there is no dead letter ${deadLetterId}`, { facts: { class: 'not_found' } });
    }
    if (letter.resolvedAt) return skipped('it was resolved before anybody was told', { deadLetterId });

    const channels = await ctx.alerts.deadLetter({
      id: `dead-letter-${deadLetterId}`,
      deadLetterId,
      jobId: letter.jobId,
      kind: letter.kind,
      teamId: letter.teamId,
      attempts: letter.attempts,
      at: letter.createdAt,
      error: letter.error as FailureFacts & { message: string },
    });
    if (channels.length === 0) return skipped(noChannel, { deadLetterId });
    return done({ deadLetterId, channels }, async (tx) => {
      await tx.markAlerted({ id: deadLetterId });
    });
  },
});
