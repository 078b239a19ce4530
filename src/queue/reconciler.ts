import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../core/context.ts';
import { Terminal } from '../core/errors.ts';
import type { AtFailpoint } from '../core/failpoints.ts';
import type { AnyJob, QueueName } from '../core/job.ts';
import type { Database } from '../db/connect.ts';
import type { FindDispatchedRow } from '../../sql/queries.gen.ts';
import { ticketId } from './backend.ts';
import type { TicketQueue } from './backend.ts';
import { dispatchedRows, statesOf } from './drift.ts';
import { lease } from './heartbeat.ts';
import type { Runner } from './runner.ts';

export interface ReconcilerOptions {
  readonly database: Database;
  readonly queues: ReadonlyMap<QueueName, TicketQueue>;
  readonly jobs: readonly AnyJob[];
  readonly runner: Runner;
  readonly workerId: string;
  readonly log: Log;
  readonly failpoint: AtFailpoint;
  readonly onChange: () => void;
}

const rescueMs = 2_000;
const reconcileMs = 60_000;
/** BullMQ delays on its workers' clocks; one that is wrong may hold a job back this long. */
const overdueMs = 10_000;

/**
 * Brings rows and BullMQ together again after a crash or a loss: dead workers' jobs every two seconds,
 * everything else every minute and at boot.
 */
export class Reconciler {
  private readonly options: ReconcilerOptions;
  private readonly kinds: ReadonlyMap<string, AnyJob>;
  private readonly stopping = new AbortController();
  private loops: Promise<void>[] = [];

  constructor(options: ReconcilerOptions) {
    this.options = options;
    this.kinds = new Map(options.jobs.map((job) => [job.name, job]));
  }

  start(): void {
    this.loops = [this.every(rescueMs, () => this.rescue()), this.every(reconcileMs, () => this.reconcile())];
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.loops);
  }

  /** Jobs of dead workers run again at once; one crash is counted, no attempt is used. */
  async rescue(): Promise<void> {
    const { database, runner, log, onChange } = this.options;
    for (const poison of await database.statements.findPoison({ lease })) {
      const error = new Terminal(`its worker process died ${poison.crashes + 1} times while it ran`, {
        facts: { class: 'poison' },
      });
      await runner.bury(poison.id, poison.runNo, error, this.kinds.get(poison.kind));
    }
    const rescued = await database.statements.rescue({ lease });
    for (const row of rescued) log.warn({ jobId: row.id, kind: row.kind, crashes: row.crashes }, 'rescued');
    if (rescued.length > 0) onChange();
  }

  /** Compares each dispatched row with what BullMQ knows, and corrects what cannot be. */
  async reconcile(): Promise<void> {
    const { database, queues, jobs, log, onChange } = this.options;
    const known = {
      kinds: jobs.map((job) => job.name),
      payloadVersions: jobs.map((job) => job.payloadVersion ?? 1),
    };
    let changed = (await database.statements.unpark(known)).length;
    await database.statements.forgetDeadWorkers();
    await database.statements.forgetIdempotencyKeys();
    for (const [name, queue] of queues) {
      for await (const rows of dispatchedRows(database.statements, name, 'PT5S')) {
        changed += await this.compare(queue, rows);
      }
    }
    if (changed > 0) {
      log.warn({ jobs: changed }, 'reconciled: rows and BullMQ had parted');
      onChange();
    }
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

  private async every(ms: number, work: () => Promise<void>): Promise<void> {
    const { signal } = this.stopping;
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
