import { describe, expect, test } from 'vitest';
import { buildPolicy } from '../src/cli/parts.ts';
import { readConfig } from '../src/config.ts';
import type { Role } from '../src/config.ts';
import { defaultPolicy } from '../src/core/policy.ts';

const env = {
  DATABASE_URL: 'postgres://localhost/app',
  REDIS_URL: 'redis://localhost',
  STRIPE_SECRET_KEY: 'sk_test_1',
  SECRET_KEY: 'the key of these tests',
  ALERT_WEBHOOK_URL: 'https://alerts.example/',
  PUBLIC_URL: 'https://evenfall.example/',
};

/** What is wrong with the environment for a role; nothing when it can start. */
function problems(role: Role, changes: Record<string, string | undefined> = {}): string[] {
  try {
    readConfig(role, changes, env);
    return [];
  } catch (error) {
    return (error as Error).message.split('\n').slice(1);
  }
}

test.for(['database', 'web', 'worker'] as const)('the role %s starts with it, in production too', (role) => {
  expect(problems(role)).toEqual([]);
  expect(problems(role, { NODE_ENV: 'production' })).toEqual([]);
});

test.for([
  ['EVENFALL_EMBEDDED', '1'],
  ['EVENFALL_FAILPOINT', 'run.started:cancel-subscription=kill@2'],
  ['EVENFALL_CLOCK_FILE', '/tmp/clock'],
] as const)('%s is for tests and the demo: refused in production', ([name, value]) => {
  for (const role of ['database', 'web', 'worker'] as const) {
    expect(problems(role, { [name]: value })).toEqual([]);
    expect(problems(role, { [name]: value, NODE_ENV: 'production' })).toEqual([
      `  ${name}: is refused in production`,
    ]);
  }
});

describe('the keep link', () => {
  const production = { NODE_ENV: 'production' };
  const noSecret = '  SECRET_KEY: is missing, and the keep links in mails need it';
  const noAddress = '  PUBLIC_URL: is missing: the notice of a deletion carries a link to keep the team';

  test('a web process in production that cannot read the links in mails does not start', () => {
    expect(problems('web', { ...production, SECRET_KEY: '' })).toEqual([noSecret]);
  });

  test('one that nobody is linked to does without a key, and so does development', () => {
    expect(problems('web', { ...production, SECRET_KEY: '', PUBLIC_URL: '' })).toEqual([]);
    expect(problems('web', { SECRET_KEY: '' })).toEqual([]);
    expect(problems('database', { ...production, SECRET_KEY: '' })).toEqual([]);
  });

  test('a worker in production that cannot write the link does not start', () => {
    expect(problems('worker', { ...production, PUBLIC_URL: '' })).toEqual([noAddress]);
    expect(problems('worker', { PUBLIC_URL: '' })).toEqual([]);
  });
});

describe('the reminder of a deletion', () => {
  const name = 'POLICY_DELETION_REMINDER';
  const tooLong = `  ${name}: must be shorter than POLICY_DELETION_NOTICE: it comes between the notice and the deletion`;
  const tooShort = `  ${name}: must be longer than PT1H: in the last hour nobody is reminded any more`;

  test.for([
    ['P6DT23H59M59S', undefined, []],
    ['P7D', undefined, [tooLong]],
    ['P1W', undefined, [tooLong]],
    ['P28D', 'P1M', [tooLong]],
    ['P27D', 'P1M', []],
    ['P1M', 'P31D', [tooLong]],
    ['P1M', 'P32D', []],
    ['PT1H', undefined, [tooShort]],
    ['PT60M', undefined, [tooShort]],
    ['PT1H1S', undefined, []],
    ['two days', undefined, [`  ${name}: must be an ISO 8601 duration, such as P3D or PT36H`]],
  ] as const)('%s with a notice of %s', ([reminder, notice, expected]) => {
    expect(problems('database', { [name]: reminder, POLICY_DELETION_NOTICE: notice })).toEqual(expected);
  });

  test('unset there is none; every role hears of one that cannot be', () => {
    expect(readConfig('database', {}, env)[name]).toBeUndefined();
    for (const role of ['database', 'web', 'worker'] as const)
      expect(problems(role, { [name]: 'P8D' })).toEqual([tooLong]);
  });
});

test('what compose.yaml only stands in for is refused in production, by name and never by value', () => {
  const left = { SECRET_KEY: 'placeholder-secret-key', DASHBOARD_USERS: 'admin:placeholder:operator' };
  expect(problems('web', left)).toEqual([]);
  expect(problems('web', { ...left, NODE_ENV: 'production' }).toSorted()).toEqual([
    '  DASHBOARD_USERS: is still the placeholder, which is refused in production',
    '  SECRET_KEY: is still the placeholder, which is refused in production',
  ]);
});

test('the door for bounces needs a long secret and the key that recipients are hashed with', () => {
  const [secret, next] = ['a-secret-for-bounces', 'the-next-secret-for-bounces'];
  expect(problems('web', { MAIL_WEBHOOK_SECRET: `${secret}, ${next}` })).toEqual([]);
  expect(problems('web', { SECRET_KEY: '', MAIL_WEBHOOK_SECRET: secret })).toEqual([
    '  SECRET_KEY: is missing, and MAIL_WEBHOOK_SECRET needs it: recipients are kept as hashes',
  ]);
  expect(problems('web', { MAIL_WEBHOOK_SECRET: `${secret},short` })).toEqual([
    '  MAIL_WEBHOOK_SECRET: must have at least 16 characters; two are comma-separated',
  ]);
  expect(problems('worker', { NOTICE_FALLBACK_EMAIL: 'desk@acme.example, more@acme.example' })).toEqual([
    '  NOTICE_FALLBACK_EMAIL: must be one mail address',
  ]);
});

test('the fallback recipient is a policy, and nobody when it is not set', () => {
  const given = readConfig('worker', { NOTICE_FALLBACK_EMAIL: 'desk@acme.example' }, env);
  expect(buildPolicy(given)).toEqual({ ...defaultPolicy, noticeFallbackEmail: 'desk@acme.example' });
  expect(buildPolicy(readConfig('worker', {}, env))).toEqual(defaultPolicy);
});
