import { Redis } from 'ioredis';
import type { Log } from '../core/context.ts';
import { Misconfigured } from '../core/errors.ts';

/**
 * Asks Redis at boot whether it keeps what it is given: an append-only file, and no eviction. Postgres is the
 * truth and repairs a loss, but a Redis that forgets makes every restart one.
 *
 * A Redis that does not answer yet is not judged.
 *
 * @throws Misconfigured in production, naming what to set; elsewhere it is a warning
 */
export async function checkRedis(url: string, production: boolean, log: Log): Promise<void> {
  const redis = new Redis(url, {
    maxRetriesPerRequest: 0,
    connectTimeout: 3_000,
    lazyConnect: true,
    retryStrategy: null,
  });
  redis.on('error', () => {});
  let info: string;
  try {
    await redis.connect();
    info = `${await redis.info('persistence')}${await redis.info('memory')}`;
  } catch {
    log.warn({}, 'Redis does not answer yet; its settings are not checked');
    return;
  } finally {
    redis.disconnect();
  }
  const problems = [];
  if (!/^aof_enabled:1/m.test(info)) problems.push('appendonly is off: set `appendonly yes`');
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
  if (policy !== 'noeviction')
    problems.push(`maxmemory-policy is ${policy}: set \`maxmemory-policy noeviction\``);
  if (problems.length === 0) return;
  if (production)
    throw new Misconfigured(`Redis may lose jobs:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
  for (const problem of problems) log.warn({}, `Redis may lose jobs: ${problem}`);
}
