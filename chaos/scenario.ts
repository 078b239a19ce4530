import type { World } from './world.ts';

/** One kind of bad day. */
export interface Scenario {
  readonly name: string;
  /** What happens, for the table. */
  readonly summary: string;
  /** Part of the short run. */
  readonly short?: true;
  /** Why plain BullMQ does not play it: it has no such part. */
  readonly withoutControl?: string;
  /** Asks for work and gets in its way. When it returns, nothing is in the way any more. */
  play(world: World, seed: number): Promise<void>;
}
