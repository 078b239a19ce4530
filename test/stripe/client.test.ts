import { describe, expect, test } from 'vitest';
import { Misconfigured } from '../../src/core/errors.ts';
import { createStripeClient } from '../../src/stripe/client.ts';

const log = { info() {}, warn() {}, error() {} };
const create = (secretKey: string, apiBase?: string) => createStripeClient({ secretKey, apiBase, log });

/** Why these settings are refused. */
function refusalOf(secretKey: string, apiBase?: string): string {
  try {
    create(secretKey, apiBase);
  } catch (error) {
    expect(error).toBeInstanceOf(Misconfigured);
    return (error as Misconfigured).message;
  }
  return expect.unreachable('the settings were taken');
}

describe('the key', () => {
  test('tells the mode', () => {
    expect(create('sk_test_1').livemode).toBe(false);
    expect(create('rk_test_1').livemode).toBe(false);
    expect(create('sk_live_1').livemode).toBe(true);
    expect(create('rk_live_1').livemode).toBe(true);
  });

  test.each([
    '',
    'pk_test_51secret',
    'whsec_51secret',
    ' sk_test_51secret',
    'sk_test_51secret\n',
    'sk_prod_51secret',
  ])('is refused without being repeated when it cannot be one (%j)', (key) => {
    const refusal = refusalOf(key);
    expect(refusal).toContain('must be a secret or restricted key');
    expect(refusal).not.toContain('51secret');
  });
});

test('a silent socket is given up after 20 s, and no telemetry is gathered', () => {
  const { stripe } = create('sk_test_1');
  expect(stripe.getApiField('timeout')).toBe(20_000);
  expect(stripe.getTelemetryEnabled()).toBe(false);
});

describe('the API base', () => {
  test.each([
    ['http://127.0.0.1:12111', '127.0.0.1', '12111', 'http'],
    ['http://127.8.9.10/', '127.8.9.10', '80', 'http'],
    ['http://localhost:1', 'localhost', '1', 'http'],
    ['http://[::1]:2', '::1', '2', 'http'],
    ['https://stripe.example', 'stripe.example', '443', 'https'],
  ])('%s is where the client goes', (apiBase, host, port, protocol) => {
    const { stripe } = create('sk_test_1', apiBase);
    const field = (name: 'host' | 'port' | 'protocol') => stripe.getApiField(name);
    expect([field('host'), field('port'), field('protocol')]).toEqual([host, port, protocol]);
  });

  test('is Stripe itself when none is given', () => {
    expect(create('sk_live_1').stripe.getApiField('host')).toBe('api.stripe.com');
  });

  test('is refused with a live key, which goes to Stripe alone', () => {
    expect(refusalOf('sk_live_51secret', 'http://127.0.0.1:12111')).toContain('refused with a live key');
    expect(refusalOf('rk_live_51secret', 'https://stripe.example')).toContain('refused with a live key');
  });

  test.each(['http://stripe.example', 'http://10.0.0.1:12111', 'http://127.0.0.1.example', 'http://0.0.0.0'])(
    '%s is refused: a key must not cross a network unencrypted',
    (apiBase) => expect(refusalOf('sk_test_1', apiBase)).toContain('loopback'),
  );

  test.each([
    '',
    '127.0.0.1:12111',
    'ftp://127.0.0.1',
    'http://127.0.0.1/v1',
    'http://127.0.0.1/?x=1',
    'http://me:51secret@127.0.0.1',
  ])('%j is refused, being no origin', (apiBase) => {
    const refusal = refusalOf('sk_test_1', apiBase);
    expect(refusal).toContain('must be an origin');
    expect(refusal).not.toContain('51secret');
  });
});
