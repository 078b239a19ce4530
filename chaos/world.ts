import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import type { Errand } from './errand.ts';
import type { Lane } from './lane.ts';
import { startProgram } from './process.ts';
import type { Running } from './process.ts';
import type { Random } from './random.ts';
import type { Outage } from './recovery.ts';
import type { Addresses, System, WorkerOptions } from './system.ts';

const pollMs = 50;
/** A host kills 25 to 30 seconds after its SIGTERM. */
const hostPatienceMs = 28_000;

/** One story: the app, its customers, and the workers, to which a scenario does what it likes. */
export class World {
  readonly system: System;
  readonly lane: Lane;
  readonly random: Random;
  readonly sql: postgres.Sql;
  readonly addresses: Addresses;
  readonly errands: Errand[] = [];
  readonly deaths = new Map<number, number>();
  readonly outages: Outage[] = [];
  /** Subscriptions that nobody asked to end. */
  readonly kept: string[] = [];
  /** What broke a promise and is no job's: a line each. */
  readonly faults: string[] = [];
  private readonly workers = new Set<Running>();
  private readonly everyWorker: Running[] = [];
  private people = 0;

  constructor(parts: { system: System; lane: Lane; random: Random; databaseUrl: string }) {
    const { system, lane, random, databaseUrl } = parts;
    this.system = system;
    this.lane = lane;
    this.random = random;
    this.addresses = {
      databaseUrl,
      redisUrl: lane.redis.url,
      stripeUrl: lane.stripe.url,
      smtpUrl: lane.inbox.smtpUrl,
    };
    this.sql = postgres(databaseUrl, {
      max: 4,
      onnotice: () => {},
      connection: { application_name: 'chaos', TimeZone: 'UTC' },
    });
  }

  get isControl(): boolean {
    return this.system.isControl;
  }

  get alive(): readonly Running[] {
    return [...this.workers];
  }

  // what the app does

  /** A customer with one subscription, to be cancelled. */
  cancellation(): Errand {
    const customerId = this.lane.stripe.seed.customer().id;
    const id = this.lane.stripe.seed.subscription({ customer: customerId }).id;
    return { kind: 'cancel-subscription', payload: { customerId, when: 'now' }, cancels: [id] };
  }

  /** Somebody with a subscription who leaves: it is cancelled, and then they are said goodbye to. */
  async goodbye(): Promise<Errand> {
    const customer = this.lane.stripe.seed.customer().id;
    const id = this.lane.stripe.seed.subscription({ customer }).id;
    const { userId, email } = await this.user({ stripe_customer_id: customer });
    return { kind: 'deactivate-account', payload: { userId }, cancels: [id], mails: [email] };
  }

  async user(changes: Record<string, unknown> = {}): Promise<{ userId: string; email: string }> {
    const email = `person-${++this.people}@people.example`;
    const row = {
      email,
      name: `Person ${this.people}`,
      email_verified_at: new Date(),
      last_seen_at: new Date(),
    };
    const [user] =
      await this.sql`insert into public.users ${this.sql({ ...row, ...changes } as never)} returning id`;
    return { userId: String(user!['id']), email };
  }

  /** Half of them with a mail. */
  async mixed(count: number): Promise<Errand[]> {
    const errands = [];
    for (let n = 0; n < count; n++) errands.push(n % 2 === 0 ? this.cancellation() : await this.goodbye());
    return errands;
  }

  /** Asks for these, each in a transaction of its own, some of which are rolled back. */
  async ask(errands: readonly Errand[]): Promise<void> {
    for (const errand of errands) {
      await this.system.ask(this.sql, this.addresses, errand);
      this.errands.push(errand);
    }
  }

  /** Stripe takes its time, so that there is always something under way. */
  slowStripe(ms: number): void {
    this.lane.stripe.faults.add({ kind: 'slow', ms, times: 'forever' });
  }

  // what happens to the workers

  startWorker(options: WorkerOptions = {}): Running {
    const { args, env } = this.system.worker(this.addresses, { concurrency: 4, ...options });
    const worker = startProgram(args, env);
    this.workers.add(worker);
    this.everyWorker.push(worker);
    void worker.exited.then(() => {
      this.workers.delete(worker);
      if (!this.deaths.has(worker.pid)) this.deaths.set(worker.pid, Date.now());
    });
    return worker;
  }

  /** As many as there should be. */
  keep(count: number, options: WorkerOptions = {}): void {
    while (this.workers.size < count) this.startWorker(options);
  }

  /** kill -9, from outside. */
  async kill(worker: Running): Promise<void> {
    this.deaths.set(worker.pid, Date.now());
    worker.kill('SIGKILL');
    await worker.exited;
  }

  /** As a host does at a deploy: SIGTERM, and after a while SIGKILL. */
  async terminate(worker: Running): Promise<void> {
    worker.kill('SIGTERM');
    const late = setTimeout(() => {
      this.faults.push('a worker did not end within 28 s of its SIGTERM');
      worker.kill('SIGKILL');
    }, hostPatienceMs);
    const { code, signal } = await worker.exited;
    clearTimeout(late);
    // one that has not begun to work has nothing to give back
    const wasAtWork = worker.output().includes('working');
    if (wasAtWork && code !== 0) {
      this.faults.push(`a worker ended with ${signal ?? `exit code ${code}`} after its SIGTERM`);
    }
  }

  // what happens to the services

  /** A service goes away, and comes back with what it had kept. */
  async outage(names: readonly ('postgres' | 'redis')[], ms: number): Promise<void> {
    const from = Date.now();
    const servers = names.map((name) => this.lane[name]);
    await Promise.all(servers.map((server) => server.kill()));
    await sleep(ms);
    await Promise.all(servers.map((server) => server.start()));
    this.outages.push({ from, until: Date.now() });
  }

  // waiting

  sleep = (ms: number): Promise<void> => sleep(ms);

  /** @throws Error when it does not become true in time */
  async until(what: string, isTrue: () => Promise<boolean> | boolean, ms = 60_000): Promise<void> {
    if (!(await this.within(ms, isTrue))) throw new Error(`${what}: not within ${ms / 1_000} s`);
  }

  /** Looks until it is true; a database that is away is one more reason to look again. */
  async within(ms: number, isTrue: () => Promise<boolean> | boolean): Promise<boolean> {
    const deadline = performance.now() + ms;
    while (performance.now() < deadline) {
      if (
        await Promise.resolve()
          .then(isTrue)
          .catch(() => false)
      )
        return true;
      await sleep(pollMs);
    }
    return false;
  }

  cancelledSoFar(): number {
    const effects = this.lane.stripe.effects();
    return this.errands
      .flatMap((errand) => errand.cancels ?? [])
      .filter((id) => (effects[id]?.canceled ?? 0) > 0).length;
  }

  /** Everything is let come to its end by healthy workers. */
  async settle(): Promise<void> {
    await this.within(this.system.patienceMs, () => {
      this.keep(1);
      return this.system.isIdle(this.sql, this.addresses);
    });
    await Promise.all(this.alive.map((worker) => worker.end()));
  }

  /** What every worker has written, one after another. */
  logs(): string {
    return this.everyWorker.map((worker) => `--- worker ${worker.pid}\n${worker.output()}\n`).join('');
  }

  async close(): Promise<void> {
    await Promise.all(this.alive.map((worker) => worker.end()));
    await this.sql.end({ timeout: 1 });
  }
}
