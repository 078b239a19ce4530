import { expect, onTestFinished, test } from 'vitest';
import { Misconfigured } from '../../src/core/errors.ts';
import { postgresBackend, redisBackend } from '../../src/queue/backend.ts';
import { startRedis } from '../../src/embedded/redis.ts';
import { createTestDatabase } from '../support/database.ts';
import { silentLog } from '../support/machine.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';

const { url, sql } = await createTestDatabase();

test('a Postgres backend without BullMQ’s schema is refused at boot, with the command to run', async () => {
  const backend = postgresBackend(url, silentLog);
  await expect(backend.check()).resolves.toBeUndefined();
  await sql`drop schema bullmq cascade`;
  await expect(backend.check()).rejects.toThrow(/evenfall migrate/);
  await backend.close();
});

test('[P1] a Redis that forgets is refused in production, and warned of elsewhere', async (context) => {
  const dir = await mkdtemp(join(tmpdir(), 'evenfall-redis-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const redis = await startRedis({ dir, path: process.env['PATH'] });
  if (!redis) context.skip('no redis-server on the path');
  if (!redis) return;
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (_fields: object, message: string) => void warnings.push(message) };
  const careful = redisBackend(redis.url, log, true);
  await expect(careful.check()).resolves.toBeUndefined();

  const client = new Redis(redis.url);
  await client.config('SET', 'appendonly', 'no');
  await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
  await client.quit();
  await expect(careful.check()).rejects.toThrow(Misconfigured);
  await expect(careful.check()).rejects.toThrow(/appendonly yes[\s\S]*noeviction/);
  const relaxed = redisBackend(redis.url, log);
  await expect(relaxed.check()).resolves.toBeUndefined();
  expect(warnings).toHaveLength(2);
  await careful.close();
  await relaxed.close();
  await redis.stop();
});
