import { known as lookUp, type Known } from './known.ts';
import { addDuration } from './time.ts';
import type { Instant, Subscription, World } from './world.ts';

export interface TrialReminder {
  subscription: string;
  offset: string;
}

/** What makes it another mail of the same subscription: another offset, or another end (facts d16, d21). */
export const trialOccasion = (offset: string, trialEnd: Instant) =>
  `${offset} before ${new Date(trialEnd).toISOString()}`;

/** 0.9: the charge that a mail announces will not come. A cancellation after the trial's end does not prevent it. */
const cancelled = (subscription: Subscription, trialEnd: Instant) =>
  subscription.cancelAtPeriodEnd || (subscription.cancelAt !== null && subscription.cancelAt <= trialEnd);

export type NotReminded =
  | 'no trial'
  | 'cancelled'
  | 'nobody to charge'
  | 'not yet'
  | 'too late'
  | 'too short'
  | 'mailed'
  | 'gave up';

/**
 * 0.9, behaviour 6, ruling 11: offsets are strict, a trial not longer than the offset is too short for it, and a missed mail
 * is sent while more than 24 hours are left. Of several offsets that are reached the nearest to the end speaks for all.
 * Whether it was paid already is Stripe's to say, at the sending.
 */
export function trialReminder(
  subscription: Subscription,
  world: World,
  known: Known,
): TrialReminder | NotReminded {
  const { id, status, gone, trialEnd } = subscription;
  if (status !== 'trialing' || gone || trialEnd === null) return 'no trial';
  if (cancelled(subscription, trialEnd)) return 'cancelled';
  if (known.customer(subscription.customerId)?.deleted) return 'nobody to charge';
  if (trialEnd <= addDuration(world.now, 'PT24H')) return 'too late';
  const reached = world.policies.trialReminders
    .filter((offset) => addDuration(world.now, offset) > trialEnd)
    .toSorted((one, other) => addDuration(world.now, one) - addDuration(world.now, other));
  if (reached.length === 0) return 'not yet';
  const start = subscription.trialStart ?? subscription.createdAt;
  const offset = reached.find((each) => addDuration(start, each) < trialEnd);
  if (offset === undefined) return 'too short';
  const occasion = trialOccasion(offset, trialEnd);
  if (known.noticed('trial-ending-email', id, occasion)) return 'mailed';
  if (known.gaveUp('trial-ending-email', id, occasion)) return 'gave up';
  return { subscription: id, offset };
}

/** The trial mails that are due: a subscription and the offset that its mail is about. */
export function trialRemindersDue(world: World): TrialReminder[] {
  const known = lookUp(world);
  return world.subscriptions
    .map((subscription) => trialReminder(subscription, world, known))
    .filter((reminder) => typeof reminder !== 'string');
}
