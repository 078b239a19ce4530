import { PassThrough } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { keysHelp, listenToKeys, readKey } from '../../demo/keys.ts';
import { DemoError } from '../../demo/failure.ts';

describe('a key', () => {
  it.each([
    ['d', 1],
    ['D', 1],
    ['d 7', 7],
    ['d7', 7],
    ['  d   30 ', 30],
    ['d 366', 366],
  ])('%j moves the story on by %i days', (line, days) => {
    expect(readKey(line)).toEqual({ do: 'move', days });
  });

  it.each([
    ['q', 'end'],
    ['?', 'help'],
    ['h', 'help'],
    ['H', 'help'],
    ['', 'nothing'],
    ['   ', 'nothing'],
  ])('%j is %s', (line, what) => {
    expect(readKey(line)).toEqual({ do: what });
  });

  it.each([['d 0'], ['d 367'], ['d 99999999999999999999']])('%j is no number of days', (line) => {
    expect(readKey(line)).toEqual({ do: 'refuse', why: 'd takes 1 to 366 days at once' });
  });

  it.each([['x'], ['d seven'], ['d -1'], ['d 1.5'], ['quit']])('%j is none', (line) => {
    expect(readKey(line)).toEqual({ do: 'refuse', why: `there is no key ${line}: ? lists the keys` });
  });
});

describe('whoever is at the keys', () => {
  /** What became of each line, in order; resolves when `count` things have happened. */
  function keyboard(moveOn?: (days: number) => Promise<void>) {
    const input = new PassThrough();
    const happened: string[] = [];
    let wake = () => {};
    const add = (what: string) => {
      happened.push(what);
      wake();
    };
    const deaf = listenToKeys(input, {
      moveOn: async (days) => {
        await moveOn?.(days);
        add(`moved by ${days}`);
      },
      end: () => {
        add('ended');
        deaf();
      },
      say: add,
    });
    onTestFinished(deaf);
    const after = async (count: number) => {
      while (happened.length < count) await new Promise<void>((resolve) => (wake = resolve));
      return happened;
    };
    return { input, after, happened };
  }

  it('is obeyed line by line, until the end', async () => {
    const { input, after, happened } = keyboard();
    input.end('?\n\nd 7\nnonsense\nd\nq\nd 5\n');
    await after(5);
    await new Promise(setImmediate);
    expect(happened).toEqual([
      keysHelp,
      'moved by 7',
      'there is no key nonsense: ? lists the keys',
      'moved by 1',
      'ended',
    ]);
  });

  it('is told in words what failed, and goes on', async () => {
    const { input, after } = keyboard((days) =>
      days === 7 ? Promise.reject(new DemoError('the disk is full')) : Promise.resolve(),
    );
    input.write('d 7\nd\n');
    expect(await after(2)).toEqual(['the disk is full', 'moved by 1']);
  });

  it('may be nobody: the input is closed, or the terminal is gone', async () => {
    const closed = keyboard();
    closed.input.end();
    const gone = keyboard();
    gone.input.destroy(new Error('EIO'));
    await new Promise(setImmediate);
    expect([...closed.happened, ...gone.happened]).toEqual([]);
  });
});
