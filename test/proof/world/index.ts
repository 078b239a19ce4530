import { emptyWorld } from '../oracle/index.ts';
import type { World } from '../oracle/index.ts';
import { addCards } from './cards.ts';
import { dice } from './dice.ts';
import type { Making } from './making.ts';
import { moments } from './moments.ts';
import { addTeams } from './teams.ts';
import { addTrials } from './trials.ts';
import { addUsers } from './users.ts';

/** A world of more than ten thousand teams around some moments, or of a share of them; the same for the same seed. */
export function makeWorld(seed: number, share = 1): World {
  const world = emptyWorld(moments[0] ?? 0);
  let ids = 0;
  const making: Making = { dice: dice(seed), world, id: (prefix = '') => `${prefix}${++ids}` };
  addTeams(making, 8_000 * share);
  addUsers(making, 4_000 * share);
  addTrials(making, 4_000 * share);
  addCards(making, 3_000 * share);
  const once = new Map(world.memberships.map((row) => [`${row.teamId} ${row.userId}`, row]));
  return { ...world, memberships: [...once.values()] };
}
