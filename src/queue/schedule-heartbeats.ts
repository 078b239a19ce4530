import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../core/context.ts';
import type { ScheduleHeartbeatPort } from '../core/schedule-heartbeat.ts';
import type { Database } from '../db/connect.ts';
import { occurrenceKind } from './schedules.ts';

export interface ScheduleHeartbeatsOptions {
  readonly database: Database;
  /** Absent: nobody outside watches. */
  readonly heartbeats?: ScheduleHeartbeatPort | undefined;
  readonly log: Log;
}

const lookMs = 60_000;

/**
 * Tells monitors outside of occurrences that were accounted for and whose jobs have ended done or skipped: scheduler,
 * dispatcher, queue, worker and Postgres were all alive. At least once each, by any worker, soon after the job's end;
 * what a monitor did not take is told again with the next look, within a minute. Beside the scheduler, on its own: a
 * monitor that hangs holds up no schedule.
 */
export class ScheduleHeartbeats {
  private readonly options: ScheduleHeartbeatsOptions;
  private readonly heard: ReadonlySet<string>;
  private readonly stopping = new AbortController();
  private waiting = new AbortController();
  private loop: Promise<void> | undefined;

  constructor(options: ScheduleHeartbeatsOptions) {
    this.options = options;
    const schedules = options.heartbeats?.schedules ?? [];
    this.heard = new Set(schedules.map((name) => occurrenceKind(options.database, name)));
  }

  start(): void {
    if (this.heard.size > 0) this.loop = this.lookForEver();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.waiting.abort();
    await this.loop;
  }

  /** A job of this kind has ended, perhaps an occurrence's: it is looked at once. */
  ended(kind: string): void {
    if (this.heard.has(kind)) this.waiting.abort();
  }

  /** Tells what is untold of each schedule, one after the other. Never throws. */
  async look(): Promise<void> {
    for (const schedule of this.options.heartbeats?.schedules ?? []) {
      if (this.stopping.signal.aborted) return;
      await this.tell(schedule);
    }
  }

  /** The transaction is open while the monitor is told: who dies on the way has told nothing, as far as anybody knows. */
  private async tell(schedule: string): Promise<void> {
    const { database, heartbeats, log } = this.options;
    if (!heartbeats) return;
    const { signal } = this.stopping;
    try {
      await database.transaction(async (tx) => {
        const told = await tx.tellSchedule({ schedule });
        if (told.length === 0) return;
        const { taken, status } = await heartbeats.beat(schedule, signal);
        if (taken) return;
        if (!signal.aborted) log.warn({ schedule, status }, 'a heartbeat was not taken; it is tried again');
        throw notTaken;
      });
    } catch (error) {
      if (error !== notTaken) log.warn({ schedule, err: error }, 'a heartbeat could not be looked after');
    }
  }

  private async lookForEver(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      this.waiting = new AbortController();
      await this.look();
      await sleep(lookMs, undefined, { signal: this.waiting.signal }).catch(() => {});
    }
  }
}

/** Rolls the marks back. */
const notTaken = new Error('the heartbeat was not taken');
