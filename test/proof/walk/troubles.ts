import type { Failpoint } from '../../../src/core/failpoints.ts';
import type { Inbox } from '../../../src/stand-ins/inbox/index.ts';
import type { StripeStandIn } from '../../../src/stand-ins/stripe/index.ts';
import type { Chance } from './chance.ts';
import type { Death } from './machine.ts';

/** How likely each is, of a day or of a time of day. */
export interface Likelihoods {
  readonly stripeDown: number;
  readonly smtp: number;
  readonly death: number;
  readonly atOnce: number;
  /** The nightly read of Stripe does not run, for some days. */
  readonly noBackfill: number;
  /** An event never comes; comes twice; waits for another time of day. */
  readonly eventLost: number;
  readonly eventTwice: number;
  readonly eventsLate: number;
  /** Something happens between a job's look and its act. */
  readonly beside: number;
}

const mortalKinds = [
  'mark-team-for-deletion',
  'delete-inactive-team',
  'delete-unverified-users',
  'trial-ending-email',
  'expiring-card-email',
  'backfill-stripe',
  'sync-customer',
] as const;

const points: readonly [Failpoint, ...Failpoint[]] = [
  'run.started',
  'effect.claimed',
  'effect.acted',
  'effect.settled',
  'transaction.written',
  'transaction.committed',
  'run.ended',
  'outcome.written',
];

/** What goes wrong with the world that Evenfall lives in, day by day. */
export class Troubles {
  readonly happened = { outages: 0, smtpFaults: 0, daysWithoutBackfill: 0 };
  private outage: { remove(): void } | undefined;
  private outageLeft = 0;
  private withoutBackfill = 0;
  private isFair = true;

  private readonly chance: Chance;
  private readonly likely: Likelihoods;
  private readonly standIn: StripeStandIn;
  private readonly inbox: Inbox;

  constructor(chance: Chance, likely: Likelihoods, standIn: StripeStandIn, inbox: Inbox) {
    this.chance = chance;
    this.likely = likely;
    this.standIn = standIn;
    this.inbox = inbox;
  }

  get stripeIsDown(): boolean {
    return this.outage !== undefined;
  }

  get backfillRuns(): boolean {
    return this.withoutBackfill === 0;
  }

  /** Whether nothing has hindered Evenfall since the day began. */
  get wasFair(): boolean {
    return this.isFair;
  }

  unfair(): void {
    this.isFair = false;
  }

  beginDay(): void {
    this.isFair = !this.stripeIsDown;
    this.inbox.faults.clear();
    if (this.withoutBackfill > 0) this.withoutBackfill--;
    else if (this.chance.happens(this.likely.noBackfill)) this.withoutBackfill = this.chance.int(1, 6);
    if (this.withoutBackfill > 0) {
      this.happened.daysWithoutBackfill++;
      this.isFair = false;
    }
    if (this.chance.happens(this.likely.smtp)) this.mailServerFails();
  }

  /** At each time of day. */
  beginStop(): void {
    if (this.outageLeft > 0) {
      if (--this.outageLeft === 0) {
        this.outage?.remove();
        this.outage = undefined;
      }
    } else if (this.chance.happens(this.likely.stripeDown)) {
      this.outageLeft = this.chance.weighted({ short: 8, days: 1 }) === 'short' ? this.chance.int(1, 3) : 14;
      this.outage = this.standIn.faults.add({ kind: 'server-error', shouldRetry: 'false', times: 'forever' });
      this.happened.outages++;
      this.isFair = false;
    }
  }

  private mailServerFails(): void {
    this.happened.smtpFaults++;
    this.isFair = false;
    const times = this.chance.int(1, 3);
    const { faults } = this.inbox;
    switch (this.chance.weighted({ later: 3, never: 1, data: 1, before: 2, after: 3 })) {
      case 'later':
        return faults.add({ kind: 'refuse', code: 451, at: 'rcpt', times });
      case 'never':
        return faults.add({ kind: 'refuse', code: 550, at: 'rcpt', times });
      case 'data':
        return faults.add({ kind: 'refuse', code: 451, at: 'data', times });
      case 'before':
        return faults.add({ kind: 'drop-before', times });
      case 'after':
        return faults.add({ kind: 'drop-after-accept', times });
    }
  }

  /** How the worker dies now, if it does. */
  death(kindsOfRound: readonly string[]): Death | undefined {
    const mortal = mortalKinds.filter((kind) => kindsOfRound.includes(kind));
    const kind = this.chance.among(mortal);
    if (kind === undefined || !this.chance.happens(this.likely.death)) return undefined;
    this.isFair = false;
    return { kind, point: this.chance.pick(points) };
  }
}
