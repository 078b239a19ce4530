import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import pRetry from 'p-retry';
import { allJobs } from '../../../jobs/index.ts';
import type { Config } from '../../config.ts';
import { Misconfigured } from '../../core/errors.ts';
import { connectDatabase } from '../../db/connect.ts';
import type { Database } from '../../db/connect.ts';
import { checkContract } from '../../db/contract-check.ts';
import type { Diagnosis } from '../../db/contract.ts';
import { createLog } from '../../log.ts';
import { packageRoot } from '../../package-root.ts';
import { postgresBackend } from '../../queue/backend.ts';
import { countDrift } from '../../queue/drift.ts';
import { lease } from '../../queue/heartbeat.ts';
import { lateSeconds, scheduledJobs } from '../../queue/schedules.ts';
import { buildBackend } from '../queue-backend.ts';
import { section, said } from './section.ts';
import type { Section } from './section.ts';

const oldestVersion = 14;
/** A tick that is later than this finds nobody working. */
const lateAfterSeconds = 300;

/** What the database says of itself, of the contract and of what has happened so far. */
export async function databaseSections(config: Partial<Config>): Promise<Section[]> {
  const { DATABASE_URL: databaseUrl, QUEUE_BACKEND: backend } = config;
  if (databaseUrl === undefined) return [];
  const database = connectDatabase(databaseUrl, { max: 2, name: 'evenfall doctor' });
  try {
    const unreachable = await connectionProblem(database);
    if (unreachable) return [{ name: 'database', diagnoses: [unreachable] }];
    const schema = await section('database', async () => [
      await versionDiagnosis(database),
      ...(await schemaDiagnoses(database)),
    ]);
    const contract = await section('contract', () => checkContract(databaseUrl));
    const queues = await section('queues', () =>
      backend === 'postgres' ? queueDiagnoses(databaseUrl) : Promise.resolve([]),
    );
    // what is not migrated lacks the tables that the rest asks
    if (schema.diagnoses.some(({ level }) => level === 'error')) return [schema, contract, queues];
    return [
      schema,
      contract,
      queues,
      await section('mirror', () => mirrorDiagnoses(database)),
      await section('schedules', () => scheduleDiagnoses(database)),
      await section('work', () => troubleDiagnoses(database)),
      await section('drift', () => driftDiagnoses(database, databaseUrl, config)),
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

async function schemaDiagnoses({ statements }: Database): Promise<Diagnosis[]> {
  const fix = 'run `evenfall migrate`';
  const applied = await statements.appliedMigrations().catch((error: { code?: string }) => {
    if (error.code === undefinedTable) return undefined;
    throw error;
  });
  if (!applied)
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

/** BullMQ on Postgres has a schema of its own. */
async function queueDiagnoses(databaseUrl: string): Promise<Diagnosis[]> {
  const about = 'BullMQ on Postgres';
  const queues = postgresBackend(databaseUrl, createLog('silent', 'doctor'));
  try {
    await queues.check();
    return [{ level: 'ok', about, message: 'its schema is there' }];
  } catch (error) {
    if (!(error instanceof Misconfigured)) throw error;
    const fix = 'run `evenfall migrate` without REDIS_URL';
    return [{ level: 'error', about, message: 'its schema is not in this database', fix }];
  } finally {
    await queues.close();
  }
}

/** Rows that say they are in BullMQ, and BullMQ knows nothing of them. */
async function driftDiagnoses(
  { statements }: Database,
  databaseUrl: string,
  config: Partial<Config>,
): Promise<Diagnosis[]> {
  const queues = buildBackend({ ...config, DATABASE_URL: databaseUrl }, createLog('silent', 'doctor'));
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

async function troubleDiagnoses({ statements }: Database): Promise<Diagnosis[]> {
  const [troubles] = await statements.openTroubles({ lease });
  if (!troubles) return [];
  const { workers, deadLetters, unknownEffects, findings } = troubles;
  const blown = await statements.blownFuses();
  const paused = await statements.pausedKinds();
  const found: Diagnosis[] = [];
  const warn = (about: string, message: string, fix: string) =>
    found.push({ level: 'warning', about, message, fix });
  if (workers === 0) warn('workers', 'none is running: what is asked for waits', 'run `evenfall worker`');
  if (deadLetters > 0) warn('dead letters', `${deadLetters} open`, 'look at them: `evenfall dead list`');
  if (unknownEffects > 0) {
    const fix = 'look what became of each, then `evenfall effect settle ID --happened` or `--did-not`';
    warn('unknown effects', `${unknownEffects} open`, fix);
  }
  if (findings > 0) warn('findings', `${findings} open`, 'look at them: `evenfall findings list`');
  for (const { kind } of blown) {
    const fix = `see why, then \`evenfall fuse release ${kind} --why TEXT\``;
    warn('fuse', `that of ${kind} has blown: nothing of it happens`, fix);
  }
  for (const { kind } of paused) warn(kind, 'is paused', `\`evenfall resume ${kind}\` lets it go on`);
  if (found.length === 0) found.push({ level: 'ok', about: 'work', message: 'nothing waits for a person' });
  return found;
}
