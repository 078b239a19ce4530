import {
  deleteJob,
  noAgeOfAnswers,
  noVetoOfStripe,
  noTeamLock,
  noUserLock,
  withoutLock,
} from './mutation.ts';
import type { Mutation } from './mutation.ts';
import {
  aMinutePasses,
  changesItsMind,
  changesOwner,
  holds,
  joins,
  keeps,
  linksOwner,
  subscribes,
  writesBoth,
} from './people.ts';
import { crashes, deletes } from './workers.ts';

/** From the date to the owner. */
export const deleting: readonly Mutation[] = [
  {
    guard: 'The mark is locked',
    changes: [{ statement: 'lockMark', ...withoutLock }],
    situation: 'due',
    roles: [deletes, keeps],
    stops: ['before tx.beginDeletion'],
    wrong: /deleted in spite of kept/,
  },
  {
    guard: 'The team is locked',
    changes: [noTeamLock],
    situation: 'due',
    roles: [deletes, changesOwner],
    stops: ['before tx.beginDeletion'],
    wrong: /deleted though its owner was told nothing/,
  },
  {
    guard: 'Its owner is locked',
    changes: [noUserLock],
    situation: 'due',
    roles: [deletes, linksOwner],
    stops: ['before tx.beginDeletion'],
    wrong: /deleted in spite of a subscribed customer/,
  },
  {
    guard: 'What speaks for it is read again under lock, and whose it is',
    changes: [
      {
        file: deleteJob,
        find: 'const why = speaksAgainst(current) ?? newOwner(current, mark);',
        replace: 'const why = speaksAgainst(current) && undefined;',
      },
    ],
    situation: 'due',
    roles: [deletes, changesOwner],
    stops: ['before tx.lockMark'],
    wrong: /deleted though its owner was told nothing/,
  },
  {
    guard: 'The mark must still stand',
    changes: [{ file: deleteJob, find: "held?.state !== 'noticed' || !held.isDue", replace: '!held?.isDue' }],
    situation: 'due',
    roles: [deletes, changesItsMind],
    stops: ['before tx.lockMark'],
    wrong: /deleted though its mark was taken back/,
  },
  {
    guard: 'An answer of Stripe is too old after 60 seconds',
    changes: [noAgeOfAnswers],
    situation: 'due',
    roles: [deletes, aMinutePasses],
    stops: ['before tx.lockMark'],
    wrong: /deleted on an answer of Stripe's that was a minute old/,
  },
  {
    guard: 'What Stripe has against it stops the deletion',
    changes: [noVetoOfStripe],
    situation: 'due',
    roles: [deletes, subscribes],
    stops: [],
    wrong: /deleted in spite of a subscription that Stripe knew of when asked/,
  },
  {
    guard: 'Its step is recorded in the transaction of the deletion',
    changes: [
      {
        file: deleteJob,
        find: 'await tx.beginDeletion({ id: mark.id, now: ctx.now, customerIds: asked.own });',
        replace: '',
      },
    ],
    situation: 'due',
    roles: [deletes, crashes],
    stops: ['committed'],
    wrong: /deleted without a mark that says so/,
  },
  {
    guard: 'Stripe is asked once more when the team is gone',
    changes: [
      {
        file: deleteJob,
        find: 'const alive = await lookAfterwards(ctx, id, mark, teamCustomers);',
        replace: 'const alive = false;',
      },
    ],
    situation: 'due',
    roles: [deletes, subscribes],
    stops: ['committed'],
    wrong: /Stripe was not asked once more/,
  },
  {
    guard: '… about the customers that nothing links any more',
    changes: [
      {
        file: deleteJob,
        find: '{ id, ownerEmail: owner?.email ?? null }, teamCustomers)',
        replace: '{ id, ownerEmail: owner?.email ?? null }, [])',
      },
    ],
    situation: 'due',
    roles: [deletes, subscribes],
    stops: ['committed'],
    wrong: /Stripe was not asked once more/,
  },
  {
    guard: '… which a later run still knows',
    changes: [{ file: deleteJob, find: 'mark.customerIds ?? []', replace: '[]' }],
    situation: 'due',
    roles: [deletes, crashes, subscribes],
    stops: ['committed'],
    wrong: /Stripe was not asked once more/,
  },
  {
    guard: 'A subscription that began while the team went keeps the owner',
    changes: [
      {
        file: deleteJob,
        find: "(alive ? 'the team subscribed while it was deleted' : own",
        replace: '(own',
      },
    ],
    situation: 'due',
    roles: [deletes, subscribes],
    stops: ['committed'],
    wrong: /the owner is gone, who subscribed meanwhile/,
  },
  {
    guard: 'The mark is locked: a hold that is being recorded counts',
    changes: [
      {
        file: deleteJob,
        find: '  await tx.lockMark({ id: mark.id, now: ctx.now });\n  if (ownerId !== null)',
        replace: '  if (ownerId !== null)',
      },
    ],
    situation: 'due',
    roles: [deletes, holds],
    stops: ['before tx.deleteUser'],
    wrong: /the owner is gone in spite of a hold/,
  },
  {
    guard: 'A hold on the team keeps them',
    changes: [
      {
        file: deleteJob,
        find: "return (await tx.holdsOnTeam({ teamId, now })).length > 0 ? 'the team is held' : undefined;",
        replace: 'return undefined;',
      },
    ],
    situation: 'due',
    roles: [deletes, holds],
    stops: ['committed'],
    wrong: /the owner is gone in spite of a hold/,
  },
  {
    guard: 'The owner is locked',
    changes: [noUserLock],
    situation: 'due',
    roles: [deletes, joins],
    stops: ['before tx.deleteUser'],
    wrong: /the owner is gone, who was in another team/,
  },
  {
    guard: 'What ties them to the app keeps them: a membership or an invitation',
    changes: [
      {
        statement: 'ownerToEnd',
        find: 'where m.user_id = u.id)',
        replace: 'where m.user_id = u.id and m.user_id is null)',
      },
    ],
    situation: 'due',
    roles: [deletes, joins],
    stops: [],
    wrong: /the owner is gone, who was in another team/,
  },
  {
    guard: 'A deadlock uses no attempt',
    changes: [{ deafTo: '40P01' }],
    situation: 'due',
    roles: [deletes, writesBoth],
    stops: ['before tx.lockTeam', 'before tx.lockUser', 'written'],
    wrong: /delete-inactive-team (is dead|has used up)/,
  },
];
