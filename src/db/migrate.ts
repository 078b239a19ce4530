import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runner } from 'node-pg-migrate';
import pRetry from 'p-retry';
import type { Options as RetryOptions } from 'p-retry';
import pg from 'pg';
import type { AnyJob } from '../core/job.ts';
import { Misconfigured } from '../core/errors.ts';
import { packageRoot } from '../package-root.ts';
import { contractOrigin, migrateWith, recordContract } from './contract-origin.ts';
import type { ContractOrigin } from './contract-origin.ts';
import { idDomains, idTypes, shapeProblems } from './contract.ts';

export interface MigrateOptions {
  databaseUrl: string;
  /** The kinds to write to `evenfall.job_kind`. */
  kinds: readonly AnyJob[];
  /** The contract file; `sql/contract.sql` when absent. */
  contractFile?: string | undefined;
  log: (line: string) => void;
}

/**
 * Brings the database up to date: migrations, then the contract with the app's data, then functions (always
 * the current ones), then the kinds. Safe to run again and by several processes at once: the second waits.
 *
 * @throws Misconfigured when the contract does not fit the database, the one that ships would replace an own one, or a
 * table stays locked for minutes
 */
export async function migrate(options: MigrateOptions): Promise<void> {
  const client = new pg.Client({
    connectionString: options.databaseUrl,
    application_name: 'evenfall migrate',
    options: '-c TimeZone=UTC -c client_min_messages=warning',
  });
  await client.connect();
  try {
    // ours, before anything and held to the end: node-pg-migrate's own lock covers the migrations only
    await client.query(`select pg_advisory_lock(hashtext('evenfall migrate'))`);
    await client.query(`set lock_timeout = '2s'`);
    await pRetry(() => bringUpToDate(client, options), whileLocked(options.log)).catch(tellOfLock);
  } finally {
    await client.end();
  }
}

async function bringUpToDate(client: pg.Client, options: MigrateOptions): Promise<void> {
  await client.query('create schema if not exists evenfall');
  const applied = await runner({
    dbClient: client,
    dir: join(packageRoot, 'sql', 'migrations'),
    direction: 'up',
    schema: 'evenfall',
    migrationsTable: 'migration',
    migrationsSchema: 'evenfall',
    advisoryLockMode: 'wait',
    log: () => {},
  });
  for (const migration of applied) options.log(`applied ${migration.name}`);
  // node-pg-migrate leaves its own, and an adopter's contract may name tables as its app does
  await client.query('reset search_path');
  await applyContract(client, await contractOrigin(client, options.contractFile));
  for (const file of sqlFiles('functions')) await client.query(readFileSync(file, 'utf8'));
  await writeKinds(client, options.kinds);
  options.log(`${options.kinds.length} kinds of job known; the database is up to date`);
}

/**
 * Whoever enqueues waits behind a statement of ours that waits for a table: it gives up before they do (after three
 * seconds, sql/functions/enqueue.sql), lets them through, and begins again.
 */
function whileLocked(log: (line: string) => void): RetryOptions {
  return {
    retries: 30,
    minTimeout: 1_000,
    maxTimeout: 5_000,
    shouldRetry: ({ error }) => isLocked(error),
    onFailedAttempt({ error, attemptNumber }) {
      if (attemptNumber === 1 && isLocked(error)) log('a table is locked by another session; trying again');
    },
  };
}

function tellOfLock(error: unknown): never {
  if (!isLocked(error)) throw error;
  throw new Misconfigured(
    'a table that is to be changed was locked by another session all the time; nothing is half done. ' +
      'Wait for its transaction or end it (pg_stat_activity, xact_start), then run `evenfall migrate` again.',
    { cause: error },
  );
}

function isLocked(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ('code' in error && error.code === '55P03') || isLocked(error.cause);
}

function sqlFiles(folder: string): string[] {
  const path = join(packageRoot, 'sql', folder);
  return readdirSync(path)
    .filter((file) => file.endsWith('.sql'))
    .toSorted()
    .map((file) => join(path, file));
}

/** The contract's views and functions, and domains of the views' own id types (docs/protocol.md, "The contract's ids"). */
async function applyContract(client: pg.Client, { path: file, own }: ContractOrigin): Promise<void> {
  let text;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Misconfigured(`the contract file ${file} cannot be read`, { cause: error });
  }
  try {
    await client.query('begin');
    await client.query(text);
    await requireShape(client, file, migrateWith(own));
    for (const { domain, view } of idDomains) await writeIdDomain(client, domain, view);
    await recordContract(client, own);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    if (error instanceof Misconfigured) throw error;
    const message = error instanceof Error ? error.message : String(error);
    const hint = /cannot (change .* of view column|drop columns from view)/.test(message)
      ? '\nA view cannot be replaced by one with other columns: begin the contract with `drop view if exists evenfall.app_team, …`.'
      : '';
    throw new Misconfigured(
      `the contract ${file} does not fit this database: ${message}${hint}\n` +
        'It maps your tables for Evenfall. Copy it, change it to your schema, and run `evenfall migrate --contract FILE`.',
      { cause: error },
    );
  }
}

/** All that is missing or of a wrong type at once: the adopter mends the contract in one go. */
async function requireShape(client: pg.Client, file: string, migrateAgain: string): Promise<void> {
  const problems = await shapeProblems(client, migrateAgain);
  if (problems.length === 0) return;
  const lines = problems.map(({ message, fix }) => `  ${message}:\n    ${fix?.replaceAll('\n', '\n    ')}`);
  throw new Misconfigured(
    `the contract ${file} is not complete (sql/contract.sql shows what it has to have):\n${lines.join('\n')}`,
  );
}

async function writeIdDomain(client: pg.Client, domain: string, view: string): Promise<void> {
  const { wanted, present } = await idTypes(client, domain, view);
  if (present === wanted) return;
  if (present !== null) await client.query(`drop domain evenfall.${domain}`);
  await client.query(`create domain evenfall.${domain} as ${wanted}`);
}

async function writeKinds(client: pg.Client, kinds: readonly AnyJob[]): Promise<void> {
  for (const kind of kinds) {
    await client.query(
      `insert into evenfall.job_kind (kind, queue, summary, payload_version, payload_schema, key_fields, team_field,
         precedence, give_up_after, crash_budget)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
       on conflict (kind) do update set queue = excluded.queue, summary = excluded.summary,
         payload_version = excluded.payload_version, payload_schema = excluded.payload_schema,
         key_fields = excluded.key_fields, team_field = excluded.team_field, precedence = excluded.precedence,
         give_up_after = excluded.give_up_after, crash_budget = excluded.crash_budget
       -- an older release that migrates late must not take a newer kind back
       where excluded.payload_version >= job_kind.payload_version`,
      [
        kind.name,
        kind.queue,
        kind.summary,
        kind.payloadVersion ?? 1,
        JSON.stringify(kind.payload.json),
        kind.key,
        kind.team ?? null,
        kind.precedence ? JSON.stringify({ [kind.precedence.field]: kind.precedence.weakestFirst }) : null,
        kind.retry.giveUpAfter,
        kind.retry.crashBudget,
      ],
    );
  }
}
