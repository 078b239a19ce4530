import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { generateQueries } from '../../scripts/generate-queries.ts';
import { packageRoot } from '../../src/package-root.ts';
import { createTestDatabase } from '../support/database.ts';

const { sql } = await createTestDatabase();

test('sql/queries.gen.ts is what a real Postgres says of every statement today', async () => {
  const fresh = await generateQueries(sql, packageRoot);
  const committed = readFileSync(join(packageRoot, 'sql', 'queries.gen.ts'), 'utf8');
  expect(committed, 'stale: run `npm run generate`').toBe(fresh);
});

test('business rules take the time as a parameter: no clock in sql/queries', () => {
  const clock = /\b(now\(\)|current_timestamp|current_date|localtimestamp)\b/i;
  const folder = join(packageRoot, 'sql', 'queries');
  for (const file of readdirSync(folder)) expect(readFileSync(join(folder, file), 'utf8')).not.toMatch(clock);
});
