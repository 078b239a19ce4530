import { takeDuration, trialOccasion } from '../oracle/index.ts';
import type { Instant, Notice, Subscription } from '../oracle/index.ts';
import type { Making } from './making.ts';
import { addSubscription, statuses } from './making.ts';
import { day, ends, hour, moments, nudge, trialOffsets } from './moments.ts';
import { addPayer } from './payers.ts';

/** Trials whose ends, lengths and cancellations lie around what each offset makes of a moment. */
export function addTrials(making: Making, count: number): void {
  const { dice } = making;
  for (let index = 0; index < count; index++) {
    const moment = dice.pick(moments);
    const offset = dice.pick(trialOffsets);
    const trialEnd = endOf(making, moment, offset);
    const status = dice.chance(0.9) ? 'trialing' : dice.pick(statuses);
    const subscription = addSubscription(making, addPayer(making).id, {
      status,
      gone: dice.chance(0.06),
      trialEnd: dice.chance(0.02) ? null : trialEnd,
      trialStart: startOf(making, trialEnd, offset),
      cancelAtPeriodEnd: dice.chance(0.06),
      cancelAt: cancelled(making, trialEnd),
      currentPeriodEnd: trialEnd,
    });
    addSigns(making, subscription, trialEnd, offset, moment);
  }
}

function endOf({ dice }: Making, moment: Instant, offset: string): Instant {
  const lastDay = moment + 24 * hour;
  switch (dice.below(6)) {
    case 0:
    case 1:
      return dice.pick(ends(moment, offset)) + nudge(dice);
    case 2:
      return lastDay + nudge(dice);
    case 3:
      return moment - 2 * day + dice.below(4 * day);
    default:
      return lastDay + hour + dice.below(dice.pick([6, 12, 40]) * day);
  }
}

function startOf({ dice }: Making, trialEnd: Instant, offset: string): Instant | null {
  const short = takeDuration(trialEnd, offset) + nudge(dice);
  return dice.mostly(trialEnd - 60 * day, [
    short,
    short,
    short,
    trialEnd - 2 * day,
    trialEnd - 14 * day,
    null,
  ]);
}

function cancelled({ dice }: Making, trialEnd: Instant): Instant | null {
  return dice.chance(0.85)
    ? null
    : dice.pick([trialEnd - 1, trialEnd, trialEnd + 1, trialEnd - day, trialEnd + 365 * day]);
}

/** Mails that were sent or not, and jobs that lie dead: of this very reminder, or of its neighbours. */
function addSigns(
  { dice, world }: Making,
  { id }: Subscription,
  trialEnd: Instant,
  offset: string,
  moment: Instant,
): void {
  const another = () => dice.pick(trialOffsets.filter((other) => other !== offset));
  const occasions = [trialOccasion(offset, trialEnd)];
  const noticed = dice.mostly<string[]>(
    [],
    [
      ...Array<string[]>(5).fill(occasions),
      [trialOccasion(another(), trialEnd)],
      [trialOccasion(offset, trialEnd + 1)],
      [trialOccasion(offset, trialEnd - day)],
      trialOffsets.map((each) => trialOccasion(each, trialEnd)),
    ],
  );
  const kind: Notice['kind'] = dice.chance(0.8) ? 'trial-ending-email' : 'expiring-card-email';
  for (const occasion of noticed) {
    world.notices.push({ kind, subject: id, occasion, state: dice.pick(['sent', 'unknown', 'suppressed']) });
  }
  if (dice.chance(0.8)) return;
  world.deadLetters.push({
    kind: dice.chance(0.8) ? 'trial-ending-email' : 'expiring-card-email',
    subject: id,
    occasion: dice.chance(0.7) ? offset : another(),
    resolvedAt: dice.pick([null, null, moment - hour]),
  });
}
