/**
 * The world as the rules of product.md see it: plain objects, and no word of SQL. `null` is what is not known or not there.
 */

/** Milliseconds since 1970, UTC. */
export type Instant = number;

export interface Team {
  id: string;
  ownerId: string | null;
  createdAt: Instant;
  stripeCustomerId: string | null;
}

export interface User {
  id: string;
  emailVerifiedAt: Instant | null;
  isActive: boolean;
  createdAt: Instant;
  lastSeenAt: Instant | null;
  stripeCustomerId: string | null;
}

/** An invitation is one too. */
export interface Membership {
  teamId: string;
  userId: string;
  role: string;
}

export interface Customer {
  id: string;
  /** The team that the customer's metadata names. */
  teamId: string | null;
  defaultPaymentMethod: string | null;
  /** A paid invoice of it was seen, with a subscription or without. */
  hasPaid: boolean;
  deleted: boolean;
}

export type Status =
  | 'active'
  | 'trialing'
  | 'past_due'
  | 'unpaid'
  | 'paused'
  | 'canceled'
  | 'incomplete'
  | 'incomplete_expired';

export interface Subscription {
  id: string;
  customerId: string;
  status: Status;
  /** A full read of Stripe did not find it any more. */
  gone: boolean;
  createdAt: Instant;
  cancelAtPeriodEnd: boolean;
  cancelAt: Instant | null;
  trialStart: Instant | null;
  trialEnd: Instant | null;
  currentPeriodEnd: Instant | null;
  defaultPaymentMethod: string | null;
  /** What a period costs; null when it cannot be told. By ruling 12 the status alone says what is charged. */
  amount: number | null;
}

export interface Card {
  id: string;
  customerId: string | null;
  expMonth: number;
  expYear: number;
  detached: boolean;
}

export interface Protection {
  teamId: string;
  kind: 'snooze' | 'exempt' | 'hold';
  /** Null: without end. */
  until: Instant | null;
}

export interface Mark {
  teamId: string;
  state: 'marking' | 'noticed' | 'deleting' | 'deleted' | 'cleared';
  ownerId: string | null;
  markedAt: Instant;
  noticeSentAt: Instant | null;
  deleteAfter: Instant | null;
}

export type Kind =
  | 'mark-team-for-deletion'
  | 'delete-inactive-team'
  | 'delete-unverified-users'
  | 'trial-ending-email'
  | 'expiring-card-email';

export interface Notice {
  kind: Kind;
  /** The subscription, the card. */
  subject: string;
  /** `trialOccasion`, `cardOccasion`. */
  occasion: string;
  state: 'sent' | 'unknown' | 'suppressed';
}

export interface DeadLetter {
  kind: Kind;
  /** The team, the subscription, the card. */
  subject: string;
  /** A trial mail's offset. */
  occasion: string | null;
  resolvedAt: Instant | null;
}

/** What people must look at. One of them keeps a team from being marked: `nobody-to-notify` (ruling 9). */
export interface Finding {
  kind: string;
  teamId: string | null;
  acknowledgedAt: Instant | null;
}

/** ISO 8601 durations. */
export interface Policies {
  inactiveTeamAge: string;
  unverifiedUserAge: string;
  trialReminders: string[];
  cardWindow: string;
}

export interface World {
  now: Instant;
  policies: Policies;
  teams: Team[];
  users: User[];
  memberships: Membership[];
  customers: Customer[];
  subscriptions: Subscription[];
  cards: Card[];
  protections: Protection[];
  marks: Mark[];
  notices: Notice[];
  deadLetters: DeadLetter[];
  findings: Finding[];
}

export const defaultPolicies: Policies = {
  inactiveTeamAge: 'P6M',
  unverifiedUserAge: 'P10D',
  trialReminders: ['P3D'],
  cardWindow: 'P20D',
};

/** A world with nobody in it. */
export function emptyWorld(now: Instant): World {
  return {
    now,
    policies: { ...defaultPolicies, trialReminders: [...defaultPolicies.trialReminders] },
    teams: [],
    users: [],
    memberships: [],
    customers: [],
    subscriptions: [],
    cards: [],
    protections: [],
    marks: [],
    notices: [],
    deadLetters: [],
    findings: [],
  };
}
