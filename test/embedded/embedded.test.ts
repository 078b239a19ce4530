import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import { which } from '../../src/embedded/binaries.ts';
import { startEmbedded } from '../../src/embedded/index.ts';
import { isFree } from '../../src/embedded/ports.ts';
import { ask, scratch } from './scratch.ts';

const path = process.env['PATH'];
const hasRedis = (await which('redis-server', path)) !== undefined;
const place = scratch();

/** Resolves when the server on this port ends a connection that was open: that is when it goes down. */
async function goneFrom(port: number): Promise<{ ended: Promise<unknown> }> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return { ended: once(socket.resume(), 'close') };
}

describe('PostgreSQL and Redis together', () => {
  test('start in one folder, say so, and stop', async () => {
    const lines: string[] = [];
    const embedded = await startEmbedded({
      dir: place.dir,
      durable: false,
      path,
      log: (line) => lines.push(line),
    });
    place.running(embedded);
    expect(await ask(embedded.databaseUrl, 'select 1')).toBe(1);
    expect(embedded.redisUrl === undefined).toBe(!hasRedis);
    expect(lines.join('\n')).toMatch(/PostgreSQL [\d.]+ runs on 127\.0\.0\.1:\d+, data in/);
    await embedded.stop();
    expect(embedded.postgres.pid).toBeUndefined();
    expect(embedded.redis?.pid).toBeUndefined();
  });

  test('without redis-server on the path there is none', async () => {
    const embedded = await startEmbedded({ dir: place.dir, durable: false, path: place.dir });
    place.running(embedded);
    expect(embedded.redisUrl).toBeUndefined();
  });

  test('a process killed with -9 leaves no server behind', async () => {
    const module = new URL('../../src/embedded/index.ts', import.meta.url).href;
    const script = `
      import { startEmbedded } from ${JSON.stringify(module)};
      const { databaseUrl, postgres, redis } = await startEmbedded({
        dir: process.argv[1], durable: true, path: process.argv[2],
      });
      console.log(JSON.stringify({ databaseUrl, ports: [postgres.port, ...(redis ? [redis.port] : [])] }));
      setInterval(() => {}, 1_000_000);
    `;
    const child = spawn(
      process.execPath,
      ['--input-type=module', '-e', script, '--', place.dir, path ?? ''],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    const left = JSON.parse(line) as { databaseUrl: string; ports: number[] };
    await ask(left.databaseUrl, 'create table kept as select 1 as number');
    const servers = await Promise.all(left.ports.map(goneFrom));

    child.kill('SIGKILL');
    await Promise.all(servers.map(({ ended }) => ended));
    // Both refuse a folder that is still in use, so a start tells that the old ones are gone for good.
    const again = await startEmbedded({ dir: place.dir, durable: true, path });
    place.running(again);
    for (const port of left.ports) expect(await isFree(port)).toBe(true);
    expect(await ask(again.databaseUrl, 'select number from kept')).toBe(1);
  });
});
