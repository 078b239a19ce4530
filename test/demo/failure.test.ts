import { describe, expect, it } from 'vitest';
import { DemoError, inWords } from '../../demo/failure.ts';
import { stepsOf } from '../../demo/progress.ts';

describe('a failure', () => {
  it.each([
    ["ENOSPC: no space left on device, open '/x/logs/web.log'", 'the disk is full'],
    ["EACCES: permission denied, mkdir '/x/.evenfall'", 'no permission'],
    ["EROFS: read-only file system, mkdir '/x'", 'the file system is read-only'],
    ['could not extend file "base/5/1": No space left on device', 'the disk is full'],
    ["EEXIST: file already exists, mkdir '/x/.evenfall'", 'a file stands where a folder belongs'],
    ['listen EADDRINUSE: address already in use 127.0.0.1:3000', 'the port is taken'],
    ['No free port found on 127.0.0.1 between 20000 and 32000.', 'the port is taken'],
    ['EMFILE: too many open files', 'too many files are open'],
  ])('of the machine is told in a sentence, without a stack: %s', (message, reason) => {
    const [what, why, ...more] = inWords(new Error(message)).split('\n');
    expect(what).toBe(message);
    expect(why).toContain(reason);
    expect(more).toEqual([]);
  });

  it('of our own is its message', () => {
    expect(inWords(new DemoError('waited in vain'))).toBe('waited in vain');
  });

  it('that nobody expected has its stack', () => {
    expect(inWords(new TypeError('x is undefined'))).toMatch(/^TypeError: x is undefined\n +at /);
  });
});

describe('a step of the start', () => {
  it('is a line when it begins, and its time when it is done', async () => {
    const lines: string[] = [];
    const step = stepsOf((line) => lines.push(line));
    const result = await step('Starting', (detail) => {
      detail('on port 1');
      return Promise.resolve(7);
    });
    expect(result).toBe(7);
    expect(lines).toEqual(['Starting …', '  on port 1', expect.stringMatching(/^ {2}done in \d+\.\d s$/)]);
  });

  it('that fails says no time', async () => {
    const lines: string[] = [];
    const step = stepsOf((line) => lines.push(line));
    await expect(step('Starting', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(lines).toEqual(['Starting …']);
  });
});
