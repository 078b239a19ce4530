import type { FuseStatusRow } from '../../sql/queries.gen.ts';
import { readFuses, wouldBlow } from '../core/fuse.ts';
import type { Policy } from '../core/policy.ts';
import type { Database } from '../db/connect.ts';
import { sweepParameters } from './sweep.ts';

const dayMs = 86_400_000;

/** What becomes due, when first, and why. */
export interface Foreseen {
  /** Of the days that were looked at, the first on which it is due: it becomes so within the day before. */
  readonly at: Date;
  readonly sweep: string;
  readonly id: string;
  readonly why: string;
}

/** How many become due of a kind by a day. */
export interface ForeseenDay {
  readonly sweep: string;
  readonly at: Date;
  readonly due: number;
  /** What the kind's fuse would do, or how they are spread; absent where it lets them all through, or there is none. */
  readonly fuse?: string;
}

export interface Forecast {
  readonly now: Date;
  readonly days: number;
  readonly perDay: readonly ForeseenDay[];
  readonly targets: readonly Foreseen[];
}

/**
 * Who gets which mail, and which teams go, by the sweeps' own statements: each is asked as of now, and as of each of
 * the days after it. Changes nothing.
 *
 * Nothing is simulated: a team that will be marked within these days is to be deleted later, and is foreseen as
 * marked only; what is foreseen may still be taken back, for every job looks again before it acts.
 *
 * @param options.now the database's when it is absent
 */
export async function forecast(
  database: Database,
  { now: asked, days, policy }: { now?: Date; days: number; policy: Policy },
): Promise<Forecast> {
  const [clock] = await database.statements.databaseNow();
  const now = asked ?? clock?.now ?? new Date(0);
  const targets: Foreseen[] = [];
  for (const [sweep, { list }] of database.sweeps) {
    const seen = new Set<string>();
    for (let day = 0; day <= days; day++) {
      const at = new Date(now.getTime() + day * dayMs);
      for (const { payload, subject, why } of await list(sweepParameters(at, policy))) {
        // a subject may be due more than once, as a trial with two reminders; one job may be for many subjects
        const key = JSON.stringify([subject, payload]);
        if (!seen.has(key)) targets.push({ at, sweep, id: subject, why });
        seen.add(key);
      }
    }
  }
  const inOrder = targets.toSorted((one, other) => one.at.getTime() - other.at.getTime());
  return { now, days, perDay: await countDays(database, policy, now, inOrder), targets: inOrder };
}

/** Per day and sweep, with what the fuse would say. A release is foreseen for today only: it holds for a day. */
async function countDays(
  database: Database,
  policy: Policy,
  now: Date,
  targets: readonly Foreseen[],
): Promise<ForeseenDay[]> {
  const fuses = await readFuses(database.statements, policy);
  const groups = Map.groupBy(targets, ({ at, sweep }) => `${at.toISOString()} ${sweep}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (!first) return [];
    const { sweep, at } = first;
    const due = group.length;
    const known = fuses.find((one) => one.kind === sweep);
    const isToday = at.getTime() === now.getTime();
    const fuse = known && (isToday ? known : { allowed: known.policy, acts: 0, waiting: 0 });
    if (known?.blownAt) return [{ sweep, at, due, fuse: 'has blown: nothing happens until it is released' }];
    if (fuse && wouldBlow(fuse, due))
      return [{ sweep, at, due, fuse: `would blow: ${fuse.allowed} acts allowed in 24 hours` }];
    const spread = isToday ? spreadInWords(known) : undefined;
    return [{ sweep, at, due, ...(spread === undefined ? {} : { fuse: spread }) }];
  });
}

function spreadInWords(fuse: FuseStatusRow | undefined): string | undefined {
  if (!fuse || fuse.spread === 0) return undefined;
  const { spread, spreadPerDay, spreadUntil } = fuse;
  return `${spread} are spread: ${spreadPerDay ?? 0} a day, until ${spreadUntil?.toISOString() ?? ''}`;
}
