import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openLane } from '../../chaos/lane.ts';
import { mutants, mutate } from '../../chaos/mutants.ts';
import { play } from '../../chaos/play.ts';
import { scenarios } from '../../chaos/scenarios/index.ts';
import { evenfall } from '../../chaos/systems/evenfall.ts';
import { isBroken } from '../../chaos/verdict.ts';
import { which } from '../../src/embedded/binaries.ts';
import { build } from '../support/processes.ts';

const path = process.env['PATH'];
const redisServer = await which('redis-server', path);
/** Whatever can end has ended by then; what is lost without the mechanism need not be waited for longer. */
const patienceMs = 30_000;

const built = redisServer === undefined ? undefined : await build();
const lane = redisServer === undefined ? undefined : await openLane(path);
const made: string[] = [];
afterAll(async () => {
  await lane?.close();
  await Promise.all(made.map((dir) => rm(dir, { recursive: true, force: true })));
  await built?.remove();
});

test.runIf(redisServer).for(mutants)(
  '[P1] [P2] without the $mechanism $scenario turns red: $without',
  { timeout: 240_000 },
  async (mutant) => {
    const whole = dirname(dirname(dirname(built!.main)));
    const changed = mutate(whole, mutant);
    if (changed.build !== whole) made.push(changed.build);
    const scenario = scenarios.find(({ name }) => name === mutant.scenario)!;
    const system = evenfall(changed.build, changed.statements, patienceMs);
    const { verdict } = await play(lane!, scenario, system, 1);
    expect(isBroken(verdict)).toBe(true);
    expect(verdict.wrong.join('\n')).toMatch(mutant.symptom);
  },
);
