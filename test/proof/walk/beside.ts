import type { StripePort } from '../../../src/core/stripe.ts';
import type { RunnerOptions } from '../../../src/queue/runner.ts';
import type { Chance } from './chance.ts';
import type { Doings } from './doings.ts';
import type { Team } from './ledger.ts';
import type { Machine, Ticket } from './machine.ts';
import type { World } from './world.ts';

interface Parts {
  readonly world: World;
  readonly doings: Doings;
  readonly machine: Machine;
  readonly chance: Chance;
  readonly stripe: StripePort;
}

const toTeams = {
  'it subscribes, and that is mirrored': 4,
  'it subscribes, and that is mirrored at the same time': 2,
  'it subscribes, and only Stripe knows': 2,
  'an operator protects it': 3,
  'it is given away': 3,
};

/** What happens when a job has asked Stripe and has not locked anything yet; nothing for kinds that lock nothing. */
export function besideJob({ kind, payload }: Ticket, parts: Parts): Partial<RunnerOptions> | undefined {
  switch (kind) {
    case 'mark-team-for-deletion':
    case 'delete-inactive-team': {
      const team = parts.world.ledger.team(payload.teamId ?? '');
      return afterAsking(parts.stripe, () => happenToTeam(team, parts));
    }
    case 'delete-unverified-users':
      return afterAsking(parts.stripe, (email) => happenToPerson(email, parts));
    default:
      return undefined;
  }
}

async function happenToTeam(team: Team, { world, doings, machine, chance }: Parts): Promise<void> {
  const what = chance.weighted(toTeams);
  if (what === 'an operator protects it') return await doings.protect(team);
  if (what === 'it is given away') return await world.giveTo(team, await world.person());

  const known = team.customer === null ? undefined : world.ledger.customers.get(team.customer);
  if (known?.deleted) return;
  const owner = world.ledger.person(team.ownerId);
  const customer = known ?? (await world.customer(team, { by: 'metadata', email: owner?.email ?? null }));
  const isRace = what === 'it subscribes, and that is mirrored at the same time';
  await world.subscribe(customer, 'trial', isRace);
  if (what === 'it subscribes, and only Stripe knows') return;
  await machine.ask('sync-customer', { customerId: customer.id });
  const mirrored = machine.runBeside('sync-customer');
  if (isRace) machine.meanwhile(mirrored);
  else await mirrored;
}

async function happenToPerson(email: string, { world, chance }: Parts): Promise<void> {
  const person = world.ledger.livingPeople.find((one) => one.email === email);
  const team = chance.among(world.ledger.livingTeams);
  if (!person || !team) return;
  switch (chance.weighted({ seen: 1, verified: 1, joins: 1 })) {
    case 'seen':
      return await world.change(person, { seen: true });
    case 'verified':
      return await world.change(person, { verified: true });
    case 'joins':
      return await world.join(team, person);
  }
}

/** Stripe for one run: when it has first been asked about an address, this happens. */
function afterAsking(stripe: StripePort, happens: (email: string) => Promise<void>): Partial<RunnerOptions> {
  let happened = false;
  return {
    stripe: {
      ...stripe,
      async findCustomers(email) {
        const found = await stripe.findCustomers(email);
        if (happened) return found;
        happened = true;
        await happens(email);
        return found;
      },
    },
  };
}
