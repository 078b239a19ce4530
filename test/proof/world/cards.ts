import { cardEnds, cardOccasion } from '../oracle/index.ts';
import type { Card, Customer, Instant } from '../oracle/index.ts';
import type { Making } from './making.ts';
import { addSubscription, statuses } from './making.ts';
import { day, expiries } from './moments.ts';
import { addPayer } from './payers.ts';

/** Cards of some months, and what is charged to them. */
export function addCards(making: Making, count: number): void {
  const { dice, world, id } = making;
  for (let index = 0; index < count; index++) {
    const [expYear, expMonth] = dice.pick(expiries);
    const customer = addPayer(making);
    const card = {
      id: id('pm_'),
      customerId: customer.id,
      expMonth,
      expYear,
      detached: dice.chance(0.06),
    };
    world.cards.push(card);
    addCharges(making, card, customer, cardEnds(expYear, expMonth));
    addSigns(making, card);
  }
}

/** Subscriptions with a default of their own, or with their customer's; the card is it, or another one is. */
function addCharges(making: Making, card: Card, customer: Customer, cardEnd: Instant): void {
  const { dice, id } = making;
  const another = dice.chance(0.5) ? null : id('pm_');
  customer.defaultPaymentMethod = dice.chance(0.5) ? card.id : another;
  const count = dice.pick([0, 1, 1, 1, 1, 1, 2, 3]);
  for (let index = 0; index < count; index++) {
    const currentPeriodEnd = dice.pick([null, cardEnd - 10 * day, cardEnd + 10 * day, cardEnd]);
    const around = [cardEnd, ...(currentPeriodEnd === null ? [] : [currentPeriodEnd])];
    const cancelAt = dice.pick(around) + dice.pick([-1, 0, 1, 365 * day]);
    addSubscription(making, customer.id, {
      status: dice.chance(0.5) ? dice.pick(['active', 'trialing', 'past_due']) : dice.pick(statuses),
      gone: dice.chance(0.06),
      cancelAtPeriodEnd: dice.chance(0.06),
      cancelAt: dice.mostly(null, [cancelAt]),
      currentPeriodEnd,
      defaultPaymentMethod: dice.pick([card.id, null, null, another]),
    });
  }
}

function addSigns({ dice, world, id }: Making, card: Card): void {
  const { expYear, expMonth } = card;
  if (dice.chance(0.3)) {
    const another = { subject: dice.pick([card.id, card.id, card.id, id('pm_')]) };
    world.notices.push({
      kind: dice.chance(0.8) ? 'expiring-card-email' : 'trial-ending-email',
      ...another,
      occasion: cardOccasion(
        dice.mostly(expYear, [expYear - 1]),
        dice.mostly(expMonth, [(expMonth % 12) + 1]),
      ),
      state: dice.pick(['sent', 'unknown', 'suppressed']),
    });
  }
  if (dice.chance(0.2)) {
    world.deadLetters.push({
      kind: dice.chance(0.8) ? 'expiring-card-email' : 'trial-ending-email',
      subject: card.id,
      occasion: null,
      resolvedAt: dice.pick([null, null, cardEnds(expYear, expMonth) - 30 * day]),
    });
  }
}
