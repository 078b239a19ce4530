/**
 * Where a process can be made to die (or pause) by tests and by `npm run chaos`: every step between two
 * writes. In production the function does nothing. Each name says what has just happened.
 */
export const failpoints = {
  'dispatch.claimed': 'rows claimed, nothing in BullMQ, not committed',
  'dispatch.added': 'in BullMQ, not committed',
  'dispatch.committed': 'committed',
  'run.started': 'the row says running, the job has done nothing',
  'effect.claimed': 'the key is claimed, the act not begun',
  'effect.acted': 'the other side has acted, nothing is recorded here',
  'effect.settled': 'the act and its domain fact are recorded',
  'transaction.written': 'the job has written in a transaction of its own, not committed',
  'transaction.committed': 'that is committed, the job goes on',
  'run.ended': 'the job has returned, its outcome is not written',
  'outcome.written': 'the outcome is written, BullMQ does not know',
  'retry.written': 'the row waits for its retry, BullMQ still runs the job',
  'dead.written': 'the dead letter is written, BullMQ does not know',
  'reconcile.asked': 'BullMQ was asked, nothing is corrected yet',
} as const;

export type Failpoint = keyof typeof failpoints;

/** Called at each point, by a run with its job's kind; the production one returns at once. */
export type AtFailpoint = (point: Failpoint, kind?: string) => Promise<void>;

export const noFailpoints: AtFailpoint = () => Promise.resolve();
