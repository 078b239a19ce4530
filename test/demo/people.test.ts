import { describe, expect, it } from 'vitest';
import { readArguments } from '../../demo/arguments.ts';
import { makeTeams } from '../../demo/people.ts';

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
