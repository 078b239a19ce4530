import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { postgresBackend, redisBackend } from '../queue/backend.ts';
import type { QueueBackend } from '../queue/backend.ts';

type QueueSettings = Pick<Config, 'DATABASE_URL'> &
  Partial<Pick<Config, 'QUEUE_BACKEND' | 'REDIS_URL' | 'production'>>;

/** BullMQ's home, as the configuration names it. */
export function buildBackend(config: QueueSettings, log: Logger): QueueBackend {
  return config.QUEUE_BACKEND === 'redis' && config.REDIS_URL !== undefined
    ? redisBackend(config.REDIS_URL, log, config.production)
    : postgresBackend(config.DATABASE_URL, log);
}
