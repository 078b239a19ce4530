import { getNextMillis } from 'bullmq';
import { account } from '../core/schedule.ts';
import type { Accounted, Schedule } from '../core/schedule.ts';
import type { AnyJob } from '../core/job.ts';
import type { Database } from '../db/connect.ts';

/** A kind that is due by itself. */
export type ScheduledJob = AnyJob & { readonly schedule: Schedule };

export function scheduledJobs(jobs: readonly AnyJob[]): ScheduledJob[] {
  return jobs.filter((job): job is ScheduledJob => job.schedule !== undefined);
}

/** The first time after `after` that a pattern names, in UTC, by BullMQ's own reading of it. */
export function nextOccurrence(cron: string, after: Date): Date | undefined {
  const at = getNextMillis(after.getTime(), { pattern: cron, tz: 'UTC' });
  return at === undefined ? undefined : new Date(at);
}

/** All of them after `after`, up to and including `upTo`, oldest first. */
export function occurrences(cron: string, after: Date, upTo: Date): Date[] {
  const found: Date[] = [];
  for (let at = nextOccurrence(cron, after); at && at <= upTo; at = nextOccurrence(cron, at)) found.push(at);
  return found;
}

/**
 * What an occurrence asks for: the sweep of a kind that is swept, else the kind itself. Its key lets no second
 * one of it begin while one is live.
 */
function occurrenceRequest(database: Pick<Database, 'sweeps'>, kind: string) {
  return database.sweeps.has(kind)
    ? { kind: 'sweep', payload: { sweep: kind }, key: null }
    : { kind, payload: {}, key: 'schedule' };
}

/** The kind of the jobs that a schedule's occurrences have: `sweep`, or the schedule's own. */
export function occurrenceKind(database: Pick<Database, 'sweeps'>, schedule: string): string {
  return occurrenceRequest(database, schedule).kind;
}

/**
 * Accounts for every occurrence of a schedule that is due by the database's clock and is not accounted for: each
 * gets its one row, and those that run their job, in one transaction. Any number of racing or late ticks do the
 * same thing. A schedule that nobody has declared has no occurrences.
 */
export async function tick(database: Database, job: ScheduledJob): Promise<Accounted[]> {
  return await database.transaction(async (tx) => {
    await tx.lockSchedule({ name: job.name });
    const [state] = await tx.scheduleStates({ names: [job.name] });
    if (!state) return [];
    const due = occurrences(state.pattern, state.accountedTo, state.now);
    if (due.length === 0) return [];
    const accounted = account(due, job.schedule, state.now);
    await tx.nameSource({ source: `schedule:${job.name}` });
    const runs = [];
    for (const one of accounted) {
      const jobId = one.outcome === 'skipped' ? null : await enqueueOccurrence(database, tx, job.name);
      runs.push({ ...one, jobId });
    }
    await tx.recordScheduleRuns({ schedule: job.name, runs });
    return accounted;
  });
}

async function enqueueOccurrence(database: Database, tx: Database['statements'], kind: string) {
  const request = occurrenceRequest(database, kind);
  const [row] = await tx.enqueue({ ...request, runAt: null, teamId: null, priority: 0 });
  return row?.id ?? null;
}

/** Writes down a schedule as the code has it. What was due by another pattern until now is accounted for first. */
export async function declareSchedule(database: Database, job: ScheduledJob): Promise<void> {
  const declared = { name: job.name, pattern: job.schedule.cron };
  const first = await database.statements.declareSchedule(declared);
  if (first.length > 0) return;
  await tick(database, job);
  await database.statements.moveSchedule(declared);
}

/** How a schedule stands; what `evenfall schedules --json` prints. */
export interface ScheduleReport {
  readonly name: string;
  readonly pattern: string;
  readonly last: { readonly dueAt: Date; readonly outcome: string } | null;
  readonly next: Date | null;
  /** For how many seconds the oldest occurrence that is due has not been accounted for; 0 when all are. */
  readonly late: number;
  /** When the last occurrence was due whose job ran to its end, done or skipped. */
  readonly finished: Date | null;
  /** How many seconds ago that was; where there is none, since when the schedule is known. Null: not known yet. */
  readonly age: number | null;
}

/** Every schedule of the code, as the database knows it. */
export async function reportSchedules(
  { statements }: Pick<Database, 'statements'>,
  jobs: readonly AnyJob[],
): Promise<ScheduleReport[]> {
  const scheduled = scheduledJobs(jobs);
  const names = scheduled.map((job) => job.name);
  const states = await statements.scheduleStates({ names });
  const ends = new Map((await statements.scheduleEnds({ names })).map((end) => [end.name, end]));
  const [clock] = await statements.databaseNow();
  const now = clock?.now ?? new Date(0);
  return scheduled.map(({ name, schedule }) => {
    const state = states.find((known) => known.name === name);
    const end = ends.get(name);
    return {
      name,
      pattern: schedule.cron,
      last:
        state?.lastDueAt && state.lastOutcome ? { dueAt: state.lastDueAt, outcome: state.lastOutcome } : null,
      next: nextOccurrence(schedule.cron, now) ?? null,
      late: state ? lateSeconds(state) : 0,
      finished: end?.dueAt ?? null,
      age: end ? Math.floor(end.ageSeconds) : null,
    };
  });
}

/** For how many seconds the oldest due occurrence of a schedule has not been accounted for. */
export function lateSeconds(state: { pattern: string; accountedTo: Date; now: Date }): number {
  const due = nextOccurrence(state.pattern, state.accountedTo);
  return due && due <= state.now ? Math.floor((state.now.getTime() - due.getTime()) / 1_000) : 0;
}
