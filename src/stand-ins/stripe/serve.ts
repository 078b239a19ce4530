import { setTimeout as delay } from 'node:timers/promises';
import { catalogRoutes } from './catalog.ts';
import { customerRoutes } from './customers.ts';
import { answerOf, carriesOut, send, sendFaulty } from './delivery.ts';
import { StripeRefusal, unrecognizedUrl } from './errors.ts';
import { eventRoutes } from './events-api.ts';
import { expand } from './expand.ts';
import { decodeForm, readable } from './form.ts';
import { invoiceRoutes } from './invoices.ts';
import { authenticate } from './keys.ts';
import { settle } from './lifecycle.ts';
import { API_VERSION } from './objects.ts';
import { paymentMethodRoutes } from './payment-methods.ts';
import { subscriptionChangeRoutes } from './subscription-changes.ts';
import { subscriptionRoutes } from './subscriptions.ts';
import type { ServerResponse } from 'node:http';
import type { StandInClock } from './clock.ts';
import type { Answer } from './delivery.ts';
import type { Fault, FaultBook } from './faults.ts';
import type { Raw, RawRecord } from './form.ts';
import type { IdempotencyKeys } from './idempotency.ts';
import type { StripeStore } from './store.ts';

const ROUTES = [
  ...customerRoutes,
  ...subscriptionRoutes,
  ...subscriptionChangeRoutes,
  ...paymentMethodRoutes,
  ...catalogRoutes,
  ...invoiceRoutes,
  ...eventRoutes,
];

/** One line of the request log. */
export interface RequestRecord {
  /** The `request-id` of the answer. */
  id: string;
  time: string;
  method: string;
  path: string;
  params: unknown;
  /** What the client got to see; null while open, and for a connection that was cut. */
  status: number | null;
  idempotencyKey: string | null;
  fault: Fault['kind'] | null;
  /** Whether Stripe carried it out, seen by the client or not. A refusal and a replay did not act. */
  acted: boolean;
  replayed: boolean;
}

/** The parts of one stand-in that a request passes through. */
export interface Core {
  store: StripeStore;
  clock: StandInClock;
  faults: FaultBook;
  keys: IdempotencyKeys;
  requests: RequestRecord[];
  apiKey: string | undefined;
  onActed: ((request: RequestRecord) => void | Promise<void>) | undefined;
  /** Aborted when the server closes, so that no timer outlives it. */
  closing: AbortSignal;
  nextRequestId: () => string;
}

interface Incoming {
  method: string;
  path: string;
  query: string;
  body: string;
  headers: Partial<Record<string, string>>;
}

/** Fault, key, idempotency, endpoint, answer: the way of one request. */
export async function serve(core: Core, incoming: Incoming, response: ServerResponse): Promise<void> {
  const raw = decodeForm(incoming.query, incoming.body);
  const fault = core.faults.take(incoming.method, incoming.path);
  const record: RequestRecord = {
    id: core.nextRequestId(),
    time: core.clock.now().toISOString(),
    method: incoming.method,
    path: incoming.path,
    params: readable(raw),
    status: null,
    idempotencyKey: incoming.headers['idempotency-key'] ?? null,
    fault: fault?.kind ?? null,
    acted: false,
    replayed: false,
  };
  core.requests.push(record);
  const exchange: Exchange = { core, incoming, raw, record, fault };
  if (fault === undefined) {
    const answer = await pass(exchange);
    record.status = answer.status;
    send(response, answer);
    return;
  }
  const instead = answerOf(fault, record.id, record.idempotencyKey);
  const passes = carriesOut(fault) || keeps(fault);
  const real = passes ? await pass(exchange, instead) : undefined;
  const answer = (real !== undefined && record.replayed ? real : instead) ?? real;
  record.status = await sendFaulty(response, answer ?? NOTHING, fault, core.closing);
}

interface Exchange {
  core: Core;
  incoming: Incoming;
  raw: RawRecord;
  record: RequestRecord;
  fault: Fault | undefined;
}

interface Outcome {
  status: number;
  body: string;
  executed: boolean;
}

const NOTHING: Answer = { status: 0, body: '', headers: {} };

/** A 500 kept under the key of its POST has to pass the idempotency layer. */
function keeps(fault: Fault | undefined): boolean {
  return fault?.kind === 'server-error' && fault.saved;
}

/** Through the key check and the idempotency layer to the endpoint. */
async function pass(exchange: Exchange, instead?: Answer): Promise<Answer> {
  const { core, incoming, raw, record, fault } = exchange;
  // A key on a GET or a DELETE is echoed and has no effect: docs.stripe.com/api/idempotent_requests.
  const key = incoming.method === 'POST' ? record.idempotencyKey : null;
  try {
    const livemode = authenticate(incoming.headers['authorization'], core.apiKey);
    if (key !== null) {
      const saved = core.keys.begin(
        key,
        `${incoming.path} ${canonical(raw)} ${livemode}`,
        core.clock.seconds(),
      );
      if (saved !== undefined) {
        record.replayed = true;
        const headers = { ...headersOf(exchange, true, saved.requestId), 'idempotent-replayed': 'true' };
        return { status: saved.status, body: saved.body, headers };
      }
    }
    if (fault?.kind === 'slow') await delay(fault.ms, undefined, { signal: core.closing });
    const acts = fault === undefined || carriesOut(fault);
    const outcome = acts ? await execute(exchange, livemode) : { ...NOTHING, executed: true };
    const { status, body } = keeps(fault) && instead !== undefined ? instead : outcome;
    if (key !== null && outcome.executed) core.keys.save(key, { status, body, requestId: record.id });
    else if (key !== null) core.keys.release(key);
    return { status, body, headers: headersOf(exchange, outcome.executed, record.id) };
  } catch (error) {
    if (!(error instanceof StripeRefusal)) throw error;
    const body = errorBody(error, record.id);
    return {
      status: error.status,
      body,
      headers: error.status === 401 ? UNAUTHORIZED : headersOf(exchange, false),
    };
  }
}

async function execute(exchange: Exchange, livemode: boolean): Promise<Outcome> {
  const { core, record } = exchange;
  try {
    const body = run(exchange, livemode);
    await core.onActed?.(record);
    return { status: 200, body, executed: true };
  } catch (error) {
    const refusal = error instanceof StripeRefusal ? error : ownFault(error);
    return { status: refusal.status, body: errorBody(refusal, record.id), executed: refusal.executed };
  }
}

function run({ core, incoming, raw, record }: Exchange, livemode: boolean): string {
  const { store, clock } = core;
  const now = clock.seconds();
  settle(store, now);
  // stripe-node sends an empty id as `/v1/customers/`, which is the collection.
  const path = incoming.path.replace(/(?<=.)\/$/, '');
  for (const { method, pattern, handle } of ROUTES) {
    const match = method === incoming.method ? pattern.exec(path) : null;
    if (match === null) continue;
    const call = { store, now, livemode, requestId: record.id, idempotencyKey: record.idempotencyKey };
    const { answer, expand: paths } = handle(call, raw, decodeURIComponent(match[1] ?? ''));
    record.acted = true;
    return JSON.stringify(expand(store, answer, paths), null, 2);
  }
  throw unrecognizedUrl(incoming.method, incoming.path);
}

/**
 * The header sets of the recorded answers: `original-request` on POSTs, `stripe-should-retry` on executed
 * ones.
 */
function headersOf(exchange: Exchange, executed: boolean, original?: string): Record<string, string> {
  const { incoming, record } = exchange;
  const post = incoming.method === 'POST';
  const keyed = record.idempotencyKey !== null;
  return {
    'content-type': 'application/json',
    'request-id': record.id,
    'stripe-version': incoming.headers['stripe-version'] ?? API_VERSION,
    ...(record.idempotencyKey === null ? {} : { 'idempotency-key': record.idempotencyKey }),
    ...(post && keyed ? { 'original-request': original ?? record.id } : {}),
    ...(post && executed ? { 'stripe-should-retry': 'false' } : {}),
  };
}

/** Recorded: a rejected key is answered without a request id. */
const UNAUTHORIZED = { 'content-type': 'application/json', 'www-authenticate': 'Bearer realm="Stripe"' };

function errorBody({ error, status }: StripeRefusal, requestId: string): string {
  const doc =
    error.code === undefined ? {} : { doc_url: `https://stripe.com/docs/error-codes/${dashed(error.code)}` };
  const log =
    status === 401 ? {} : { request_log_url: `https://dashboard.stripe.com/test/logs/${requestId}` };
  return JSON.stringify({ error: { ...error, ...doc, ...log } }, null, 2);
}

function dashed(code: string): string {
  return code.replaceAll('_', '-');
}

/** A mistake in here must not look like one of the caller. */
function ownFault(error: unknown): StripeRefusal {
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new StripeRefusal(500, {
    type: 'api_error',
    message: `The Stripe stand-in itself failed: ${detail}`,
  });
}

/** The same parameters in any order are the same request. */
function canonical(raw: Raw): string {
  if (typeof raw === 'string') return JSON.stringify(raw);
  const entries = Object.entries(raw).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${canonical(value)}`).join(',')}}`;
}
