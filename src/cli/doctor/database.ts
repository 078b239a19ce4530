import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { allJobs } from '../../../jobs/index.ts';
import type { Config } from '../../config.ts';
import { connectDatabase } from '../../db/connect.ts';
import type { Database } from '../../db/connect.ts';
import { checkContract } from '../../db/contract-check.ts';
import { migrateWith } from '../../db/contract-origin.ts';
import type { Diagnosis } from '../../db/contract.ts';
import { packageRoot } from '../../package-root.ts';
import { lateSeconds, scheduledJobs } from '../../queue/schedules.ts';
import { driftDiagnoses, queueDiagnoses } from './queues.ts';
import { section, said } from './section.ts';
import type { Section } from './section.ts';
import { workDiagnoses } from './work.ts';

const oldestVersion = 14;
/** A tick that is later than this finds nobody working. */
const lateAfterSeconds = 300;

/** What the database says of itself, of the contract and of what has happened so far. */
export async function databaseSections(config: Partial<Config>): Promise<Section[]> {
  const { DATABASE_URL: databaseUrl, QUEUE_BACKEND: backend } = config;
  if (databaseUrl === undefined) return [];
  const database = connectDatabase(databaseUrl, { max: 2, name: 'evenfall doctor' });
  try {
    const closed = (await connectionProblem(database)) ?? (await rightsProblem(database, backend));
    if (closed) return [{ name: 'database', diagnoses: [closed] }];
    const migrate = await migrateCall(database, config);
    const schema = await section('database', async () => [
      await versionDiagnosis(database),
      ...(await schemaDiagnoses(database, migrate)),
    ]);
    const migrated = isSound(schema);
    const known = { ...config, DATABASE_URL: databaseUrl };
    const contract = await section('contract', () => checkContract(databaseUrl, migrate));
    const queues = await section('queues', () => queueDiagnoses(database, known, migrated));
    // what is not migrated lacks the tables that the rest asks
    if (!migrated) return [schema, contract, queues];
    return [
      schema,
      contract,
      queues,
      await section('mirror', () => mirrorDiagnoses(database)),
      await section('schedules', () => scheduleDiagnoses(database)),
      await section('work', () => workDiagnoses(database)),
      // with queues elsewhere than the workers', every row has parted
      ...(isSound(queues) ? [await section('drift', () => driftDiagnoses(database, known))] : []),
    ];
  } finally {
    await database.close();
  }
}

async function connectionProblem({ statements }: Database): Promise<Diagnosis | undefined> {
  try {
    await statements.databaseNow();
    return undefined;
  } catch (error) {
    return {
      level: 'error',
      about: 'Postgres',
      message: `cannot be used: ${said(error)}`,
      fix: 'set DATABASE_URL to a Postgres that runs, with a role that may log in',
    };
  }
}

function isSound({ diagnoses }: Section): boolean {
  return diagnoses.every(({ level }) => level !== 'error');
}

/** Of a role that may not do what a worker does: nothing else could be told, or would be told wrongly. */
async function rightsProblem(
  { statements }: Database,
  backend: Config['QUEUE_BACKEND'] | undefined,
): Promise<Diagnosis | undefined> {
  const schemas = ['evenfall', ...(backend === 'postgres' ? ['bullmq'] : [])];
  const lacking = await statements.missingGrants({ schemas });
  const [first] = lacking;
  if (!first) return undefined;
  return {
    level: 'error',
    about: 'rights',
    message: `the role ${first.role} may not do here what a worker does`,
    fix: `${lacking.map(({ grant }) => grant).join('\n')}\n-- or set DATABASE_URL to the role that runs \`evenfall migrate\``,
  };
}

/** The command that brings this database up to date and leaves it its own contract. */
async function migrateCall({ statements }: Database, config: Partial<Config>): Promise<string> {
  if (config.CONTRACT_SQL !== undefined) return migrateWith(null);
  const [applied] = await statements.appliedContract().catch(noneYet);
  return migrateWith(applied?.file ?? null);
}

async function versionDiagnosis({ statements }: Database): Promise<Diagnosis> {
  const [server] = await statements.serverVersion();
  const message = `is version ${server?.version ?? 'unknown'}`;
  if ((server?.number ?? 0) >= oldestVersion * 10_000) return { level: 'ok', about: 'Postgres', message };
  return {
    level: 'error',
    about: 'Postgres',
    message: `${message}; ${oldestVersion} or newer is needed`,
    fix: `upgrade the server to PostgreSQL ${oldestVersion} or newer`,
  };
}

const undefinedTable = '42P01';

/** Of a table that a migration has still to make. */
function noneYet(error: Error & { code?: string }): [] {
  if (error.code === undefinedTable) return [];
  throw error;
}

async function schemaDiagnoses({ statements }: Database, migrate: string): Promise<Diagnosis[]> {
  const fix = `run \`${migrate}\``;
  const applied = await statements.appliedMigrations().catch(noneYet);
  if (applied.length === 0)
    return [{ level: 'error', about: 'schema', message: 'the database has no Evenfall schema', fix }];
  const names = new Set(applied.map(({ name }) => name));
  const ours = readdirSync(join(packageRoot, 'sql', 'migrations')).map((file) => file.replace(/\.sql$/, ''));
  const missing = ours.filter((name) => !names.has(name));
  const newer = applied.filter(({ name }) => !ours.includes(name));
  if (missing.length > 0) {
    const message = `these migrations are not applied: ${missing.toSorted().join(', ')}`;
    return [{ level: 'error', about: 'schema', message, fix }];
  }
  const found: Diagnosis[] = [];
  if (newer.length > 0) {
    found.push({
      level: 'warning',
      about: 'schema',
      message: `a newer release has migrated this database: ${newer.map(({ name }) => name).join(', ')}`,
      fix: 'deploy that release here too',
    });
  } else found.push({ level: 'ok', about: 'schema', message: `all ${ours.length} migrations are applied` });

  const known = new Map((await statements.schemaState()).map((row) => [row.kind, row.payloadVersion]));
  const unknown = allJobs.filter((job) => (known.get(job.name) ?? 0) < (job.payloadVersion ?? 1));
  if (unknown.length > 0) {
    const message = `the database does not know these as this release does: ${unknown.map(({ name }) => name).join(', ')}`;
    found.push({ level: 'error', about: 'kinds', message, fix });
  } else found.push({ level: 'ok', about: 'kinds', message: `all ${allJobs.length} are known` });
  return found;
}

async function mirrorDiagnoses({ statements }: Database): Promise<Diagnosis[]> {
  const [picture] = await statements.pictureOfStripe();
  const at = picture?.finishedAt?.toISOString();
  if (picture?.isFresh && !picture.isOurs) {
    return [
      {
        level: 'warning',
        about: 'backfill',
        message: 'the app names Stripe customers, and none was found: deletions wait',
        fix: 'set STRIPE_SECRET_KEY to a key of the account, and of the mode, that these customers are of',
      },
    ];
  }
  if (picture?.isFresh)
    return [{ level: 'ok', about: 'backfill', message: `all of Stripe was read by ${at}` }];
  return [
    {
      level: 'warning',
      about: 'backfill',
      message:
        at === undefined
          ? 'Stripe was never read as a whole: deletions wait'
          : `Stripe was last read as a whole by ${at}, more than 24 hours ago: deletions wait`,
      fix: `let a worker run, or ask for it: \`evenfall enqueue backfill-stripe '{}'\``,
    },
  ];
}

async function scheduleDiagnoses({ statements }: Database): Promise<Diagnosis[]> {
  const jobs = scheduledJobs(allJobs);
  const states = await statements.scheduleStates({ names: jobs.map(({ name }) => name) });
  const undeclared = jobs.filter(({ name }) => !states.some((state) => state.name === name));
  const late = states.filter((state) => lateSeconds(state) > lateAfterSeconds);
  const found: Diagnosis[] = late.map((state) => ({
    level: 'warning',
    about: state.name,
    message: `is late by ${Math.floor(lateSeconds(state) / 60)} minutes`,
    fix: 'let a worker run',
  }));
  if (undeclared.length > 0) {
    const message = `no worker of this release has declared them yet: ${undeclared.map(({ name }) => name).join(', ')}`;
    found.push({ level: 'warning', about: 'schedules', message, fix: 'let a worker run' });
  }
  if (found.length === 0) found.push({ level: 'ok', about: 'schedules', message: 'none is late' });
  return found;
}
