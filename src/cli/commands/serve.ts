import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { backfillStripe } from '../../../jobs/backfill-stripe.ts';
import { allJobs } from '../../../jobs/index.ts';
import { clockOffsetOf } from '../../clock-file.ts';
import { embeddedAsked, readConfig } from '../../config.ts';
import type { Config } from '../../config.ts';
import { connectDatabase } from '../../db/connect.ts';
import { failpointOf } from '../../failpoint.ts';
import { persist } from '../../queue/persist.ts';
import { replay } from '../../queue/replay.ts';
import { startWorker } from '../../queue/worker.ts';
import type { RunningWorker, WorkerOptions } from '../../queue/worker.ts';
import { readiness } from '../../web/health.ts';
import {
  buildAlerts,
  buildApp,
  buildHash,
  buildScheduleHeartbeats,
  buildKeepLink,
  buildMailer,
  buildStripe,
} from '../assemble.ts';
import { print } from '../output.ts';
import { buildParts, buildPolicy } from '../parts.ts';
import { buildBackend } from '../queue-backend.ts';
import { foreseen, openEmbedded, settingsFor } from './embedded.ts';

/** How long runs may take to end by themselves after SIGTERM; hosts give 25 to 30 seconds in all. */
const graceMs = 10_000;
/** What is still opening when it is asked to stop gets this long to be stopped in order. */
const openingMs = 5_000;

/** `evenfall worker` */
export async function workerCommand(): Promise<void> {
  const config = readConfig('worker');
  await serve(async () => {
    const worker = prepareWorker(config);
    const health = config.PORT === undefined ? undefined : await openHealth(config, config.PORT, worker);
    await worker.start();
    return { stop: () => Promise.all([worker.stop(), health?.stop()]) };
  });
}

/** `evenfall web` */
export async function webCommand(): Promise<void> {
  const config = readConfig('web');
  await serve(() => openWeb(config));
}

/** `evenfall start`: web and worker in one process, on services of our own with EVENFALL_EMBEDDED=1. */
export async function startCommand(): Promise<void> {
  const asked = embeddedAsked();
  // what is wrong with it is said before anything is started
  const given = readConfig('worker', asked && foreseen);
  await serve(async () => {
    const embedded = asked && (await openEmbedded(asked.path, given));
    const config = embedded ? readConfig('worker', embedded.env) : given;
    if (embedded) await (await import('./migrate.ts')).migrateAll(config, undefined);
    const worker = prepareWorker(config);
    // first, for it serves while the worker waits for Postgres or for a person
    const web = await openWeb(config);
    const deliveries = embedded?.deliverTo(web.url);
    if (embedded) print(settingsFor(embedded.env, web.url));
    await worker.start();
    return {
      async stop() {
        await deliveries?.stop();
        await Promise.all([web.stop(), worker.stop()]);
        await embedded?.stop();
      },
    };
  });
}

/**
 * Opens, waits for SIGTERM or SIGINT, stops, and ends the process: a call to Stripe that was left behind its
 * fence, or BullMQ's connections to a Redis that is gone, would keep it. Listens from the very beginning, for a
 * signal may come while it still opens; a second one ends the process as usual.
 */
async function serve(open: () => Promise<{ stop(): Promise<unknown> }>): Promise<never> {
  const asked = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  // asked to stop while it waits for a service that is absent: nothing runs yet that could be given back
  const opened = await Promise.race([open(), asked.then(() => sleep(openingMs))]);
  await asked;
  setTimeout(() => process.exit(), graceMs + 15_000).unref();
  await opened?.stop();
  process.exit();
}

/* A process that is started again after a crash is to be back soon: it loads what it needs, and the rest not at all. */

async function openHealth(config: Config, port: number, worker: ReturnType<typeof prepareWorker>) {
  const [{ startHealthServer }, { createMetrics }] = await Promise.all([
    import('../../web/health.ts'),
    import('../../web/metrics.ts'),
  ]);
  const { log, isReady, database } = worker;
  const metrics = { source: createMetrics(database, allJobs), apiToken: config.API_TOKEN };
  return await startHealthServer({ port, readiness: isReady, metrics, log });
}

/** A worker that is not started yet, and says so to whoever asks whether it is ready. */
function prepareWorker(config: Config) {
  // the jobs of five queues share these connections; a job holds one only while a statement runs
  const { log, database } = buildParts(config, 'worker', Math.min(20, config.CONCURRENCY + 5));
  const heartbeatDatabase = connectDatabase(config.DATABASE_URL, { max: 1, name: 'evenfall heartbeat' });
  const stripe = buildStripe(config, { log, database, random: Math.random });
  const { alerts, mail } = buildAlerts(config, log);
  const backend = buildBackend(config, log);
  let worker: RunningWorker | undefined;
  let held: string | undefined;
  const options: WorkerOptions = {
    database,
    heartbeatDatabase,
    backend,
    jobs: allJobs,
    heartbeats: buildScheduleHeartbeats(config),
    concurrency: config.CONCURRENCY,
    stripe,
    alerts,
    app: buildApp(config),
    mail: buildMailer(config, mail),
    policy: buildPolicy(config),
    hash: buildHash(config),
    keepLink: buildKeepLink(config),
    log,
    failpoint: failpointOf(config.EVENFALL_FAILPOINT, print),
    clockOffsetMs: clockOffsetOf(config.EVENFALL_CLOCK_FILE),
    random: Math.random,
    onHeld: (why) => (held = why),
  };
  const isReady = readiness({
    required: [
      { name: 'postgres', check: () => database.statements.databaseNow() },
      { name: config.QUEUE_BACKEND === 'redis' ? 'redis' : 'queues', check: () => backend.ping() },
      {
        name: 'worker',
        check: () => (worker ? Promise.resolve() : Promise.reject(new Error('not started'))),
      },
    ],
    held: () => held,
    reported: [
      { name: 'stripe', check: () => stripe.ping() },
      ...(mail ? [{ name: 'smtp', check: () => mail.verify() }] : []),
    ],
  });
  const never = new AbortController().signal;
  return {
    log,
    database,
    isReady,
    async start() {
      worker = await startWorker(options);
      await persist(() => database.statements.askFirstBackfill({ kind: backfillStripe.name }), never);
    },
    async stop() {
      await worker?.stop(graceMs);
      mail?.close();
      await Promise.all([database.close(), heartbeatDatabase.close()]);
    },
  };
}

async function openWeb(config: Config) {
  const { startWeb } = await import('../../web/server.ts');
  const { log, database } = buildParts(config, 'web', 10);
  const backend = buildBackend(config, log);
  const web = await startWeb({
    config: { ...config, PORT: config.PORT ?? 3000 },
    database,
    backend,
    jobs: allJobs,
    log,
    async onRetry(_queue, ticket, user) {
      const jobId = /^j(\d+)-/.exec(ticket)?.[1];
      if (jobId === undefined) return 'this entry stands for no job of Evenfall';
      const result = await replay(
        { database, openQueue: (name) => backend.openQueue(name) },
        Number(jobId),
        user,
      );
      return result.replayed ? undefined : result.reason;
    },
  });
  const stop = async () => {
    await web.stop();
    await Promise.all([backend.close(), database.close()]);
  };
  return { url: web.url, stop };
}
