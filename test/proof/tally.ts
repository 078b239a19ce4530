import type { Check } from './checks/index.ts';
import {
  known,
  whyCardQuiet,
  whyNotDeleted,
  whyNotMarked,
  whyNotReminded,
  whyNotToBeDeleted,
  whyUserKept,
} from './oracle/index.ts';
import type { Known, World } from './oracle/index.ts';

/** What each rule may say, of which the world must hold enough. */
export const reasons = {
  'to be marked': ['due', 'too young', 'subscribed', 'protected', 'told', 'nobody to tell', 'gave up'],
  'deletion asked for': ['due', 'no notice', 'its time is not over', 'gave up'],
  'may be deleted': [
    'due',
    'no notice',
    'its time is not over',
    'too young',
    'subscribed',
    'protected',
    'a new owner',
  ],
  'unverified user': [
    'due',
    'verified',
    'too young',
    'owns a team',
    'is in a team',
    'customer',
    'has logged in',
  ],
  'trial mail': ['due', 'no trial', 'cancelled', 'late', 'early', 'short', 'superseded', 'mailed', 'gave up'],
  'card mail': ['due', 'detached', 'expired', 'early', 'backs nothing', 'mailed', 'gave up'],
} satisfies Record<string, string[]>;

type Rule = keyof typeof reasons;

/** By kind: what the oracle says, and why, of each subject. */
const rules: Record<
  string,
  (world: World, facts: Known) => readonly (readonly [Rule, string | undefined])[]
> = {
  'mark-team-for-deletion': (world, facts) =>
    world.teams.map((team) => ['to be marked', whyNotMarked(team, world, facts)]),
  'delete-inactive-team': (world, facts) => [
    ...world.marks.map(({ teamId }) => ['deletion asked for', whyNotDeleted(teamId, world, facts)] as const),
    ...world.teams.map((team) => ['may be deleted', whyNotToBeDeleted(team, world, facts)] as const),
  ],
  'delete-unverified-users': (world, facts) =>
    world.users.map((user) => ['unverified user', whyUserKept(user, world, facts)]),
  'trial-ending-email': (world, facts) =>
    world.subscriptions.flatMap((one) =>
      world.policies.trialReminders.map(
        (offset) => ['trial mail', whyNotReminded(one, offset, world, facts)] as const,
      ),
    ),
  'expiring-card-email': (world, facts) =>
    world.cards.map((card) => ['card mail', whyCardQuiet(card, world, facts)]),
};

/** How often each rule says what, over all that is asked. */
export function tally(world: World, checks: readonly Check[]): ReadonlyMap<string, number> {
  const counted = new Map<string, number>();
  for (const { name, askings } of checks) {
    const rule = rules[name];
    if (!rule) continue;
    for (const asked of askings) {
      const then = { ...world, ...asked };
      for (const [of, why] of rule(then, known(then))) {
        const key = `${of}: ${why ?? 'due'}`;
        counted.set(key, (counted.get(key) ?? 0) + 1);
      }
    }
  }
  return counted;
}
