import { describe, expect, test } from 'vitest';
import { at, customer, day, subscription, world } from './examples.ts';
import { cardOccasion, emptyWorld, expiringCardsDue, trialOccasion, trialRemindersDue } from './index.ts';
import type { Card, Subscription, World } from './index.ts';

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
    expect(offsets(now, { cancelAt: trialEnd - 1 })).toEqual([]);
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
    expect(offsets(trialEnd - 2 * day, {}, {}, 'PT72H', 'P3D')).toHaveLength(1);
  });

  test('months are counted back from the end: a month before 31 March is the last of February', () => {
    const february = at('2026-02-28T00:00:00.000Z');
    const long = { trialStart: at('2026-01-01T00:00:00.000Z') };
    expect(offsets(february, long, {}, 'P1M')).toEqual([]);
    expect(offsets(february + 1, long, {}, 'P1M')).toEqual(['P1M']);
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
    expect(isDue({ amount: 0 })).toBe(true);
    expect(isDue({ cancelAt: end })).toBe(false);
    expect(isDue({ cancelAt: end + 1 })).toBe(true);
    expect(isDue({ cancelAt: end + 1, currentPeriodEnd: end + 1 })).toBe(false);
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
