import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../core/context.ts';
import { Terminal } from '../core/errors.ts';
import type { AtFailpoint } from '../core/failpoints.ts';
import type { AnyJob, QueueName } from '../core/job.ts';
import type { Database } from '../db/connect.ts';
import type { FindDispatchedRow } from '../../sql/queries.gen.ts';
import { ticketId } from './backend.ts';
import type { TicketQueue } from './backend.ts';
import { addTimeoutMs } from './dispatcher.ts';
import { dispatchedRows, statesOf } from './drift.ts';
import { lease } from './heartbeat.ts';
import type { QueueMemory } from './memory.ts';
import { poisonError } from './runner.ts';
import type { Runner } from './runner.ts';
import { tellOfWaiting } from './waiting.ts';

export interface ReconcilerOptions {
  readonly database: Database;
  readonly queues: ReadonlyMap<QueueName, TicketQueue>;
  readonly jobs: readonly AnyJob[];
  readonly runner: Runner;
  readonly workerId: string;
  readonly log: Log;
  readonly failpoint: AtFailpoint;
  readonly onChange: () => void;
  readonly memory: Pick<QueueMemory, 'life'>;
  /** The queues may have been lost: sets up anew what stands in no row. */
  readonly onLoss: () => Promise<void>;
}

const rescueMs = 2_000;
const watchMs = 2_000;
const reconcileMs = 60_000;
/** What was added before a loss is committed by then, or never will be. */
const underWayMs = addTimeoutMs;
/** BullMQ delays on its workers' clocks; one that is wrong may hold a job back this long. */
const overdueMs = 10_000;

/**
 * Brings rows and BullMQ together again after a crash or a loss: dead workers' jobs every two seconds, everything
 * else every minute, at boot, and as soon as the queues' server is seen to have lost what it held.
 */
export class Reconciler {
  private readonly options: ReconcilerOptions;
  private readonly kinds: ReadonlyMap<string, AnyJob>;
  private readonly stopping = new AbortController();
  private loops: Promise<void>[] = [];
  /** Of the queues, as they were when everything in them was last looked at. */
  private life: string | undefined;
  private isParted = false;

  constructor(options: ReconcilerOptions) {
    this.options = options;
    this.kinds = new Map(options.jobs.map((job) => [job.name, job]));
  }

  start(): void {
    this.loops = [
      this.every(rescueMs, () => this.rescue()),
      // its first look at the queues compares everything; the minutes count from there
      this.every(watchMs, () => this.watch()),
      this.every(reconcileMs, () => this.reconcile(), reconcileMs),
    ];
  }

  /** A row says that BullMQ has it, and BullMQ has just said that it has not: the next look compares everything. */
  parted(): void {
    this.isParted = true;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.loops);
  }

  /** Jobs of dead workers run again at once; one crash is counted, no attempt is used. */
  async rescue(): Promise<void> {
    const { database, runner, log, onChange } = this.options;
    for (const poison of await database.statements.findPoison({ lease })) {
      await runner.bury(poison.id, poison.runNo, poisonError(poison.crashes), this.kinds.get(poison.kind));
    }
    const rescued = await database.statements.rescue({ lease });
    for (const row of rescued) log.warn({ jobId: row.id, kind: row.kind, crashes: row.crashes }, 'rescued');
    if (rescued.length > 0) onChange();
  }

  /**
   * Compares everything at once when the queues have another life than before: emptied, or started again and perhaps
   * without what they were given last. Redis that is away is not lost.
   */
  async watch(): Promise<void> {
    const { memory, onLoss, log } = this.options;
    const life = await memory.life().catch(() => undefined);
    if (life === undefined || (life === this.life && !this.isParted)) return;
    const isLoss = this.life !== undefined && life !== this.life;
    this.isParted = false;
    try {
      if (isLoss) log.warn({}, 'the queues were emptied or started again: what they have lost is put back');
      // a dispatched row was added before it was committed, so even the youngest must be there
      await this.reconcile('PT0S');
      if (isLoss) {
        await onLoss();
        await sleep(underWayMs, undefined, { signal: this.stopping.signal }).catch(() => {});
        await this.reconcile('PT0S');
      }
      this.life = life;
    } catch (error) {
      this.isParted = true;
      throw error;
    }
  }

  /**
   * Compares each dispatched row with what BullMQ knows, and corrects what cannot be.
   *
   * @param settleTime ISO 8601: dispatches younger than this are left for the next time
   */
  async reconcile(settleTime = 'PT5S'): Promise<void> {
    const { database, queues, jobs, log, onChange } = this.options;
    const known = {
      kinds: jobs.map((job) => job.name),
      payloadVersions: jobs.map((job) => job.payloadVersion ?? 1),
    };
    let changed = (await database.statements.unpark(known)).length;
    await database.statements.forgetDeadWorkers();
    for (const [name, queue] of queues) {
      for await (const rows of dispatchedRows(database.statements, name, settleTime)) {
        changed += await this.compare(queue, rows);
      }
    }
    if (changed > 0) {
      log.warn({ jobs: changed }, 'reconciled: rows and BullMQ had parted');
      onChange();
    }
    // last: what cannot be told must not keep back what can be mended
    await tellOfWaiting(database.statements);
  }

  private async compare(queue: TicketQueue, rows: FindDispatchedRow[]): Promise<number> {
    const states = await statesOf(queue, rows);
    await this.options.failpoint('reconcile.asked');
    const lost = rows.filter((_row, index) => ['unknown', 'completed'].includes(states[index] ?? ''));
    for (const [index, row] of rows.entries()) {
      if (states[index] === 'failed') await this.buryFailed(queue, row);
      if (states[index] === 'delayed' && row.overdueMs > overdueMs) await this.promote(queue, row);
    }
    if (lost.length === 0) return 0;
    const requeued = await this.options.database.statements.requeueLost({
      ids: lost.map((row) => row.id),
      dispatchNos: lost.map((row) => row.dispatchNo),
    });
    return requeued.length;
  }

  /** BullMQ gave it up by itself and nobody recorded it. */
  private async buryFailed(queue: TicketQueue, row: FindDispatchedRow): Promise<void> {
    const { database, runner, workerId } = this.options;
    const job = await queue.getJob(ticketId(row));
    const [taken] = await database.statements.takeFailed({
      id: row.id,
      dispatchNo: row.dispatchNo,
      workerId,
    });
    if (!taken) return;
    const error = new Terminal(`BullMQ failed it by itself: ${job?.failedReason ?? 'no reason given'}`, {
      facts: { class: 'failed_in_queue' },
    });
    await runner.bury(row.id, taken.runNo, error, this.kinds.get(row.kind));
  }

  private async promote(queue: TicketQueue, row: FindDispatchedRow): Promise<void> {
    const job = await queue.getJob(ticketId(row));
    // it may have started meanwhile
    await job?.promote().catch(() => {});
  }

  private async every(ms: number, work: () => Promise<void>, firstAfterMs = 0): Promise<void> {
    const { signal } = this.stopping;
    if (firstAfterMs > 0) await sleep(firstAfterMs, undefined, { signal }).catch(() => {});
    while (!signal.aborted) {
      try {
        await work();
      } catch (error) {
        this.options.log.warn({ err: error }, 'reconciling failed; it is tried again');
      }
      await sleep(ms, undefined, { signal }).catch(() => {});
    }
  }
}
