import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../core/context.ts';
import type { Database } from '../db/connect.ts';

/** How often a worker renews its lease, and how long it may be silent. */
export const heartbeatMs = 1_000;
export const lease = 'PT5S';

/** What a worker's row says of it. */
interface RegisteredWorker {
  readonly id: string;
  /** Jobs at once, in each queue. */
  readonly concurrency: number;
  /** The names of the kinds that its code has. */
  readonly kinds: string[];
  readonly queueBackend: string;
}

/**
 * Renews this worker's row, on the database's clock and on a connection of its own: busy jobs must not make
 * a living worker look dead.
 */
export class Heartbeat {
  private readonly stopping = new AbortController();
  private readonly database: Database;
  private readonly worker: RegisteredWorker;
  private readonly log: Log;
  private loop: Promise<void> | undefined;

  constructor(database: Database, worker: RegisteredWorker, log: Log) {
    this.database = database;
    this.worker = worker;
    this.log = log;
  }

  /** Resolves when the worker is registered. */
  async start(): Promise<void> {
    await this.database.statements.beat(this.worker);
    this.loop = this.beat();
  }

  /** Signs off: whatever still says that it runs here is at once a dead worker's. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop;
    await this.database.statements.signOff({ id: this.worker.id });
  }

  private async beat(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await sleep(heartbeatMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      try {
        await this.database.statements.beat(this.worker);
      } catch (error) {
        this.log.warn({ err: error }, 'the heartbeat could not be written');
      }
    }
  }
}
