import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../core/context.ts';
import { Misconfigured } from '../core/errors.ts';
import type { AtFailpoint } from '../core/failpoints.ts';
import type { ScheduleHeartbeatPort } from '../core/schedule-heartbeat.ts';
import { queueNames } from '../core/job.ts';
import type { AnyJob, QueueName } from '../core/job.ts';
import type { Database } from '../db/connect.ts';
import { isPassingTrouble } from '../db/trouble.ts';
import type { QueueBackend, TicketQueue, TicketWorker } from './backend.ts';
import { carry } from './carrier.ts';
import type { Adapters } from './context.ts';
import { Dispatcher } from './dispatcher.ts';
import { Heartbeat, lease } from './heartbeat.ts';
import { untilTrusted } from './installation.ts';
import type { TrustOptions } from './installation.ts';
import { Reconciler } from './reconciler.ts';
import { Runner, shutdownReason } from './runner.ts';
import { ScheduleHeartbeats } from './schedule-heartbeats.ts';
import { Scheduler, tickName } from './scheduler.ts';
import type { SchedulerQueue } from './scheduler.ts';

export interface WorkerOptions extends Adapters {
  /** One connection that nothing else uses: the lease must not wait for a busy pool. */
  readonly heartbeatDatabase: Database;
  readonly backend: QueueBackend;
  readonly jobs: readonly AnyJob[];
  /** Who is told outside that schedules are alive; nobody when absent. */
  readonly heartbeats?: ScheduleHeartbeatPort | undefined;
  /** Jobs at once, in each queue. */
  readonly concurrency: number;
  readonly failpoint: AtFailpoint;
  readonly clockOffsetMs: () => number;
  readonly random: () => number;
  readonly onHeld?: TrustOptions['onHeld'];
}

export interface RunningWorker {
  readonly id: string;
  /**
   * Stops claiming, lets runs end; those that have not after `graceMs` are asked to stop and given back; a
   * claimed effect is still settled. Resolves within `graceMs` and a few seconds, Redis or no Redis.
   */
  stop(graceMs: number): Promise<void>;
}

/**
 * A worker process: dispatcher, one BullMQ worker a queue, heartbeat, reconciler and scheduler around one runner.
 * Waits for Postgres to be there, and says so; on a restored backup until a person has answered for it.
 *
 * @throws Misconfigured when the database lacks a migration that this code needs
 */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { database, backend, jobs, log } = options;
  await untilReady(database, jobs, log);
  await backend.check();
  const memory = await untilTrusted(options);
  const id = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  const kill = new AbortController();
  const drain = new AbortController();
  const runner = new Runner({ ...options, workerId: id, lease, kill: kill.signal });

  const self = {
    id,
    concurrency: options.concurrency,
    kinds: jobs.map(({ name }) => name),
    queueBackend: backend.kind,
  };
  const heartbeat = new Heartbeat(options.heartbeatDatabase, self, log);
  await heartbeat.start();
  const queues = new Map<QueueName, TicketQueue>(queueNames.map((name) => [name, backend.openQueue(name)]));
  const dispatcher = new Dispatcher({ ...options, queues, memory, jobOptions: backend.jobOptions });
  const scheduler = new Scheduler({
    ...options,
    // a whole queue of BullMQ's, of which tickets need a part and ticks another
    queue: queues.get('schedules') as unknown as SchedulerQueue,
  });
  const reconciler = new Reconciler({
    ...options,
    queues,
    memory,
    runner,
    workerId: id,
    onChange: () => dispatcher.knock(),
    onLoss: () => scheduler.setUp(),
  });
  const scheduleHeartbeats = new ScheduleHeartbeats(options);
  const workers: TicketWorker[] = queueNames.map((name) =>
    backend.openWorker(name, options.concurrency, async (job, token = '') => {
      // a tick is not a ticket: it has no row, nothing to start and nothing to lose
      if (job.name === tickName) return await scheduler.onTick(job);
      try {
        return await carry(runner, job, token, drain.signal, log, () => reconciler.parted());
      } finally {
        dispatcher.knock();
        scheduleHeartbeats.ended(job.name);
      }
    }),
  );
  await dispatcher.start();
  reconciler.start();
  scheduler.start();
  scheduleHeartbeats.start();
  log.info(
    { workerId: id, backend: backend.kind, kinds: jobs.length, concurrency: options.concurrency },
    'working',
  );

  return {
    id,
    async stop(graceMs) {
      log.info({ workerId: id }, 'stopping');
      const closing = Promise.all(workers.map((worker) => worker.close()));
      await Promise.race([
        Promise.all([dispatcher.stop(), reconciler.stop(), scheduler.stop(), scheduleHeartbeats.stop()]),
        sleep(2_000),
      ]);
      const ended = await Promise.race([runner.idle().then(() => true), sleep(graceMs, false)]);
      if (!ended) {
        drain.abort(shutdownReason);
        await Promise.race([runner.idle(), sleep(5_000)]);
      }
      // what has ended is told to BullMQ, if it is there: without Redis worker.close() never resolves
      await Promise.race([closing, sleep(2_000)]);
      kill.abort();
      await Promise.race([heartbeat.stop().catch(() => {}), sleep(2_000)]);
      await Promise.race([Promise.all([...queues.values()].map((queue) => queue.close())), sleep(2_000)]);
      await Promise.race([backend.close(), sleep(2_000)]);
      log.info({ workerId: id }, 'stopped');
    },
  };
}

/**
 * Waits for Postgres, and checks that `evenfall migrate` has been run for this version.
 *
 * @throws Misconfigured naming what is missing
 */
async function untilReady(database: Database, jobs: readonly AnyJob[], log: Log): Promise<void> {
  for (;;) {
    try {
      const known = new Map(
        (await database.statements.schemaState()).map((row) => [row.kind, row.payloadVersion]),
      );
      const unknown = jobs.filter((job) => (known.get(job.name) ?? 0) < (job.payloadVersion ?? 1));
      if (unknown.length === 0) return;
      const names = unknown.map((job) => job.name).join(', ');
      throw new Misconfigured(
        `the database does not know these kinds yet: ${names}. Run \`evenfall migrate\`.`,
      );
    } catch (error) {
      if (error instanceof Error && 'code' in error && (error.code === '42P01' || error.code === '3F000')) {
        throw new Misconfigured('the database has no Evenfall schema. Run `evenfall migrate`.', {
          cause: error,
        });
      }
      if (!isPassingTrouble(error)) throw error;
      log.warn({ code: (error as Error & { code: string }).code }, 'Postgres does not answer; trying again');
    }
    await sleep(1_000);
  }
}
