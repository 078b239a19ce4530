import { describe, expect, it } from 'vitest';
import { scene } from '../../demo/scene.ts';
import type { Expectation } from '../../demo/scene.ts';
import type { Stage } from '../../demo/stage.ts';
import { story } from '../../demo/story.ts';

function stageWith(signal: AbortSignal): Stage {
  return { signal } as Stage;
}
const calm = stageWith(new AbortController().signal);

async function rowsOf(...expects: Expectation<{ n: number }>[]) {
  const one = scene({ name: 'one', title: 'One', tells: '', play: () => Promise.resolve({ n: 3 }), expects });
  return (await one.perform(calm)).map(({ expected, seen, ok }) => [expected, seen, ok]);
}

describe('a scene', () => {
  it('compares what was seen with what was expected', async () => {
    expect(
      await rowsOf(
        { what: 'number', expected: 3, see: ({ n }) => n },
        { what: 'number', expected: 4, see: ({ n }) => n },
        { what: 'word', expected: 'three', see: () => Promise.resolve('three') },
        { what: 'number', expected: '3', see: ({ n }) => n },
        { what: 'word', expected: 'three', see: () => undefined },
      ),
    ).toEqual([
      ['number: 3', '3', true],
      ['number: 4', '3', false],
      ['word: three', 'three', true],
      ['number: 3', '3', false],
      ['word: three', 'nothing', false],
    ]);
  });

  it('knows upper bounds', async () => {
    const expected = { atMost: 3, unit: 's' };
    expect(
      await rowsOf(
        { what: 'took', expected, see: ({ n }) => n },
        { what: 'took', expected, see: () => 3.04 },
        { what: 'took', expected, see: () => NaN },
        { what: 'took', expected, see: () => ({ value: 2, says: 'p50 1 s, max 2 s' }) },
      ),
    ).toEqual([
      ['took: at most 3 s', '3.0 s', true],
      ['took: at most 3 s', '3.0 s', false],
      ['took: at most 3 s', 'NaN s', false],
      ['took: at most 3 s', 'p50 1 s, max 2 s', true],
    ]);
  });

  it('that fails is a row that does not agree', async () => {
    const play = () => Promise.reject(new Error('waited 30 s in vain'));
    const rows = await scene({ name: 'one', title: 'One', tells: '', play, expects: [] }).perform(calm);
    expect(rows).toEqual([
      { scene: 'One', expected: 'it plays to its end', seen: 'waited 30 s in vain', ok: false },
    ]);
  });

  it('ends with the demo', async () => {
    const stopped = stageWith(AbortSignal.abort(new Error('SIGINT')));
    const play = () => Promise.reject(new Error('anything'));
    const one = scene({ name: 'one', title: 'One', tells: '', play, expects: [] });
    await expect(one.perform(stopped)).rejects.toThrow('SIGINT');
  });
});

describe('the story', () => {
  it('remembers each scene under a name of its own', () => {
    const names = story.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});
