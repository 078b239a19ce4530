import { known as lookUp, type Known } from './known.ts';
import { type Sparing, whySpared } from './spared.ts';
import type { Mark, Team, World } from './world.ts';

type Waiting = 'no notice' | 'its time is not over';
export type MayNot = Waiting | Sparing | 'no such team' | 'a new owner';
export type NotDeleted = Waiting | 'gave up';

function whyWaiting(mark: Mark | undefined, world: World): Waiting | undefined {
  if (mark?.state !== 'noticed' || mark.deleteAfter === null) return 'no notice';
  return mark.deleteAfter >= world.now ? 'its time is not over' : undefined;
}

const noticed = (teamId: string, known: Known) =>
  known.marks(teamId).find(({ state }) => state === 'noticed');

/** `mayBeDeleted` of a team, for those who ask for many. */
export function whyNotToBeDeleted(team: Team, world: World, known: Known): MayNot | undefined {
  const mark = noticed(team.id, known);
  const told = mark?.ownerId === team.ownerId;
  return whyWaiting(mark, world) ?? whySpared(team, world, known) ?? (told ? undefined : 'a new owner');
}

/**
 * Behaviour 4: the notice was sent, its date is past (strictly, 4.7), every condition of the marking still holds, and it is
 * still the owner to whom it was announced (ruling 9). Says why a team may not be deleted now, or undefined.
 */
export function mayBeDeleted(world: World, teamId: string): MayNot | undefined {
  const known = lookUp(world);
  const team = known.team(teamId);
  return team ? whyNotToBeDeleted(team, world, known) : 'no such team';
}

/**
 * Why a sweep does not ask for a deletion: it looks at the date alone (4.7), so that the job takes back the mark of a team
 * that something speaks for (ruling 15). One that lies dead waits for a person.
 */
export function whyNotDeleted(teamId: string, world: World, known: Known): NotDeleted | undefined {
  const waiting = whyWaiting(noticed(teamId, known), world);
  return waiting ?? (known.gaveUp('delete-inactive-team', teamId, null) ? 'gave up' : undefined);
}

/** The ids of the teams whose deletion is to be asked for; whether it is done, `mayBeDeleted` says. */
export function dueToBeDeleted(world: World): Set<string> {
  const known = lookUp(world);
  const marked = world.marks.map(({ teamId }) => teamId);
  return new Set(marked.filter((teamId) => !whyNotDeleted(teamId, world, known)));
}
