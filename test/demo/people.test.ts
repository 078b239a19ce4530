import { afterEach, describe, expect, it, vi } from 'vitest';
import { readArguments } from '../../demo/arguments.ts';
import { makeTeams, newcomer } from '../../demo/people.ts';

describe('the made-up teams', () => {
  const teams = makeTeams();
  const people = teams.flatMap(({ owner, members }) => [owner, ...members]);

  it('are the same every time', () => {
    expect(makeTeams()).toEqual(teams);
  });

  it('are a few hundred, each with a name of its own', () => {
    expect(teams).toHaveLength(240);
    expect(new Set(teams.map(({ name }) => name)).size).toBe(240);
    expect(people.length).toBeGreaterThan(300);
    expect(new Set(people.map(({ id }) => id)).size).toBe(people.length);
  });

  it('have addresses that belong to nobody', () => {
    expect(people.filter(({ email }) => !/^[a-z.]+\.\d+@example\.com$/.test(email))).toEqual([]);
  });

  it('stand in every way to Stripe, most of them paying', () => {
    const count = (billing: string) => teams.filter((team) => team.billing === billing).length;
    expect(['paying', 'trialing', 'left', 'never'].map(count)).toEqual([144, 24, 24, 48]);
  });

  it('are asleep five of them, with owners who can be written to; all others are young or have subscribed', () => {
    const never = teams.filter(({ billing }) => billing === 'never');
    const asleep = never.filter(({ createdDaysAgo }) => createdDaysAgo > 184);
    expect(asleep.map(({ owner }) => owner.verified)).toEqual([true, true, true, true, true]);
    // for weeks to come: the data outlive a demo
    const young = never.filter((team) => !asleep.includes(team));
    expect(young.filter(({ createdDaysAgo }) => createdDaysAgo > 130)).toEqual([]);
  });
});

describe('a team that comes later', () => {
  const of = { name: 'Violet Weavers', billing: 'paying', createdDaysAgo: 40 } as const;
  const ids = { team: 241, person: 500 };
  afterEach(() => void vi.useRealTimers());

  it('has an address of its own, and a card that is good for long', () => {
    const team = newcomer(of, ids);
    expect(team).toMatchObject({ id: 241, name: 'Violet Weavers', timeZone: 'UTC', cardMonthsLeft: 24 });
    expect(team.owner.email).toBe('ada.brandt.500@example.com');
  });

  it.each([
    ['2026-11-01T00:00:00Z', 0],
    ['2026-11-29T23:59:59Z', 0],
    ['2026-11-30T00:00:01Z', 1],
    ['2026-12-31T23:59:59Z', 1],
  ])('at %s has a card that expires in the month of tomorrow', (now, cardMonthsLeft) => {
    vi.useFakeTimers({ now: new Date(now), toFake: ['Date'] });
    expect(newcomer({ ...of, cardExpires: 'soon' }, ids).cardMonthsLeft).toBe(cardMonthsLeft);
  });
});

describe('the command line', () => {
  it('knows its flags', () => {
    expect(readArguments([])).toEqual({ once: false, fresh: false, help: false });
    expect(readArguments(['--once', '--fresh'])).toEqual({ once: true, fresh: true, help: false });
  });

  it.each([[['--twice']], [['once']], [['--once=yes']]])('refuses %j', (args) => {
    expect(readArguments(args)).toHaveProperty('problem');
  });
});
