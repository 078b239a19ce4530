import type { Known } from './known.ts';
import { addDuration } from './time.ts';
import type { Team, World } from './world.ts';

/**
 * The customers whose payments are a team's: the one in its column, those whose metadata names it, and, where the column
 * is empty, its owner's own (ruling 5 asks Stripe about the owner only then), unless that one is in another team's column:
 * then it is that team's (1.2). One that is in several columns is each team's.
 */
export function customersOf(team: Team, known: Known): string[] {
  const named = known.customersNaming(team.id).map((customer) => customer.id);
  if (team.stripeCustomerId !== null) return [team.stripeCustomerId, ...named];
  const owners = known.user(team.ownerId)?.stripeCustomerId ?? null;
  return owners === null || known.teamsWith(owners).length > 0 ? named : [owners, ...named];
}

/** Ruling 4: any subscription but an `incomplete_expired` one, whatever became of it in Stripe since. */
export function hadSubscription(team: Team, known: Known): boolean {
  return customersOf(team, known).some((customer) =>
    known.subscriptionsOf(customer).some((subscription) => subscription.status !== 'incomplete_expired'),
  );
}

/** 4.3: a subscription, or any paid invoice. */
export function everSubscribed(team: Team, known: Known): boolean {
  const paid = customersOf(team, known).some((customer) => known.customer(customer)?.hasPaid === true);
  return paid || hadSubscription(team, known);
}

export type Sparing = 'too young' | 'subscribed' | 'protected';

/**
 * What keeps a team from being marked, and from being deleted: the conditions of behaviour 3, read again by behaviour 4
 * (4.3, 4.7). The age is strict. A protection has no force from its end on (ruling 6).
 */
export function whySpared(team: Team, world: World, known: Known): Sparing | undefined {
  if (addDuration(team.createdAt, world.policies.inactiveTeamAge) >= world.now) return 'too young';
  if (everSubscribed(team, known)) return 'subscribed';
  if (known.protections(team.id).some(({ until }) => until === null || until > world.now)) return 'protected';
  return undefined;
}
