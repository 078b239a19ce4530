import type { Instant, User } from '../oracle/index.ts';
import type { Making } from './making.ts';
import { addTeam, addUser } from './making.ts';
import { born, day, moments, monthEnd, unverifiedUserAges } from './moments.ts';

const ties = ['owns a team', 'member', 'invited', 'customer', 'log-in', 'log-in and team'] as const;

/** People who mostly never verified their address, at every age, and what may tie them to the app. */
export function addUsers(making: Making, count: number): void {
  const { dice } = making;
  for (let index = 0; index < count; index++) {
    const [usual, other] = unverifiedUserAges;
    const moment = dice.pick(moments);
    const age = moment === monthEnd && dice.chance(0.3) ? other : usual;
    const createdAt = born(dice, moment, age);
    const verified = dice.chance(0.1) ? createdAt + day : null;
    const user = addUser(making, { createdAt, emailVerifiedAt: verified, lastSeenAt: null });
    tie(making, user, moment);
  }
}

function tie(making: Making, user: User, moment: Instant): void {
  const { dice, world, id } = making;
  const member = (role: string) =>
    world.memberships.push({ teamId: dice.pick(world.teams).id, userId: user.id, role });
  switch (dice.mostly(undefined, ties)) {
    case undefined:
      return;
    case 'owns a team':
      addTeam(making, { ownerId: user.id, createdAt: moment });
      return;
    case 'member':
      member('member');
      return;
    case 'invited':
      member('invited');
      return;
    case 'customer':
      user.stripeCustomerId = id('cus_');
      return;
    case 'log-in':
      user.lastSeenAt = user.createdAt;
      return;
    case 'log-in and team':
      user.lastSeenAt = user.createdAt;
      member('member');
      return;
  }
}
