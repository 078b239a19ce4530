import { Redis } from 'ioredis';
import postgres from 'postgres';
import { allJobs } from '../jobs/index.ts';
import { migrate } from '../src/db/migrate.ts';
import { startEmbedded } from '../src/embedded/index.ts';
import { createAppSchema } from './app-data.ts';
import type { Step } from './progress.ts';

export interface ServiceOptions {
  readonly dir: string;
  /** Whether the data are to outlive the machine's power cut. */
  readonly durable: boolean;
  readonly fresh: boolean;
  readonly path: string | undefined;
  readonly step: Step;
}

export interface Services {
  /** The demo's own database, so that `npm start` in the same folder keeps its own. */
  readonly databaseUrl: string;
  readonly redisUrl: string | undefined;
  readonly sql: postgres.Sql;
  stop(): Promise<void>;
}

const database = 'demo';
/** Of Redis, which knows numbers only; `npm start` uses 0. */
const redisNumber = 1;

/** Postgres, Redis where there is one, and the schemas of the app, of the demo and of Evenfall. */
export async function startServices(options: ServiceOptions): Promise<Services> {
  const { dir, durable, fresh, path, step } = options;
  const embedded = await step('Starting PostgreSQL, and Redis where there is one', (log) =>
    startEmbedded({ dir, durable, path, log }),
  );
  try {
    const databaseUrl = withPath(embedded.databaseUrl, database);
    const redisUrl = embedded.redisUrl && withPath(embedded.redisUrl, String(redisNumber));
    const sql = await step("Migrating the example app's database", async (log) => {
      await createDatabase(embedded.databaseUrl, fresh);
      if (fresh && redisUrl !== undefined) await emptyRedis(redisUrl);
      return await migrated(databaseUrl, redisUrl, log);
    });
    return {
      databaseUrl,
      redisUrl,
      sql,
      async stop() {
        await sql.end({ timeout: 1 });
        await embedded.stop();
      },
    };
  } catch (error) {
    await embedded.stop();
    throw error;
  }
}

/** With the schemas of the app, of the demo and of Evenfall; each bears being made twice, or after half of it. */
async function migrated(
  databaseUrl: string,
  redisUrl: string | undefined,
  log: (line: string) => void,
): Promise<postgres.Sql> {
  const sql = connect(databaseUrl, 4);
  try {
    await createAppSchema(sql);
    await migrate({ databaseUrl, kinds: allJobs, log });
    if (redisUrl === undefined) {
      // brings all of BullMQ along, which a demo with Redis need not load
      const { migratePostgresBackend } = await import('../src/queue/backend.ts');
      await migratePostgresBackend(databaseUrl);
    }
    return sql;
  } catch (error) {
    await sql.end({ timeout: 1 });
    throw error;
  }
}

function connect(url: string, max: number): postgres.Sql {
  const connection = { application_name: 'evenfall demo', TimeZone: 'UTC' };
  return postgres(url, { max, connection, onnotice: () => {} });
}

async function createDatabase(url: string, fresh: boolean): Promise<void> {
  const sql = connect(url, 1);
  try {
    if (fresh) await sql`drop database if exists ${sql(database)} with (force)`;
    const [present] = await sql`select from pg_database where datname = ${database}`;
    if (!present) await sql`create database ${sql(database)}`;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

async function emptyRedis(url: string): Promise<void> {
  const redis = new Redis(url, { maxRetriesPerRequest: 1 });
  try {
    await redis.flushdb();
  } finally {
    redis.disconnect();
  }
}

function withPath(url: string, path: string): string {
  const changed = new URL(url);
  changed.pathname = `/${path}`;
  return changed.href;
}
