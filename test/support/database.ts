import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, inject } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import type { AnyJob } from '../../src/core/job.ts';
import { connectDatabase } from '../../src/db/connect.ts';
import type { Database } from '../../src/db/connect.ts';
import { migrate } from '../../src/db/migrate.ts';
import { packageRoot } from '../../src/package-root.ts';
import { migratePostgresBackend } from '../../src/queue/backend.ts';
import { openPool } from './sql.ts';

export interface TestDatabase {
  readonly url: string;
  readonly database: Database;
  /** For what tests ask beside the named statements. */
  readonly sql: postgres.Sql;
  drop(): Promise<void>;
}

/** Named after what it is made of: a server that outlives the run never hands out yesterday's schema. */
const templateName = `evenfall_template_${fingerprint()}`;

/**
 * A database of its own for the calling test file: a clone of a template with the example app, every
 * migration, the contract and all kinds (and `extraKinds`). Dropped after the file's tests.
 */
export async function createTestDatabase(extraKinds: readonly AnyJob[] = []): Promise<TestDatabase> {
  const maintenanceUrl = inject('databaseUrl');
  const name = `evenfall_test_${randomBytes(6).toString('hex')}`;
  const url = withDatabase(maintenanceUrl, name);
  const maintenance = postgres(maintenanceUrl, { max: 1, onnotice: () => {} });
  await inTurn(maintenance, async (turn) => {
    if (!(await exists(turn, templateName))) await makeTemplate(turn, maintenanceUrl);
    await turn.unsafe(`create database ${name} template ${templateName}`);
  });
  await maintenance.end();
  if (extraKinds.length > 0) await migrate({ databaseUrl: url, kinds: extraKinds, log: () => {} });
  return open(maintenanceUrl, name);
}

/** A database of its own with an app that is not the example: its tables, then everything of ours over its contract. */
export async function createDatabaseOf(app: { sql: string; contractFile: string }): Promise<TestDatabase> {
  const maintenanceUrl = inject('databaseUrl');
  const name = `evenfall_test_${randomBytes(6).toString('hex')}`;
  const url = withDatabase(maintenanceUrl, name);
  const maintenance = postgres(maintenanceUrl, { max: 1, onnotice: () => {} });
  await maintenance.unsafe(`create database ${name}`);
  await maintenance.end();
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  await sql.unsafe(app.sql);
  await sql.end();
  await migrate({ databaseUrl: url, kinds: allJobs, contractFile: app.contractFile, log: () => {} });
  await migratePostgresBackend(url);
  return open(maintenanceUrl, name);
}

/** Connections to a database, which is dropped after the calling file's tests. */
function open(maintenanceUrl: string, name: string): TestDatabase {
  const url = withDatabase(maintenanceUrl, name);
  const database = connectDatabase(url, { max: 10, name: 'test' });
  const sql = openPool(url, { max: 5, name: 'test' });
  const drop = async () => {
    await database.close();
    await sql.end({ timeout: 5 });
    const last = postgres(maintenanceUrl, { max: 1, onnotice: () => {} });
    await last.unsafe(`drop database if exists ${name} with (force)`);
    await last.end();
  };
  afterAll(drop);
  return { url, database, sql, drop };
}

/** Test files run side by side: one makes the template, and cloning needs it free of other sessions. */
async function inTurn(sql: postgres.Sql, work: (turn: postgres.ReservedSql) => Promise<void>): Promise<void> {
  const turn = await sql.reserve();
  try {
    await turn`select pg_advisory_lock(hashtext('evenfall test template'))`;
    await work(turn);
  } finally {
    await turn`select pg_advisory_unlock(hashtext('evenfall test template'))`;
    turn.release();
  }
}

async function makeTemplate(turn: postgres.ReservedSql, maintenanceUrl: string): Promise<void> {
  const making = `${templateName}_making`;
  await turn.unsafe(`drop database if exists ${making}`);
  await turn.unsafe(`create database ${making}`);
  const url = withDatabase(maintenanceUrl, making);
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  await sql.unsafe(readFileSync(join(packageRoot, 'sql', 'example-app.sql'), 'utf8'));
  await sql.end();
  await migrate({ databaseUrl: url, kinds: allJobs, log: () => {} });
  await migratePostgresBackend(url);
  // renamed only when it is complete: a run that was broken off leaves nothing half-made under its name
  await turn.unsafe(`alter database ${making} rename to ${templateName}`);
}

function fingerprint(): string {
  const hash = createHash('sha256').update(JSON.stringify(allJobs));
  for (const file of ['example-app.sql', 'contract.sql', ...filesIn('migrations'), ...filesIn('functions')]) {
    hash.update(readFileSync(join(packageRoot, 'sql', file)));
  }
  return hash.digest('hex').slice(0, 12);
}

function filesIn(folder: string): string[] {
  return readdirSync(join(packageRoot, 'sql', folder)).map((file) => join(folder, file));
}

async function exists(turn: postgres.ReservedSql, name: string): Promise<boolean> {
  return (await turn`select from pg_database where datname = ${name}`).length > 0;
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}
