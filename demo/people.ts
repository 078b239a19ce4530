/** A user of the example app; `joinedDaysAgo` and the like count back from the first start of the demo. */
export interface Person {
  readonly id: number;
  readonly name: string;
  readonly email: string;
  readonly verified: boolean;
  readonly joinedDaysAgo: number;
}

export type Billing = 'paying' | 'trialing' | 'left' | 'never';

/** A team of the example app, with how it stands at Stripe. */
export interface Team {
  readonly id: number;
  readonly name: string;
  readonly owner: Person;
  readonly members: readonly Person[];
  readonly timeZone: string;
  readonly createdDaysAgo: number;
  readonly billing: Billing;
  readonly plan: Plan;
  /** When its card expires, in months from now; below 0 it already has. */
  readonly cardMonthsLeft: number;
}

export interface Plan {
  readonly id: string;
  readonly name: string;
  readonly cents: number;
}

export const plans: readonly [Plan, Plan, Plan] = [
  { id: 'price_DemoStarter', name: 'Starter', cents: 900 },
  { id: 'price_DemoTeam', name: 'Team', cents: 2_900 },
  { id: 'price_DemoBusiness', name: 'Business', cents: 9_900 },
];

const teamCount = 240;

/** In days: the youngest, and how many more there are. Half a year without ever subscribing is old. */
const ages: Readonly<Record<Billing, readonly [number, number]>> = {
  paying: [5, 600],
  left: [5, 600],
  trialing: [1, 13],
  never: [5, 120],
};
const agesAsleep = [200, 400] as const;

const words = {
  first: 'Ada Bela Chidi Dara Edda Faro Gita Hugo Ines Juno Kofi Lena Milo Nora Otis Pia Remy Suri Tove Zeno',
  last: 'Abara Brandt Castel Dahl Ekholm Fontane Grau Holm Ibarra Jansen Kestrel Lindqvist Moreau Nakano Okafor Prins',
  quality:
    'Amber Blue Copper Dusky Early Fallow Golden Hazel Ivory Jade Little Misty Northern Open Quiet Russet',
  thing:
    'Anchor Bakery Canoe Dovecote Ferry Garden Harbour Kiln Lantern Meadow Orchard Pottery Quarry Rowers Sawmill Tannery',
  zone: 'Europe/Berlin Europe/Lisbon America/New_York America/Sao_Paulo Asia/Tokyo Asia/Kolkata Australia/Perth UTC',
};

// of ten teams: six pay, one is on trial, one has left, two never subscribed
const billings: readonly Billing[] = [
  'paying',
  'paying',
  'never',
  'paying',
  'trialing',
  'paying',
  'left',
  'paying',
  'never',
  'paying',
];

/** Every fiftieth team never subscribed and fell asleep: few enough to be ended in one day without blowing a fuse. */
const isAsleep = (index: number): boolean => index % 50 === 2;

/** The same made-up teams every time. */
export function makeTeams(): Team[] {
  const random = mulberry32(20_260_101);
  const upTo = (n: number): number => Math.floor(random() * n);
  const one = <T>(list: readonly [T, ...T[]] | readonly T[]): T => list[upTo(list.length)] as T;
  const lists = {
    first: words.first.split(' '),
    last: words.last.split(' '),
    quality: words.quality.split(' '),
    thing: words.thing.split(' '),
    zone: words.zone.split(' '),
  };
  let people = 0;
  const person = (joinedDaysAgo: number): Person => {
    const id = ++people;
    const [first, last] = [one(lists.first), one(lists.last)];
    const email = `${first}.${last}.${id}@example.com`.toLowerCase();
    return { id, name: `${first} ${last}`, email, verified: random() < 0.95, joinedDaysAgo };
  };
  // each name once: all pairs, in an order that looks like none
  const names = lists.quality.flatMap((quality) => lists.thing.map((thing) => `${quality} ${thing}`));
  for (let left = names.length - 1; left > 0; left -= 1) {
    const other = upTo(left + 1);
    [names[left], names[other]] = [names[other] as string, names[left] as string];
  }
  return names.slice(0, teamCount).map((name, index) => {
    const billing = billings[index % billings.length] ?? 'never';
    const [youngest, spread] = isAsleep(index) ? agesAsleep : ages[billing];
    const createdDaysAgo = youngest + upTo(spread);
    return {
      id: index + 1,
      name,
      owner: person(createdDaysAgo),
      members: Array.from({ length: upTo(3) }, () => person(upTo(createdDaysAgo))),
      timeZone: one(lists.zone),
      createdDaysAgo,
      billing,
      plan: one(plans),
      cardMonthsLeft: upTo(30) - 1,
    };
  });
}

/** What matters of a team that comes while the story is played. */
export interface Newcomer extends Pick<Team, 'name' | 'billing' | 'createdDaysAgo'> {
  /** With the month of tomorrow: within 32 days whatever day it is, and not in the next hours. */
  readonly cardExpires?: 'soon';
}

/** A team of one, in UTC, so that its days are Stripe's. */
export function newcomer(of: Newcomer, ids: { team: number; person: number }): Team {
  const { name, billing, createdDaysAgo, cardExpires } = of;
  const owner = {
    id: ids.person,
    name: 'Ada Brandt',
    email: `ada.brandt.${ids.person}@example.com`,
    verified: true,
    joinedDaysAgo: createdDaysAgo,
  };
  const month = (at: number) => new Date(at).getUTCMonth();
  const lastDay = month(Date.now()) !== month(Date.now() + 86_400_000);
  const cardMonthsLeft = cardExpires === undefined ? 24 : lastDay ? 1 : 0;
  const base = { id: ids.team, name, owner, members: [], timeZone: 'UTC' };
  return { ...base, createdDaysAgo, billing, plan: plans[1], cardMonthsLeft };
}

/** A small generator of numbers from 0 to 1 that everyone gets the same of. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
