import { known as lookUp, type Known } from './known.ts';
import { type Sparing, whySpared } from './spared.ts';
import type { Mark, Team, World } from './world.ts';

const live = (mark: Mark) =>
  mark.state === 'marking' || mark.state === 'noticed' || mark.state === 'deleting';

export type NotMarked = Sparing | 'marked' | 'gave up';

/**
 * 4.3-4.6, behaviour 3: never subscribed, older than the policy, not protected, no live mark (ruling 6). A marking that lies
 * dead waits for a person: giving up would mean nothing if the next sweep asked again.
 */
export function whyNotMarked(team: Team, world: World, known: Known): NotMarked | undefined {
  const spared = whySpared(team, world, known);
  if (spared) return spared;
  if (known.marks(team.id).some(live)) return 'marked';
  if (known.gaveUp('mark-team-for-deletion', team.id, null)) return 'gave up';
  return undefined;
}

/** The ids of the teams that are due to be marked. */
export function dueToBeMarked(world: World): Set<string> {
  const known = lookUp(world);
  return new Set(world.teams.filter((team) => !whyNotMarked(team, world, known)).map((team) => team.id));
}
