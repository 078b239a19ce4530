import type { Lane } from './lane.ts';
import { randomOf } from './random.ts';
import type { Scenario } from './scenario.ts';
import type { System } from './system.ts';
import { judge } from './verdict.ts';
import type { Verdict } from './verdict.ts';
import { World } from './world.ts';

export interface Played {
  readonly scenario: Scenario;
  readonly system: string;
  readonly seed: number;
  readonly seconds: number;
  readonly verdict: Verdict;
  /** What the workers wrote. */
  readonly logs: string;
}

/** One story from a clean beginning to its end, and what it came to. */
export async function play(lane: Lane, scenario: Scenario, system: System, seed: number): Promise<Played> {
  const begun = performance.now();
  await lane.clean();
  const databaseUrl = await lane.database(system.prepare);
  const world = new World({ system, lane, random: randomOf(seed), databaseUrl });
  try {
    await scenario.play(world, seed).catch((error: unknown) => {
      world.faults.push(`the story broke off: ${String(error)}`);
    });
    lane.stripe.faults.clear();
    lane.inbox.faults.clear();
    await world.settle();
    const verdict = await judge(world);
    const seconds = (performance.now() - begun) / 1_000;
    return { scenario, system: system.name, seed, seconds, verdict, logs: world.logs() };
  } finally {
    await world.close();
  }
}
