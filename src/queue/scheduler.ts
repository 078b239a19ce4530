import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { JobSchedulerJson, JobSchedulerTemplateOptions, Queue } from 'bullmq';
import type { Log } from '../core/context.ts';
import type { AnyJob } from '../core/job.ts';
import type { Database } from '../db/connect.ts';
import { declareSchedule, scheduledJobs, tick } from './schedules.ts';
import type { ScheduledJob } from './schedules.ts';

/** The name of the BullMQ jobs that a job scheduler makes: no ticket, it stands for no row. */
export const tickName = 'tick';

/** What a tick carries: which schedule to look at. It holds nothing else (docs/protocol.md, "A schedule"). */
interface Tick {
  schedule: string;
}

/** The part of a queue that knows job schedulers. */
export type SchedulerQueue = Pick<
  Queue<Tick, string>,
  'getJobSchedulers' | 'upsertJobScheduler' | 'removeJobScheduler' | 'getJob'
>;

export interface SchedulerOptions {
  readonly database: Database;
  readonly queue: SchedulerQueue;
  readonly jobs: readonly AnyJob[];
  readonly log: Log;
}

/** Ticks are worth a look in Bull Board, and nothing more. By age alone: by count Postgres' deletes deadlock. */
const tickOptions = { attempts: 1, removeOnComplete: { age: 3_600 }, removeOnFail: { age: 86_400 } };

const watchMs = 60_000;
const watchAgainMs = 2_000;
/** By more than this no clock may be ahead of the database's. */
const clockAheadMs = 10_000;

/**
 * Keeps BullMQ's job schedulers as the code has them, and watches over the schedules without them: once a minute
 * everything due is accounted for, whether BullMQ has ticked or not.
 */
export class Scheduler {
  private readonly options: SchedulerOptions;
  private readonly scheduled: readonly ScheduledJob[];
  private readonly stopping = new AbortController();
  private readonly declared = new Set<string>();
  private loop: Promise<void> | undefined;

  constructor(options: SchedulerOptions) {
    this.options = options;
    this.scheduled = scheduledJobs(options.jobs);
  }

  /** At once: declares the schedules, catches up what was missed, and sets up BullMQ as soon as it answers. */
  start(): void {
    this.loop = this.watchForEver();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop;
  }

  /**
   * One tick of BullMQ. Never fails: what it could not do, the watchdog does within a minute.
   *
   * @returns what it found, for Bull Board
   */
  async onTick(bullmqJob: { data: unknown; opts: { prevMillis?: number } }): Promise<string> {
    // a person may have added one by hand, without data
    const schedule = (bullmqJob.data as Partial<Tick> | null)?.schedule;
    const job = this.scheduled.find((known) => known.name === schedule);
    if (!job) return 'not a schedule of this version';
    try {
      const slot = bullmqJob.opts.prevMillis;
      if (slot !== undefined) await this.untilDatabaseSays(slot);
      return `${await this.tick(job)} due`;
    } catch (error) {
      this.options.log.warn({ schedule, err: error }, 'a tick failed; the watchdog does its work');
      return 'failed; the watchdog does its work';
    }
  }

  /** Declares the schedules as the code has them, and accounts for everything that is due. */
  async catchUp(): Promise<void> {
    const failures: unknown[] = [];
    for (const job of this.scheduled) {
      try {
        // once a process: beside another version, each would take the pattern back for ever
        if (!this.declared.has(job.name)) await declareSchedule(this.options.database, job);
        this.declared.add(job.name);
        await this.tick(job);
      } catch (error) {
        // one that cannot be enqueued does not hold up the others
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'schedules could not be accounted for');
  }

  /**
   * Compares BullMQ's job schedulers with the code and changes what differs, and nothing else: setting up anew
   * what is unchanged would delete an overdue tick.
   */
  async setUp(): Promise<void> {
    const { database, queue } = this.options;
    await database.transaction(async (tx) => {
      await tx.lockSchedulers();
      const present = new Map((await queue.getJobSchedulers(0, -1, true)).map((one) => [one.key, one]));
      for (const { name, schedule } of this.scheduled) {
        const template = { name: tickName, data: { schedule: name }, opts: tickOptions } as const;
        const there = present.get(name);
        present.delete(name);
        if (there && (await this.isAsWanted(there, schedule.cron, template))) continue;
        await queue.upsertJobScheduler(name, { pattern: schedule.cron, tz: 'UTC' }, template);
      }
      for (const unknown of present.keys()) await queue.removeJobScheduler(unknown);
    });
  }

  private async isAsWanted(
    there: JobSchedulerJson<Tick>,
    cron: string,
    template: { name: typeof tickName; data: Tick; opts: JobSchedulerTemplateOptions },
  ): Promise<boolean> {
    const same =
      there.name === template.name &&
      there.pattern === cron &&
      there.tz === 'UTC' &&
      isDeepStrictEqual(plain(there.template?.data), template.data) &&
      isDeepStrictEqual(plain(there.template?.opts), template.opts);
    // a scheduler without its next job never ticks again
    return same && (await this.options.queue.getJob(`repeat:${there.key}:${there.next}`)) !== undefined;
  }

  /**
   * BullMQ ticks by a worker's clock. Where that is ahead of the database's nothing would be due yet, and what
   * becomes due would wait for the next tick.
   */
  private async untilDatabaseSays(slot: number): Promise<void> {
    const [clock] = await this.options.database.statements.databaseNow();
    const aheadMs = slot - (clock?.now.getTime() ?? slot);
    if (aheadMs <= 0) return;
    if (aheadMs > clockAheadMs)
      this.options.log.warn({ aheadMs }, "this machine's clock is ahead of the database's");
    await sleep(Math.min(aheadMs + 1, clockAheadMs), undefined, { signal: this.stopping.signal });
  }

  private async tick(job: ScheduledJob): Promise<number> {
    const accounted = await tick(this.options.database, job);
    const missed = accounted.filter((one) => one.outcome !== 'ran').length;
    if (missed > 0) this.options.log.warn({ schedule: job.name, missed }, 'occurrences were missed');
    return accounted.length;
  }

  private async watchForEver(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const done = [await this.attempt(() => this.catchUp()), await this.attempt(() => this.setUp())];
      const waitMs = done.every(Boolean) ? watchMs : watchAgainMs;
      await sleep(waitMs, undefined, { signal }).catch(() => {});
    }
  }

  private async attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.options.log.warn({ err: error }, 'the schedules could not be looked after; it is tried again');
      return false;
    }
  }
}

/** As JSON has it: what BullMQ gives back carries undefined where nothing was set. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? {}));
}
