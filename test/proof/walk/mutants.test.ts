import type postgres from 'postgres';
import { describe, expect, test } from 'vitest';
import { mutants, mutated } from './mutants.ts';
import type { Mutant } from './mutants.ts';
import { openStage } from './stage.ts';
import { playWalk } from './walk.ts';
import type { WalkOptions } from './walk.ts';

/* The judge of the walk can find what it is there for: each fault, put into the jobs or their statements, is found. */

/** Each plays months anew. */
const isLong = process.env['EVENFALL_PROOF'] === 'long';
const stage = await openStage();
const hardTimes: Omit<WalkOptions, 'signal'> = {
  seed: 7,
  teams: 30,
  days: 150,
  doingsADay: 6,
  likely: {
    stripeDown: 0.005,
    smtp: 0.05,
    death: 0.02,
    atOnce: 0.05,
    noBackfill: 0.02,
    eventLost: 0.15,
    eventTwice: 0.1,
    eventsLate: 0.2,
    beside: 0.15,
  },
};

test.runIf(isLong)('without a fault the same walk finds nothing', { timeout: 60_000 }, async ({ signal }) => {
  const { verdicts, deletedTeams } = await playWalk(stage, { ...hardTimes, signal });
  expect(verdicts.slice(0, 5)).toEqual([]);
  expect(deletedTeams).toBeGreaterThan(5);
});

describe('[P3] [P8] the judge finds that', () => {
  test.runIf(isLong).for(mutants)('$name', { timeout: 60_000 }, async (mutant, { signal }) => {
    const mend = await breakFunction(stage.sql, mutant);
    try {
      const { verdicts } = await playWalk(stage, {
        ...hardTimes,
        signal,
        likely: { ...hardTimes.likely, ...mutant.likely },
        database: mutated(stage.database, mutant),
        stripe: { ...stage.adapters.stripe, ...mutant.stripe?.(stage.adapters.stripe) },
      });
      expect(verdicts.slice(0, 20).map(({ rule, what }) => `${rule}: ${what}`)).toContainEqual(
        expect.stringMatching(new RegExp(`^${mutant.rule}: .*${mutant.says.source}`)),
      );
    } finally {
      await mend();
    }
  });
});

/** Puts the fault into a function of this database; resolves to what takes it out again. */
async function breakFunction(sql: postgres.Sql, { sql: fault }: Mutant): Promise<() => Promise<void>> {
  if (!fault) return () => Promise.resolve();
  const [found] = await sql`select pg_get_functiondef(${fault.signature}::regprocedure) as text`;
  const text = String(found!['text']);
  if (!text.includes(fault.replace)) throw new Error(`${fault.signature} has no longer: ${fault.replace}`);
  await sql.unsafe(text.replace(fault.replace, () => fault.by));
  return async () => void (await sql.unsafe(text));
}
