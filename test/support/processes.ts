import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type postgres from 'postgres';
import { startProgram } from '../../chaos/process.ts';
import type { Running } from '../../chaos/process.ts';
import { asQuiet } from '../../chaos/quiet.ts';
import { scratchFolder } from '../../chaos/scratch.ts';
import { allJobs } from '../../jobs/index.ts';
import type { AnyJob } from '../../src/core/job.ts';

import { migrate } from '../../src/db/migrate.ts';
import type { EmbeddedServer } from '../../src/embedded/lifecycle.ts';
import { startPostgres } from '../../src/embedded/postgres.ts';
import { startRedis } from '../../src/embedded/redis.ts';
import { packageRoot } from '../../src/package-root.ts';
import { migratePostgresBackend } from '../../src/queue/backend.ts';
import { openPool } from './sql.ts';

export { asQuiet };
export type { Running };

/** The program, compiled as `npm run build` does it. */
export interface Built {
  readonly main: string;
  remove(): Promise<void>;
}

/**
 * Compiles what is in the tree now. Into a folder of its own: test files run side by side, and none may pull
 * dist/ from under another's processes.
 */
export async function build(): Promise<Built> {
  const cache = join(packageRoot, 'node_modules', '.cache');
  await mkdir(cache, { recursive: true });
  const dir = await mkdtemp(join(cache, 'evenfall-test-'));
  const tsc = join(packageRoot, 'node_modules', '.bin', 'tsc');
  const options = ['--outDir', dir, '--declaration', 'false', '--sourceMap', 'false'];
  await promisify(execFile)(tsc, ['-p', join(packageRoot, 'tsconfig.build.json'), ...options]);
  const remove = () => rm(dir, { recursive: true, force: true });
  return { main: join(dir, 'src', 'cli', 'main.js'), remove };
}

/** Starts `evenfall ARGS` with this environment and nothing of ours but the path. */
export function evenfall(
  built: Built,
  args: readonly string[],
  env: Record<string, string | undefined>,
): Running {
  return startProgram([built.main, ...args], env);
}

export interface Services {
  readonly databaseUrl: string;
  /** undefined: BullMQ on the same Postgres. */
  readonly redisUrl: string | undefined;
  readonly stripeUrl: string;
}

/** The environment of a worker. */
export function workerEnv({
  databaseUrl,
  redisUrl,
  stripeUrl,
}: Services): Record<string, string | undefined> {
  return {
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    QUEUE_BACKEND: redisUrl === undefined ? 'postgres' : 'redis',
    STRIPE_SECRET_KEY: 'sk_test_processes',
    SECRET_KEY: 'the-secret-of-the-tests',
    STRIPE_API_BASE: stripeUrl,
    LOG_LEVEL: 'info',
  };
}

export interface OwnPostgres {
  readonly url: string;
  readonly server: EmbeddedServer;
  readonly sql: postgres.Sql;
  stop(): Promise<void>;
}

/** A Postgres that a test may kill, with the example app and every migration. */
export async function ownPostgres(extraKinds: readonly AnyJob[] = []): Promise<OwnPostgres> {
  const dir = await scratchFolder('evenfall-process');
  const server = await startPostgres({ dir: join(dir, 'postgres'), durable: false });
  const sql = openPool(server.url, { max: 3, name: 'test' });
  await sql.unsafe(readFileSync(join(packageRoot, 'sql', 'example-app.sql'), 'utf8'));
  await migrate({ databaseUrl: server.url, kinds: [...allJobs, ...extraKinds], log: () => {} });
  await migratePostgresBackend(server.url);
  await asQuiet(sql);
  return {
    url: server.url,
    server,
    sql,
    async stop() {
      await sql.end({ timeout: 1 });
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Rejects when it takes longer: for what must never hang. */
export async function within<T>(ms: number, work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms / 1_000} s`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A Redis that a test may kill; undefined where there is no redis-server. */
export async function ownRedisServer(): Promise<EmbeddedServer | undefined> {
  const dir = await scratchFolder('evenfall-process');
  const server = await startRedis({ dir: join(dir, 'redis'), path: process.env['PATH'] });
  if (!server) {
    await rm(dir, { recursive: true, force: true });
    return undefined;
  }
  return {
    ...server,
    url: server.url,
    async stop() {
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
