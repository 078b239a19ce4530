import { allJobs } from '../../../jobs/index.ts';
import { readConfig } from '../../config.ts';
import type { Config } from '../../config.ts';
import type { AnyJob } from '../../core/job.ts';
import { payloadProblem } from '../../core/payload.ts';
import { runInline } from '../../queue/inline.ts';
import {
  buildAlerts,
  buildHash,
  buildKeepLink,
  buildMailer,
  buildParts,
  buildPolicy,
  buildStripe,
} from '../assemble.ts';
import type { Parts } from '../assemble.ts';
import { WrongCall, exitCodes } from '../exit.ts';
import { print, printObject, printRows } from '../output.ts';

interface Printed {
  json?: boolean;
}

/** `evenfall enqueue KIND JSON` */
export async function enqueueCommand(
  kind: string,
  text: string,
  options: Printed & { key?: string; at?: string },
) {
  const payload = readPayload(findKind(kind), text);
  const runAt = options.at === undefined ? null : readInstant(options.at, '--at');
  await withParts(async ({ database }) => {
    const id = await database.transaction(async (tx) => {
      await tx.nameSource({ source: 'cli' });
      const wanted = { kind, payload, key: options.key ?? null, runAt, teamId: null, priority: 0 };
      const [row] = await tx.enqueue(wanted);
      return row?.id;
    });
    print(options.json ? JSON.stringify({ id }) : `job ${id}`);
  });
}

/** `evenfall run KIND JSON`: here and now; touches no job row. */
export async function runCommand(
  kind: string,
  text: string,
  options: Printed & { now?: string; dryRun?: boolean },
) {
  const job = findKind(kind);
  const payload = readPayload(job, text);
  const config = readConfig('worker');
  const now = options.now === undefined ? undefined : readInstant(options.now, '--now');
  if (now && config.production && !options.dryRun) {
    throw new WrongCall('--now is refused in production without --dry-run');
  }
  const parts = buildParts({ ...config, LOG_LEVEL: 'error' }, 'run', 2);
  const { alerts, mail } = buildAlerts(config, parts.log);
  try {
    const inline = {
      ...parts,
      alerts,
      stripe: buildStripe(config, parts.log),
      mail: buildMailer(config, mail),
      policy: buildPolicy(config),
      hash: buildHash(config),
      keepLink: buildKeepLink(config),
      now,
      dryRun: options.dryRun ?? false,
    };
    const result = await runInline(job, payload, inline);
    printObject(result, options);
    return result.outcome === 'failed' ? exitCodes.failed : exitCodes.done;
  } finally {
    mail?.close();
    await parts.database.close();
  }
}

/** `evenfall jobs`: the newest. */
export async function jobsCommand(options: Printed & { state?: string; limit: string }) {
  await withParts(async ({ database }) => {
    const state = options.state ?? null;
    const rows = await database.statements.listJobs({ state, limit: readCount(options.limit, '--limit') });
    printRows(rows, { ...options, empty: state === null ? 'no jobs yet' : `no job is ${state}` });
  });
}

/** `evenfall pause KIND` and `resume KIND` */
export async function pauseCommand(kind: string, options: { why: string }) {
  findKind(kind);
  await withParts(({ database }) => database.statements.pauseKind({ kind, why: options.why }));
  print(`${kind} is paused: what is asked for waits. \`evenfall resume ${kind}\` lets it go on.`);
}

export async function resumeCommand(kind: string) {
  findKind(kind);
  await withParts(({ database }) => database.statements.resumeKind({ kind }));
  print(`${kind} goes on`);
}

/** Opens the database for one command and closes it again. */
export async function withParts<T>(work: (parts: Parts & { config: Config }) => Promise<T>): Promise<T> {
  const config = readConfig('database');
  const parts = buildParts({ ...config, LOG_LEVEL: 'warn' }, 'cli', 2);
  try {
    return await work({ ...parts, config });
  } finally {
    await parts.database.close();
  }
}

export function readCount(text: string, name: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new WrongCall(`${name} must be a whole number from 1`);
  return number;
}

function findKind(kind: string): AnyJob {
  const job = allJobs.find((candidate) => candidate.name === kind);
  if (job) return job;
  throw new WrongCall(
    `there is no job kind ${kind}. Kinds: ${allJobs.map((known) => known.name).join(', ')}`,
  );
}

function readPayload(job: AnyJob, text: string): unknown {
  let payload: unknown;
  try {
    payload = JSON.parse(text);
  } catch {
    throw new WrongCall(`the payload is not JSON: quote it, as in '{"teamId":"7","when":"now"}'`);
  }
  const problem = payloadProblem(job.payload, payload);
  if (problem !== undefined) throw new WrongCall(`payload of ${job.name}: ${problem}`);
  return payload;
}

export function readInstant(text: string, name: string): Date {
  const at = new Date(text);
  if (!/^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:?\d{2})$/.test(text) || Number.isNaN(at.getTime())) {
    throw new WrongCall(`${name} must be an ISO 8601 instant with its offset, as in 2026-12-01T09:00:00Z`);
  }
  return at;
}
