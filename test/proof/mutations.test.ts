import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';
import { createTestDatabase } from '../support/database.ts';
import { generateSweeps } from '../support/sweeps.ts';
import { asksOf } from './checks/asks.ts';
import { disagreement } from './checks/compare.ts';
import { checks } from './checks/index.ts';
import type { Check } from './checks/index.ts';
import { insertWorld } from './insert-world.ts';
import { mutations } from './mutations.ts';
import type { Mutation } from './mutations.ts';
import type { World } from './oracle/index.ts';
import { makeWorld } from './world/index.ts';

/** Three thousand teams will do, the same at each run: what is seen must not hang on a seed. */
const world = makeWorld(1, 0.3);
const { sql } = await createTestDatabase();

beforeAll(() => insertWorld(sql, world));

/** The oracle says the same to each mutation: it is asked once. */
const said = new Map<string, ReturnType<Check['byOracle']>>();
const oracle = (check: Check) => (asked: World) => {
  const question = JSON.stringify([check.name, asked.now, asked.policies]);
  const answer = said.get(question) ?? check.byOracle(asked);
  said.set(question, answer);
  return answer;
};

/** @throws Error when the place that is to be changed is not there exactly once */
function mutate({ file, find, replace }: Mutation): string {
  const text = readFileSync(join(packageRoot, 'sql', file), 'utf8');
  if (text.split(find).length !== 2) throw new Error(`sql/${file} does not hold exactly once: ${find}`);
  return text.replace(find, () => replace);
}

/** Whether the comparison sees it: a statement that fails is seen as well. All is as it was afterwards. */
async function isSeen(mutation: Mutation): Promise<boolean> {
  const { file, zone = 'UTC' } = mutation;
  const text = mutate(mutation);
  const kind = /^sweeps\/(.*)\.sql$/.exec(file)?.[1];
  const sweeps = kind === undefined ? {} : await generateSweeps(sql, { [kind]: text });
  const changed = Object.fromEntries(Object.entries(sweeps).map(([name, { list }]) => [name, list]));
  const over = new Error('rolled back');
  let seen = false;
  await sql
    .begin(async (tx) => {
      await tx.unsafe(`set local timezone = '${zone}'`);
      if (kind === undefined) await tx.unsafe(text);
      for (const check of checks.filter(({ files }) => files.includes(file))) {
        seen ||= await disagreement(check, world, asksOf(tx, changed), oracle(check)).then(
          (found) => found !== undefined,
          () => true,
        );
      }
      throw over;
    })
    .catch((error: unknown) => {
      if (error !== over) throw error;
    });
  return seen;
}

describe('[P3] without this guard the SQL and the oracle disagree', () => {
  const seen = mutations.filter(({ unseen }) => unseen === undefined);
  test.for(seen.map((each) => [each.file, each.guard, each] as const))('%s: %s', async ([, , mutation]) => {
    expect(await isSeen(mutation)).toBe(true);
  });
});

describe('behind this guard stands another one', () => {
  const unseen = mutations.filter((mutation) => mutation.unseen !== undefined);
  test.for(unseen.map((each) => [each.file, each.guard, each] as const))('%s: %s', async ([, , mutation]) => {
    expect(await isSeen(mutation)).toBe(false);
  });
});
