import { known as lookUp, type Known } from './known.ts';
import { addDuration, takeDuration } from './time.ts';
import type { Instant, Subscription, World } from './world.ts';

export interface TrialReminder {
  subscription: string;
  offset: string;
}

/** What makes it another mail of the same subscription: another offset, or another end (facts d16, d21). */
export const trialOccasion = (offset: string, trialEnd: Instant) =>
  `${offset} before ${new Date(trialEnd).toISOString()}`;

export type Reminding = 'due' | 'late' | 'early' | 'short' | 'superseded';

/**
 * 0.9, ruling 11: whether an offset's mail is due. Offsets are strict, a trial not longer than the offset is too short for
 * it, and a missed mail is sent while more than 24 hours are left. Of several that are reached the nearest to the end speaks
 * for all; of two that are the same time, one.
 */
export function reminding(
  trial: Pick<Subscription, 'trialStart'> & { trialEnd: Instant },
  offset: string,
  offsets: readonly string[],
  now: Instant,
): Reminding {
  const { trialStart, trialEnd } = trial;
  const from = takeDuration(trialEnd, offset);
  if (takeDuration(trialEnd, 'PT24H') <= now) return 'late';
  if (from >= now) return 'early';
  if (trialStart !== null && addDuration(trialStart, offset) >= trialEnd) return 'short';
  const nearer = offsets.some((other) => {
    const reached = takeDuration(trialEnd, other);
    return reached < now && (reached > from || (reached === from && other > offset));
  });
  return nearer ? 'superseded' : 'due';
}

export type NotReminded = 'no trial' | 'cancelled' | 'mailed' | 'gave up' | Exclude<Reminding, 'due'>;

/**
 * Behaviour 6: why a trial's mail is not due. Not for one that is cancelled: the charge that the mail announces will not
 * come. A cancellation after the trial's end does not prevent it. Whether it was paid already is Stripe's to say, at the
 * sending. One whose job lies dead waits for a person.
 */
export function whyNotReminded(
  subscription: Subscription,
  offset: string,
  world: World,
  known: Known,
): NotReminded | undefined {
  const { id, status, gone, trialStart, trialEnd, cancelAtPeriodEnd, cancelAt } = subscription;
  if (status !== 'trialing' || gone || trialEnd === null) return 'no trial';
  if (cancelAtPeriodEnd || (cancelAt !== null && cancelAt <= trialEnd)) return 'cancelled';
  const state = reminding({ trialStart, trialEnd }, offset, world.policies.trialReminders, world.now);
  if (state !== 'due') return state;
  if (known.noticed('trial-ending-email', id, trialOccasion(offset, trialEnd))) return 'mailed';
  if (known.gaveUp('trial-ending-email', id, offset)) return 'gave up';
  return undefined;
}

/** The trial mails that are due: a subscription and the offset that its mail is about. */
export function trialRemindersDue(world: World): TrialReminder[] {
  const known = lookUp(world);
  return world.subscriptions.flatMap((subscription) =>
    world.policies.trialReminders
      .filter((offset) => !whyNotReminded(subscription, offset, world, known))
      .map((offset) => ({ subscription: subscription.id, offset })),
  );
}
