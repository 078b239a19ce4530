import { appendFileSync } from 'node:fs';
import { randomInt } from 'node:crypto';
import { afterAll, expect, test } from 'vitest';
import { openStage } from './stage.ts';
import { playWalk } from './walk.ts';
import type { WalkOptions, WalkResult } from './walk.ts';

/*
 * Endings that harm nobody: teams live through simulated years, with customers who come and go, owners who change,
 * servers that fail and workers that die, on the real jobs, statements and servers. A judge that knows none of Evenfall's
 * tables looks at each mail and at everybody who is gone.
 *
 *   EVENFALL_PROOF_SEED=7 npx vitest run test/proof/walk/walk.test.ts    plays a walk again
 *   EVENFALL_PROOF=long                                                  200 teams, three years, several seeds
 *   EVENFALL_PROOF_OUT=FILE                                              appends what it came to, a line of JSON
 */
const { EVENFALL_PROOF, EVENFALL_PROOF_SEED, EVENFALL_PROOF_OUT } = process.env;
const isLong = EVENFALL_PROOF === 'long';
const given = EVENFALL_PROOF_SEED?.split(',').map(Number);
const seeds = given ?? (isLong ? [1, 2, 3, randomInt(1e9)] : [1]);
const size = isLong ? { teams: 200, days: 1_096, doingsADay: 5 } : { teams: 40, days: 365, doingsADay: 1.2 };

const likely: WalkOptions['likely'] = {
  stripeDown: 0.008,
  smtp: 0.06,
  death: 0.02,
  atOnce: 0.1,
  noBackfill: 0.02,
  eventLost: 0.15,
  eventTwice: 0.15,
  eventsLate: 0.25,
  beside: 0.12,
};

const stage = await openStage();
const results: WalkResult[] = [];

test.for(seeds)(
  '[P2] [P3] [P8] endings harm nobody, forget nobody, and can be explained: seed %i',
  { timeout: isLong ? 3_600_000 : 300_000 },
  async (seed, { signal }) => {
    const began = Date.now();
    const result = await playWalk(stage, { seed, likely, signal, ...size });
    results.push(result);
    const { verdicts, ...counts } = result;
    const seconds = Math.round((Date.now() - began) / 1_000);
    process.stdout.write(`walk: ${JSON.stringify({ ...counts, verdicts: verdicts.length, seconds })}\n`);
    expect(verdicts.slice(0, 5), `seed ${seed}`).toEqual([]);
    expect(result.deletedTeams).toBeGreaterThan(size.teams / 10);
    expect(result.notices).toBeGreaterThan(size.teams / 5);
  },
);

afterAll(() => {
  if (EVENFALL_PROOF_OUT) appendFileSync(EVENFALL_PROOF_OUT, `${JSON.stringify(summary(results))}\n`);
});

/** What all walks of this run came to; a walk that was broken off is not among them. */
function summary(walks: readonly WalkResult[]) {
  const sum = (of: (walk: WalkResult) => number) => walks.reduce((total, walk) => total + of(walk), 0);
  const found = (rule: string) => sum(({ verdicts }) => verdicts.filter((one) => one.rule === rule).length);
  return {
    proof: 'walk',
    seeds: walks.map(({ seed }) => seed),
    teams: sum(({ teams }) => teams),
    days: sum(({ days }) => days),
    events: sum(({ events }) => events),
    deletions: sum(({ deletedTeams, deletedUsers }) => deletedTeams + deletedUsers),
    deletedTeams: sum(({ deletedTeams }) => deletedTeams),
    deletedUsers: sum(({ deletedUsers }) => deletedUsers),
    notices: sum(({ notices }) => notices),
    trialMails: sum(({ trialMails }) => trialMails),
    cardMails: sum(({ cardMails }) => cardMails),
    deaths: sum(({ deaths }) => deaths),
    outages: sum(({ outages }) => outages),
    wrongDeletions: found('wrong deletion'),
    wrongNotices: found('wrong notice'),
    forgotten: found('forgotten'),
    unexplained: found('unexplained'),
  };
}
