import type { AnyJob } from '../src/core/job.ts';
import { alertDeadLetter } from './alert-dead-letter.ts';
import { alertFinding } from './alert-finding.ts';
import { backfillStripe } from './backfill-stripe.ts';
import { cancelSubscription } from './cancel-subscription.ts';
import { deactivateAccount } from './deactivate-account.ts';
import { deleteInactiveTeam } from './delete-inactive-team.ts';
import { deleteUnverifiedUsers } from './delete-unverified-users.ts';
import { deletionReminderEmail } from './deletion-reminder-email.ts';
import { erasePerson } from './erase-person.ts';
import { expiringCardEmail } from './expiring-card-email.ts';
import { forgetOldRecords } from './forget-old-records.ts';
import { markTeamForDeletion } from './mark-team-for-deletion.ts';
import { sweep } from './sweep.ts';
import { syncCustomer } from './sync-customer.ts';
import { trialEndingEmail } from './trial-ending-email.ts';

/** Every kind of job. A new kind is one file and one line here. */
export const jobs = {
  cancelSubscription,
  deactivateAccount,
  syncCustomer,
  backfillStripe,
  trialEndingEmail,
  expiringCardEmail,
  markTeamForDeletion,
  deletionReminderEmail,
  deleteInactiveTeam,
  deleteUnverifiedUsers,
  erasePerson,
  forgetOldRecords,
  sweep,
  alertDeadLetter,
  alertFinding,
} as const satisfies Record<string, AnyJob>;

export const allJobs: readonly AnyJob[] = Object.values(jobs);
