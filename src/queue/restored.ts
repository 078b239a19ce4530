import type { Database, Statements } from '../db/connect.ts';
import type { QueueBackend } from './backend.ts';
import { lease } from './heartbeat.ts';
import { lookAtInstallation } from './installation.ts';

/** How far a restored database goes, and what it would begin with. */
export async function describeRestore({ statements }: Pick<Database, 'statements'>) {
  const [life] = await statements.lastSignOfLife();
  const [jobs] = await statements.jobsUnderWay({ lease });
  const sent = life?.at ? await statements.noticesOfLastDay({ until: life.at }) : [];
  return {
    lastSignOfLife: life?.at ?? null,
    gap: life?.gap ?? null,
    jobs: { queued: jobs?.queued ?? 0, dispatched: jobs?.dispatched ?? 0, running: jobs?.running ?? 0 },
    sentInTheDayBefore: Object.fromEntries(sent.map(({ kind, sent: mailsSent }) => [kind, mailsSent])),
    workersAtWork: jobs?.workers ?? 0,
  };
}

export interface Answer {
  readonly who: string;
  readonly why: string;
  /** A person knows of a restore that bears no sign. */
  readonly unnoticed: boolean;
}

/** What becomes of the kinds of job. */
export interface Consequences {
  /** The kind that reads Stripe whole. */
  readonly backfillKind: string;
  /** What waits for a person, by kind, with the reason: `since` is when workers last gave a sign of life. */
  readonly pauses: Readonly<Record<string, (kind: string, since: string) => string>>;
}

/**
 * A person's answer for a restored database, in one transaction: it is the database from now on; numbers of dispatches
 * begin where nobody can have been; what was under way is queued, no picture of Stripe counts, and what mails or
 * deletes waits for a person.
 *
 * @returns what was done; undefined when there was nothing to answer for
 * @throws QueuesSilent when Redis does not answer
 */
export async function answerRestore(
  database: Pick<Database, 'statements' | 'transaction'>,
  backend: Pick<QueueBackend, 'memoryOf'>,
  { who, why, unnoticed }: Answer,
  { backfillKind, pauses }: Consequences,
) {
  if (unnoticed) await database.statements.recordInstallation();
  return await database.transaction(async (tx) => {
    await tx.lockInstallation();
    const hold = (await lookAtInstallation(tx, backend))?.hold;
    if (!hold && !unnoticed) return undefined;
    const [life] = await tx.lastSignOfLife();
    const lastSignOfLifeAt = life?.at ?? null;
    const [leapt] = await tx.leapDispatchNumbers({ highestDispatchNo: hold?.highestDispatchNo ?? null });
    const requeued = (await tx.requeueRestored()).length;
    await tx.voidBackfills();
    const paused = await pause(tx, pauses, lastSignOfLifeAt);
    await tx.askFirstBackfill({ kind: backfillKind });
    const [settled] = await tx.settleInstallation({ who, why, lastSignOfLifeAt });
    if (!settled) throw new Error('the row of evenfall.installation is gone');
    const done = { sign: hold?.sign ?? null, lastSignOfLife: lastSignOfLifeAt, requeued, paused };
    await tx.recordHistory({
      at: settled.answeredAt,
      what: 'installation.restored',
      teamId: null,
      subject: 'installation',
      detail: { ...done, who, why, dispatchNo: leapt?.dispatchNo },
      jobId: null,
      source: 'cli',
    });
    return done;
  });
}

/** Those that were not paused before. */
async function pause(
  tx: Statements,
  pauses: Consequences['pauses'],
  lastSignOfLife: Date | null,
): Promise<string[]> {
  const since = lastSignOfLife?.toISOString() ?? 'the backup';
  const wanted = Object.entries(pauses).map(([kind, why]) => [kind, why(kind, since)] as const);
  const kinds = wanted.map(([kind]) => kind);
  const whys = wanted.map(([, why]) => why);
  return (await tx.pauseRestored({ kinds, whys })).map(({ kind }) => kind).toSorted();
}
