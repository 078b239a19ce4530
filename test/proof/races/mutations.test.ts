import { afterAll, expect, test } from 'vitest';
import { altered } from './altered.ts';
import { deleting } from './mutations-of-deleting.ts';
import { marking } from './mutations-of-marking.ts';
import { takingBack } from './mutations-of-taking-back.ts';
import { playAll, report } from './play.ts';
import { openStage } from './stage.ts';

/** The guards of docs/guards.md that are about who comes first. */
const mutations = [...deleting, ...marking, ...takingBack];
const stage = await openStage(3);
let caught = 0;
afterAll(() => report({ proof: 'races: mutations', mutations: mutations.length, caught }));

test.for(mutations.map((mutation) => [mutation.situation, mutation.guard, mutation] as const))(
  '[P3] %s: %s: without it a race is lost, with it none',
  { timeout: 60_000 },
  async ([, , { changes, situation, roles, stops, wrong }]) => {
    const play = () => playAll(stage, situation, roles, new Set(stops));
    const without = await altered(stage, changes, play);
    expect(without.wrong?.wrong.join('\n')).toMatch(wrong);
    const whole = await play();
    expect(whole.wrong).toBeUndefined();
    caught++;
  },
);
