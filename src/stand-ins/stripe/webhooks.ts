import { createHmac } from 'node:crypto';
import type { StripeStore } from './store.ts';
import type { WireEvent } from './objects.ts';

/** How events travel. Stripe promises at least once and no order (docs.stripe.com/webhooks). */
export interface DeliveryOptions {
  readonly url: string;
  /** `whsec_…` */
  readonly secret: string;
  /** How likely, from 0 to 1, an event comes twice. */
  readonly duplicate?: number;
  /** How likely one never comes. */
  readonly drop?: number;
  /** Those that wait together leave in any order. */
  readonly reorder?: boolean;
  /** How long they wait; until `flush` when Infinity. */
  readonly delayMs?: number;
  /** After an answer that is no success, and how often at most. */
  readonly retryMs?: number;
  readonly attempts?: number;
  readonly random?: () => number;
}

/** One answer of the endpoint; null where there was none. */
export interface DeliveryRecord {
  readonly event: string;
  readonly type: string;
  readonly status: number | null;
}

export interface Deliveries {
  readonly records: readonly DeliveryRecord[];
  /** Sends what waits now; resolves when each of these was answered, or was not. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}

/** Sends each event of the store, as it is written, to a webhook endpoint, signed as Stripe signs. */
export function deliverEvents(store: StripeStore, options: DeliveryOptions): Deliveries {
  const { url, secret, duplicate = 0, drop = 0, reorder = false, delayMs = 0 } = options;
  const { retryMs = 1_000, attempts = 5, random = Math.random } = options;
  const records: DeliveryRecord[] = [];
  const stopping = new AbortController();
  let waiting: { event: WireEvent; attempt: number }[] = [];
  let timer: NodeJS.Timeout | undefined;
  let sending = Promise.resolve();

  function wait(event: WireEvent, attempt: number, ms: number): void {
    const at = reorder ? Math.floor(random() * (waiting.length + 1)) : waiting.length;
    waiting.splice(at, 0, { event, attempt });
    if (Number.isFinite(ms)) timer ??= setTimeout(() => void flush(), ms).unref();
  }

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const batch = waiting;
    waiting = [];
    return (sending = sending.then(async () => {
      for (const { event, attempt } of batch) {
        if (stopping.signal.aborted) return;
        const status = await post(event);
        records.push({ event: event.id, type: event.type, status });
        if (status !== null && status < 300) store.events.markDelivered(event.id);
        else if (attempt < attempts) wait(event, attempt + 1, retryMs);
      }
    }));
  }

  async function post(event: WireEvent): Promise<number | null> {
    const body = JSON.stringify(event);
    const headers = { 'content-type': 'application/json', 'stripe-signature': signature(body, secret) };
    try {
      const response = await fetch(url, { method: 'POST', body, headers, signal: stopping.signal });
      await response.arrayBuffer();
      return response.status;
    } catch {
      return null;
    }
  }

  const unsubscribe = store.events.subscribe((event) => {
    if (random() < drop) return;
    wait(event, 1, delayMs);
    if (random() < duplicate) wait(event, 1, delayMs);
  });
  return {
    records,
    flush,
    async stop() {
      unsubscribe();
      clearTimeout(timer);
      stopping.abort();
      await sending;
    },
  };
}

/** By this machine's clock: a demo that moves the stand-in's does not make every signature stale. */
function signature(body: string, secret: string): string {
  const timestamp = Math.floor(Date.now() / 1000);
  return `t=${timestamp},v1=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`;
}
