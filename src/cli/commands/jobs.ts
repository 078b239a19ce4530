import { findKind, readCount, readInstant, readPayload, readWhy } from '../arguments.ts';
import { lease } from '../../queue/heartbeat.ts';
import { print, printError, printRows } from '../output.ts';
import { withParts } from '../parts.ts';

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

/** `evenfall jobs`: the newest. */
export async function jobsCommand(options: Printed & { state?: string; limit: string }) {
  await withParts(async ({ database }) => {
    const state = options.state ?? null;
    const rows = await database.statements.listJobs({ state, limit: readCount(options.limit, '--limit') });
    printRows(rows, { ...options, empty: state === null ? 'no jobs yet' : `no job is ${state}` });
    for (const { kind } of await database.statements.kindsNobodyKnows({ lease }))
      printError(`No worker that is alive knows ${kind}: restart the workers with the code that has it.`);
  });
}

/** `evenfall pause KIND` and `resume KIND` */
export async function pauseCommand(kind: string, options: { why: string }) {
  findKind(kind);
  const why = readWhy(options.why);
  await withParts(({ database }) => database.statements.pauseKind({ kind, why }));
  print(`${kind} is paused: what is asked for waits. \`evenfall resume ${kind}\` lets it go on.`);
}

export async function resumeCommand(kind: string) {
  findKind(kind);
  await withParts(({ database }) => database.statements.resumeKind({ kind }));
  print(`${kind} goes on`);
}
