import { describe, expect, test } from 'vitest';
import { readConfig } from '../src/config.ts';

const env = {
  DATABASE_URL: 'postgres://localhost/app',
  REDIS_URL: 'redis://localhost',
  STRIPE_SECRET_KEY: 'sk_test_1',
  SECRET_KEY: 'the key of these tests',
  ALERT_WEBHOOK_URL: 'https://alerts.example/',
  PUBLIC_URL: 'https://evenfall.example/',
};
const secret = 'the callback secret';

/** What is wrong with these settings of a worker; nothing when they are taken. */
function problems(url: string, changes: Record<string, string> = {}): string[] {
  try {
    readConfig('worker', { APP_CALLBACK_URL: url, APP_CALLBACK_SECRET: secret, ...changes }, env);
    return [];
  } catch (error) {
    expect((error as Error).message).not.toMatch(/s3cret|the callback secret/);
    return (error as Error).message.split('\n').slice(1);
  }
}

const production = { NODE_ENV: 'production' };

describe('the callback of the app', () => {
  test('neither is needed; each needs the other', () => {
    expect(problems('', { APP_CALLBACK_SECRET: '' })).toEqual([]);
    expect(problems('https://app.example/s3cret')).toEqual([]);
    expect(problems('')).toEqual(['  APP_CALLBACK_URL: is missing, and APP_CALLBACK_SECRET is set']);
    expect(problems('https://app.example/s3cret', { APP_CALLBACK_SECRET: '' })).toEqual([
      '  APP_CALLBACK_SECRET: is missing, and APP_CALLBACK_URL is set',
    ]);
  });

  test('a secret has 16 characters at least', () => {
    const url = 'https://app.example/';
    expect(problems(url, { APP_CALLBACK_SECRET: 'x'.repeat(16) })).toEqual([]);
    expect(problems(url, { APP_CALLBACK_SECRET: 'x'.repeat(15) })).toContain(
      '  APP_CALLBACK_SECRET: must have at least 16 characters',
    );
  });

  test.for(['ftp://app.example/', 'app.example/s3cret', 'file:///s3cret'])('%s is no URL for it', (url) => {
    expect(problems(url)).toContain('  APP_CALLBACK_URL: must be a URL that begins with http:// or https://');
  });

  test.for([
    'https://s3cret@app.example/',
    'https://name:s3cret@app.example/',
    'https://:s3cret@app.example/',
  ])('%s has a log-in, which is not sent', (url) => {
    expect(problems(url)).toEqual([
      '  APP_CALLBACK_URL: must have no log-in in it: the app knows by the signature who asks',
    ]);
  });

  test.for([
    ['http://app.example/s3cret', false],
    ['http://10.0.0.7/', false],
    ['http://[2001:db8::1]/', false],
    ['http://127.0.0.1.app.example/', false],
    ['http://localhost.app.example/', false],
    ['https://app.example/s3cret', true],
    ['http://localhost:3000/', true],
    ['http://127.0.0.1/', true],
    ['http://[::1]:3000/', true],
    ['http://app:3000/', true],
    ['http://app.default.svc.cluster.local/', true],
    ['http://app.internal/', true],
  ] as const)('in production http is for a local host: %s %s', ([url, taken]) => {
    expect(problems(url)).toEqual([]);
    expect(problems(url, production)).toEqual(
      taken ? [] : ['  APP_CALLBACK_URL: must be https in production, unless its host is local'],
    );
  });
});
