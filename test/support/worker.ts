import { randomBytes } from 'node:crypto';
import type { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';
import { agreeingApp } from '../../src/core/app-callback.ts';
import { noFailpoints } from '../../src/core/failpoints.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { connectDatabase } from '../../src/db/connect.ts';
import { postgresBackend, redisBackend } from '../../src/queue/backend.ts';
import type { QueueBackend } from '../../src/queue/backend.ts';
import { startWorker } from '../../src/queue/worker.ts';
import type { RunningWorker, WorkerOptions } from '../../src/queue/worker.ts';
import { noMail, noStripe, recordingAlerts, silentLog, testHash, testKeepLink } from './machine.ts';

/** A database number of the tests' Redis, so that test files do not meet; emptied first. */
export async function ownRedis(url: string, number: number): Promise<string> {
  const own = new URL(url);
  own.pathname = `/${number}`;
  const redis = new Redis(own.href);
  await redis.flushdb();
  await redis.quit();
  return own.href;
}

export function openBackend(databaseUrl: string, redisUrl: string | undefined): QueueBackend {
  return redisUrl === undefined ? postgresBackend(databaseUrl, silentLog) : redisBackend(redisUrl, silentLog);
}

/** A worker in this process, stopped when the test is over. */
export async function startTestWorker(
  databaseUrl: string,
  redisUrl: string | undefined,
  options: Partial<WorkerOptions> & Pick<WorkerOptions, 'jobs'>,
): Promise<RunningWorker & { backend: QueueBackend }> {
  const name = `test ${randomBytes(4).toString('hex')}`;
  const database = connectDatabase(databaseUrl, { max: 15, name });
  const heartbeatDatabase = connectDatabase(databaseUrl, { max: 1, name: `${name} heartbeat` });
  const backend = openBackend(databaseUrl, redisUrl);
  const worker = await startWorker({
    database,
    heartbeatDatabase,
    backend,
    concurrency: 5,
    stripe: noStripe,
    alerts: recordingAlerts(),
    mail: noMail,
    policy: defaultPolicy,
    hash: testHash,
    app: agreeingApp,
    keepLink: testKeepLink,
    log: silentLog,
    failpoint: noFailpoints,
    clockOffsetMs: () => 0,
    random: () => 0.5,
    ...options,
  });
  let stopped: Promise<void> | undefined;
  const stop = (graceMs: number) =>
    (stopped ??= worker.stop(graceMs).then(async () => {
      await Promise.all([database.close(), heartbeatDatabase.close()]);
    }));
  onTestFinished(() => stop(1_000));
  return { ...worker, stop, backend };
}

/** BullMQ's own view of a queue, beside the worker under test. */
export function lookAt(backend: QueueBackend, name: Parameters<QueueBackend['openQueue']>[0]): Queue {
  const queue = backend.openQueue(name);
  onTestFinished(() => queue.close());
  return queue;
}
