import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { mailAllowCommand } from '../../src/cli/commands/mail.ts';
import { WrongCall } from '../../src/cli/exit.ts';
import { createTestDatabase } from '../support/database.ts';
import { testHash, testSecretKey } from '../support/machine.ts';
import { everythingKept } from '../support/mailing.ts';
import { runCommand } from '../support/printed.ts';

const { url, sql } = await createTestDatabase();
const jane = 'jane@people.example';

beforeEach(async () => {
  vi.stubEnv('DATABASE_URL', url);
  vi.stubEnv('SECRET_KEY', testSecretKey);
  await sql`truncate evenfall.suppressed_recipient, evenfall.history`;
  await sql`
    insert into evenfall.suppressed_recipient (recipient_hash, why, at)
    values (${testHash(jane)}, 'bounce', '2026-11-01T09:00:00Z'), (${testHash('joe@people.example')}, 'bounce', now())`;
});
afterEach(() => vi.unstubAllEnvs());

const allow = (address: string) =>
  runCommand(() => mailAllowCommand(address, { why: 'a new mailbox', json: true }));
const suppressed = async () =>
  (await sql`select recipient_hash from evenfall.suppressed_recipient`).map((row) => row['recipientHash']);

test('[P8] an address is written to again, whoever writes it how, and that is in the history', async () => {
  const { out, exit } = await allow(` ${jane.toUpperCase()}`);
  expect([exit, JSON.parse(out)]).toMatchObject([
    0,
    { allowed: true, was: 'bounce', since: '2026-11-01T09:00:00.000Z', why: 'a new mailbox' },
  ]);
  expect(await suppressed()).toEqual([testHash('joe@people.example')]);
  expect(await sql`select what, subject, detail, source from evenfall.history`).toMatchObject([
    {
      what: 'recipient.allowed',
      subject: `recipient:${testHash(jane)}`,
      detail: {
        why: 'a new mailbox',
        was: 'bounce',
        who: expect.stringContaining('by the command line') as string,
      },
      source: 'cli',
    },
  ]);
});

test('[P7] the address is kept and printed nowhere', async () => {
  const { out, err } = await allow(jane);
  expect(`${out}${err}${await everythingKept(sql)}`).not.toMatch(/people\.example/i);
});

test.for([
  ['one that is not suppressed', 'jim@people.example', testSecretKey, /not suppressed/],
  ['what is no address', 'jane', testSecretKey, /one address/],
  ['without the key', jane, '', /set SECRET_KEY/],
  ['with another key', jane, 'the key of another place', /not suppressed/],
] as const)('%s: a wrong call, and nothing is changed', async ([, address, key, message]) => {
  vi.stubEnv('SECRET_KEY', key);
  const failed = await allow(address).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(WrongCall);
  expect((failed as Error).message).toMatch(message);
  expect((failed as Error).message).not.toContain('people.example');
  expect(await suppressed()).toHaveLength(2);
  expect(await sql`select from evenfall.history`).toHaveLength(0);
});
