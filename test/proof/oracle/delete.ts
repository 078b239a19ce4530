import { known as lookUp, type Known } from './known.ts';
import { type Sparing, whySpared } from './spared.ts';
import type { Team, World } from './world.ts';

export type MayNot = Sparing | 'no such team' | 'no notice' | 'its time is not over';
export type NotDeleted = MayNot | 'gave up';

function whyNot(team: Team | undefined, world: World, known: Known): MayNot | undefined {
  if (!team) return 'no such team';
  const mark = known.marks(team.id).find(({ state }) => state === 'noticed');
  if (!mark || mark.noticeSentAt === null || mark.deleteAfter === null) return 'no notice';
  if (mark.deleteAfter >= world.now) return 'its time is not over';
  return whySpared(team, world, known);
}

/**
 * 4.7, behaviour 4: the notice was sent, its date is past (strictly), and every condition of the marking still holds.
 * Says why a team may not be deleted now, or undefined.
 */
export function mayBeDeleted(world: World, teamId: string): MayNot | undefined {
  const known = lookUp(world);
  return whyNot(known.team(teamId), world, known);
}

/** Why a sweep should not ask for a team's deletion: it may not be deleted, or its deletion lies dead until a person comes. */
export function whyNotDeleted(team: Team, world: World, known: Known): NotDeleted | undefined {
  return (
    whyNot(team, world, known) ??
    (known.gaveUp('delete-inactive-team', team.id, null) ? 'gave up' : undefined)
  );
}

/** The ids of the teams that are due to be deleted. */
export function dueToBeDeleted(world: World): Set<string> {
  const known = lookUp(world);
  return new Set(world.teams.filter((team) => !whyNotDeleted(team, world, known)).map((team) => team.id));
}
