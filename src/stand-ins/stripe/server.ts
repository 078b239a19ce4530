import { createServer } from 'node:http';
import { text as readText } from 'node:stream/consumers';
import { StandInClock } from './clock.ts';
import { CONTROL_PREFIX, control } from './control.ts';
import { send } from './delivery.ts';
import { FaultBook } from './faults.ts';
import { loadFixtures } from './fixtures.ts';
import { IdempotencyKeys } from './idempotency.ts';
import { settle } from './lifecycle.ts';
import { makeSeed } from './seed.ts';
import { serve } from './serve.ts';
import { StripeStore } from './store.ts';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Seed } from './seed.ts';
import type { Core, RequestRecord } from './serve.ts';
import type { Effects } from './store.ts';

export interface StandInOptions {
  /** 0, the default, takes a free one. */
  port?: number;
  host?: string;
  /** The base of the stand-in's clock. */
  now?: () => Date;
  /** A list of Stripe objects; `readFixtures` reads one from a file. */
  fixtures?: unknown;
  /** The only key that is taken; by default any of Stripe's form is, and tells the mode. */
  apiKey?: string;
  /** Called when a request was carried out, before its answer leaves. */
  onActed?: (request: RequestRecord) => void | Promise<void>;
}

export interface StripeStandIn {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly store: StripeStore;
  readonly clock: StandInClock;
  readonly faults: FaultBook;
  readonly seed: Seed;
  readonly requests: readonly RequestRecord[];
  effects(): Record<string, Effects>;
  /** As it was when it started: fixtures, clock, no faults, no log. */
  reset(): void;
  /** Cuts every connection; does not wait for anybody. */
  close(): Promise<void>;
}

/**
 * Starts a stateful Stripe on this machine, to be reached by the real SDK (`host`, `port`, `protocol:
 * 'http'`).
 */
export async function startStripeStandIn(options: StandInOptions = {}): Promise<StripeStandIn> {
  const host = options.host ?? '127.0.0.1';
  const closing = new AbortController();
  const store = new StripeStore();
  const clock = new StandInClock(options.now ?? (() => new Date()), () => settle(store, clock.seconds()));
  const faults = new FaultBook();
  const keys = new IdempotencyKeys();
  const requests: RequestRecord[] = [];
  let requestCount = 0;
  const core: Core = {
    store,
    clock,
    faults,
    keys,
    requests,
    apiKey: options.apiKey,
    onActed: options.onActed,
    closing: closing.signal,
    nextRequestId: () => `req_EF${String(++requestCount).padStart(12, '0')}`,
  };
  const load = (): void => {
    if (options.fixtures !== undefined) loadFixtures(store, options.fixtures, clock.seconds());
  };
  load();

  const server = createServer((request, response) => {
    handle(core, standIn, request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else send(response, { status: 500, body: `The Stripe stand-in failed: ${String(error)}`, headers: {} });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;

  const standIn: StripeStandIn = {
    url: `http://${host}:${port}`,
    host,
    port,
    store,
    clock,
    faults,
    requests,
    seed: makeSeed(store, clock),
    effects() {
      settle(store, clock.seconds());
      return store.effects();
    },
    reset() {
      store.clear();
      faults.clear();
      keys.clear();
      requests.length = 0;
      requestCount = 0;
      clock.reset();
      load();
    },
    async close() {
      closing.abort();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
  return standIn;
}

async function handle(
  core: Core,
  standIn: StripeStandIn,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readText(request);
  const { pathname, search } = new URL(request.url ?? '/', 'http://stand-in');
  const method = request.method ?? 'GET';
  if (pathname.startsWith(CONTROL_PREFIX)) {
    const answer = control(standIn, method, pathname, body);
    send(response, { ...answer, headers: { 'content-type': 'application/json' } });
    return;
  }
  const headers = request.headers as Partial<Record<string, string>>;
  await serve(core, { method, path: pathname, query: search, body, headers }, response);
}
