/**
 * Searches for what is due of one kind, and enqueues it: one statement of sql/sweeps. It acts on nothing itself.
 *
 * Safe to run twice, or at any time: it finds what is due as of now, and what is asked for already is not
 * enqueued again.
 *
 * When it is dead: its statement failed for a day, or the kind is not swept in this version. Nothing is lost, the
 * next sweep finds the same and more. Read the error, mend the data or the contract, then `evenfall sweep NAME`.
 */
import { defineJob } from '../src/core/job.ts';
import { done } from '../src/core/outcome.ts';
import { kindName, payload } from '../src/core/payload.ts';
import { minutes, seconds } from '../src/core/retry.ts';

export const sweep = defineJob({
  name: 'sweep',
  summary: 'Searches for what is due of one kind, and enqueues it.',
  queue: 'schedules',
  payload: payload({ sweep: kindName() }),
  key: ['sweep'],
  retry: {
    attempts: 100,
    firstDelayMs: seconds(2),
    maxDelayMs: minutes(30),
    giveUpAfter: 'P1D',
    crashBudget: 10,
  },
  timeoutMs: seconds(300),

  async run(ctx, { sweep: name }) {
    const { due, enqueued } = await ctx.sweep(name);
    ctx.log.info({ sweep: name, due, enqueued }, 'swept');
    return done({ sweep: name, due, enqueued });
  },
});
