import { WrongCall } from '../../../src/cli/exit.ts';
import { isPassingTrouble } from '../../../src/db/trouble.ts';
import type { Scene } from './scene.ts';
import type { Slot, Stage } from './stage.ts';

/** One who can act in a story. */
export interface Role {
  readonly name: string;
  /** Where it stops: in the normal suite, and where besides in the long one. */
  readonly coarse: readonly string[];
  readonly fine: readonly string[];
  /** Makes what it needs before the story begins. */
  prepare(stage: Stage, scene: Scene, slot: Slot, cast: readonly Slot[]): Part | Promise<Part>;
}

export interface Part {
  readonly act: () => Promise<unknown>;
  /** Whether what it acts on is there. */
  readonly canBegin?: () => boolean;
}

/** Too late, no such team, a deadlock that has hit this one: nothing was written, and that was said. */
export async function unlessRefused(
  scene: Scene,
  { player }: Slot,
  act: () => Promise<unknown>,
): Promise<void> {
  try {
    await act();
  } catch (error) {
    const isForeignKey = error instanceof Error && 'code' in error && error.code === '23503';
    if (!(error instanceof WrongCall || isForeignKey || isPassingTrouble(error))) throw error;
    scene.note({ who: player.name, what: 'failed', subject: (error as Error).message });
  }
}

/** It happens at once, and stops nowhere. */
export function atOnce(name: string, act: (stage: Stage, scene: Scene) => void): Role {
  return {
    name,
    coarse: [],
    fine: [],
    prepare: (stage, scene) => ({ act: () => Promise.resolve(act(stage, scene)) }),
  };
}
