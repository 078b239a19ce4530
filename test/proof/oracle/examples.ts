import {
  emptyWorld,
  type Customer,
  type Mark,
  type Subscription,
  type Team,
  type User,
  type World,
} from './index.ts';

export const at = (iso: string) => Date.parse(iso);
export const day = 86_400_000;
export const created = at('2025-08-31T12:00:00.000Z');
/** Six months later. */
export const due = at('2026-02-28T12:00:00.000Z');

export const world = (now: number, parts: Partial<World>): World => ({ ...emptyWorld(now), ...parts });
export const team = (more: Partial<Team> = {}): Team => ({
  id: 't',
  ownerId: 'u',
  createdAt: created,
  stripeCustomerId: null,
  ...more,
});
export const user = (more: Partial<User> = {}): User => ({
  id: 'u',
  emailVerifiedAt: null,
  isActive: true,
  createdAt: created,
  lastSeenAt: null,
  stripeCustomerId: null,
  ...more,
});
export const customer = (more: Partial<Customer> = {}): Customer => ({
  id: 'c',
  teamId: null,
  defaultPaymentMethod: null,
  hasPaid: false,
  deleted: false,
  ...more,
});
export const subscription = (more: Partial<Subscription> = {}): Subscription => ({
  id: 's',
  customerId: 'c',
  status: 'active',
  gone: false,
  createdAt: created,
  cancelAtPeriodEnd: false,
  cancelAt: null,
  trialStart: null,
  trialEnd: null,
  currentPeriodEnd: null,
  defaultPaymentMethod: null,
  amount: 900,
  ...more,
});
export const mark = (more: Partial<Mark> = {}): Mark => ({
  teamId: 't',
  state: 'noticed',
  ownerId: 'u',
  markedAt: due,
  noticeSentAt: due,
  deleteAfter: due + 7 * day,
  ...more,
});
