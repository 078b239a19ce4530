import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { request, type RequestOptions } from 'node:http';
import { homedir, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startPostgres } from '../../src/embedded/postgres.ts';
import { startRedis } from '../../src/embedded/redis.ts';
import type { ServiceKind } from './services.ts';

type Service = { readonly url: string; readonly kind: ServiceKind; stop(): Promise<unknown> };

const startupMs = 180_000;
const dockerPatienceMs = 1_000;
const notOurs = (url: string): Service => ({ url, kind: 'given', stop: async () => {} });

/**
 * vitest's global set-up: the services of the whole run, started once and stopped at its end. What the
 * environment does not name comes from a Docker engine, and without one from us; with
 * TEST_SERVICES=containers nothing takes the engine's place, and its failure is the run's.
 *
 * A run that is killed leaves its containers to Testcontainers' reaper.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const env = process.env;
  const docker =
    !(env['TEST_DATABASE_URL'] && env['TEST_REDIS_URL']) &&
    (await dockerAnswers(env)) &&
    (await import('testcontainers'));
  if (!docker && onlyContainers(env))
    throw new Error('TEST_SERVICES=containers, and no Docker engine answers');
  const dir = await mkdtemp(join(tmpdir(), 'evenfall-test-'));
  // For root, whose PostgreSQL runs as another user and has to pass through here.
  await chmod(dir, 0o711);

  const started = await Promise.allSettled([database(env, docker, dir), redis(env, docker, dir)]);
  const stop = async (): Promise<void> => {
    await Promise.all(started.map(async (one) => one.status === 'fulfilled' && (await one.value?.stop())));
    await rm(dir, { recursive: true, force: true });
  };
  const [databaseResult, redisResult] = started;
  if (databaseResult.status === 'rejected' || redisResult.status === 'rejected') {
    await stop();
    throw databaseResult.status === 'rejected'
      ? databaseResult.reason
      : (redisResult as PromiseRejectedResult).reason;
  }

  project.provide('databaseUrl', databaseResult.value.url);
  project.provide('serviceKind', databaseResult.value.kind);
  project.provide('redisUrl', redisResult.value?.url);
  sayRedis(redisResult.value);
  return async () => {
    sayRedis(redisResult.value);
    await stop();
  };
}

type Docker = typeof import('testcontainers') | false;

async function database(env: NodeJS.ProcessEnv, docker: Docker, dir: string): Promise<Service> {
  const given = env['TEST_DATABASE_URL'];
  if (given) return notOurs(given);
  const inContainer = docker && (await orOurs(env, 'PostgreSQL', postgresContainer(docker)));
  if (inContainer) return inContainer;
  const server = await startPostgres({ dir: join(dir, 'postgres'), durable: false });
  return { url: server.url, kind: 'embedded', stop: () => server.stop() };
}

async function redis(env: NodeJS.ProcessEnv, docker: Docker, dir: string): Promise<Service | undefined> {
  const given = env['TEST_REDIS_URL'];
  if (given) return notOurs(given);
  const inContainer = docker && (await orOurs(env, 'Redis', redisContainer(docker)));
  if (inContainer) return inContainer;
  const server = await startRedis({ dir: join(dir, 'redis'), path: env['PATH'] });
  return server && { url: server.url, kind: 'embedded', stop: () => server.stop() };
}

async function postgresContainer({ GenericContainer, Wait }: Exclude<Docker, false>): Promise<Service> {
  const container = await new GenericContainer('postgres:18-alpine')
    .withEnvironment({ POSTGRES_PASSWORD: 'test' })
    .withTmpFs({ '/var/lib/postgresql': 'rw' })
    .withCommand(['postgres', '-c', 'fsync=off', '-c', 'full_page_writes=off', '-c', 'max_connections=200'])
    .withExposedPorts(5432)
    // It starts once for its own set-up and then for us.
    .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
    .withStartupTimeout(startupMs)
    .start();
  const url = `postgres://postgres:test@${container.getHost()}:${container.getMappedPort(5432)}/postgres`;
  return { url, kind: 'containers', stop: () => container.stop() };
}

const redisServer = ['redis-server', '--appendonly', 'yes', '--maxmemory-policy', 'noeviction', '--save', ''];

async function redisContainer({ GenericContainer, Wait }: Exclude<Docker, false>): Promise<Service> {
  const container = await new GenericContainer('redis:8-alpine')
    // not protected, as the official image is built: others answer nobody from outside the container
    .withCommand([...redisServer, '--protected-mode', 'no'])
    .withExposedPorts(6379)
    .withWaitStrategy(Wait.forLogMessage(/Ready to accept connections/))
    .withStartupTimeout(startupMs)
    .start();
  const url = `redis://${container.getHost()}:${container.getMappedPort(6379)}`;
  return { url, kind: 'containers', stop: () => container.stop() };
}

const onlyContainers = (env: NodeJS.ProcessEnv): boolean => env['TEST_SERVICES'] === 'containers';

/** An engine that answers may still be unable to fetch an image; the tests then go on without it. */
async function orOurs(
  env: NodeJS.ProcessEnv,
  name: string,
  starting: Promise<Service>,
): Promise<Service | undefined> {
  try {
    return await starting;
  } catch (error) {
    if (onlyContainers(env)) throw error;
    const why = error instanceof Error ? error.message : String(error);
    process.stderr.write(`Docker answers, but its ${name} did not start (${why}): using our own.\n`);
    return undefined;
  }
}

function sayRedis(service: Service | undefined): void {
  if (service) return;
  process.stderr.write(
    '\n!! The tests that need Redis are SKIPPED: no TEST_REDIS_URL, no Docker engine, no redis-server.\n\n',
  );
}

/** Whether a Docker engine answers at once, at DOCKER_HOST or at one of the usual sockets. */
export async function dockerAnswers(env: NodeJS.ProcessEnv): Promise<boolean> {
  const answers = await Promise.all(engines(env).map(ping));
  return answers.includes(true);
}

function engines(env: NodeJS.ProcessEnv): RequestOptions[] {
  const host = env['DOCKER_HOST'];
  if (host?.startsWith('unix://')) return [{ socketPath: host.slice('unix://'.length) }];
  if (host) {
    if (!URL.canParse(host)) return [];
    const { hostname, port } = new URL(host.replace(/^tcp:/, 'http:'));
    return [{ hostname, port: port || 2375 }];
  }
  return [
    '/var/run/docker.sock',
    ...(env['XDG_RUNTIME_DIR'] ? [join(env['XDG_RUNTIME_DIR'], 'docker.sock')] : []),
    join(homedir(), '.docker', 'run', 'docker.sock'),
    join(homedir(), '.docker', 'desktop', 'docker.sock'),
    `/run/user/${userInfo().uid}/docker.sock`,
  ].map((socketPath) => ({ socketPath }));
}

function ping(engine: RequestOptions): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request(
      { ...engine, path: '/_ping', signal: AbortSignal.timeout(dockerPatienceMs) },
      (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      },
    );
    asked.once('error', () => resolve(false));
    asked.end();
  });
}
