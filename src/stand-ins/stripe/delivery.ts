import { setTimeout as delay } from 'node:timers/promises';
import { keyInUse } from './idempotency.ts';
import { API_VERSION } from './objects.ts';
import type { ServerResponse } from 'node:http';
import type { Fault } from './faults.ts';

/** What goes over the wire. */
export interface Answer {
  status: number;
  body: string;
  headers: Record<string, string>;
}

/** Faults that let the request be carried out; all others answer, or are silent, in its place. */
export function carriesOut(fault: Fault): boolean {
  switch (fault.kind) {
    case 'reset-after':
    case 'reset-mid-body':
    case 'trickle':
    case 'slow':
    case 'invalid-json':
      return true;
    case 'hang':
    case 'server-error':
    case 'unavailable-empty':
    case 'bad-gateway-html':
    case 'bad-gateway-json':
      return fault.act === true;
    default:
      return false;
  }
}

/** Sends an answer whole. */
export function send(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, { ...answer.headers, 'content-length': Buffer.byteLength(answer.body) });
  response.end(answer.body);
}

/** Sends an answer the way the fault wants it. Answers the status the client got to see, null for none. */
export async function sendFaulty(
  response: ServerResponse,
  answer: Answer,
  fault: Fault,
  signal: AbortSignal,
): Promise<number | null> {
  const half = Math.ceil(answer.body.length / 2);
  switch (fault.kind) {
    case 'hang':
      return null;
    case 'reset-before':
    case 'reset-after':
      response.socket?.resetAndDestroy();
      return null;
    case 'reset-mid-body':
      response.writeHead(answer.status, {
        ...answer.headers,
        'content-length': Buffer.byteLength(answer.body),
      });
      response.write(answer.body.slice(0, half), () => response.socket?.destroy());
      return answer.status;
    case 'trickle':
      response.writeHead(answer.status, answer.headers);
      for (
        let at = 0;
        at < answer.body.length && !response.destroyed;
        at += Math.ceil(answer.body.length / 8)
      ) {
        response.write(answer.body.slice(at, at + Math.ceil(answer.body.length / 8)));
        await delay(fault.ms, undefined, { signal });
      }
      response.end();
      return answer.status;
    case 'invalid-json':
      send(response, { ...answer, body: answer.body.slice(0, half) });
      return answer.status;
    default:
      send(response, answer);
      return answer.status;
  }
}

/** The answer a fault gives in place of Stripe's, if it gives one. */
export function answerOf(fault: Fault, requestId: string, idempotencyKey: string | null): Answer | undefined {
  const stripe = (status: number, error: object, headers: Record<string, string> = {}): Answer => ({
    status,
    body: JSON.stringify({ error }, null, 2),
    headers: {
      'content-type': 'application/json',
      'request-id': requestId,
      'stripe-version': API_VERSION,
      ...(idempotencyKey === null ? {} : { 'idempotency-key': idempotencyKey }),
      ...headers,
    },
  });
  switch (fault.kind) {
    case 'rate-limit':
      return stripe(429, RATE_LIMIT, {
        'stripe-rate-limited-reason': fault.reason,
        ...(fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) }),
      });
    case 'lock-timeout':
      return stripe(429, LOCK_TIMEOUT, {
        'stripe-should-retry': 'true',
        ...(fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) }),
      });
    case 'server-error':
      return stripe(500, SERVER_ERROR, fault.shouldRetry ? { 'stripe-should-retry': fault.shouldRetry } : {});
    case 'conflict':
      return stripe(409, keyInUse(idempotencyKey ?? '').error);
    case 'refused':
      return stripe(fault.status, fault.error);
    case 'unavailable-empty':
      return { status: 503, body: '{}', headers: { 'content-type': 'application/json' } };
    case 'bad-gateway-html':
      return { status: 502, body: GATEWAY_PAGE, headers: { 'content-type': 'text/html' } };
    case 'bad-gateway-json':
      return {
        status: 502,
        body: '{"error":"Bad Gateway"}',
        headers: { 'content-type': 'application/json' },
      };
    default:
      return undefined;
  }
}

const RATE_LIMIT = {
  type: 'invalid_request_error',
  code: 'rate_limit',
  doc_url: 'https://stripe.com/docs/error-codes/rate-limit',
  message:
    'Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.',
};

const LOCK_TIMEOUT = {
  type: 'invalid_request_error',
  code: 'lock_timeout',
  doc_url: 'https://stripe.com/docs/error-codes/lock-timeout',
  message:
    'This object cannot be accessed right now because another API request or Stripe process is currently ' +
    'accessing it. If you see this error intermittently, retry the request. If you see this error ' +
    'frequently and are making multiple concurrent requests to a single object, make ' +
    'your requests serially or at a lower rate.',
};

const SERVER_ERROR = {
  type: 'api_error',
  message: 'Sorry! There was an error while talking to one of our backends. Support has been notified.',
};

const GATEWAY_PAGE =
  '<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>';
