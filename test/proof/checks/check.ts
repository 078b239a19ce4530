import type { SweepDueRow, SweepParameters } from '../../../sql/queries.gen.ts';
import { defaultPolicies } from '../oracle/index.ts';
import type { Instant, Policies, World } from '../oracle/index.ts';
import { moments } from '../world/moments.ts';

/** What is said of each subject: that it is due, and for whom; or a rule's verdict. Whoever is not due is not in it. */
export type Verdicts = ReadonlyMap<string, string>;

/** How a check asks the database: of the sweeps as they are, or of changed ones in a transaction. */
export interface Asks {
  sweep(kind: string, parameters: SweepParameters): Promise<SweepDueRow[]>;
  /** Columns in camelCase. */
  rows(text: string, values: readonly unknown[]): Promise<Record<string, unknown>[]>;
}

export interface Asking {
  readonly now: Instant;
  readonly policies: Policies;
}

/** One question, to the SQL and to the oracle, of a world as of its `now` and by its policies. */
export interface Check {
  readonly name: string;
  /** The files of sql/ that say the answer. */
  readonly files: readonly string[];
  readonly askings: readonly Asking[];
  bySql(asks: Asks, world: World): Promise<Verdicts>;
  byOracle(world: World): Verdicts;
}

/** Asked at a time, by the default policies but for some. */
export const asking = (now: Instant, changes: Partial<Policies> = {}): Asking => ({
  now,
  policies: { ...defaultPolicies, ...changes },
});

export const atMoments: readonly Asking[] = moments.map((moment) => asking(moment));

export const parametersOf = ({ now, policies }: World): SweepParameters => ({
  now: new Date(now),
  ...policies,
  // its mail is no part of the oracle
  deletionReminder: null,
});

/** A subject that is found twice is a disagreement of its own. */
export function collect(rows: readonly (readonly [subject: string, verdict: string])[]): Verdicts {
  const verdicts = new Map<string, string>();
  for (const [subject, verdict] of rows) {
    verdicts.set(subject, verdicts.has(subject) ? 'found twice' : verdict);
  }
  return verdicts;
}

export const due = (subjects: Iterable<string>): Verdicts =>
  collect([...subjects].map((subject) => [subject, 'due']));

export const dueFor = (teamId: string | null) =>
  teamId === null ? 'due, for no team' : `due, for team ${teamId}`;
