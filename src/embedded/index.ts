import { join } from 'node:path';
import type { EmbeddedServer } from './lifecycle.ts';
import { startPostgres } from './postgres.ts';
import { startRedis } from './redis.ts';

export type EmbeddedOptions = {
  /** The folder that holds everything, such as `.evenfall`. */
  readonly dir: string;
  /** false: Postgres without fsync, for tests. */
  readonly durable: boolean;
  /** Where to look for `redis-server`: the value of PATH. */
  readonly path: string | undefined;
  /** Takes a line on what is going on. */
  readonly log?: (line: string) => void;
};

export type Embedded = {
  readonly databaseUrl: string;
  /** undefined when there is no `redis-server` on the path. */
  readonly redisUrl: string | undefined;
  readonly postgres: EmbeddedServer;
  readonly redis: EmbeddedServer | undefined;
  /** Stops both and keeps their data. */
  stop(): Promise<void>;
};

/**
 * Starts a PostgreSQL of our own, and a Redis where the machine has the program, in `dir`.
 * Both go away with this process. Throws EmbeddedError, whose message says what to do.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { dir, durable, path, log = () => {} } = options;
  // Postgres first: its lock on the folder also keeps a second Redis away.
  const postgres = await startPostgres({ dir: join(dir, 'postgres'), durable, log });
  try {
    const redis = await startRedis({ dir: join(dir, 'redis'), path, log });
    if (!redis) log('No redis-server on the path: the queues live in PostgreSQL');
    return {
      databaseUrl: postgres.url,
      redisUrl: redis?.url,
      postgres,
      redis,
      async stop() {
        await Promise.all([postgres.stop(), redis?.stop()]);
      },
    };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}
