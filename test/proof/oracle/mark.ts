import { known as lookUp, type Known } from './known.ts';
import { type Sparing, whySpared } from './spared.ts';
import type { Team, World } from './world.ts';

export type NotMarked = Sparing | 'told' | 'nobody to tell' | 'gave up';

/**
 * 4.3-4.6, behaviour 3: never subscribed, older than the policy, not protected, and no live mark (ruling 6) whose notice was
 * sent: 4.3 asks for the mail, and a marking that was broken off has told nobody. A team that nobody can be written to about
 * (ruling 9) and a marking that lies dead wait for a person: giving up would mean nothing if the next sweep asked again.
 */
export function whyNotMarked(team: Team, world: World, known: Known): NotMarked | undefined {
  const spared = whySpared(team, world, known);
  if (spared) return spared;
  if (known.marks(team.id).some(({ state }) => state === 'noticed' || state === 'deleting')) return 'told';
  if (known.isFound('nobody-to-notify', team.id)) return 'nobody to tell';
  if (known.gaveUp('mark-team-for-deletion', team.id, null)) return 'gave up';
  return undefined;
}

/** The ids of the teams that are due to be marked. */
export function dueToBeMarked(world: World): Set<string> {
  const known = lookUp(world);
  return new Set(world.teams.filter((team) => !whyNotMarked(team, world, known)).map((team) => team.id));
}
