import type { Change } from './altered.ts';
import type { Role } from './role.ts';
import type { Situation } from './scene.ts';

/** A guard taken away, and who must then come to harm. */
export interface Mutation {
  /** As docs/guards.md has it. */
  readonly guard: string;
  readonly changes: readonly Change[];
  readonly situation: Situation;
  readonly roles: readonly Role[];
  /** Where the roles stop. */
  readonly stops: readonly string[];
  /** What is then found wrong in one of the interleavings, and in none while the guard is there. */
  readonly wrong: RegExp;
}

export const deleteJob = 'jobs/delete-inactive-team.ts';
export const markJob = 'jobs/mark-team-for-deletion.ts';
export const stillOpen = " and state in ('marking', 'noticed')";
export const withoutLock = { find: ' for update', replace: '' };
export const noTeamLock: Change = {
  statement: 'lockTeam',
  find: 'evenfall.app_lock_team($1)',
  replace: 'nullif($1, $1)',
};
export const noUserLock: Change = {
  statement: 'lockUser',
  find: 'evenfall.app_lock_user($1)',
  replace: 'nullif($1, $1)',
};
export const noAgeOfAnswers: Change = {
  statement: 'askedLately',
  find: "clock_timestamp() - $1::text::timestamptz < interval '60 seconds'",
  replace: '$1::text is not null',
};
export const noVetoOfStripe: Change = {
  file: 'src/billing/team-ending.ts',
  find: 'if (why === undefined) return { team, asked };',
  replace: 'if (why !== null) return { team, asked };',
};
