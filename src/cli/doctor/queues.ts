import pRetry from 'p-retry';
import type { Config } from '../../config.ts';
import { Misconfigured } from '../../core/errors.ts';
import type { Database } from '../../db/connect.ts';
import type { Diagnosis } from '../../db/contract.ts';
import { createLog } from '../../log.ts';
import { postgresBackend } from '../../queue/backend.ts';
import { countDrift } from '../../queue/drift.ts';
import { lease } from '../../queue/heartbeat.ts';
import { buildBackend } from '../queue-backend.ts';

/** The settings that say where the queues are, once the database is known. */
type QueueConfig = Partial<Config> & Pick<Config, 'DATABASE_URL'>;

/**
 * Where BullMQ has its queues: where the living workers have theirs, and in Postgres with its schema.
 *
 * @param migrated whether the workers' rows can be asked
 */
export async function queueDiagnoses(
  { statements }: Database,
  config: QueueConfig,
  migrated: boolean,
): Promise<Diagnosis[]> {
  const { QUEUE_BACKEND: ours, REDIS_URL: url } = config;
  if (ours === undefined) return [];
  const theirs = migrated ? await statements.queueBackends({ lease }) : [];
  const other = theirs.find(({ queueBackend }) => queueBackend !== ours)?.queueBackend;
  if (other === 'redis') {
    const message = `${url === undefined ? 'is not set' : 'is not used'} here, and workers that run have their queues in Redis`;
    const fix = 'set REDIS_URL to theirs, and QUEUE_BACKEND as they have it';
    return [{ level: 'error', about: 'REDIS_URL', message, fix }];
  }
  if (other === 'postgres') {
    const message = 'is set here, and workers that run have their queues in Postgres';
    const fix = 'take REDIS_URL away here, or restart the workers with it';
    return [{ level: 'error', about: 'REDIS_URL', message, fix }];
  }
  return ours === 'postgres' ? await schemaDiagnoses(config) : [];
}

/** BullMQ on Postgres has a schema of its own. */
async function schemaDiagnoses({ DATABASE_URL: databaseUrl, REDIS_URL: url }: QueueConfig) {
  const about = 'BullMQ on Postgres';
  const queues = postgresBackend(databaseUrl, createLog('silent', 'doctor'));
  try {
    await queues.check();
    return [{ level: 'ok', about, message: 'its schema is there' }] satisfies Diagnosis[];
  } catch (error) {
    if (!(error instanceof Misconfigured)) throw error;
    const fix =
      url === undefined
        ? 'REDIS_URL is not set here: if the workers use Redis, set it; if they do not, run `evenfall migrate`'
        : 'QUEUE_BACKEND says postgres: run `evenfall migrate` with it';
    return [
      { level: 'error', about, message: 'its schema is not in this database', fix },
    ] satisfies Diagnosis[];
  } finally {
    await queues.close();
  }
}

/** Rows that say they are in BullMQ, and BullMQ knows nothing of them. */
export async function driftDiagnoses({ statements }: Database, config: QueueConfig): Promise<Diagnosis[]> {
  const queues = buildBackend(config, createLog('silent', 'doctor'));
  try {
    const answers = await pRetry(() => queues.ping(), { retries: 4, minTimeout: 50 }).then(
      () => true,
      () => false,
    );
    // the section about the queues says so
    if (!answers) return [];
    const parted = await countDrift(statements, (name) => queues.openQueue(name));
    const about = 'rows and BullMQ';
    if (parted === 0) return [{ level: 'ok', about, message: 'agree' }];
    const message = `have parted for two minutes over ${parted} jobs: no worker puts them together`;
    return [{ level: 'error', about, message, fix: 'start `evenfall worker`: it does so at once' }];
  } finally {
    await queues.close();
  }
}
