import { describe, expect, test } from 'vitest';
import { created, customer, day, due, mark, subscription, team, user, world } from './examples.ts';
import { dueToBeDeleted, dueToBeMarked, mayBeDeleted, unverifiedUsersDue } from './index.ts';
import type { Subscription, User, World } from './index.ts';

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
    const elsewhere = team({ id: 'another', ownerId: null, stripeCustomerId: 'c' });
    expect(isDue({ ...paid, teams: [team(), elsewhere] })).toBe(true);
  });

  test.each([
    [null, false],
    [due + 2, false],
    [due + 1, true],
    [due, true],
  ])('ruling 6: a protection until %s (due: %s)', (until, expected) => {
    expect(isDue({ protections: [{ teamId: 't', kind: 'hold', until }] })).toBe(expected);
  });

  test('ruling 6, 4.3: only a live mark whose notice was sent keeps it from being marked anew', () => {
    const states = ['marking', 'noticed', 'deleting', 'deleted', 'cleared'] as const;
    const anew = states.filter((state) => isDue({ marks: [mark({ state })] }));
    expect(anew).toEqual(['marking', 'deleted', 'cleared']);
  });

  test('ruling 9: nobody to write to: it waits for a person', () => {
    const found = (acknowledgedAt: number | null) =>
      isDue({ findings: [{ kind: 'nobody-to-notify', teamId: 't', acknowledgedAt }] });
    expect(found(null)).toBe(false);
    expect(found(due)).toBe(true);
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

  test('4.7, ruling 15: who is asked for is found by the date alone, so that the job takes back what it must', () => {
    const paid = { ...parts, customers: [customer({ teamId: 't', hasPaid: true })] };
    expect(dueToBeDeleted(world(now, paid))).toEqual(new Set(['t']));
    expect(dueToBeDeleted(world(now, { ...parts, teams: [] }))).toEqual(new Set(['t']));
    const deadLetters = [
      { kind: 'delete-inactive-team', subject: 't', occasion: null, resolvedAt: null } as const,
    ];
    expect(dueToBeDeleted(world(now, { ...parts, deadLetters }))).toEqual(new Set());
  });

  test('ruling 9: whoever owns it now was told nothing', () => {
    expect(mayBeDeleted(world(now, { ...parts, teams: [team({ ownerId: 'v' })] }), 't')).toBe('a new owner');
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
