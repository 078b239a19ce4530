import { setTimeout as sleep } from 'node:timers/promises';
import pRetry from 'p-retry';
import type { Log } from '../core/context.ts';
import type { Database, Statements } from '../db/connect.ts';
import { isPassingTrouble } from '../db/trouble.ts';
import type { QueueBackend } from './backend.ts';
import type { QueueMemory } from './memory.ts';

/** What tells that the database is not the one, or not at the time, that workers worked on. */
export type RestoreSign = 'another_database' | 'went_back';

export interface Hold {
  readonly sign: RestoreSign;
  /** The highest dispatch number that Redis has seen; null where nobody can say. */
  readonly highestDispatchNo: number | null;
}

/** For people: what was found. */
export const signs: Readonly<Record<RestoreSign, string>> = {
  another_database:
    'this is not the database that workers have worked on: it is a restored backup, or a copy of it',
  went_back: 'the database has gone back in time: a later dispatch was seen than it knows of',
};

const answerCommand = 'evenfall doctor --after-restore';

/** For the log and /readyz: why nothing starts. */
export const heldSentence = (sign: RestoreSign) =>
  `${signs[sign]}. Nothing starts before a person has answered: \`${answerCommand}\``;

/** The queues have to be asked, and do not answer. */
export class QueuesSilent extends Error {
  override readonly name = 'QueuesSilent';
}

export interface Installation {
  /** As it was recorded: by it Redis keeps what it remembers. */
  readonly identity: string;
  /** Whether the hold is written down already. */
  readonly isHeld: boolean;
  readonly hold: Hold | undefined;
}

/**
 * What is recorded of this database, and whether it was restored from a backup, or copied, and nobody has answered for
 * it yet. A physical copy with queues of its own bears no sign, nor does a standby that was promoted and has lost
 * nothing: both are the same cluster.
 *
 * @returns undefined before a first worker has started on it
 * @throws QueuesSilent when Redis does not answer
 */
export async function lookAtInstallation(
  statements: Pick<Statements, 'findInstallation'>,
  backend: Pick<QueueBackend, 'memoryOf'>,
): Promise<Installation | undefined> {
  const [found] = await statements.findInstallation();
  if (!found) return undefined;
  const { identity, isSame, dispatchNo, heldSign } = found;
  if (heldSign !== null) {
    const hold = { sign: heldSign as RestoreSign, highestDispatchNo: found.highestDispatchNo };
    return { identity, isHeld: true, hold };
  }
  const memory = backend.memoryOf(identity);
  const highest = await pRetry(() => memory.highestDispatchNo(), { retries: 4, minTimeout: 50 }).catch(
    (cause: unknown) => {
      throw new QueuesSilent('Redis, which knows how far the database had come, does not answer', { cause });
    },
  );
  const wentBack = highest !== undefined && dispatchNo < highest;
  const sign = isSame ? wentBack && 'went_back' : 'another_database';
  const hold = sign ? ({ sign, highestDispatchNo: highest ?? null } as const) : undefined;
  return { identity, isHeld: false, hold };
}

export interface TrustOptions {
  readonly database: Pick<Database, 'statements'>;
  readonly backend: Pick<QueueBackend, 'memoryOf'>;
  readonly log: Log;
  /** Told why the worker is held, and undefined when it is no longer. */
  readonly onHeld?: ((why: string | undefined) => void) | undefined;
}

const pollMs = 1_000;

/**
 * Waits until the database can be trusted to know what was done: at once for one that is where workers left it; for
 * one that was restored, until a person has answered (`evenfall doctor --after-restore`). Says once what it waits for.
 *
 * @returns what the queues remember of this database
 */
export async function untilTrusted(options: TrustOptions): Promise<QueueMemory> {
  const { backend, log, onHeld } = options;
  const { statements } = options.database;
  let said = '';
  for (; ; await sleep(pollMs)) {
    const waitsFor = await look();
    if (typeof waitsFor !== 'string') {
      if (said !== '') log.info({}, 'what was waited for is there: the worker starts');
      onHeld?.(undefined);
      return waitsFor;
    }
    if (waitsFor !== said) log.warn({}, waitsFor);
    said = waitsFor;
  }

  async function look(): Promise<QueueMemory | string> {
    try {
      await statements.recordInstallation();
      const found = await lookAtInstallation(statements, backend);
      if (!found) throw new Error('the row of evenfall.installation cannot be read');
      if (!found.hold) return backend.memoryOf(found.identity);
      if (!found.isHeld) await statements.holdInstallation({ ...found.hold });
      const why = heldSentence(found.hold.sign);
      onHeld?.(why);
      return why;
    } catch (error) {
      if (error instanceof QueuesSilent) return `${error.message}; trying again`;
      if (!isPassingTrouble(error)) throw error;
      return 'Postgres does not answer; trying again';
    }
  }
}
