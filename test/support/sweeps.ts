import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type postgres from 'postgres';
import { readSweeps } from '../../scripts/generate-queries.ts';
import type { SweepStatements } from '../../sql/queries.gen.ts';

/** Sweeps for tests, made as the generator makes those of sql/sweeps. */
export async function generateSweeps(
  sql: postgres.Sql,
  files: Record<string, string>,
): Promise<Record<string, SweepStatements>> {
  const folder = await mkdtemp(join(tmpdir(), 'evenfall-sweeps-'));
  try {
    for (const [kind, text] of Object.entries(files)) await writeFile(join(folder, `${kind}.sql`), text);
    const sweeps = await readSweeps(sql, folder);
    return Object.fromEntries(sweeps.map(({ kind, list, enqueue }) => [kind, { list, enqueue }]));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Things that are ready within the card window; `sweepThings` finds them for the kind `test-kind`. */
export const thingsTable = 'create table thing (n int not null, ready_at timestamptz not null, team text)';

export const sweepThings = `-- name: testKind
-- What is ready, or will be within the window.
select jsonb_build_object('n', n) as payload, team as team_id, 'thing:' || n as subject,
  'ready at ' || ready_at as why
from thing where ready_at < @now::timestamptz + @card_window::text::interval
order by n;
`;
