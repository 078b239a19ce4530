import type { AnyJob } from '../src/core/job.ts';
import { alertDeadLetter } from './alert-dead-letter.ts';
import { cancelSubscription } from './cancel-subscription.ts';

/** Every kind of job. A new kind is one file and one line here. */
export const jobs = { cancelSubscription, alertDeadLetter } as const satisfies Record<string, AnyJob>;

export const allJobs: readonly AnyJob[] = Object.values(jobs);
