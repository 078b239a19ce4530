import { allJobs } from '../../../jobs/index.ts';
import { readConfig } from '../../config.ts';
import type { Config } from '../../config.ts';
import { migrate } from '../../db/migrate.ts';
import { migratePostgresBackend } from '../../queue/backend.ts';
import { print } from '../output.ts';

/** `evenfall migrate` */
export async function migrateCommand(options: { contract?: string }): Promise<void> {
  await migrateAll(readConfig('database'), options.contract);
}

/** Evenfall's schema, the contract, and BullMQ's schema where the queues are in Postgres. */
export async function migrateAll(config: Config, contract: string | undefined): Promise<void> {
  const contractFile = contract ?? config.CONTRACT_SQL;
  await migrate({ databaseUrl: config.DATABASE_URL, kinds: allJobs, contractFile, log: print });
  if (config.QUEUE_BACKEND === 'postgres') await migratePostgresBackend(config.DATABASE_URL);
}
