import { Retryable, StaleRun, Terminal, describeFailure } from '../core/errors.ts';
import type { AtFailpoint } from '../core/failpoints.ts';
import type { AnyJob } from '../core/job.ts';
import type { Outcome } from '../core/outcome.ts';
import { payloadProblem } from '../core/payload.ts';
import { retryDelayMs, waitDelayMs } from '../core/retry.ts';
import { isPassingTrouble } from '../db/trouble.ts';
import type { StartRow } from '../../sql/queries.gen.ts';
import { buildContext } from './context.ts';
import type { Adapters } from './context.ts';
import { persist } from './persist.ts';

export interface RunnerOptions extends Adapters {
  readonly jobs: readonly AnyJob[];
  readonly workerId: string;
  /** ISO 8601: how long a worker may be silent before its jobs are another's. */
  readonly lease: string;
  readonly failpoint: AtFailpoint;
  /** Milliseconds that business time is ahead of the database's clock; 0 but in tests and the demo. */
  readonly clockOffsetMs: () => number;
  /** 0 to 1, for jitter. */
  readonly random: () => number;
  /** Aborted when the process must go at once. */
  readonly kill: AbortSignal;
}

/** The row and the dispatch that a run stands for. */
type Ticket = { readonly id: number; readonly dispatchNo: number; readonly kind: string };

/** How a run ended, for whoever carries the job. The row in Postgres says so already. */
export type Ended =
  | { readonly as: 'finished'; readonly summary: string }
  | { readonly as: 'later'; readonly inMs: number; readonly summary: string }
  | { readonly as: 'dead'; readonly summary: string }
  /** Not ours to run, or no longer: the carrier lets go of it. */
  | { readonly as: 'nothing'; readonly summary: string };

/** Aborts a run because the worker shuts down: the job is given back, nothing has failed. */
export const shutdownReason = new Error('the worker shuts down');

/** Of a snooze that is no failure: what was told before stays. */
const unsaid = { error: null, publicMessage: null };

/** Another worker still holds the row; its lease may be about to end. */
const busyDelayMs = 2_000;
const graceMs = 5_000;

/**
 * Runs one dispatched job: fenced start, the job's `run`, and exactly one named statement for how it ended
 * (docs/protocol.md, "A job"). Knows nothing of BullMQ.
 */
export class Runner {
  private readonly options: RunnerOptions;
  private readonly kinds: ReadonlyMap<string, AnyJob>;
  private readonly underWay = new Map<Promise<Ended>, number>();

  constructor(options: RunnerOptions) {
    this.options = options;
    this.kinds = new Map(options.jobs.map((job) => [job.name, job]));
  }

  /**
   * @param signal aborted with `shutdownReason` when the worker must stop
   */
  async run(ticket: Ticket, signal: AbortSignal): Promise<Ended> {
    const isAlone = ![...this.underWay.values()].includes(ticket.id);
    const run = this.startAndRun(ticket, signal, isAlone);
    this.underWay.set(run, ticket.id);
    try {
      return await run;
    } finally {
      this.underWay.delete(run);
    }
  }

  /** Resolves when no run is under way. */
  async idle(): Promise<void> {
    while (this.underWay.size > 0) await Promise.allSettled(this.underWay.keys());
  }

  /** @param isAlone nothing of this job is under way here */
  private async startAndRun(ticket: Ticket, signal: AbortSignal, isAlone: boolean): Promise<Ended> {
    const { workerId, database } = this.options;
    const { statements } = database;
    const job = this.kinds.get(ticket.kind);
    const [row] = await statements.start({
      id: ticket.id,
      dispatchNo: ticket.dispatchNo,
      workerId,
      lease: this.options.lease,
      payloadVersion: job?.payloadVersion ?? (job ? 1 : 0),
    });
    switch (row?.verdict) {
      case 'started':
        break;
      case 'early':
        return { as: 'later', inMs: row.runAt.getTime() - row.dbNow.getTime(), summary: 'not due yet' };
      case 'busy':
        if (isAlone && (await statements.forgetStart({ ...ticket, workerId })).length > 0) {
          return await this.startAndRun(ticket, signal, isAlone);
        }
        return { as: 'later', inMs: busyDelayMs, summary: 'another worker holds it' };
      case 'newer':
        await statements.park(ticket);
        return { as: 'nothing', summary: 'parked for a newer worker' };
      case 'poison':
        return await this.bury(ticket.id, row.runNo, poisonError(row.crashes), job);
      case 'dead':
        return { as: 'dead', summary: summaryOf(row.lastError) };
      default:
        return { as: 'nothing', summary: 'no longer current' };
    }
    if (!job) throw new Error(`job ${ticket.id} of unknown kind ${ticket.kind} was started`);
    return await this.runStarted(ticket.id, job, row, signal);
  }

  /** Records a job as dead, with its dead letter and the alert that follows. */
  async bury(id: number, runNo: number, error: unknown, job: AnyJob | undefined): Promise<Ended> {
    const facts = describeFailure(error);
    const publicMessage =
      (error instanceof Terminal || error instanceof Retryable ? error.publicMessage : undefined) ??
      job?.publicMessages?.dead ??
      null;
    const [row] = await persist(
      () =>
        this.options.database.statements.bury({
          id,
          runNo,
          error: facts,
          publicMessage,
          class: facts.class,
          code: facts.code ?? null,
        }),
      this.options.kill,
    );
    if (!row) return { as: 'nothing', summary: 'no longer current' };
    if (row.state !== 'dead') return { as: 'nothing', summary: 'failed, but was asked for again' };
    this.options.log.error({ jobId: id, kind: job?.name, deadLetterId: row.deadLetterId, ...facts }, 'dead');
    await this.options.failpoint('dead.written', job?.name);
    return { as: 'dead', summary: facts.message };
  }

  private async runStarted(id: number, job: AnyJob, row: StartRow, signal: AbortSignal): Promise<Ended> {
    await this.options.failpoint('run.started', job.name);
    let outcome: Outcome;
    try {
      outcome = await this.execute(id, job, row, signal);
      await this.options.failpoint('run.ended', job.name);
      return await this.record(id, job, row.runNo, outcome);
    } catch (error) {
      return await this.fail(id, job, row, error, signal);
    }
  }

  /** The job's own code, within its time. */
  private async execute(id: number, job: AnyJob, row: StartRow, signal: AbortSignal): Promise<Outcome> {
    const problem = payloadProblem(job.payload, row.payload);
    if (problem !== undefined) {
      throw new Terminal(`the payload no longer fits ${job.name}: ${problem}`, {
        facts: { class: 'bad_payload', code: problem.split(':', 1)[0] ?? '' },
      });
    }
    const time = new AbortController();
    const clockOffsetMs = this.options.clockOffsetMs();
    const context = buildContext({
      ...this.options,
      run: { jobId: id, runNo: row.runNo },
      kind: job.name,
      teamId: row.teamId,
      attempt: row.attempts + 1,
      occasion: `${id}.${row.asks}`,
      now: new Date(row.dbNow.getTime() + clockOffsetMs),
      clockOffsetMs,
      signal: AbortSignal.any([signal, time.signal]),
    });
    return await withinTime(job, time, job.run(context, row.payload as never));
  }

  private async record(id: number, job: AnyJob, runNo: number, outcome: Outcome): Promise<Ended> {
    const { database, kill, failpoint } = this.options;
    if (outcome.kind === 'snoozed') {
      const inMs = Math.max(0, outcome.until.getTime() - (await this.businessNow()));
      const [row] = await persist(
        () =>
          database.statements.snooze({ id, runNo, delayMs: inMs, waiting: false, renews: true, ...unsaid }),
        kill,
      );
      return this.later(row?.state, inMs, `snoozed: ${outcome.reason}`);
    }
    const reason = outcome.kind === 'skipped' ? { reason: outcome.reason } : {};
    const finish = { id, runNo, state: outcome.kind, outcome: { ...reason, detail: outcome.detail } };
    const { write } = outcome;
    const [row] = await persist(
      () =>
        write
          ? database.transaction(async (tx) => {
              const ended = await tx.finish(finish);
              if (ended.length > 0) await write(tx);
              return ended;
            })
          : database.statements.finish(finish),
      kill,
    );
    if (!row) return { as: 'nothing', summary: 'no longer current' };
    await failpoint('outcome.written', job.name);
    return { as: 'finished', summary: outcome.kind === 'skipped' ? `skipped: ${outcome.reason}` : 'done' };
  }

  private async fail(
    id: number,
    job: AnyJob,
    row: StartRow,
    error: unknown,
    signal: AbortSignal,
  ): Promise<Ended> {
    const { database, kill, log } = this.options;
    const { runNo } = row;
    if (error instanceof StaleRun) {
      // the row knows better: a commit whose answer was lost looks stale too, and such a run is still current
      await persist(() => database.statements.giveBack({ id, runNo }), kill);
      return { as: 'nothing', summary: 'no longer current' };
    }
    if (signal.aborted && signal.reason === shutdownReason) {
      await persist(() => database.statements.giveBack({ id, runNo }), kill);
      return { as: 'nothing', summary: 'given back at shutdown' };
    }
    if (error instanceof Terminal) return await this.bury(id, runNo, error, job);

    const facts = describeFailure(error);
    if (facts.class === 'unexpected')
      log.error({ jobId: id, kind: job.name, err: error }, 'unexpected failure');
    const retryable = error instanceof Retryable ? error : undefined;
    const waits = retryable?.waiting ?? isPassingTrouble(error);
    const held = retryable?.held ?? false;
    const failed = row.attempts + (waits ? 0 : 1);
    const [clock] = await persist(() => database.statements.waited({ id }), kill);
    const inMs = waits
      ? (retryable?.afterMs ?? waitDelayMs(clock?.waitedMs ?? 0, this.options.random()))
      : Math.max(retryDelayMs(job.retry, failed, this.options.random()), retryable?.afterMs ?? 0);
    const late = (clock?.now ?? row.dbNow).getTime() + inMs > row.deadlineAt.getTime();
    const wornOut = !waits && failed >= job.retry.attempts;
    if (wornOut || (late && !held)) return await this.bury(id, runNo, error, job);

    const publicMessage = retryable?.publicMessage ?? job.publicMessages?.retrying ?? null;
    const later = { id, runNo, delayMs: inMs, error: facts, publicMessage };
    if (waits) {
      const [written] = await persist(
        () => database.statements.snooze({ ...later, waiting: !held, renews: held }),
        kill,
      );
      if (clock?.waitedMs === null) log.info({ jobId: id, kind: job.name, inMs, ...facts }, 'waits');
      return this.later(written?.state, inMs, `waiting: ${facts.message}`);
    }
    const [written] = await persist(() => database.statements.retry(later), kill);
    await this.options.failpoint('retry.written', job.name);
    log.warn({ jobId: id, kind: job.name, attempt: failed, inMs, ...facts }, 'failed, will try again');
    return this.later(written?.state, inMs, `attempt ${failed} failed: ${facts.message}`);
  }

  private later(state: string | undefined, inMs: number, summary: string): Ended {
    if (state === undefined) return { as: 'nothing', summary: 'no longer current' };
    if (state === 'cancelled') return { as: 'finished', summary: 'cancelled by who asked for it' };
    return { as: 'later', inMs, summary };
  }

  private async businessNow(): Promise<number> {
    const [row] = await persist(() => this.options.database.statements.databaseNow(), this.options.kill);
    return (row?.now ?? new Date(0)).getTime() + this.options.clockOffsetMs();
  }
}

/** A run whose time is up has its signal aborted; it gets a moment to end by itself, then it is left behind its fence. */
async function withinTime<T>(job: AnyJob, time: AbortController, run: Promise<T>): Promise<T> {
  const overrun = new Retryable(`${job.name} took longer than ${job.timeoutMs / 1_000} seconds`, {
    facts: { class: 'timeout' },
    outcomeUnknown: true,
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      time.abort(overrun);
      timer = setTimeout(() => reject(overrun), graceMs);
    }, job.timeoutMs);
  });
  try {
    return await Promise.race([run, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** @param crashes that were counted before the last one */
export function poisonError(crashes: number): Terminal {
  return new Terminal(`its worker process died ${crashes + 1} times while it ran; it is not run again`, {
    facts: { class: 'poison' },
  });
}

function summaryOf(lastError: unknown): string {
  return typeof lastError === 'object' && lastError !== null && 'message' in lastError
    ? String(lastError.message)
    : 'dead';
}
