import { execFile } from 'node:child_process';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { which } from '../../src/embedded/binaries.ts';
import type { EmbeddedServer } from '../../src/embedded/lifecycle.ts';
import { startRedis } from '../../src/embedded/redis.ts';
import { scratch } from './scratch.ts';

const path = process.env['PATH'];
const redisCli = await which('redis-cli', path);
const hasRedis = (await which('redis-server', path)) !== undefined;
const place = scratch();

async function startedRedis(): Promise<EmbeddedServer> {
  const server = await startRedis({ dir: join(place.dir, 'redis'), path });
  if (!server) throw new Error('redis-server was there a moment ago');
  return place.running(server);
}

describe.runIf(hasRedis)('Redis', () => {
  test('is private: loopback, password, append-only, noeviction', async () => {
    const { url, port } = await startedRedis();
    const redis = new Redis(url);
    const setting = async (name: string): Promise<unknown> => (await redis.config('GET', name))[1];
    expect(await setting('bind')).toBe('127.0.0.1');
    expect(await setting('appendonly')).toBe('yes');
    expect(await setting('appendfsync')).toBe('everysec');
    expect(await setting('maxmemory-policy')).toBe('noeviction');
    expect(await setting('save')).toBe('');
    await redis.quit();
    const stranger = new Redis(port, '127.0.0.1', { lazyConnect: true });
    stranger.on('error', () => {});
    await expect(stranger.ping()).rejects.toThrow('NOAUTH');
    stranger.disconnect();
  });

  test.runIf(redisCli !== undefined)('redis-cli takes its address', async () => {
    const { url } = await startedRedis();
    const { stdout, stderr } = await promisify(execFile)(redisCli ?? '', ['-u', url, 'ping']);
    expect(stdout).toBe('PONG\n');
    expect(stderr).not.toMatch(/AUTH failed/);
  });

  test('keeps what it was told through kill and start, on the same port', async () => {
    const server = await startedRedis();
    const redis = new Redis(server.url);
    // So that the test does not depend on what the background thread is doing at this moment.
    await redis.config('SET', 'appendfsync', 'always');
    await redis.set('kept', 'yes');
    redis.disconnect();
    await server.kill();
    expect(server.pid).toBeUndefined();
    await server.start();
    const again = new Redis(server.url);
    expect(await again.get('kept')).toBe('yes');
    await again.quit();
  });

  test('keeps it through stop and a new start on the folder', async () => {
    const first = await startedRedis();
    const redis = new Redis(first.url);
    await redis.set('kept', 'yes');
    await redis.quit();
    await first.stop();
    const second = new Redis((await startedRedis()).url);
    expect(await second.get('kept')).toBe('yes');
    await second.quit();
  });

  test('two on one folder are refused', async () => {
    const { pid } = await startedRedis();
    await expect(startedRedis()).rejects.toThrow(`A Redis (pid ${pid}) already runs on ${place.dir}`);
  });

  test('a program that is no Redis is named with what it said', async () => {
    const bin = join(place.dir, 'bin');
    await mkdir(bin);
    await symlink('/bin/false', join(bin, 'redis-server'));
    await expect(startRedis({ dir: join(place.dir, 'redis'), path: bin })).rejects.toThrow(
      `Redis (${join(bin, 'redis-server')}) did not start on ${join(place.dir, 'redis')}: it ended at once`,
    );
  });
});
