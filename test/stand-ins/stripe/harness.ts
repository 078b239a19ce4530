import Stripe from 'stripe';
import { onTestFinished } from 'vitest';
import { startStripeStandIn } from '../../../src/stand-ins/stripe/index.ts';
import type { StandInOptions, StripeStandIn } from '../../../src/stand-ins/stripe/index.ts';

/** Noon, 15 January 2026: the moment every story begins. Time moves only when a test moves it. */
export const T0 = Date.UTC(2026, 0, 15, 12) / 1000;
export const DAY = 86_400;

export interface Scene {
  standIn: StripeStandIn;
  stripe: Stripe;
  client: (key: string, options?: { maxNetworkRetries?: number; timeout?: number }) => Stripe;
}

/** A stand-in and the real SDK pointed at it; gone when the test is. */
export async function scene(options: StandInOptions = {}): Promise<Scene> {
  const standIn = await startStripeStandIn({ now: () => new Date(T0 * 1000), ...options });
  onTestFinished(() => standIn.close());
  const client: Scene['client'] = (key, more = {}) =>
    new Stripe(key, {
      host: standIn.host,
      port: standIn.port,
      protocol: 'http',
      telemetry: false,
      maxNetworkRetries: 0,
      ...more,
    });
  return { standIn, stripe: client('sk_test_standin0000'), client };
}

/** What the SDK made of a failure; fails the test when there was none. */
export async function failure(promise: Promise<unknown>): Promise<Stripe.errors.StripeError> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof Error) return outcome as Stripe.errors.StripeError;
  throw new Error('The call was expected to fail and did not.');
}

/** A plain request, where the SDK would be in the way. */
export async function raw(
  standIn: StripeStandIn,
  method: string,
  path: string,
  options: { body?: string; key?: string; headers?: Record<string, string> } = {},
): Promise<{ status: number; headers: Headers; body: any }> {
  const response = await fetch(standIn.url + path, {
    method,
    headers: {
      authorization: `Bearer ${options.key ?? 'sk_test_standin0000'}`,
      'content-type': 'application/x-www-form-urlencoded',
      ...options.headers,
    },
    ...(options.body === undefined ? {} : { body: options.body }),
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}
