import { once } from 'node:events';
import { chmod, chown, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/lifecycle.ts';
import { freePort } from '../../src/embedded/ports.ts';
import { startPostgres } from '../../src/embedded/postgres.ts';
import { ask, scratch } from './scratch.ts';

const place = scratch();

async function startedPostgres(
  options: Partial<Parameters<typeof startPostgres>[0]> = {},
): Promise<EmbeddedServer> {
  return place.running(await startPostgres({ dir: join(place.dir, 'postgres'), durable: false, ...options }));
}

async function listenOn(port: number): Promise<Server> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

describe('PostgreSQL', () => {
  test('starts as whoever we are, on loopback only, in UTF-8 and UTC', async () => {
    const server = await startedPostgres();
    const { url, port, pid } = server;
    expect(url).toMatch(new RegExp(`^postgres://postgres:[\\w-]{32}@127\\.0\\.0\\.1:${port}/postgres$`));
    expect(await ask(url, 'show listen_addresses')).toBe('127.0.0.1');
    expect(await ask(url, 'show unix_socket_directories')).toBe('');
    expect(await ask(url, 'show server_encoding')).toBe('UTF8');
    expect(await ask(url, "select current_setting('timezone') || lower('É')")).toBe('UTCé');
    expect(await ask(url, 'show fsync')).toBe('off');
    expect(pid).toBeGreaterThan(0);
    // Root's server belongs to somebody else: PostgreSQL refuses root.
    const owner = (await stat(join(server.dir, 'data'))).uid;
    expect(owner === 0).toBe(false);
  });

  test('takes nobody without the password, which only its owner can read', async () => {
    const server = await startedPostgres();
    const wrong = server.url.replace(/:[\w-]{32}@/, ':guess@');
    await expect(ask(wrong, 'select 1')).rejects.toMatchObject({ code: '28P01' });
    expect((await stat(join(server.dir, 'password'))).mode & 0o777).toBe(0o600);
  });

  test('is durable when asked', async () => {
    const { url } = await startedPostgres({ durable: true });
    for (const setting of ['fsync', 'synchronous_commit', 'full_page_writes']) {
      expect(await ask(url, `show ${setting}`)).toBe('on');
    }
  });

  test('a second start on the folder keeps data and password', async () => {
    const first = await startedPostgres();
    await ask(first.url, "create table kept as select 'still here' as word");
    await first.stop();
    expect(first.pid).toBeUndefined();
    const second = await startedPostgres();
    expect(new URL(second.url).password).toBe(new URL(first.url).password);
    expect(await ask(second.url, 'select word from kept')).toBe('still here');
  });

  test('survives kill -9 amid open connections, and comes back on the same port', async () => {
    const server = await startedPostgres();
    await ask(server.url, 'create table kept as select 7 as number');
    const busy = ask(server.url, 'select pg_sleep(60)').catch((error: unknown) => error);
    await ask(server.url, 'select 1');
    const killed = server.pid;
    await server.kill();
    expect(await busy).toBeInstanceOf(Error);
    await server.start();
    expect(server.pid).not.toBe(killed);
    expect(await ask(server.url, 'select number from kept')).toBe(7);
  });

  test('stop() and start() again keep the URL; both may be called twice', async () => {
    const server = await startedPostgres();
    await server.stop();
    await server.stop();
    await server.start();
    const { pid } = server;
    await server.start();
    expect(server.pid).toBe(pid);
    expect(await ask(server.url, 'select 1')).toBe(1);
  });

  test('throws its data away when asked', async () => {
    const server = await startedPostgres({ throwAway: true });
    await server.stop();
    await expect(stat(server.dir)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('an unexpected end is said', async () => {
    const said = new Promise<string>((resolve) => {
      void startedPostgres({ log: (line) => line.includes('unexpectedly') && resolve(line) }).then((server) =>
        process.kill(server.pid ?? 0, 'SIGKILL'),
      );
    });
    expect(await said).toMatch(/^PostgreSQL \(pid \d+\) ended unexpectedly: signal SIGKILL/);
  });

  test('a folder in use is said, with the process that uses it', async () => {
    const { pid } = await startedPostgres();
    await expect(startedPostgres()).rejects.toThrow(`A PostgreSQL (pid ${pid}) already runs on ${place.dir}`);
  });

  test('a taken port is said', async () => {
    const port = await freePort();
    const other = await listenOn(port);
    await expect(startedPostgres({ port })).rejects.toThrow(`Port ${port} of 127.0.0.1 is taken`);
    other.close();
  });

  test('a cluster without its password is not replaced', async () => {
    const server = await startedPostgres();
    await server.stop();
    await rm(join(server.dir, 'password'));
    await expect(startedPostgres()).rejects.toThrow(/password, .* is gone: put that file back/);
    expect(await readFile(join(server.dir, 'data', 'PG_VERSION'), 'utf8')).toMatch(/^\d+/);
  });

  test('data of another version are left alone', async () => {
    const server = await startedPostgres();
    await server.stop();
    await writeFile(join(server.dir, 'data', 'PG_VERSION'), '12\n');
    await expect(startedPostgres()).rejects.toThrow('made by another version of PostgreSQL');
  });

  test('an interrupted initdb is swept up', async () => {
    const server = await startedPostgres();
    await server.stop();
    await rm(join(server.dir, 'data'), { recursive: true });
    // The largest process id is never in use.
    await writeFile(join(server.dir, 'initdb-4194304'), 'half');
    await startedPostgres();
    await expect(stat(join(server.dir, 'initdb-4194304'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a folder that cannot be made is said', async () => {
    await writeFile(join(place.dir, 'file'), '');
    await expect(startedPostgres({ dir: join(place.dir, 'file') })).rejects.toThrow(
      /^Cannot start the embedded PostgreSQL in .*file: /,
    );
  });
});

describe.runIf(process.getuid?.() === 0)('root', () => {
  test('a folder that the server account cannot reach is replaced by a public one, and found again', async () => {
    await chmod(place.dir, 0o700);
    const lines: string[] = [];
    const first = await startedPostgres({ log: (line) => lines.push(line) });
    expect(first.dir).not.toContain(place.dir);
    expect(lines[0]).toMatch(/^PostgreSQL runs as \w+, who cannot reach .*: the data are kept in /);
    await ask(first.url, 'create table kept as select 1 as number');
    await first.stop();
    const second = await startedPostgres({ throwAway: true });
    expect(second.dir).toBe(first.dir);
    expect(await ask(second.url, 'select number from kept')).toBe(1);
  });

  test('the owner of the data runs the server', async () => {
    const server = await startedPostgres();
    await server.stop();
    // daemon, everywhere.
    const owner = 1;
    for (const name of await readdir(server.dir, { recursive: true }))
      await chown(join(server.dir, name), owner, owner);
    const again = await startedPostgres();
    expect((await stat(again.dir)).uid).toBe(owner);
    expect(await ask(again.url, 'select 1')).toBe(1);
  });
});
