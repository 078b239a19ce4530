import type { Sweep, Database, Statements } from '../../../src/db/connect.ts';
import type { StripePort } from '../../../src/core/stripe.ts';
import type { Verdict } from './judge.ts';
import type { Likelihoods } from './troubles.ts';

/** A fault that somebody could put into Evenfall, and what the judge has to say of it. */
export interface Mutant {
  readonly name: string;
  readonly rule: Verdict['rule'];
  readonly says: RegExp;
  /** A function of the database, with this of its text replaced. */
  readonly sql?: { readonly signature: string; readonly replace: string; readonly by: string };
  /** The statements that answer otherwise; `inTransaction` those behind the locks alone. */
  readonly statements?: (real: Statements) => Partial<Statements>;
  readonly inTransaction?: (real: Statements, outside: Statements) => Partial<Statements>;
  readonly sweeps?: Readonly<Record<string, Pick<Sweep, 'enqueue'>>>;
  readonly stripe?: (real: StripePort) => Partial<StripePort>;
  /** What makes the fault show sooner. */
  readonly likely?: Partial<Likelihoods>;
}

export const mutants: readonly Mutant[] = [
  {
    name: 'a subscription that is over counts no more',
    rule: 'wrong notice',
    says: /has subscribed: sub_\w+ \(canceled\)/,
    sql: {
      signature: 'evenfall.team_spared(text, timestamptz)',
      replace: "s.status <> 'incomplete_expired'",
      by: "s.status in ('active', 'trialing', 'past_due')",
    },
  },
  {
    name: 'a snooze counts no more',
    rule: 'wrong notice',
    says: /snooze since/,
    sql: {
      signature: 'evenfall.team_spared(text, timestamptz)',
      replace: '(p.until is null or p.until > $2)',
      by: "(p.until is null or p.until > $2) and p.kind <> 'snooze'",
    },
  },
  {
    name: 'what was looked up before the locks is not looked up again behind them',
    rule: 'wrong deletion',
    says: /another owner was told/,
    statements: remembersTeams,
    inTransaction: answersFromMemory,
    likely: { beside: 0.5 },
  },
  {
    name: 'no picture of Stripe is needed',
    rule: 'wrong notice',
    says: /no complete picture/,
    statements: (real) => ({
      pictureOfStripe: async () =>
        (await real.pictureOfStripe()).map((row) => ({ ...row, isFresh: true, isOurs: true })),
    }),
    likely: { noBackfill: 0.2 },
  },
  {
    name: 'a team goes though another owner was told',
    rule: 'wrong deletion',
    says: /another owner was told/,
    statements: (real) => ({
      liveMark: async (asked) => {
        const [team] = await real.teamToEnd({ ...asked, now: new Date(0), inactiveTeamAge: 'P6M' });
        return (await real.liveMark(asked)).map((mark) => ({ ...mark, ownerId: team?.ownerId ?? null }));
      },
    }),
  },
  {
    name: 'Stripe is not asked by the address of the owner',
    rule: 'wrong notice',
    says: /with its owner's address/,
    stripe: () => ({ findCustomers: () => Promise.resolve([]) }),
  },
  {
    name: 'the date comes three days after the notice',
    rule: 'wrong deletion',
    says: /its owner was told only at/,
    statements: (real) => ({ openMark: (asked) => real.openMark({ ...asked, deletionNotice: 'P3D' }) }),
    inTransaction: (real) => ({
      openMark: (asked) => real.openMark({ ...asked, deletionNotice: 'P3D' }),
      startClock: (asked) => real.startClock({ ...asked, deletionNotice: 'P3D' }),
    }),
  },
  {
    name: 'a notice that perhaps went out is sent once more',
    rule: 'wrong notice',
    says: /told before/,
    statements: (real) => ({
      begunEffects: () => Promise.resolve([]),
      claimEffect: async (asked) =>
        (await real.claimEffect(asked)).map((row) =>
          row.verdict === 'ask' ? { ...row, verdict: 'claimed' } : row,
        ),
    }),
    likely: { death: 0.3, smtp: 0.5 },
  },
  {
    name: 'an owner goes who is in other teams',
    rule: 'wrong deletion',
    says: /user \d+: (owns|is a member of) team/,
    inTransaction: (real) => ({
      ownerToEnd: async (asked) => (await real.ownerToEnd(asked)).map((row) => ({ ...row, kept: null })),
      deleteUser: async (asked) => {
        await real.deleteUser(asked);
        return [];
      },
    }),
  },
  {
    name: 'a user goes who has logged in since Stripe was asked',
    rule: 'wrong deletion',
    says: /user \d+: (had|is)/,
    inTransaction: (real) => ({
      unverifiedUser: async (asked) =>
        (await real.unverifiedUser(asked)).map((row) => ({ ...row, kept: null })),
    }),
    likely: { beside: 0.8 },
  },
  {
    name: 'the fuse lets everything through',
    rule: 'wrong deletion',
    says: /more in a day than the fuse allows/,
    inTransaction: () => ({ tryTeamFuse: () => Promise.resolve([{ verdict: 'holds' }]) }),
    likely: { stripeDown: 0 },
  },
  {
    name: 'nobody searches for what is past its date',
    rule: 'forgotten',
    says: /past its date/,
    sweeps: { 'delete-inactive-team': { enqueue: () => Promise.resolve([{ due: 0, enqueued: 0 }]) } },
  },
  {
    name: 'a deletion leaves no line',
    rule: 'unexplained',
    says: /team:\d+ is gone, with 0 lines/,
    inTransaction: (real) => ({
      recordHistory: (line) =>
        line.what === 'team.deleted' ? Promise.resolve([]) : real.recordHistory(line),
    }),
  },
  {
    name: 'a trial that is cancelled is written to',
    rule: 'wrong notice',
    says: /trial-ending .* it is cancelled/,
    stripe: (real) => ({
      retrieveSubscription: async (id) => ({ ...(await real.retrieveSubscription(id)), ending: false }),
    }),
    likely: { eventLost: 0.6, noBackfill: 0.2 },
  },
];

const teamsSeen = new Map<string, Awaited<ReturnType<Statements['teamToEnd']>>>();

function remembersTeams(real: Statements): Partial<Statements> {
  return {
    async teamToEnd(asked) {
      const found = await real.teamToEnd(asked);
      teamsSeen.set(asked.teamId, found);
      return found;
    },
  };
}

function answersFromMemory(real: Statements): Partial<Statements> {
  return { teamToEnd: async (asked) => teamsSeen.get(asked.teamId) ?? (await real.teamToEnd(asked)) };
}

/** The database as jobs with this fault in them ask it. */
export function mutated(database: Database, { statements, inTransaction, sweeps = {} }: Mutant): Database {
  return {
    ...database,
    statements: { ...database.statements, ...statements?.(database.statements) },
    sweeps: new Map(
      [...database.sweeps].map(([kind, sweep]) => [kind, { ...sweep, ...sweeps[kind] }] as const),
    ),
    transaction: (work) =>
      database.transaction((tx) => work({ ...tx, ...inTransaction?.(tx, database.statements) })),
  };
}
