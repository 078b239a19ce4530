import { deliverEvents } from '../src/stand-ins/stripe/index.ts';
import type { StripeStandIn } from '../src/stand-ins/stripe/index.ts';

type Deliveries = ReturnType<typeof deliverEvents>;

/** One answer of the web process to an event; `status` is null where there was none. */
export type Delivery = Deliveries['records'][number];

/** How Stripe's events reach the web process: signed, over HTTP, usually in the moment they happen. */
export interface EventPost {
  /** Every delivery so far, in order. */
  readonly deliveries: readonly Delivery[];
  /**
   * What happens at Stripe during `work` is told only afterwards; with `disorder` the last first, and each
   * twice: Stripe promises at least once and no order (docs.stripe.com/webhooks).
   */
  hold<T>(work: () => Promise<T>, options?: { readonly disorder?: boolean }): Promise<T>;
  stop(): Promise<void>;
}

/** A second apart: for as long as a web process that died is away. */
const attempts = 60;

export function startEventPost(
  { store }: StripeStandIn,
  endpoint: { readonly url: string; readonly secret: string },
): EventPost {
  const rounds: Deliveries[] = [];
  const begin = (options: Partial<Parameters<typeof deliverEvents>[1]> = {}) => {
    const round = deliverEvents(store, { ...endpoint, attempts, ...options });
    rounds.push(round);
    return round;
  };
  const end = async (round: Deliveries) => {
    await round.flush();
    await round.stop();
  };
  let current = begin();
  return {
    get deliveries() {
      return rounds.flatMap(({ records }) => records);
    },
    async hold(work, { disorder = false } = {}) {
      await end(current);
      // no chance: each event goes in front of those before it, and comes twice
      const disorderly = { duplicate: 1, reorder: true, random: () => 0 };
      current = begin({ delayMs: Infinity, ...(disorder && disorderly) });
      try {
        return await work();
      } finally {
        await end(current);
        current = begin();
      }
    },
    stop: async () => await current.stop(),
  };
}
