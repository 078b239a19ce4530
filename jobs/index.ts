import type { AnyJob } from '../src/core/job.ts';
import { alertDeadLetter } from './alert-dead-letter.ts';
import { backfillStripe } from './backfill-stripe.ts';
import { cancelSubscription } from './cancel-subscription.ts';
import { expiringCardEmail } from './expiring-card-email.ts';
import { sweep } from './sweep.ts';
import { syncCustomer } from './sync-customer.ts';
import { trialEndingEmail } from './trial-ending-email.ts';

/** Every kind of job. A new kind is one file and one line here. */
export const jobs = {
  cancelSubscription,
  syncCustomer,
  backfillStripe,
  trialEndingEmail,
  expiringCardEmail,
  sweep,
  alertDeadLetter,
} as const satisfies Record<string, AnyJob>;

export const allJobs: readonly AnyJob[] = Object.values(jobs);
