/** The stand-in's own time: a base clock and how far it was moved. */
export class StandInClock {
  readonly #base: () => Date;
  readonly #onMove: () => void;
  #offset = 0;

  /** `onMove` is told of each jump, so that what the jump makes due happens at once. */
  constructor(base: () => Date, onMove: () => void) {
    this.#base = base;
    this.#onMove = onMove;
  }

  now(): Date {
    return new Date(this.#base().getTime() + this.#offset);
  }

  /** Whole seconds, the unit of every Stripe timestamp. */
  seconds(): number {
    return Math.floor(this.now().getTime() / 1000);
  }

  advance(seconds: number): void {
    this.#offset += seconds * 1000;
    this.#onMove();
  }

  /**
   * Moves to an instant; the clock goes on from there. What has happened stays happened when it goes back.
   */
  set(instant: Date): void {
    this.#offset = instant.getTime() - this.#base().getTime();
    this.#onMove();
  }

  reset(): void {
    this.#offset = 0;
  }
}

const DAY = 86_400;

/**
 * The end of the billing period that begins at `from`. Months are counted from the anchor's day of the month,
 * so that a subscription of the 31st comes back to the 31st after February
 * (docs.stripe.com/billing/subscriptions/billing-cycle).
 */
export function addInterval(from: number, interval: string, count: number, anchor: number): number {
  switch (interval) {
    case 'day':
      return from + count * DAY;
    case 'week':
      return from + count * 7 * DAY;
    case 'month':
      return addMonths(from, count, anchor);
    case 'year':
      return addMonths(from, count * 12, anchor);
    default:
      throw new Error(`Stripe has no interval '${interval}'`);
  }
}

function addMonths(from: number, count: number, anchor: number): number {
  const date = new Date(from * 1000);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth() + count];
  const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  const day = Math.min(new Date(anchor * 1000).getUTCDate(), lastDay);
  return Date.UTC(year, month, day) / 1000 + (from % DAY);
}
