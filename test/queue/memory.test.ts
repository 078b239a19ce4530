import { expect, onTestFinished, test, vi } from 'vitest';
import { Redis } from 'ioredis';
import { postgresBackend, redisBackend } from '../../src/queue/backend.ts';
import type { QueueBackend } from '../../src/queue/backend.ts';
import { createTestDatabase } from '../support/database.ts';
import { silentLog } from '../support/machine.ts';
import { ownRedisServer } from '../support/processes.ts';
import { describeWithRedis } from '../support/services.ts';

const { url } = await createTestDatabase();

async function open() {
  const server = await ownRedisServer();
  if (!server) throw new Error('no redis-server');
  const backend = redisBackend(server.url, silentLog);
  const client = new Redis(server.url);
  client.on('error', () => {});
  onTestFinished(async () => {
    await backend.close();
    client.disconnect();
    await server.stop();
  });
  await answers(backend);
  return { server, backend, client, memory: backend.memoryOf('1-2') };
}

const answers = (backend: QueueBackend) =>
  vi.waitFor(() => backend.ping(), { timeout: 20_000, interval: 20 });

describeWithRedis('what Redis remembers', () => {
  test('[P1] its life is the same for all who ask, and another one after FLUSHALL', async () => {
    const { backend, client, memory } = await open();
    const first = await memory.life();
    expect(await memory.life()).toBe(first);
    expect(await backend.memoryOf('1-2').life()).toBe(first);
    await client.flushall();
    const second = await memory.life();
    expect(second).not.toBe(first);
    expect(await memory.life()).toBe(second);
  });

  test('[P1] a dispatch right after a FLUSHALL does not hide it', async () => {
    const { client, memory } = await open();
    const first = await memory.life();
    await client.flushall();
    await memory.noteDispatched(7);
    expect(await memory.life()).not.toBe(first);
    expect(await memory.highestDispatchNo()).toBe(7);
  });

  test('[P1] started again on its data it has another life: what was written last may be missing', async () => {
    const { server, backend, memory } = await open();
    await memory.noteDispatched(7);
    const first = await memory.life();
    await server.kill();
    await server.start();
    await answers(backend);
    expect(await memory.life()).not.toBe(first);
  });

  test('[P2] the highest dispatch number, whoever notes last; unknown before the first', async () => {
    const { memory } = await open();
    await memory.life();
    expect(await memory.highestDispatchNo()).toBeUndefined();
    await Promise.all([8, 1_000_000_007, 900, 12].map((no) => memory.noteDispatched(no)));
    expect(await memory.highestDispatchNo()).toBe(1_000_000_007);
    await memory.noteDispatched(3);
    expect(await memory.highestDispatchNo()).toBe(1_000_000_007);
  });

  test('[P2] each database has its own, and BullMQ none of it', async () => {
    const { backend, client, memory } = await open();
    await memory.noteDispatched(7);
    expect(await backend.memoryOf('1-3').highestDispatchNo()).toBeUndefined();
    expect(await client.keys('*')).toEqual(['{evenfall}:installation:1-2']);
  });

  test('[P1] away is not lost: it rejects', async () => {
    const { server, memory } = await open();
    await server.kill();
    await expect(memory.life()).rejects.toThrow();
    await expect(memory.highestDispatchNo()).rejects.toThrow();
  });
});

test('queues in the same database remember nothing: they are lost and restored with the rows', async () => {
  const backend = postgresBackend(url, silentLog);
  onTestFinished(() => backend.close());
  const memory = backend.memoryOf('1-2');
  await memory.noteDispatched(7);
  expect(await memory.highestDispatchNo()).toBeUndefined();
  expect(await memory.life()).toBe(await backend.memoryOf('1-2').life());
});
