import { DelayedError, UnrecoverableError } from 'bullmq';
import type { Log } from '../core/context.ts';
import type { TicketJob } from './backend.ts';
import type { Runner } from './runner.ts';

/** A failure of our own machinery while BullMQ holds the job: come back soon, the row knows how it stands. */
const troubleDelayMs = 1_000;

/**
 * Carries one BullMQ job to the runner and its end back: done, moved to delayed without using an attempt, or
 * failed. Only a dead job fails in BullMQ, so its failed set is exactly the dead letters.
 *
 * @param onParted told when BullMQ did not take the job back, though its row says that it has it
 */
export async function carry(
  runner: Runner,
  job: TicketJob,
  token: string,
  signal: AbortSignal,
  log: Log,
  onParted: () => void,
): Promise<string> {
  let ended;
  try {
    ended = await runner.run({ id: job.data.id, dispatchNo: job.data.dispatchNo, kind: job.name }, signal);
  } catch (error) {
    log.error(
      { jobId: job.data.id, err: error },
      'the run could not be recorded; it will be looked at again',
    );
    ended = { as: 'later', inMs: troubleDelayMs, summary: 'not recorded' } as const;
  }
  if (ended.as === 'dead') {
    const dead = new UnrecoverableError(ended.summary);
    // Bull Board shows the stack, and this one would only tell where in the carrier we are
    dead.stack = ended.summary;
    throw dead;
  }
  if (ended.as !== 'later') return ended.summary;

  await job.log(ended.summary).catch(() => {});
  // BullMQ's delays are on this process' clock, so only the distance is handed over
  // oxlint-disable-next-line no-restricted-properties -- the one place that meets BullMQ's clock
  await job.moveToDelayed(Date.now() + ended.inMs, token).catch((error: unknown) => {
    // Redis lost it, or is away: the row waits in Postgres and the reconciler brings it back
    log.warn({ jobId: job.data.id, err: error }, 'BullMQ could not delay the job');
    onParted();
  });
  throw new DelayedError();
}
