import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';
import { createTestDatabase } from '../support/database.ts';
import { tables as forgotten } from '../support/retention.ts';

const { sql } = await createTestDatabase();
const read = (...path: string[]) => readFileSync(join(packageRoot, ...path), 'utf8');

/** The rows of the table "How long things are kept": each names tables, for how long, and why. */
const decided = [
  ...(read('docs', 'operations.md')
    .split('### How long things are kept\n')[1]
    ?.split(/^##/m)[0]
    ?.matchAll(/^\| (`[^|]*`) \| ([^|]*) \| ([^|]*) \|$/gm) ?? []),
].flatMap(([, tables = '', kept = '', why = '']) =>
  [...tables.matchAll(/`(\w+)`/g)].map(([, table = '']) => ({ table, kept, why: why.trim() })),
);
const names = (rows: readonly { table: string }[]) => rows.map(({ table }) => table).toSorted();

test('of every table of ours it is decided how long its rows are kept, and why: docs/operations.md', async () => {
  const tables = await sql`
    select c.relname as table from pg_class c
    where c.relnamespace = 'evenfall'::regnamespace and c.relkind in ('r', 'p')`;
  expect(
    names(decided),
    'a table that is missing here grows for ever, or is forgotten by nobody’s decision',
  ).toEqual(names(tables as never));
  for (const { table, why } of decided) expect(why, table).not.toBe('');
});

test('what is kept for a time is forgotten by jobs/forget-old-records.ts, and nothing else is', () => {
  const forTime = decided.filter(({ kept }) => /POLICY_KEEP_|7 days/.test(kept));
  expect(names(forTime)).toEqual(forgotten.toSorted());
  const deleted = read('sql', 'queries', 'retention.sql').matchAll(/delete from evenfall\.(\w+)/g);
  expect([...deleted].map(([, table]) => table).toSorted()).toEqual(forgotten.toSorted());
});
