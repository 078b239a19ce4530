import { EventLog } from './events.ts';
import { missing } from './errors.ts';
import { Table } from './table.ts';
import type { WireCustomer, WireDeletedCustomer, WireInvoice, WirePaymentMethod } from './objects.ts';
import type { WirePrice, WireProduct, WireSubscription } from './objects.ts';

/**
 * State changes that really happened to one subscription; a replay, a refusal or a repetition adds nothing.
 */
export interface Effects {
  canceled: number;
  setToCancelAtPeriodEnd: number;
}

interface Row {
  id: string;
  created: number;
  livemode: boolean;
}

/** Everything Stripe would remember. Objects are live: what a test changes here, the next answer shows. */
export class StripeStore {
  readonly customers = new Table<WireCustomer>('customer');
  readonly products = new Table<WireProduct>('product');
  readonly prices = new Table<WirePrice>('price');
  readonly paymentMethods = new Table<WirePaymentMethod>('PaymentMethod');
  readonly subscriptions = new Table<WireSubscription>('subscription');
  readonly invoices = new Table<WireInvoice>('invoice');
  readonly deletedCustomers = new Map<string, WireDeletedCustomer>();
  readonly events: EventLog = new EventLog(() => this.nextId('evt', 24));

  /** Trial ends already announced, by subscription: `trial_will_end` fires once for each trial end. */
  readonly announcedTrialEnds = new Map<string, number>();

  readonly #effects = new Map<string, Effects>();
  readonly #counters = new Map<string, number>();

  /** Ids look like Stripe's and count up from 1 for each kind, so that a test can be read and repeated. */
  nextId(prefix: string, length = 14): string {
    for (;;) {
      const count = (this.#counters.get(prefix) ?? 0) + 1;
      this.#counters.set(prefix, count);
      const start = length > 14 ? '1EF' : 'EF';
      const id = `${prefix}_${start}${String(count).padStart(length - start.length, '0')}`;
      if (!this.#taken(id)) return id;
    }
  }

  /** The object of a URL: 404 `resource_missing` on `id`, with the hint when only the key's mode is wrong. */
  get<T extends Row>(table: Table<T>, id: string, livemode: boolean, param = 'id'): T {
    return this.#require(table, id, livemode, { param, status: 404 });
  }

  /** The object a parameter names: the same refusal with 400, as recorded for a price. */
  reference<T extends Row>(table: Table<T>, id: string, livemode: boolean, param: string): T {
    return this.#require(table, id, livemode, { param, status: 400 });
  }

  effectsOf(id: string): Effects {
    let effects = this.#effects.get(id);
    if (effects === undefined) this.#effects.set(id, (effects = { canceled: 0, setToCancelAtPeriodEnd: 0 }));
    return effects;
  }

  /** For every subscription, how often it was really cancelled or set to cancel at its period's end. */
  effects(): Record<string, Effects> {
    return Object.fromEntries(this.subscriptions.all().map(({ id }) => [id, { ...this.effectsOf(id) }]));
  }

  clear(): void {
    const tables = [
      this.customers,
      this.products,
      this.prices,
      this.paymentMethods,
      this.subscriptions,
      this.invoices,
    ];
    for (const table of tables) table.clear();
    this.deletedCustomers.clear();
    this.events.clear();
    this.announcedTrialEnds.clear();
    this.#effects.clear();
    this.#counters.clear();
  }

  #require<T extends Row>(
    table: Table<T>,
    id: string,
    livemode: boolean,
    at: { param: string; status: 400 | 404 },
  ): T {
    const found = table.get(id);
    if (found === undefined) throw missing(table.kind, id, at);
    if (found.livemode !== livemode)
      throw missing(table.kind, id, { ...at, foundInLiveMode: found.livemode });
    return found;
  }

  #taken(id: string): boolean {
    return [
      this.customers,
      this.products,
      this.prices,
      this.paymentMethods,
      this.subscriptions,
      this.invoices,
    ].some((table) => table.get(id) !== undefined);
  }
}
