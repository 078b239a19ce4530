import { stillOpen, withoutLock } from './mutation.ts';
import type { Mutation } from './mutation.ts';
import { joins, keeps, snoozes } from './people.ts';
import { deletes, deletesInline, marks, subscribesAndIsMirrored } from './workers.ts';

/** By a job, the link, the mirror, an operator. */
export const takingBack: readonly Mutation[] = [
  {
    guard: 'Only what is being made or was sent is taken back: by a job',
    changes: [{ statement: 'clearMark', find: stillOpen, replace: '' }],
    situation: 'due',
    roles: [deletes, deletesInline],
    stops: ['after liveMark', 'committed'],
    wrong: /the mark was deleting, and is cleared|inline failed: unexpected 23514/,
  },
  {
    guard: '… by the link',
    changes: [{ statement: 'keepTeam', find: stillOpen, replace: '' }],
    situation: 'due',
    roles: [deletes, keeps],
    stops: ['before commit', 'committed'],
    wrong: /the mark was deleting, and is cleared/,
  },
  {
    guard: 'A subscription takes the mark back, in the transaction that mirrors it',
    changes: [
      {
        file: 'sql/functions/clear_marks.sql',
        find: 'from marked where d.id = marked.id',
        replace: 'from marked where d.id = marked.id and false',
      },
    ],
    situation: 'due',
    roles: [subscribesAndIsMirrored, joins],
    stops: [],
    wrong: /it bears a mark in spite of a mirrored subscription/,
  },
  {
    guard: 'An operator takes back a mark that was opened meanwhile',
    changes: [
      {
        file: 'src/cli/commands/protections.ts',
        find: 'const late = await database.transaction((tx) => takeBack(tx, { ...order, ...end }));',
        replace: 'const late = null;',
      },
    ],
    situation: 'asleep',
    roles: [marks, snoozes],
    stops: ['before tx.openMark', 'before commit', 'after mail'],
    wrong: /it bears a mark in spite of snooze/,
  },
  {
    guard: 'An operator waits for a deletion that has begun, and says that it came too late',
    changes: [{ statement: 'lockMarkOfTeam', ...withoutLock }],
    situation: 'due',
    roles: [deletes, snoozes],
    stops: ['before tx.deleteTeam'],
    wrong: /deleted, and snooze was said to have come in time/,
  },
];
