import { defaultPolicy } from '../../../src/core/policy.ts';
import { deliverEvents } from '../../../src/stand-ins/stripe/index.ts';
import type { StripePort } from '../../../src/core/stripe.ts';
import type { Database } from '../../../src/db/connect.ts';
import { besideJob } from './beside.ts';
import { Chance } from './chance.ts';
import { Doings } from './doings.ts';
import { Judge } from './judge.ts';
import type { Moment, Verdict } from './judge.ts';
import { Ledger } from './ledger.ts';
import { Machine } from './machine.ts';
import type { RoundPlan, Ticket } from './machine.ts';
import { readMail } from './mails.ts';
import { Operator } from './operator.ts';
import { dayMs } from './rules.ts';
import { mailDomain } from './stage.ts';
import type { Stage } from './stage.ts';
import { stripeBook } from './stripe-book.ts';
import { Troubles } from './troubles.ts';
import type { Likelihoods } from './troubles.ts';
import { Watch } from './watch.ts';
import { World } from './world.ts';

export interface WalkOptions {
  readonly seed: number;
  /** So many live at any time: for each that ends another begins. */
  readonly teams: number;
  readonly days: number;
  /** What people do on a day. */
  readonly doingsADay: number;
  readonly likely: Likelihoods;
  /** What the jobs see, where a fault was put before it. */
  readonly database?: Database;
  readonly stripe?: StripePort;
  /** Ends the walk, wherever it is. */
  readonly signal: AbortSignal;
}

export interface WalkResult {
  readonly seed: number;
  readonly teams: number;
  readonly days: number;
  readonly events: number;
  readonly deletedTeams: number;
  readonly deletedUsers: number;
  readonly notices: number;
  readonly trialMails: number;
  readonly cardMails: number;
  readonly deaths: number;
  readonly outages: number;
  readonly verdicts: readonly Verdict[];
}

/** The times of a day at which Evenfall's schedules come, coarsely: what is searched for, and what is run. */
const stops: readonly {
  readonly hour: number;
  readonly sweeps: readonly string[];
  readonly jobs: readonly string[];
}[] = [
  { hour: 2.3, sweeps: [], jobs: ['backfill-stripe'] },
  { hour: 3.6, sweeps: ['delete-unverified-users', 'trial-ending-email'], jobs: [] },
  { hour: 8.7, sweeps: ['expiring-card-email', 'mark-team-for-deletion', 'delete-inactive-team'], jobs: [] },
  { hour: 17.2, sweeps: ['trial-ending-email', 'delete-inactive-team'], jobs: [] },
];
/** Who is gone, and whom a mail has reached, only these can have changed. */
const looksMatter: ReadonlySet<string> = new Set([
  'mark-team-for-deletion',
  'delete-inactive-team',
  'delete-unverified-users',
  'trial-ending-email',
  'expiring-card-email',
]);
const hourMs = dayMs / 24;
/** Later than any real day on which this may be played: workers live by the time at which Postgres started, too. */
const firstDay = Date.UTC(2040, 0, 1);

/** Plays one walk from an empty world to its last day, or to the day of its first verdict. */
export async function playWalk(stage: Stage, options: WalkOptions): Promise<WalkResult> {
  await stage.clear();
  await stage.clock.set(new Date(firstDay));
  const walk = new Walk(stage, options);
  try {
    return await walk.play();
  } finally {
    await walk.end();
  }
}

class Walk {
  private readonly ledger = new Ledger();
  private readonly chance: Chance;
  private readonly book;
  private readonly judge;
  private readonly watch;
  private readonly world;
  private readonly doings;
  private readonly machine;
  private readonly operator;
  private readonly troubles;
  private readonly deliveries;
  private readonly stripe;
  private mailsSeen = 0;
  private roundBegunAt: Date;
  private events = 0;

  private readonly stage: Stage;
  private readonly options: WalkOptions;

  constructor(stage: Stage, options: WalkOptions) {
    this.stage = stage;
    this.options = options;
    const { sql, standIn, inbox, clock, database } = stage;
    const { seed, likely } = options;
    const policy = { ...defaultPolicy };
    this.chance = new Chance(seed);
    this.book = stripeBook(standIn);
    this.judge = new Judge(this.ledger, this.book, policy);
    this.watch = new Watch(sql, this.ledger, this.book, this.judge);
    this.world = new World(sql, standIn, clock, this.ledger, this.chance);
    this.doings = new Doings(this.world, this.book, inbox, clock, this.chance, stage.reach);
    const adapters = { ...stage.adapters, stripe: options.stripe ?? stage.adapters.stripe };
    this.machine = new Machine(sql, options.database ?? database, adapters, policy, clock, this.ledger);
    this.operator = new Operator(sql, database, inbox, clock, this.judge, policy, mailDomain);
    this.troubles = new Troubles(this.chance, likely, standIn, inbox);
    this.deliveries = deliverEvents(standIn.store, {
      ...stage.webhooks,
      drop: likely.eventLost,
      duplicate: likely.eventTwice,
      reorder: true,
      delayMs: Infinity,
      retryMs: Infinity,
      random: this.chance.next,
    });
    this.stripe = adapters.stripe;
    this.roundBegunAt = clock.now();
  }

  async play(): Promise<WalkResult> {
    await this.populate();
    let day = 0;
    for (; day < this.options.days && this.judge.verdicts.length === 0; day++) {
      this.options.signal.throwIfAborted();
      await this.live(day);
    }
    await this.watch.explain(this.stage.clock.now());
    const { seed } = this.options;
    const { verdicts, counts } = this.judge;
    const { deaths } = this.machine;
    const { outages } = this.troubles.happened;
    const teams = this.ledger.teams.size;
    return { seed, teams, days: day, events: this.events, ...counts, deaths, outages, verdicts };
  }

  async end(): Promise<void> {
    await this.deliveries.stop();
  }

  /** Those who are there when Evenfall is adopted, of all ages up to eight months. */
  private async populate(): Promise<void> {
    for (let n = 0; n < this.options.teams; n++) {
      const age = this.chance.int(0, 240) * dayMs + this.chance.int(0, 23) * hourMs;
      await this.doings.teamMeetsStripe(await this.doings.teamBegins(new Date(firstDay - age)));
    }
  }

  private async live(day: number): Promise<void> {
    this.troubles.beginDay();
    for (const [index, stop] of stops.entries()) {
      const at = firstDay + (day + 1) * dayMs + stop.hour * hourMs;
      await this.stage.clock.set(new Date(at));
      this.chance.beginAt((day + 1) * 10 + index);
      this.troubles.beginStop();
      await this.machine.bringBack();
      await this.peopleAct(index);
      if (!this.troubles.stripeIsDown && !this.chance.happens(this.options.likely.eventsLate)) {
        this.book.settle();
        await this.deliveries.flush();
      }
      for (const sweep of stop.sweeps) await this.machine.sweep(sweep);
      for (const job of stop.jobs) {
        if (job !== 'backfill-stripe' || this.troubles.backfillRuns) await this.machine.ask(job);
      }
      if (day % 7 === 0 && index === 1) await this.machine.ask('forget-old-records');
      await this.machine.drain(
        (tickets) => this.planRound(tickets),
        (kinds) => this.look(kinds),
      );
    }
    await this.operator.look();
    this.watch.endOfDay(this.moment(), this.troubles.wasFair);
    if (day % 30 === 29) await this.watch.explain(this.stage.clock.now());
  }

  /** What people do on a day is spread over it. */
  private async peopleAct(stop: number): Promise<void> {
    const share = this.options.doingsADay / stops.length;
    const times = Math.floor(share) + (this.chance.happens(share % 1) ? 1 : 0);
    for (let n = 0; n < times; n++) {
      await this.doings.happen(this.troubles.stripeIsDown);
      this.events++;
    }
    const isRoom = this.ledger.livingTeams.length < this.options.teams;
    if (stop === 0 && isRoom && !this.troubles.stripeIsDown) {
      await this.doings.teamMeetsStripe(await this.doings.teamBegins());
      this.events++;
    }
  }

  private planRound(tickets: readonly Ticket[]): RoundPlan {
    this.roundBegunAt = this.stage.clock.now();
    const death = this.troubles.death(tickets.map(({ kind }) => kind));
    if (death) return { death };
    if (tickets.length > 1 && this.chance.happens(this.options.likely.atOnce)) return { atOnce: true };
    return {
      beside: (ticket) => {
        // what was done before this job began is what its look has to see
        this.roundBegunAt = this.stage.clock.now();
        if (this.troubles.stripeIsDown || !this.chance.happens(this.options.likely.beside)) return undefined;
        const { world, doings, machine, chance } = this;
        return besideJob(ticket, { world, doings, machine, chance, stripe: this.stripe });
      },
    };
  }

  private moment(): Moment {
    return {
      at: this.stage.clock.now(),
      askedAt: this.roundBegunAt,
      statusOf: (id) => this.book.status(id),
      stripeIsDown: this.troubles.stripeIsDown,
    };
  }

  /** What has come of these jobs: mails first, for they speak of those who may be gone now. */
  private async look(kinds: readonly string[]): Promise<void> {
    if (!kinds.some((kind) => looksMatter.has(kind))) return;
    this.book.settle();
    const moment = this.moment();
    const { messages } = this.stage.inbox;
    for (const message of messages.slice(this.mailsSeen)) {
      const mail = readMail(message);
      this.judge.mail(mail, moment);
      if (mail.kind === 'trial-ending') this.watch.trialMail(mail.cents);
    }
    this.mailsSeen = messages.length;
    const [there] = await this.stage.sql<{ teams: string[]; people: string[] }[]>`
      select array(select id::text from public.teams) as teams, array(select id::text from public.users) as people`;
    this.judge.present(new Set(there?.teams), new Set(there?.people), moment);
  }
}
