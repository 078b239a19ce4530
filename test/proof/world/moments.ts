import { addDuration, takeDuration } from '../oracle/index.ts';
import type { Instant } from '../oracle/index.ts';
import type { Dice } from './dice.ts';

export const hour = 3_600_000;
export const day = 24 * hour;
const at = (iso: string): Instant => Date.parse(iso);

/** When the sweeps are asked, and what the world's values lie around, to the millisecond. */
export const moments: readonly Instant[] = [
  // on a leap day: the last three days of August come of age together
  at('2024-02-29T23:59:59.999Z'),
  // the last four of them
  at('2026-02-28T12:00:00.000Z'),
  // while the day has 23 hours in Brussels, and while it has 25
  at('2026-03-29T12:00:00.000Z'),
  at('2026-10-25T12:00:00.000Z'),
  at('2027-01-01T00:00:00.000Z'),
];

/** Where months have other lengths: another policy than the default is asked for here. */
export const monthEnd = at('2026-02-28T12:00:00.000Z');

export const inactiveTeamAges = ['P6M', 'P1Y2M10DT6H'] as const;
export const unverifiedUserAges = ['P10D', 'P1M'] as const;

export const trialReminders = [
  ['P3D'],
  ['P7D', 'P3D'],
  ['P3D', 'PT36H', 'P1M', 'P7D'],
  ['P3D', 'PT72H'],
] as const;
export const trialOffsets = [...new Set(trialReminders.flat())];

/** Years and months, and the window that is asked for. */
export const expiries = [
  [2024, 2, 'P20D'],
  [2026, 2, 'P1M10D'],
  [2026, 3, 'P20D'],
  [2026, 10, 'P1M10D'],
  [2026, 12, 'P20D'],
] as const;

/** A millisecond before, exactly, a millisecond after. */
export const nudge = (dice: Dice) => dice.pick([-1, 0, 1]);

/** All anchors from which a duration leads to exactly this moment: several at the end of a month, perhaps none. */
export function anchors(moment: Instant, duration: string): Instant[] {
  const about = takeDuration(moment, duration);
  const around = Array.from({ length: 9 }, (_, index) => about + (index - 4) * day);
  const exact = around.filter((anchor) => addDuration(anchor, duration) === moment);
  return exact.length > 0 ? exact : [about];
}

/** All ends before which this moment lies by exactly a duration. */
export function ends(moment: Instant, duration: string): Instant[] {
  const about = addDuration(moment, duration);
  const around = Array.from({ length: 9 }, (_, index) => about + (index - 4) * day);
  const exact = around.filter((end) => takeDuration(end, duration) === moment);
  return exact.length > 0 ? exact : [about];
}

/** A creation: mostly where the age is reached around the moment, else well before, or not long ago. */
export function born(dice: Dice, moment: Instant, age: string): Instant {
  const boundary = dice.pick(anchors(moment, age));
  switch (dice.below(5)) {
    case 0:
    case 1:
      return boundary + nudge(dice);
    case 2:
      return boundary + hour + dice.below(5 * day);
    default:
      return boundary - hour - dice.below(500 * day);
  }
}
