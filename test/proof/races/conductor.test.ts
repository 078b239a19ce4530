import { describe, expect, test } from 'vitest';
import { Player, conduct, everyInterleaving } from './conductor.ts';

/** Two who stop at each of their steps, in all orders that the conductor finds. */
async function orders(steps: readonly number[], interruptions?: number): Promise<Set<string>> {
  const found = new Set<string>();
  const stories = await everyInterleaving(async (choose) => {
    const order: string[] = [];
    const players = steps.map((count, index) => {
      const player = new Player('ab'[index]!, `seat ${index}`, () => true);
      player.cast(async () => {
        for (let step = 1; step <= count; step++) {
          order.push(player.name);
          if (step < count) await player.reach('a step');
        }
      });
      return player;
    });
    await conduct(players, choose, {
      waiting: async () => await Promise.resolve(new Map()),
      look: async () => {},
    });
    found.add(order.join(''));
    return true;
  }, interruptions);
  expect(stories).toBe(found.size);
  return found;
}

describe('the conductor', () => {
  test.for([
    [1, 1, 2],
    [2, 2, 6],
    [2, 4, 15],
    [3, 3, 20],
  ] as const)('finds every interleaving of %i and %i steps, each once: %i', async ([m, n, count]) => {
    const found = await orders([m, n]);
    expect(found.size).toBe(count);
    for (const order of found) expect([...order].toSorted().join('')).toBe('a'.repeat(m) + 'b'.repeat(n));
  });

  test('with a bound, those in which somebody who could go on gives way no more often than that', async () => {
    expect([...(await orders([3, 3], 0))].toSorted()).toEqual(['aaabbb', 'bbbaaa']);
    const all = await orders([3, 3]);
    const switches = (order: string) =>
      [...order].filter((who, at) => at > 0 && who !== order[at - 1]).length;
    // one of them is no interruption: the first to be over
    expect(await orders([3, 3], 1)).toEqual(new Set([...all].filter((order) => switches(order) <= 2)));
  });

  test('a story that cannot be repeated is no proof', async () => {
    let stories = 0;
    const play = everyInterleaving(async (choose) => {
      choose(stories++ === 0 ? ['a', 'b'] : ['b', 'c']);
      return await Promise.resolve(true);
    });
    await expect(play).rejects.toThrow('of a, b only b, c can go on this time');
  });
});
