import { known as lookUp, type Known } from './known.ts';
import { addDuration } from './time.ts';
import type { User, World } from './world.ts';

export type UserKept =
  | 'verified'
  | 'too young'
  | 'owns a team'
  | 'is in a team'
  | 'customer'
  | 'has logged in';

/**
 * 4.2, behaviour 5: never verified, created longer ago than the policy (strictly), no team, owned or member of, invitations
 * included (facts d28), no customer, no log-in (ruling 8). Whether the user is active plays no part.
 */
export function whyUserKept(user: User, world: World, known: Known): UserKept | undefined {
  if (user.emailVerifiedAt !== null) return 'verified';
  if (addDuration(user.createdAt, world.policies.unverifiedUserAge) >= world.now) return 'too young';
  if (known.teamsOwned(user.id).length > 0) return 'owns a team';
  if (known.memberships(user.id).length > 0) return 'is in a team';
  if (user.stripeCustomerId !== null) return 'customer';
  if (user.lastSeenAt !== null) return 'has logged in';
  return undefined;
}

/** The ids of the users who are due to be deleted as never verified. */
export function unverifiedUsersDue(world: World): Set<string> {
  const known = lookUp(world);
  return new Set(world.users.filter((user) => !whyUserKept(user, world, known)).map((user) => user.id));
}
