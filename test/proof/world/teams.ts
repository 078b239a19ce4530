import type { Instant, Mark, Protection, Team, User } from '../oracle/index.ts';
import type { Making } from './making.ts';
import { addCustomer, addSubscription, addTeam, addUser, statuses } from './making.ts';
import { born, day, inactiveTeamAges, moments, monthEnd } from './moments.ts';

/** Teams that may be asleep: each with an age, an owner, a billing past, protections, marks, and what people were told. */
export function addTeams(making: Making, count: number): void {
  const { dice, world } = making;
  const owners: User[] = [];
  for (let index = 0; index < count; index++) {
    const [usual, other] = inactiveTeamAges;
    const moment = dice.pick(moments);
    const age = moment === monthEnd && dice.chance(0.2) ? other : usual;
    const owner = ownerOf(making, owners);
    const team = addTeam(making, { ownerId: owner?.id ?? null, createdAt: born(dice, moment, age) });
    if (owner && dice.chance(0.8)) {
      world.memberships.push({ teamId: team.id, userId: owner.id, role: 'owner' });
    }
    addPast(making, team, owner);
    addProtections(making, team, moment);
    addMarks(making, team.id, team.ownerId, moment);
    addSigns(making, team, moment);
  }
  // the app has deleted these itself
  for (const moment of moments) {
    for (let index = 0; index < 20; index++) addMarks(making, making.id(), null, moment);
  }
}

/** Nobody, somebody new, or somebody who has teams already. */
function ownerOf(making: Making, owners: User[]): User | undefined {
  const { dice } = making;
  if (dice.chance(0.05)) return undefined;
  if (owners.length > 0 && dice.chance(0.2)) return dice.pick(owners);
  const owner = addUser(making);
  owners.push(owner);
  return owner;
}

const links = [
  'column',
  'metadata',
  'owner',
  'column without a customer',
  'column that another team has',
  'owner with the column of another team',
  'owner besides a column',
  'metadata besides a column',
  'metadata of nobody',
] as const;

function addPast(making: Making, team: Team, owner: User | undefined): void {
  const { dice, world, id } = making;
  const link = dice.mostly(undefined, links);
  const others = () => world.teams.filter((other) => other.stripeCustomerId !== null);
  switch (link) {
    case undefined:
      return;
    case 'column':
      team.stripeCustomerId = customerWithPast(making);
      return;
    case 'metadata':
      customerWithPast(making, team.id);
      return;
    case 'owner':
      if (owner) owner.stripeCustomerId ??= customerWithPast(making);
      return;
    case 'column without a customer':
      team.stripeCustomerId = id('cus_');
      if (dice.chance(0.5)) addSubscription(making, team.stripeCustomerId, { status: dice.pick(statuses) });
      return;
    case 'column that another team has':
      if (others().length > 0) team.stripeCustomerId = dice.pick(others()).stripeCustomerId;
      return;
    case 'owner with the column of another team':
      if (owner && others().length > 0) owner.stripeCustomerId ??= dice.pick(others()).stripeCustomerId;
      return;
    case 'owner besides a column':
      team.stripeCustomerId = addCustomer(making).id;
      if (owner) owner.stripeCustomerId ??= customerWithPast(making);
      return;
    case 'metadata besides a column':
      team.stripeCustomerId = addCustomer(making).id;
      customerWithPast(making, team.id);
      return;
    case 'metadata of nobody':
      customerWithPast(making, dice.pick(['nobody', '99999999999999999999', '-1']));
      return;
  }
}

/** Nothing, a paid invoice, or subscriptions in any status, there still or gone; deleted, perhaps. */
function customerWithPast(making: Making, teamId: string | null = null): string {
  const { dice } = making;
  const { id } = addCustomer(making, { teamId, hasPaid: dice.chance(0.2), deleted: dice.chance(0.2) });
  const count = dice.pick([0, 1, 1, 1, 2]);
  for (let index = 0; index < count; index++) {
    const status = dice.chance(0.3) ? 'incomplete_expired' : dice.pick(statuses);
    addSubscription(making, id, { status, gone: dice.chance(0.3) });
  }
  return id;
}

function addProtections({ dice, world }: Making, { id: teamId }: Team, moment: Instant): void {
  const kinds = ['snooze', 'exempt', 'hold'] as const;
  const chosen: readonly Protection['kind'][] = dice.mostly<readonly Protection['kind'][]>(
    [],
    [['snooze'], ['exempt'], ['hold'], ['snooze', 'hold'], kinds],
  );
  for (const kind of chosen) {
    const endless = kind === 'snooze' ? moment + 180 * day : null;
    const until = dice.pick([moment - 1, moment, moment + 1, moment - 90 * day, endless]);
    world.protections.push({ teamId, kind, until });
  }
}

/** What is over, then at most one that lives. */
function addMarks(making: Making, teamId: string, ownerId: string | null, moment: Instant): void {
  const { dice, world } = making;
  const mark = (state: Mark['state'], deleteAfter: Instant | null): Mark => ({
    teamId,
    state,
    ownerId: dice.chance(0.85) ? ownerId : null,
    markedAt: (deleteAfter ?? moment) - 7 * day,
    noticeSentAt: deleteAfter === null ? null : deleteAfter - 7 * day,
    deleteAfter,
  });
  const past = moment - day - dice.below(30 * day);
  if (dice.chance(0.1)) world.marks.push(mark('cleared', dice.pick([null, past])));
  if (dice.chance(0.1)) world.marks.push(mark('deleted', past));
  const dates = [moment - 1, moment, moment + 1, moment + 3 * day, past, past];
  const live = dice.pick([
    'none',
    'none',
    'none',
    'none',
    'none',
    'marking',
    'noticed',
    'noticed',
    'noticed',
    'deleting',
  ]);
  if (live === 'marking') world.marks.push(mark('marking', null));
  if (live === 'noticed') world.marks.push(mark('noticed', dice.pick(dates)));
  if (live === 'deleting') world.marks.push(mark('deleting', past));
}

/** What lies dead, and what people were told. */
function addSigns({ dice, world }: Making, { id }: Team, moment: Instant): void {
  const answered = () => dice.pick([null, moment - day]);
  const dead = dice.mostly(undefined, ['mark-team-for-deletion', 'delete-inactive-team'] as const);
  if (dead) world.deadLetters.push({ kind: dead, subject: id, occasion: null, resolvedAt: answered() });
  const found = dice.mostly(undefined, ['nobody-to-notify', 'stripe-veto']);
  if (found) world.findings.push({ kind: found, teamId: id, acknowledgedAt: answered() });
  if (dice.chance(0.05))
    world.memberships.push({ teamId: id, userId: dice.pick(world.users).id, role: 'member' });
}
