import { markJob, noAgeOfAnswers, noTeamLock, noVetoOfStripe, withoutLock } from './mutation.ts';
import type { Mutation } from './mutation.ts';
import { aMinutePasses, changesItsMind, changesOwner, mailIsRefused, snoozes, subscribes } from './people.ts';
import { crashes, marks, marksInline, subscribesAndIsMirrored } from './workers.ts';

/** From the first look to the clock. */
export const marking: readonly Mutation[] = [
  {
    guard: 'The mark is committed before the last look',
    changes: [
      {
        file: markJob,
        find: `const mark = live ? await dated(ctx, live) : await open(ctx, team);
    const held = await ctx.transaction((tx) => lookAgain(ctx, tx, team, mark, asked));
    if (held !== undefined) return heldBack(held);`,
        replace: `const held = await ctx.transaction(async (tx) => {
      await tx.holdTeam({ teamId: id });
      await tx.lockTeam({ teamId: id });
      const why = speaksAgainst(await lookUpTeam(ctx, id, tx));
      return why ?? throughFuse(ctx, tx, { kind: markTeamForDeletion.name, teamId: id, markId: 0 });
    });
    if (held !== undefined) return heldBack(held);
    const mark = live ?? (await open(ctx, team));`,
      },
    ],
    situation: 'asleep',
    roles: [marks, snoozes],
    stops: ['before tx.openMark'],
    wrong: /it bears a mark in spite of snooze/,
  },
  {
    guard: 'It waits for whoever mirrors a subscription of the team',
    changes: [{ statement: 'holdTeam', find: 'evenfall.hold_team($1)', replace: 'nullif($1, $1)' }],
    situation: 'asleep',
    roles: [marks, subscribesAndIsMirrored],
    stops: ['before tx.openMark', 'before tx.holdTeam', 'before commit'],
    wrong: /it bears a mark in spite of a mirrored subscription/,
  },
  {
    guard: '… who holds the team as well',
    changes: [
      {
        file: 'sql/functions/clear_marks.sql',
        find: 'select evenfall.hold_team(t.team_id)',
        replace: 'select t.team_id',
      },
    ],
    situation: 'asleep',
    roles: [marks, subscribesAndIsMirrored],
    stops: ['before tx.openMark', 'before tx.holdTeam', 'before commit'],
    wrong: /it bears a mark in spite of a mirrored subscription/,
  },
  {
    guard: 'The mark must still stand',
    changes: [
      {
        file: markJob,
        find: "if (held?.state !== 'marking') return 'its mark was taken back meanwhile';",
        replace: '',
      },
    ],
    situation: 'asleep',
    roles: [marks, changesItsMind],
    stops: ['before tx.holdTeam'],
    wrong: /told though its mark was taken back/,
  },
  {
    guard: 'The mark is locked',
    changes: [{ statement: 'lockMark', ...withoutLock }],
    situation: 'asleep',
    roles: [marks, snoozes],
    stops: ['before tx.tryTeamFuse'],
    wrong: /told (in spite of snooze|though its mark was taken back)/,
  },
  {
    guard: 'The team is locked',
    changes: [noTeamLock],
    situation: 'asleep',
    roles: [marks, changesOwner],
    stops: ['before tx.tryTeamFuse'],
    wrong: /told to who owns it no more/,
  },
  {
    guard: 'What speaks for it is read again under lock, and whose it is',
    changes: [
      {
        file: markJob,
        find: "speaksAgainst(current) ?? (current?.ownerId === team.ownerId ? undefined : 'it has a new owner');",
        replace: 'speaksAgainst(current) && undefined;',
      },
    ],
    situation: 'asleep',
    roles: [marks, changesOwner],
    stops: ['before tx.holdTeam'],
    wrong: /told to who owns it no more/,
  },
  {
    guard: 'What Stripe has against it stops the notice',
    changes: [noVetoOfStripe],
    situation: 'asleep',
    roles: [marks, subscribes],
    stops: [],
    wrong: /told in spite of a subscription that Stripe knew of when asked/,
  },
  {
    guard: 'An answer of Stripe that is too old is asked for anew',
    changes: [noAgeOfAnswers],
    situation: 'asleep',
    roles: [marks, aMinutePasses],
    stops: ['before tx.openMark'],
    wrong: /told on an answer of Stripe's that was a minute old/,
  },
  {
    guard: 'Of two runs one opens the mark, the other waits',
    changes: [
      {
        file: markJob,
        find: "facts: { class: 'mark_held' },\n    waiting: true,",
        replace: "facts: { class: 'mark_held' },",
      },
    ],
    situation: 'asleep',
    roles: [marks, marksInline],
    stops: ['before tx.openMark'],
    wrong: /mark-team-for-deletion has used up 1 attempts/,
  },
  {
    guard: 'A notice is claimed before it is sent',
    changes: [
      {
        file: 'sql/functions/claim_effect.sql',
        find: "when e.state = 'released' then 'claimed'",
        replace: "when true then 'claimed'",
      },
    ],
    situation: 'asleep',
    roles: [marks, marksInline],
    stops: ['before mail'],
    wrong: /told twice/,
  },
  {
    guard: 'What an earlier run began to send is settled first',
    changes: [{ file: markJob, find: 'await ctx.notices.giveUpBegun();', replace: '' }],
    situation: 'asleep',
    roles: [marks, crashes, snoozes],
    stops: ['after mail'],
    wrong: /stays claimed/,
  },
  {
    guard: 'The clock starts with the sending',
    changes: [
      {
        file: markJob,
        find: 'const sent = await ctx.notices.notify({',
        replace:
          'await ctx.transaction((tx) => startClock(tx, ctx.now));\n  const sent = await ctx.notices.notify({',
      },
    ],
    situation: 'asleep',
    roles: [marks, mailIsRefused],
    stops: [],
    // a clock of its own accord, or none at all: the statement wants to know to whom
    wrong: /a clock started before its mail|jobs still live/,
  },
  {
    guard: '… from a mark that still waits for it',
    changes: [{ statement: 'startClock', find: " and state = 'marking'", replace: '' }],
    situation: 'asleep',
    roles: [marks, snoozes],
    stops: ['after mail'],
    wrong: /mark-team-for-deletion is dead|the mark was cleared/,
  },
  {
    guard: 'One live mark a team',
    changes: [
      {
        schema: 'drop index evenfall.team_deletion_live',
        back: `create unique index team_deletion_live on evenfall.team_deletion (team_id)
          where state in ('marking', 'noticed', 'deleting')`,
      },
      {
        statement: 'openMark',
        find: "on conflict (team_id) where state in ('marking', 'noticed', 'deleting') do nothing",
        replace: '',
      },
    ],
    situation: 'asleep',
    roles: [marks, marksInline],
    stops: ['before tx.openMark'],
    wrong: /the team bears 2 marks/,
  },
];
