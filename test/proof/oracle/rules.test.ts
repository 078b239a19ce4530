import { describe, expect, test } from 'vitest';
import {
  cardOccasion,
  dueToBeDeleted,
  dueToBeMarked,
  emptyWorld,
  expiringCardsDue,
  mayBeDeleted,
  trialOccasion,
  trialRemindersDue,
  unverifiedUsersDue,
  type Card,
  type Customer,
  type Mark,
  type Subscription,
  type Team,
  type User,
  type World,
} from './index.ts';

const at = (iso: string) => Date.parse(iso);
const day = 86_400_000;
const created = at('2025-08-31T12:00:00.000Z');
/** Six months later. */
const due = at('2026-02-28T12:00:00.000Z');

const world = (now: number, parts: Partial<World>): World => ({ ...emptyWorld(now), ...parts });
const team = (more: Partial<Team> = {}): Team => ({
  id: 't',
  ownerId: 'u',
  createdAt: created,
  stripeCustomerId: null,
  ...more,
});
const user = (more: Partial<User> = {}): User => ({
  id: 'u',
  emailVerifiedAt: null,
  isActive: true,
  createdAt: created,
  lastSeenAt: null,
  stripeCustomerId: null,
  ...more,
});
const customer = (more: Partial<Customer> = {}): Customer => ({
  id: 'c',
  teamId: null,
  defaultPaymentMethod: null,
  hasPaid: false,
  deleted: false,
  ...more,
});
const subscription = (more: Partial<Subscription> = {}): Subscription => ({
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
const mark = (more: Partial<Mark> = {}): Mark => ({
  teamId: 't',
  state: 'noticed',
  ownerId: 'u',
  markedAt: due,
  noticeSentAt: due,
  deleteAfter: due + 7 * day,
  ...more,
});

describe('due to be marked', () => {
  const isDue = (parts: Partial<World>, now = due + 1) =>
    dueToBeMarked(world(now, { teams: [team()], ...parts })).has('t');

  test.each([
    [due, false],
    [due + 1, true],
  ])('4.5: six months are strict (%i: %s)', (now, expected) => {
    expect(isDue({}, now)).toBe(expected);
  });

  test('4.3: whoever subscribed once is not due, an incomplete_expired attempt is none (ruling 4)', () => {
    const subscribed = (more: Partial<Subscription>) =>
      isDue({ teams: [team({ stripeCustomerId: 'c' })], subscriptions: [subscription(more)] });
    expect(subscribed({ status: 'canceled' })).toBe(false);
    expect(subscribed({ status: 'incomplete' })).toBe(false);
    expect(subscribed({ gone: true })).toBe(false);
    expect(subscribed({ status: 'incomplete_expired' })).toBe(true);
  });

  test('a paid invoice without a subscription counts, through the metadata too', () => {
    expect(isDue({ customers: [customer({ teamId: 't', hasPaid: true })] })).toBe(false);
    expect(isDue({ customers: [customer({ teamId: 't' })] })).toBe(true);
  });

  test('ruling 5: the owner counts for a team without a customer of its own', () => {
    const paid = { users: [user({ stripeCustomerId: 'c' })], customers: [customer({ hasPaid: true })] };
    expect(isDue(paid)).toBe(false);
    expect(isDue({ ...paid, teams: [team({ stripeCustomerId: 'other' })] })).toBe(true);
  });

  test.each([
    [null, false],
    [due + 2, false],
    [due + 1, true],
    [due, true],
  ])('ruling 6: a protection until %s (due: %s)', (until, expected) => {
    expect(isDue({ protections: [{ teamId: 't', kind: 'hold', until }] })).toBe(expected);
  });

  test('ruling 6: only a live mark keeps it from being marked anew', () => {
    const states = ['marking', 'noticed', 'deleting', 'deleted', 'cleared'] as const;
    expect(states.filter((state) => isDue({ marks: [mark({ state })] }))).toEqual(['deleted', 'cleared']);
  });

  test('an open dead letter of its marking waits for a person', () => {
    const dead = (resolvedAt: number | null) =>
      isDue({ deadLetters: [{ kind: 'mark-team-for-deletion', subject: 't', occasion: null, resolvedAt }] });
    expect(dead(null)).toBe(false);
    expect(dead(due)).toBe(true);
  });
});

describe('due to be deleted', () => {
  const now = due + 7 * day + 1;
  const parts = { teams: [team()], marks: [mark()] };

  test('4.7: its date is strict', () => {
    expect(dueToBeDeleted(world(now - 1, parts))).toEqual(new Set());
    expect(dueToBeDeleted(world(now, parts))).toEqual(new Set(['t']));
    expect(mayBeDeleted(world(now - 1, parts), 't')).toBe('its time is not over');
    expect(mayBeDeleted(world(now, parts), 't')).toBeUndefined();
  });

  test('every condition of the marking is read again', () => {
    expect(
      mayBeDeleted(world(now, { ...parts, customers: [customer({ teamId: 't', hasPaid: true })] }), 't'),
    ).toBe('subscribed');
    expect(
      mayBeDeleted(
        world(now, { ...parts, protections: [{ teamId: 't', kind: 'snooze', until: now + 1 }] }),
        't',
      ),
    ).toBe('protected');
    expect(mayBeDeleted(world(now, { ...parts, teams: [team({ createdAt: now })] }), 't')).toBe('too young');
  });

  test('without a notice that was sent there is no deletion', () => {
    const marking = mark({ state: 'marking', noticeSentAt: null, deleteAfter: null });
    expect(mayBeDeleted(world(now, { ...parts, marks: [marking] }), 't')).toBe('no notice');
    expect(mayBeDeleted(world(now, { ...parts, marks: [mark({ state: 'cleared' })] }), 't')).toBe(
      'no notice',
    );
    expect(mayBeDeleted(world(now, { ...parts, teams: [] }), 't')).toBe('no such team');
  });
});

describe('unverified users', () => {
  const isDue = (more: Partial<User>, parts: Partial<World> = {}, now = created + 10 * day + 1) =>
    unverifiedUsersDue(world(now, { users: [user(more)], ...parts })).has('u');

  test('4.2: ten days are strict, and a verified user stays', () => {
    expect(isDue({}, {}, created + 10 * day)).toBe(false);
    expect(isDue({})).toBe(true);
    expect(isDue({ isActive: false })).toBe(true);
    expect(isDue({ emailVerifiedAt: created })).toBe(false);
  });

  test('behaviour 5: no team, no customer, no log-in', () => {
    expect(isDue({}, { teams: [team()] })).toBe(false);
    expect(isDue({}, { memberships: [{ teamId: 'x', userId: 'u', role: 'invited' }] })).toBe(false);
    expect(isDue({ stripeCustomerId: 'c' })).toBe(false);
    expect(isDue({ lastSeenAt: created })).toBe(false);
  });
});

describe('trial reminders', () => {
  const trialEnd = at('2026-03-31T00:00:00.000Z');
  const trial = (more: Partial<Subscription> = {}) =>
    subscription({ status: 'trialing', trialStart: trialEnd - 30 * day, trialEnd, ...more });
  const offsets = (
    now: number,
    more: Partial<Subscription> = {},
    parts: Partial<World> = {},
    ...reminders: string[]
  ) =>
    trialRemindersDue(
      world(now, {
        subscriptions: [trial(more)],
        policies: { ...emptyWorld(0).policies, trialReminders: reminders.length > 0 ? reminders : ['P3D'] },
        ...parts,
      }),
    ).map(({ offset }) => offset);

  test('0.9: three days are strict, and so are the last 24 hours (ruling 11)', () => {
    expect(offsets(trialEnd - 3 * day)).toEqual([]);
    expect(offsets(trialEnd - 3 * day + 1)).toEqual(['P3D']);
    expect(offsets(trialEnd - day - 1)).toEqual(['P3D']);
    expect(offsets(trialEnd - day)).toEqual([]);
  });

  test('ruling 11: a trial up to the offset is too short', () => {
    const now = trialEnd - 2 * day;
    expect(offsets(now, { trialStart: trialEnd - 3 * day })).toEqual([]);
    expect(offsets(now, { trialStart: trialEnd - 3 * day - 1 })).toEqual(['P3D']);
  });

  test('not for a trial that ends with a cancellation', () => {
    const now = trialEnd - 2 * day;
    expect(offsets(now, { cancelAtPeriodEnd: true })).toEqual([]);
    expect(offsets(now, { cancelAt: trialEnd })).toEqual([]);
    expect(offsets(now, { cancelAt: trialEnd + 1 })).toEqual(['P3D']);
    expect(offsets(now, { gone: true })).toEqual([]);
    expect(offsets(now, { status: 'paused' })).toEqual([]);
  });

  test('of several offsets the nearest to the end speaks, once', () => {
    expect(offsets(trialEnd - 5 * day, {}, {}, 'P7D', 'P3D')).toEqual(['P7D']);
    expect(offsets(trialEnd - 2 * day, {}, {}, 'P7D', 'P3D')).toEqual(['P3D']);
    const mailed = (end: number) => ({
      notices: [
        {
          kind: 'trial-ending-email',
          subject: 's',
          occasion: trialOccasion('P3D', end),
          state: 'sent',
        } as const,
      ],
    });
    expect(offsets(trialEnd - 2 * day, {}, mailed(trialEnd), 'P7D', 'P3D')).toEqual([]);
    expect(offsets(trialEnd - 2 * day, {}, mailed(trialEnd - day), 'P7D', 'P3D')).toEqual(['P3D']);
  });
});

describe('expiring cards', () => {
  const end = at('2026-04-01T00:00:00.000Z');
  const card: Card = { id: 'k', customerId: 'c', expMonth: 3, expYear: 2026, detached: false };
  const isDue = (more: Partial<Subscription>, parts: Partial<World> = {}, now = end - 10 * day) =>
    expiringCardsDue(
      world(now, {
        cards: [card],
        customers: [customer({ defaultPaymentMethod: 'k' })],
        subscriptions: [subscription(more)],
        ...parts,
      }),
    ).has('k');

  test('ruling 12: the window is strict, and an expired card is not mailed', () => {
    expect(isDue({}, {}, end - 20 * day)).toBe(false);
    expect(isDue({}, {}, end - 20 * day + 1)).toBe(true);
    expect(isDue({}, {}, end - 1)).toBe(true);
    expect(isDue({}, {}, end)).toBe(false);
  });

  test('2.4: only where it backs something that will be charged', () => {
    const statuses = [
      'active',
      'trialing',
      'past_due',
      'unpaid',
      'paused',
      'canceled',
      'incomplete',
    ] as const;
    expect(statuses.filter((status) => isDue({ status }))).toEqual(['active', 'trialing', 'past_due']);
    expect(isDue({ amount: 0 })).toBe(false);
    expect(isDue({ amount: null })).toBe(true);
    expect(isDue({ cancelAtPeriodEnd: true })).toBe(false);
    expect(isDue({ defaultPaymentMethod: 'another' })).toBe(false);
    expect(isDue({ defaultPaymentMethod: 'k' }, { customers: [] })).toBe(true);
    expect(isDue({}, { cards: [{ ...card, detached: true }] })).toBe(false);
  });

  test('one mail a card and expiry', () => {
    const mailed = (month: number) => ({
      notices: [
        {
          kind: 'expiring-card-email',
          subject: 'k',
          occasion: cardOccasion(2026, month),
          state: 'sent',
        } as const,
      ],
    });
    expect(isDue({}, mailed(3))).toBe(false);
    expect(isDue({}, mailed(2))).toBe(true);
  });
});
