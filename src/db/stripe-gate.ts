import { setTimeout as sleep } from 'node:timers/promises';
import { Retryable } from '../core/errors.ts';
import type { Log } from '../core/context.ts';
import { waitDelayMs } from '../core/retry.ts';
import type { StripeCall, StripeGate } from '../core/stripe-gate.ts';
import type { Database } from './connect.ts';

export interface StripeGateOptions {
  readonly database: Pick<Database, 'statements'>;
  /** Of all processes together. */
  readonly requestsPerSecond: number;
  readonly log: Log;
  /** 0 to 1, for jitter. */
  readonly random: () => number;
  readonly patienceMs?: number;
}

/**
 * Whoever's turn is further off comes again later. Long enough for the places of many workers: who is sent away begins
 * its run anew, and the turns that it had are lost.
 */
const defaultPatienceMs = 20_000;
/** Failures in a row, of all processes, that open the breaker. */
const threshold = 5;

/**
 * The gate over the one row of `evenfall.stripe_gate` (sql/functions/stripe_gate.sql): one short statement a request;
 * a second one for who had to wait, and for who has a failure to tell or to take back.
 */
export function createStripeGate({
  database,
  requestsPerSecond,
  log,
  random,
  patienceMs = defaultPatienceMs,
}: StripeGateOptions): StripeGate {
  const { statements } = database;
  const spacingMs = 1_000 / requestsPerSecond;

  const down = (asked: StripeCall, { openedAt, openMs }: { openedAt: Date | null; openMs: number | null }) =>
    new Retryable(`Stripe has not worked since ${openedAt?.toISOString()}: ${notAsked(asked)}`, {
      facts: { class: 'stripe_down', subject: asked.subject },
      waiting: true,
      afterMs: waitDelayMs(openMs ?? 0, random()),
    });

  /** For the next one's good only: an answer of Stripe's is never lost because this cannot be written. */
  async function tell(worked: boolean): Promise<void> {
    try {
      const [report] = await statements.reportStripe({ worked, threshold });
      if (report?.changed === 'opened') {
        log.warn({ failures: threshold }, 'Stripe does not work: it is asked once a second until it does');
      } else if (report?.changed === 'closed') log.info({}, 'Stripe works again');
    } catch (error) {
      log.warn({ err: error, worked }, 'how Stripe answered could not be shared with the other processes');
    }
  }

  return {
    async enter(asked) {
      const [turn] = await statements.takeStripeTurn({ spacingMs, patienceMs });
      if (!turn) throw new Error('evenfall.stripe_turn returned nothing');
      if (turn.verdict === 'down') throw down(asked, turn);
      if (turn.verdict === 'busy') {
        throw new Retryable(`STRIPE_REQUESTS_PER_SECOND is used up: ${notAsked(asked)}`, {
          facts: { class: 'stripe_budget', subject: asked.subject },
          waiting: true,
        });
      }
      if (turn.waitMs > 0) {
        await sleep(turn.waitMs);
        const [gate] = await statements.stripeGate();
        // the breaker has opened meanwhile, which makes the turn void
        if (gate && gate.openedAt !== null) throw down(asked, gate);
      }
      return {
        // where nothing has failed there is nothing to take back
        worked: async () => (turn.failures > 0 ? await tell(true) : undefined),
        failed: () => tell(false),
      };
    },
  };
}

function notAsked({ operation, subject }: StripeCall): string {
  return `it was not asked to ${operation} ${subject}`;
}
