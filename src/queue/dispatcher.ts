import type { Log } from '../core/context.ts';
import type { AtFailpoint } from '../core/failpoints.ts';
import type { AnyJob, QueueName } from '../core/job.ts';
import type { Database } from '../db/connect.ts';
import { ticketId } from './backend.ts';
import type { QueueBackend, TicketQueue } from './backend.ts';
import { lease } from './heartbeat.ts';
import { heldSentence } from './installation.ts';
import type { QueueMemory } from './memory.ts';

export interface DispatcherOptions {
  readonly database: Database;
  readonly queues: ReadonlyMap<QueueName, TicketQueue>;
  readonly jobOptions: QueueBackend['jobOptions'];
  readonly memory: Pick<QueueMemory, 'noteDispatched' | 'highestDispatchNo'>;
  readonly jobs: readonly AnyJob[];
  readonly log: Log;
  readonly failpoint: AtFailpoint;
}

/** Polling is the truth; NOTIFY only makes it prompt (and does not exist behind a transaction pooler). */
const pollMs = 1_000;
/** A Redis that does not answer must not hold the claimed rows' locks. */
export const addTimeoutMs = 5_000;
const promoteBatch = 1_000;

/** A number that this process has had committed before is given out again. */
class WentBack extends Error {
  override readonly name = 'WentBack';
}

/**
 * Moves due rows into BullMQ, a window at a time: by priority, then round-robin over teams, then age. What
 * does not fit the window waits in Postgres, where a later, more urgent job can still overtake it.
 */
export class Dispatcher {
  private readonly options: DispatcherOptions;
  /** Whose turn it was last, by queue: the next round begins after it. */
  private readonly turns = new Map<QueueName, string>();
  private highestDispatchNo = 0;
  /** Seen, and not written down yet. */
  private wentBack = false;
  private wake: () => void = () => {};
  private knocked = false;
  private stopped = false;
  private loop: Promise<void> | undefined;

  constructor(options: DispatcherOptions) {
    this.options = options;
  }

  async start(): Promise<void> {
    await this.options.database.listen('evenfall_job', () => this.knock());
    this.loop = this.dispatchForEver();
  }

  /** There may be something to do: a job was enqueued, or one ended and made room. */
  knock(): void {
    this.knocked = true;
    this.wake();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.knock();
    await this.loop;
  }

  /** One round over all queues; resolves to the number of jobs dispatched. */
  async round(): Promise<number> {
    const { memory, database } = this.options;
    if (this.wentBack) throw new WentBack();
    const { statements } = database;
    await statements.promoteDue({ batch: promoteBatch });
    const active = await statements.activeKinds({ kinds: this.options.jobs.map((job) => job.name) });
    const kinds = active.map((row) => row.kind);
    const rooms = await statements.roomByQueue({ queues: [...this.options.queues.keys()], lease });
    let dispatched = 0;
    for (const { queue, room } of rooms) {
      if (room > 0) dispatched += await this.fill(queue as QueueName, room, kinds);
    }
    // committed, so Postgres knows it for good; nobody waits for it, and a Redis that is away notes the next one
    if (dispatched > 0) void memory.noteDispatched(this.highestDispatchNo).catch(() => {});
    return dispatched;
  }

  private async fill(name: QueueName, room: number, kinds: string[]): Promise<number> {
    let left = room;
    let after = this.turns.get(name) ?? '';
    while (left > 0) {
      const claimed = await this.claim(name, left, after, kinds);
      if (claimed.length === 0 && after === '') break;
      // past the last turn: begin again with the first
      after = claimed.reduce((last, row) => (row.turn > last ? row.turn : last), '');
      left -= claimed.length;
    }
    this.turns.set(name, after);
    return room - left;
  }

  /** Claims rows and adds them to BullMQ in one transaction: a crash in between leaves them queued. */
  private async claim(name: QueueName, slots: number, after: string, kinds: string[]) {
    const { database, queues, jobOptions, failpoint } = this.options;
    const queue = queues.get(name);
    if (!queue) throw new Error(`there is no queue ${name}`);
    const claimed = await database.transaction(async (tx) => {
      const rows = await tx.claim({ queue: name, slots, after, kinds });
      if (rows.length === 0) return rows;
      if (rows.some((row) => row.dispatchNo <= this.highestDispatchNo)) throw new WentBack();
      await failpoint('dispatch.claimed');
      const tickets = rows.map((row) => ({
        name: row.kind,
        data: { id: row.id, dispatchNo: row.dispatchNo, payload: row.payload },
        // what a crash or a deploy has interrupted goes before what BullMQ has waiting (P6)
        opts: { ...jobOptions, jobId: ticketId(row), lifo: row.hasBegun },
      }));
      await withTimeout(queue.addBulk(tickets), addTimeoutMs, `BullMQ did not take jobs for ${name} in time`);
      await failpoint('dispatch.added');
      return rows;
    });
    if (claimed.length > 0) await failpoint('dispatch.committed');
    this.highestDispatchNo = Math.max(this.highestDispatchNo, ...claimed.map((row) => row.dispatchNo));
    return claimed;
  }

  private async dispatchForEver(): Promise<void> {
    while (!this.stopped) {
      this.knocked = false;
      try {
        if ((await this.round()) > 0) continue;
      } catch (error) {
        await this.failed(error);
      }
      if (!this.knocked) await this.sleep();
    }
  }

  private async failed(reason: unknown): Promise<void> {
    const { database, log, memory } = this.options;
    if (!(reason instanceof WentBack)) {
      log.warn({ err: reason }, 'dispatching failed; it is tried again');
      // a restore breaks every connection first: what others have dispatched counts from here on, too
      const known = await memory.highestDispatchNo().catch(() => undefined);
      this.highestDispatchNo = Math.max(this.highestDispatchNo, known ?? 0);
      return;
    }
    this.wentBack = true;
    log.error({}, heldSentence('went_back'));
    const { highestDispatchNo } = this;
    await database.statements.holdInstallation({ sign: 'went_back', highestDispatchNo }).then(
      () => (this.wentBack = false),
      () => {},
    );
  }

  private async sleep(): Promise<void> {
    const waitMs = await this.options.database.statements.nextRun().then(
      ([row]) => Math.min(pollMs, Math.max(0, row?.inMs ?? pollMs)),
      () => pollMs,
    );
    if (this.knocked || this.stopped) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wake = () => {};
  }
}

async function withTimeout<T>(work: Promise<T>, ms: number, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(message)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
