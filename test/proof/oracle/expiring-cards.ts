import { known as lookUp, type Known } from './known.ts';
import { addDuration, cardEnds } from './time.ts';
import type { Card, Subscription, World } from './world.ts';

/** What makes it another mail of the same card: another expiry. */
export const cardOccasion = (expYear: number, expMonth: number) =>
  `${expYear}-${String(expMonth).padStart(2, '0')}`;

/** Ruling 12: active, trialing and past_due are charged; what ends before its next invoice, or asks for nothing, is not. */
export function willBeCharged(subscription: Subscription, known: Known): boolean {
  const { status, gone, amount, cancelAtPeriodEnd, cancelAt } = subscription;
  if (gone || !['active', 'trialing', 'past_due'].includes(status)) return false;
  if (known.customer(subscription.customerId)?.deleted) return false;
  const next = status === 'trialing' ? subscription.trialEnd : subscription.currentPeriodEnd;
  const endsFirst = cancelAt !== null && (next === null || cancelAt <= next);
  return amount !== 0 && !cancelAtPeriodEnd && !endsFirst;
}

/** What is charged to a card: subscriptions whose own default it is, and those without one of a customer whose default it is. */
function chargedTo(card: Card, known: Known): readonly Subscription[] {
  const throughCustomer = known
    .customersOn(card.id)
    .flatMap((customer) => known.subscriptionsOf(customer.id))
    .filter((subscription) => subscription.defaultPaymentMethod === null);
  return [...known.subscriptionsOn(card.id), ...throughCustomer];
}

export type CardQuiet = 'detached' | 'expired' | 'not yet' | 'backs nothing' | 'mailed' | 'gave up';

/**
 * 2.4, behaviour 7, ruling 12: a card that is good to the end of its month in UTC, in the window before that end (strictly),
 * not expired, backing something that will be charged; one mail a card and expiry.
 */
export function whyCardQuiet(card: Card, world: World, known: Known): CardQuiet | undefined {
  const end = cardEnds(card.expYear, card.expMonth);
  const occasion = cardOccasion(card.expYear, card.expMonth);
  if (card.detached) return 'detached';
  if (end <= world.now) return 'expired';
  if (addDuration(world.now, world.policies.cardWindow) <= end) return 'not yet';
  if (!chargedTo(card, known).some((subscription) => willBeCharged(subscription, known)))
    return 'backs nothing';
  if (known.noticed('expiring-card-email', card.id, occasion)) return 'mailed';
  if (known.gaveUp('expiring-card-email', card.id, occasion)) return 'gave up';
  return undefined;
}

/** The ids of the cards whose mail is due. */
export function expiringCardsDue(world: World): Set<string> {
  const known = lookUp(world);
  return new Set(world.cards.filter((card) => !whyCardQuiet(card, world, known)).map((card) => card.id));
}
