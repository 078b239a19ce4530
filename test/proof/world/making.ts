import type { Customer, Instant, Status, Subscription, Team, User, World } from '../oracle/index.ts';
import type { Dice } from './dice.ts';
import { day } from './moments.ts';

/** A world in the making: each function adds its rows and gives back the one that the caller goes on with. */
export interface Making {
  readonly dice: Dice;
  readonly world: World;
  /** A number that nothing else has, behind a prefix. */
  id(prefix?: string): string;
}

const long = Date.UTC(2021, 4, 5, 6, 7, 8, 9);

export const statuses: readonly Status[] = [
  'active',
  'trialing',
  'past_due',
  'unpaid',
  'paused',
  'canceled',
  'incomplete',
  'incomplete_expired',
];

export function addUser({ dice, world, id }: Making, changes: Partial<User> = {}): User {
  const user = {
    id: id(),
    emailVerifiedAt: dice.chance(0.9) ? long : null,
    isActive: dice.chance(0.9),
    createdAt: long - dice.below(300 * day),
    lastSeenAt: dice.chance(0.5) ? long : null,
    stripeCustomerId: null,
    ...changes,
  };
  world.users.push(user);
  return user;
}

export function addTeam({ world, id }: Making, changes: Partial<Team> = {}): Team {
  const team = { id: id(), ownerId: null, createdAt: long, stripeCustomerId: null, ...changes };
  world.teams.push(team);
  return team;
}

export function addCustomer({ world, id }: Making, changes: Partial<Customer> = {}): Customer {
  const customer = {
    id: id('cus_'),
    teamId: null,
    defaultPaymentMethod: null,
    hasPaid: false,
    deleted: false,
    ...changes,
  };
  world.customers.push(customer);
  return customer;
}

export function addSubscription(
  { dice, world, id }: Making,
  customerId: string,
  changes: Partial<Subscription> = {},
): Subscription {
  const createdAt: Instant = long + dice.below(900 * day);
  const subscription = {
    id: id('sub_'),
    customerId,
    status: 'active' as Status,
    gone: false,
    createdAt,
    cancelAtPeriodEnd: false,
    cancelAt: null,
    trialStart: null,
    trialEnd: null,
    currentPeriodEnd: createdAt + 30 * day,
    defaultPaymentMethod: null,
    amount: dice.pick([0, 900, null]),
    ...changes,
  };
  world.subscriptions.push(subscription);
  return subscription;
}
