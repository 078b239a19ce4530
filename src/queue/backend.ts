import { Queue, Worker, assertSchemaCompatibility, createPostgresBackend, runMigrations } from 'bullmq';
import type { Job, JobsOptions, Processor, WorkerOptions } from 'bullmq';
import { Redis } from 'ioredis';
import pg from 'pg';
import type { Log } from '../core/context.ts';
import { Misconfigured } from '../core/errors.ts';
import type { QueueName } from '../core/job.ts';
import { noMemory, redisMemory } from './memory.ts';
import type { QueueMemory } from './memory.ts';
import { checkRedis } from './redis-check.ts';

/** What a BullMQ job carries: which row it stands for; the payload only so that Bull Board can show it. */
export interface Ticket {
  id: number;
  dispatchNo: number;
  payload: unknown;
}

export type TicketQueue = Pick<
  Queue<Ticket>,
  'name' | 'addBulk' | 'getJob' | 'getJobState' | 'getJobCounts' | 'close' | 'on'
>;
export type TicketJob = Job<Ticket, string>;
export type TicketWorker = Pick<
  Worker<Ticket, string>,
  'name' | 'close' | 'on' | 'isRunning' | 'waitUntilReady'
>;

/** The id under which BullMQ knows one dispatch of a job. */
export const ticketId = (ticket: { id: number; dispatchNo: number }) => `j${ticket.id}-${ticket.dispatchNo}`;

/**
 * Where BullMQ keeps its queues: Redis, or Postgres. One code path for both; what differs is here.
 */
export interface QueueBackend {
  readonly kind: 'redis' | 'postgres';
  openQueue(name: QueueName): Queue<Ticket, string>;
  openWorker(
    name: QueueName,
    concurrency: number,
    process: Processor<Ticket, string>,
  ): Worker<Ticket, string>;
  /** Options of every job: how long BullMQ keeps what is over. Postgres is the truth, this is for Bull Board. */
  readonly jobOptions: JobsOptions;
  /**
   * Asks at boot whether it can be trusted with jobs.
   *
   * @throws Misconfigured naming what to do
   */
  check(): Promise<void>;
  /** Rejects when the backend does not answer. */
  ping(): Promise<void>;
  /**
   * What it remembers of a database, beside the queues.
   *
   * @param identity of the database, as it was recorded
   */
  memoryOf(identity: string): QueueMemory;
  close(): Promise<void>;
}

const day = 24 * 60 * 60;

/**
 * A dead worker's lock ends with its lease, and its jobs are found two to four seconds later: within the
 * 12 seconds of P6. One that is delivered twice all the same meets the fence in Postgres.
 *
 * BullMQ itself never gives a job up: attempts, crashes and deadlines are counted in Postgres. (Its own limit
 * would fail a job at the second crash, whatever `attempts` says.)
 */
const workerOptions = {
  lockDuration: 5_000,
  stalledInterval: 2_000,
  maxStalledCount: 1_000_000,
  drainDelay: 5,
  runRetryDelay: 1_000,
} satisfies Partial<WorkerOptions>;

/** Capped: BullMQ's own strategy grows to 20 s, and so long would a worker sleep after Redis is back. */
const retryStrategy = (times: number) => Math.min(100 * 2 ** times, 2_000);

/**
 * @param url as `REDIS_URL`
 * @param production a Redis that forgets is refused, not only warned of
 */
export function redisBackend(url: string, log: Log, production = false): QueueBackend {
  const consumer = { url, maxRetriesPerRequest: null, retryStrategy };
  // One connection for all that is asked and added, and it fails fast: the dispatcher rolls back and tries
  // again, a page says so, nothing hangs on an offline queue.
  const producer = new Redis(url, { maxRetriesPerRequest: 1, enableOfflineQueue: false, retryStrategy });
  producer.on('error', quietly(log, 'redis'));
  producer.setMaxListeners(100);
  // one hash tag, so that a Redis Cluster keeps all of it in one slot
  const prefix = '{evenfall}';
  return {
    kind: 'redis',
    jobOptions: {
      attempts: 1,
      removeOnComplete: { age: day, count: 5_000 },
      removeOnFail: false,
    },
    openQueue(name) {
      const queue = new Queue<Ticket, string>(name, { connection: producer, prefix });
      queue.on('error', quietly(log, name));
      return queue;
    },
    openWorker(name, concurrency, process) {
      const worker = new Worker<Ticket, string>(name, process, {
        ...workerOptions,
        connection: consumer,
        prefix,
        concurrency,
      });
      worker.on('error', quietly(log, name));
      return worker;
    },
    check: () => checkRedis(url, production, log),
    async ping() {
      await producer.ping();
    },
    memoryOf: (identity) => redisMemory(producer, `${prefix}:installation:${identity}`),
    async close() {
      producer.disconnect();
    },
  };
}

/**
 * BullMQ on Postgres, with the settings that avoid its faults: retention by age only (by count its deletes
 * deadlock and turn finished jobs into failed ones), one shared pool with the search path set (one pool a
 * class would open 75 connections).
 *
 * @param url as `DATABASE_URL`
 */
export function postgresBackend(url: string, log: Log): QueueBackend {
  const pool = new pg.Pool({
    connectionString: url,
    max: 20,
    options: '-c search_path=bullmq -c TimeZone=UTC',
    application_name: 'evenfall queues',
    keepAlive: true,
  });
  pool.setMaxListeners(100);
  pool.on('error', quietly(log, 'pool'));
  return {
    kind: 'postgres',
    jobOptions: { attempts: 1, removeOnComplete: { age: day }, removeOnFail: false },
    openQueue(name) {
      const queue = new Queue(name, { connection: pool }, createPostgresBackend as never) as Queue<
        Ticket,
        string
      >;
      queue.on('error', quietly(log, name));
      return queue;
    },
    openWorker(name, concurrency, process) {
      const worker = new Worker(
        name,
        process,
        { ...workerOptions, connection: pool, concurrency },
        createPostgresBackend as never,
      );
      worker.on('error', quietly(log, name));
      return worker;
    },
    async check() {
      const client = await pool.connect();
      try {
        await assertSchemaCompatibility(client, 'bullmq');
      } catch (cause) {
        // a worker on it would only spin: BullMQ asks again without a pause
        throw new Misconfigured(
          "BullMQ's own schema is not in this database. Run `evenfall migrate`, without REDIS_URL.",
          {
            cause,
          },
        );
      } finally {
        client.release();
      }
    },
    async ping() {
      await pool.query('select 1');
    },
    memoryOf: () => noMemory,
    close: () => pool.end(),
  };
}

/** Creates or updates BullMQ's own schema; part of `evenfall migrate` when its Postgres backend is used. */
export async function migratePostgresBackend(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, application_name: 'evenfall migrate' });
  await client.connect();
  try {
    await runMigrations(client, 'bullmq');
  } finally {
    await client.end();
  }
}

/** BullMQ reports one lost connection many times over: each kind of error is logged once in ten seconds. */
function quietly(log: Log, where: string) {
  const lastAt = new Map<string, number>();
  return (error: Error) => {
    const code = 'code' in error ? String(error.code) : error.name;
    const now = performance.now();
    if (now - (lastAt.get(code) ?? -Infinity) < 10_000) return;
    lastAt.set(code, now);
    log.warn(
      { queue: where, code, reason: error.message },
      'the queue backend reports an error; it tries again',
    );
  };
}
