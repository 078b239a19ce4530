import type {
  Card,
  Customer,
  Mark,
  Membership,
  Protection,
  Subscription,
  Team,
  User,
  World,
} from './world.ts';

function groupBy<T>(
  rows: readonly T[],
  key: (row: T) => string | null,
): (key: string | null) => readonly T[] {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const at = key(row);
    if (at === null) continue;
    const group = groups.get(at);
    if (group) group.push(row);
    else groups.set(at, [row]);
  }
  return (at) => (at === null ? [] : (groups.get(at) ?? []));
}

/** Who belongs to whom, looked up once for a whole world. */
export interface Known {
  team(id: string): Team | undefined;
  user(id: string | null): User | undefined;
  customer(id: string | null): Customer | undefined;
  card(id: string | null): Card | undefined;
  teamsOwned(userId: string): readonly Team[];
  teamsWith(customerId: string | null): readonly Team[];
  memberships(userId: string): readonly Membership[];
  customersNaming(teamId: string): readonly Customer[];
  subscriptionsOf(customerId: string | null): readonly Subscription[];
  subscriptionsOn(cardId: string): readonly Subscription[];
  customersOn(cardId: string): readonly Customer[];
  protections(teamId: string): readonly Protection[];
  marks(teamId: string): readonly Mark[];
  /** A mail of this kind, subject and occasion was sent, given up or decided against. */
  noticed(kind: string, subject: string, occasion: string): boolean;
  /** People were told of this about a team, and nobody has answered. */
  isFound(kind: string, teamId: string): boolean;
  /** A job of this kind, subject and occasion lies dead, and nobody has dealt with it. */
  gaveUp(kind: string, subject: string, occasion: string | null): boolean;
}

export function known(world: World): Known {
  const byId = <T extends { id: string }>(rows: readonly T[]) => {
    const map = new Map(rows.map((row) => [row.id, row]));
    return (id: string | null) => (id === null ? undefined : map.get(id));
  };
  const words = (...parts: (string | null)[]) => JSON.stringify(parts);
  const notices = new Set(world.notices.map((row) => words(row.kind, row.subject, row.occasion)));
  const dead = new Set(
    world.deadLetters
      .filter((row) => row.resolvedAt === null)
      .map((row) => words(row.kind, row.subject, row.occasion)),
  );
  const findings = new Set(
    world.findings.filter((row) => row.acknowledgedAt === null).map((row) => words(row.kind, row.teamId)),
  );
  return {
    team: byId(world.teams),
    user: byId(world.users),
    customer: byId(world.customers),
    card: byId(world.cards),
    teamsOwned: groupBy(world.teams, (team) => team.ownerId),
    teamsWith: groupBy(world.teams, (team) => team.stripeCustomerId),
    memberships: groupBy(world.memberships, (membership) => membership.userId),
    customersNaming: groupBy(world.customers, (customer) => customer.teamId),
    subscriptionsOf: groupBy(world.subscriptions, (subscription) => subscription.customerId),
    subscriptionsOn: groupBy(world.subscriptions, (subscription) => subscription.defaultPaymentMethod),
    customersOn: groupBy(world.customers, (customer) => customer.defaultPaymentMethod),
    protections: groupBy(world.protections, (protection) => protection.teamId),
    marks: groupBy(world.marks, (mark) => mark.teamId),
    noticed: (kind, subject, occasion) => notices.has(words(kind, subject, occasion)),
    isFound: (kind, teamId) => findings.has(words(kind, teamId)),
    gaveUp: (kind, subject, occasion) => dead.has(words(kind, subject, occasion)),
  };
}
