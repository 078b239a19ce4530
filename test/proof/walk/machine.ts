import type postgres from 'postgres';
import { allJobs } from '../../../jobs/index.ts';
import type { AtFailpoint, Failpoint } from '../../../src/core/failpoints.ts';
import { noFailpoints } from '../../../src/core/failpoints.ts';
import type { Policy } from '../../../src/core/policy.ts';
import type { Database } from '../../../src/db/connect.ts';
import { lease } from '../../../src/queue/heartbeat.ts';
import type { Runner, RunnerOptions } from '../../../src/queue/runner.ts';
import { createRunner, forgetHeartbeat } from '../../support/machine.ts';
import type { WalkClock } from './clock.ts';
import type { Customer, Ledger } from './ledger.ts';

/** A job that is about to run. */
export interface Ticket {
  readonly id: number;
  readonly dispatchNo: number;
  readonly kind: string;
  readonly payload: { readonly teamId?: string; readonly customerId?: string };
}

/** How a worker dies: at this step of the first job that gets there, with all that it had not committed. */
export interface Death {
  readonly point: Failpoint;
  readonly kind: string;
}

/** What happens beside a round of jobs. */
export interface RoundPlan {
  /** Each job is even delivered twice. */
  readonly atOnce?: boolean;
  readonly death?: Death | undefined;
  /** What happens while a job is at work. */
  readonly beside?: ((ticket: Ticket) => Partial<RunnerOptions> | undefined) | undefined;
}

type Settings = Pick<RunnerOptions, 'stripe' | 'mail' | 'alerts' | 'keepLink'>;

const queues = ['stripe', 'lifecycle', 'mail', 'schedules', 'dead-letter'] as const;
const kinds = allJobs.map((job) => job.name);

/** The worker of a walk, without BullMQ: it takes what is due and runs it, one after the other or all at once. */
export class Machine {
  /** How often each kind ran. */
  readonly ran = new Map<string, number>();
  deaths = 0;
  private worker: Promise<{ runner: Runner }> | undefined;
  private backfillBegunAt: Date | undefined;
  private readonly beside: Promise<void>[] = [];

  private readonly sql: postgres.Sql;
  private readonly database: Database;
  private readonly settings: Settings;
  readonly policy: Policy;
  private readonly clock: WalkClock;
  private readonly ledger: Ledger;

  constructor(
    sql: postgres.Sql,
    database: Database,
    settings: Settings,
    policy: Policy,
    clock: WalkClock,
    ledger: Ledger,
  ) {
    this.sql = sql;
    this.database = database;
    this.settings = settings;
    this.policy = policy;
    this.clock = clock;
    this.ledger = ledger;
  }

  async ask(kind: string, payload: object = {}): Promise<void> {
    const wanted = { kind, payload, key: null, runAt: null, teamId: null, priority: 0 };
    await this.database.statements.enqueue(wanted);
  }

  /** Who is due, by the real statement. */
  async sweep(kind: string): Promise<void> {
    await this.database.sweeps.get(kind)!.enqueue({ now: this.clock.now(), ...this.policy });
  }

  /** The worker lives still, whatever the clock says by now. */
  private async beat(): Promise<void> {
    await this.database.statements.beat({ id: 'walker', concurrency: 10, kinds, queueBackend: 'redis' });
  }

  /** What was delayed comes back, as from BullMQ. */
  async bringBack(): Promise<void> {
    await this.sql`
      update evenfall.job set state = 'queued', due = true
      where state = 'dispatched' and run_at <= clock_timestamp()`;
  }

  /** Runs what is due until nothing is; `plan` says what happens beside, `over` is told of the kinds that have run. */
  async drain(
    plan: (tickets: readonly Ticket[]) => RoundPlan,
    over: (kinds: readonly string[]) => Promise<void>,
  ): Promise<void> {
    for (let rounds = 0; rounds < 100; rounds++) {
      const tickets = await this.due();
      if (tickets.length === 0) return;
      if (rounds === 0) await this.beat();
      const { atOnce, death, beside } = plan(tickets);
      if (death) await this.dieIn(tickets, death);
      else if (atOnce) await Promise.all([...tickets, ...tickets].map((ticket) => this.run(ticket)));
      else {
        for (const ticket of tickets) {
          await this.run(ticket, beside?.(ticket));
          await this.quiet();
          await over([ticket.kind]);
        }
        continue;
      }
      await over(tickets.map(({ kind }) => kind));
    }
    throw new Error('there is no end of jobs that are due');
  }

  /** Runs what is due of one kind now, while another job is at work. */
  async runBeside(kind: string): Promise<void> {
    const tickets = await this.due();
    for (const ticket of tickets.filter((one) => one.kind === kind)) await this.run(ticket);
    const others = tickets.filter((one) => one.kind !== kind);
    await this.database.statements.requeueLost({
      ids: others.map(({ id }) => id),
      dispatchNos: others.map(({ dispatchNo }) => dispatchNo),
    });
  }

  /** Goes on beside the job that is at work; waited for when that is over. */
  meanwhile(work: Promise<void>): void {
    this.beside.push(work);
  }

  private async quiet(): Promise<void> {
    await Promise.all(this.beside.splice(0));
  }

  private async due(): Promise<Ticket[]> {
    const { statements } = this.database;
    const waiting = await this.sql<{ queue: string }[]>`
      select distinct queue from evenfall.job where state = 'queued' and run_at <= clock_timestamp()`;
    if (waiting.length === 0) return [];
    await statements.promoteDue({ batch: 1_000 });
    const tickets: Ticket[] = [];
    for (const queue of queues.filter((name) => waiting.some((row) => row.queue === name))) {
      const claimed = await statements.claim({ queue, slots: 20, after: '', kinds });
      tickets.push(
        ...claimed.map(({ payload, ...row }) => ({ ...row, payload: payload as Ticket['payload'] })),
      );
    }
    return tickets;
  }

  private async run(ticket: Ticket, more?: Partial<RunnerOptions>): Promise<void> {
    const worker = more ? this.hire(more) : (this.worker ??= this.hire());
    const { runner } = await worker;
    await this.runOn(runner, ticket);
  }

  private async hire(more: Partial<RunnerOptions> = {}, on = this.database) {
    return await createRunner(on, allJobs, {
      ...this.settings,
      policy: this.policy,
      workerId: 'walker',
      ...more,
    });
  }

  private async runOn(runner: Runner, ticket: Ticket): Promise<void> {
    const begunAt = this.clock.now();
    if (ticket.kind === 'backfill-stripe') this.backfillBegunAt ??= begunAt;
    this.ran.set(ticket.kind, (this.ran.get(ticket.kind) ?? 0) + 1);
    const ended = await runner.run(ticket, new AbortController().signal);
    if (ended.as === 'finished' && ended.summary === 'done') this.noteRead(ticket, begunAt);
  }

  /** What Evenfall has read of Stripe by now, as the walk saw it read. */
  private noteRead({ kind, payload }: Ticket, begunAt: Date): void {
    if (kind === 'sync-customer') {
      const customer = this.ledger.customers.get(payload.customerId ?? '');
      if (customer) this.ledger.read([customer], begunAt);
    }
    if (kind === 'backfill-stripe') {
      const since = this.backfillBegunAt ?? begunAt;
      const early = ({ readAt, createdAt }: Customer) => createdAt < since && !(readAt && readAt > since);
      this.ledger.read([...this.ledger.customers.values()].filter(early), since);
      this.ledger.picture = { begunAt: since, finishedAt: this.clock.now() };
      this.backfillBegunAt = undefined;
    }
  }

  /** The process of these jobs dies when one of them gets to the point; another one finds it dead. */
  private async dieIn(tickets: readonly Ticket[], death: Death): Promise<void> {
    let isDead = false;
    const gone = () => {
      if (isDead) throw new Error('the process is dead');
    };
    const failpoint: AtFailpoint = async (point, kind) => {
      await noFailpoints(point);
      if (point === death.point && kind === death.kind) isDead = true;
      gone();
    };
    const kill = new AbortController();
    const workerId = `mortal-${this.deaths}`;
    const { runner } = await this.hire(
      { failpoint, workerId, kill: kill.signal },
      mortal(this.database, gone),
    );
    for (const ticket of tickets) {
      const begunAt = this.clock.now();
      try {
        await this.runOn(runner, ticket);
      } catch (error) {
        if (!isDead) throw error;
        // its outcome stands, though nobody has heard of it
        if (death.point === 'outcome.written') this.noteRead(ticket, begunAt);
        break;
      }
    }
    if (isDead) this.deaths++;
    kill.abort();
    await forgetHeartbeat(this.database, workerId);
    await this.database.statements.rescue({ lease });
    // what it had taken and not begun lies in the queue still
    await this.bringBack();
  }
}

/** A database as a process sees it that may die: from then on it can do nothing any more. */
function mortal(database: Database, gone: () => void): Database {
  const guard = <T extends object>(statements: T): T =>
    new Proxy(statements, {
      get: (target, name) => {
        const found: unknown = Reflect.get(target, name);
        if (typeof found !== 'function') return found;
        return async (...given: unknown[]) => {
          gone();
          return (await found.call(target, ...given)) as unknown;
        };
      },
    });
  return {
    ...database,
    statements: guard(database.statements),
    async transaction(work) {
      gone();
      return await database.transaction((tx) => work(guard(tx)));
    },
  };
}
