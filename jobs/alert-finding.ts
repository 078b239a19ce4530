/**
 * Tells people about a finding, by mail and by JSON post, whichever is configured.
 *
 * Of jobs that have waited too long (`jobs-waiting`) the reconciler tells, all others are found by jobs.
 *
 * May tell twice after a crash: alerts alone may repeat, under one stable id that the receiver can collapse.
 *
 * Skipped where no channel is configured: the finding then does not say that anybody was told, and `evenfall doctor` counts
 * it. Once there is one, `evenfall enqueue alert-finding '{"findingId": N}'` tells of it.
 *
 * When it is dead itself: no channel took it for a day. The finding is in `evenfall findings list` all the
 * same, and the log has said so; mend SMTP_URL or ALERT_WEBHOOK_URL and replay.
 */
import { noChannel } from '../src/core/alert.ts';
import { Terminal } from '../src/core/errors.ts';
import { defineJob } from '../src/core/job.ts';
import { done, skipped } from '../src/core/outcome.ts';
import { count, payload } from '../src/core/payload.ts';
import { minutes, seconds } from '../src/core/retry.ts';

export const alertFinding = defineJob({
  name: 'alert-finding',
  summary: 'Tells people, by mail and webhook, what they must look at though no job is dead.',
  queue: 'dead-letter',
  payload: payload({ findingId: count(1) }),
  key: ['findingId'],
  retry: {
    attempts: 100,
    firstDelayMs: seconds(2),
    maxDelayMs: minutes(30),
    giveUpAfter: 'P1D',
    crashBudget: 10,
  },
  timeoutMs: seconds(120),

  async run(ctx, { findingId }) {
    const [finding] = await ctx.sql.findingToTell({ id: findingId });
    if (!finding) {
      throw new Terminal(`there is no finding ${findingId}`, { facts: { class: 'not_found' } });
    }
    if (finding.acknowledgedAt) {
      return skipped('it was acknowledged before anybody was told', { findingId });
    }

    const channels = await ctx.alerts.finding({
      id: `finding-${findingId}`,
      findingId,
      kind: finding.kind,
      subject: finding.subject,
      teamId: finding.teamId,
      message: finding.message,
      at: finding.foundAt,
    });
    if (channels.length === 0) return skipped(noChannel, { findingId });
    return done({ findingId, channels }, async (tx) => {
      await tx.markFindingAlerted({ id: findingId });
    });
  },
});
