import { userInfo } from 'node:os';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { findingsAckCommand, findingsListCommand } from '../../src/cli/commands/findings.ts';
import { WrongCall } from '../../src/cli/exit.ts';
import { createTestDatabase } from '../support/database.ts';

const { url, sql } = await createTestDatabase();
const limit = '50';

beforeEach(async () => {
  vi.stubEnv('DATABASE_URL', url);
  await sql`truncate evenfall.finding restart identity`;
  await sql`
    insert into evenfall.finding (kind, subject, occasion, team_id, message, found_at) values
      ('stripe-veto', 'team:7', 'mark 1', '7', 'Look at it.', '2026-12-01T09:00:00Z'),
      ('fuse-blown', 'fuse:delete-inactive-team', 'x', null, 'Release it.', '2026-12-01T08:00:00Z'),
      ('nobody-to-notify', 'team:8', 'x', '8', 'Name somebody.', '2026-12-01T10:00:00Z')`;
});
afterEach(() => vi.unstubAllEnvs());

/** What a command prints. */
async function printed(command: () => Promise<void>): Promise<string> {
  let text = '';
  const write = vi
    .spyOn(process.stdout, 'write')
    .mockImplementation((part) => ((text += String(part)), true));
  try {
    await command();
  } finally {
    write.mockRestore();
  }
  return text;
}
const listed = async (options: { all?: boolean; limit: string }) =>
  JSON.parse(await printed(() => findingsListCommand({ json: true, ...options }))) as { id: number }[];
const ack = (id: string, why: string) => printed(() => findingsAckCommand(id, { why }));
const ids = (rows: { id: number }[]) => rows.map(({ id }) => id);

test('the open ones are listed first come first, with what there is to read', async () => {
  const rows = await listed({ limit });
  expect(ids(rows)).toEqual([2, 1, 3]);
  expect(rows[1]).toEqual({
    id: 1,
    kind: 'stripe-veto',
    subject: 'team:7',
    teamId: '7',
    message: 'Look at it.',
    foundAt: '2026-12-01T09:00:00.000Z',
    alertedAt: null,
    acknowledgedAt: null,
    acknowledgedBy: null,
    note: null,
  });
  expect(ids(await listed({ limit: '2' }))).toEqual([2, 1]);
});

test('an acknowledged one is listed with --all alone, after the open ones, with who, when and why', async () => {
  expect(await ack('2', 'all of it is meant')).toBe(
    'finding 2 (fuse-blown, fuse:delete-inactive-team) is acknowledged\n',
  );
  expect(ids(await listed({ limit }))).toEqual([1, 3]);
  const all = await listed({ all: true, limit });
  expect(ids(all)).toEqual([1, 3, 2]);
  expect(all[2]).toMatchObject({
    acknowledgedAt: expect.stringMatching(/^\d{4}-.*Z$/),
    acknowledgedBy: `${userInfo().username}, by the command line`,
    note: 'all of it is meant',
  });
});

test('acknowledged twice: the second is a wrong call that says by whom, when and why, and changes nothing', async () => {
  await sql`
    update evenfall.finding set acknowledged_at = '2026-12-02T09:00:00Z', acknowledged_by = 'ann', note = 'seen'
    where id = 1`;
  const second = ack('1', 'another reason');
  await expect(second).rejects.toBeInstanceOf(WrongCall);
  await expect(second).rejects.toThrow('finding 1 was acknowledged by ann at 2026-12-02T09:00:00.000Z: seen');
  expect(await sql`select acknowledged_by, note from evenfall.finding where id = 1`).toEqual([
    { acknowledgedBy: 'ann', note: 'seen' },
  ]);
});

test('a number that is none, or of no finding, is a wrong call', async () => {
  await expect(ack('99', 'x')).rejects.toThrow(new WrongCall('there is no finding 99'));
  await expect(ack('seven', 'x')).rejects.toThrow(new WrongCall('the number must be a whole number from 1'));
  await expect(listed({ limit: '0' })).rejects.toThrow(WrongCall);
});

test('where nothing is open, it says so', async () => {
  await sql`truncate evenfall.finding`;
  expect(await printed(() => findingsListCommand({ limit }))).toBe('no findings are open\n');
  expect(await printed(() => findingsListCommand({ limit, all: true }))).toBe('no findings yet\n');
});
