import { known as lookUp, type Known } from './known.ts';
import { cardEnds, takeDuration } from './time.ts';
import type { Card, Instant, Subscription, World } from './world.ts';

/** What makes it another mail of the same card: another expiry. */
export const cardOccasion = (expYear: number, expMonth: number) =>
  `${expYear}-${String(expMonth).padStart(2, '0')}`;

export type Expiring = 'due' | 'early' | 'expired';

/** Ruling 12: in the window before the end (strictly), and not expired. */
export function expiring(end: Instant, window: string, now: Instant): Expiring {
  if (end <= now) return 'expired';
  return takeDuration(end, window) >= now ? 'early' : 'due';
}

/**
 * Ruling 12: active, trialing and past_due subscriptions count as charged. One that ends before its next invoice, or before
 * the card does, asks nothing more of the card when it has expired (facts c13).
 */
export function willBeCharged(subscription: Subscription, cardEnd: Instant): boolean {
  const { status, gone, cancelAtPeriodEnd, cancelAt, currentPeriodEnd } = subscription;
  if (gone || cancelAtPeriodEnd || !['active', 'trialing', 'past_due'].includes(status)) return false;
  return (
    cancelAt === null || (cancelAt > cardEnd && (currentPeriodEnd === null || cancelAt > currentPeriodEnd))
  );
}

/** Subscriptions whose own default the card is, and those without one of a customer whose default it is. */
function chargedTo(card: Card, known: Known): readonly Subscription[] {
  const throughCustomer = known
    .customersOn(card.id)
    .flatMap((customer) => known.subscriptionsOf(customer.id))
    .filter((subscription) => subscription.defaultPaymentMethod === null);
  return [...known.subscriptionsOn(card.id), ...throughCustomer];
}

export type CardQuiet = 'detached' | 'backs nothing' | 'mailed' | 'gave up' | Exclude<Expiring, 'due'>;

/**
 * 2.4, behaviour 7: a card that is good to the end of its month in UTC, in the window before that end, backing something
 * that will be charged; one mail a card and expiry. One whose job lies dead waits for a person.
 */
export function whyCardQuiet(card: Card, world: World, known: Known): CardQuiet | undefined {
  const end = cardEnds(card.expYear, card.expMonth);
  if (card.detached) return 'detached';
  const state = expiring(end, world.policies.cardWindow, world.now);
  if (state !== 'due') return state;
  if (!chargedTo(card, known).some((subscription) => willBeCharged(subscription, end)))
    return 'backs nothing';
  if (known.noticed('expiring-card-email', card.id, cardOccasion(card.expYear, card.expMonth)))
    return 'mailed';
  if (known.gaveUp('expiring-card-email', card.id, null)) return 'gave up';
  return undefined;
}

/** The ids of the cards whose mail is due. */
export function expiringCardsDue(world: World): Set<string> {
  const known = lookUp(world);
  return new Set(world.cards.filter((card) => !whyCardQuiet(card, world, known)).map((card) => card.id));
}
