import Stripe from 'stripe';
import type { Log } from '../core/context.ts';
import { Misconfigured, describeFailure } from '../core/errors.ts';

export interface StripeSettings {
  readonly secretKey: string;
  /** The origin of a stand-in; Stripe itself when absent. */
  readonly apiBase?: string | undefined;
  readonly log: Log;
  /** Told of every answer, for metrics; without bodies. What it throws is logged. */
  readonly onRequest?: ((request: StripeRequest) => void) | undefined;
  /** Awaited before each request that leaves, the SDK's own retry included; what it throws keeps it from leaving. */
  readonly beforeRequest?: () => Promise<void>;
}

export interface StripeRequest {
  readonly method: string;
  /** With ids replaced and without the query: `/v1/subscriptions/{id}`. */
  readonly path: string;
  readonly status: number;
  readonly elapsedMs: number;
  readonly requestId: string | undefined;
}

export interface StripeClient {
  readonly stripe: Stripe;
  readonly livemode: boolean;
}

/**
 * The one Stripe client of a process. One retry of the SDK bridges a blip; outages are the job queue's, which
 * backs off for real. Telemetry is off: with it the SDK writes a file into the user's home.
 *
 * @throws Misconfigured for a key or an API base that cannot be right; the key is in no message
 */
export function createStripeClient(settings: StripeSettings): StripeClient {
  const livemode = modeOf(settings.secretKey) === 'live';
  const stripe = new Stripe(settings.secretKey, {
    maxNetworkRetries: 1,
    timeout: 20_000,
    telemetry: false,
    httpClient: objectsOnly(Stripe.createNodeHttpClient(), settings.beforeRequest),
    ...(settings.apiBase === undefined ? {} : addressOf(settings.apiBase, livemode)),
  });
  observe(stripe, settings);
  return { stripe, livemode };
}

/** Secret and restricted keys say their mode (docs.stripe.com/keys); others cannot do what is asked here. */
function modeOf(secretKey: string): 'test' | 'live' {
  const mode = /^(?:sk|rk)_(test|live)_\w+$/.exec(secretKey)?.[1];
  if (mode === 'test' || mode === 'live') return mode;
  throw new Misconfigured(
    'the Stripe key must be a secret or restricted key: sk_test_…, sk_live_…, rk_test_… or rk_live_…',
  );
}

/** A live key is for Stripe alone, and no key goes unencrypted through a network. */
function addressOf(
  apiBase: string,
  livemode: boolean,
): { host: string; port: string; protocol: 'http' | 'https' } {
  if (livemode) throw new Misconfigured('the Stripe API base, for a stand-in, is refused with a live key');
  const url = URL.parse(apiBase);
  const protocol = url?.protocol.slice(0, -1);
  // The SDK takes host, port and protocol; a path or credentials would be dropped in silence.
  if (url === null || url.href !== `${url.origin}/` || (protocol !== 'http' && protocol !== 'https')) {
    throw new Misconfigured('the Stripe API base must be an origin such as http://127.0.0.1:12111');
  }
  if (protocol === 'http' && !isLoopback(url.hostname)) {
    throw new Misconfigured('the Stripe API base must be https, or http on the loopback interface');
  }
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port || (protocol === 'https' ? '443' : '80'),
    protocol,
  };
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d+){3}$/.test(hostname);
}

/**
 * The SDK's HTTP client, for which JSON that is no object counts as unreadable. stripe-node (23.1.0) would
 * define `lastResponse` on it where nothing catches: the call never settles and the unhandled rejection ends
 * the process. A proxy's `"Service Unavailable"` is such JSON.
 */
function objectsOnly(http: Stripe.HttpClient, before?: () => Promise<void>): Stripe.HttpClient {
  return {
    getClientName: () => http.getClientName(),
    async makeRequest(...request) {
      await before?.();
      const response = await http.makeRequest(...request);
      const read = response.toJSON.bind(response);
      response.toJSON = async () => {
        const body: unknown = await read();
        if (typeof body === 'object' && body !== null) return body;
        throw new SyntaxError('the answer is no JSON object');
      };
      return response;
    },
  };
}

/** A listener that throws would likewise leave the SDK's call unsettled for ever, so none may. */
function observe(stripe: Stripe, { onRequest, log }: StripeSettings): void {
  if (!onRequest) return;
  stripe.on('response', ({ method, path, status, elapsed, request_id }: Stripe.ResponseEvent) => {
    try {
      onRequest({ method, path: template(path), status, elapsedMs: elapsed, requestId: request_id });
    } catch (error) {
      log.error(describeFailure(error), 'the observer of Stripe requests failed');
    }
  });
}

function template(path: string): string {
  return path.replace(/\?.*/, '').replace(/\/(?:sub|cus|pm|card|src)_[^/]+/g, '/{id}');
}
