/** `npm run generate`: writes sql/queries.gen.ts from a scratch database that has every migration. */
import { readFileSync, writeFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { migrate } from '../src/db/migrate.ts';
import { startEmbedded } from '../src/embedded/index.ts';
import { packageRoot } from '../src/package-root.ts';
import { generateQueries } from './generate-queries.ts';

const dir = await mkdtemp(join(tmpdir(), 'evenfall-generate-'));
// an unprivileged Postgres has to pass through here
await chmod(dir, 0o711);
const services = await startEmbedded({ dir, durable: false, path: undefined });
try {
  const sql = postgres(services.databaseUrl, { onnotice: () => {} });
  await sql.unsafe(readFileSync(join(packageRoot, 'sql', 'example-app.sql'), 'utf8'));
  await migrate({ databaseUrl: services.databaseUrl, kinds: [], log: () => {} });
  writeFileSync(join(packageRoot, 'sql', 'queries.gen.ts'), await generateQueries(sql, packageRoot));
  await sql.end();
} finally {
  await services.stop();
  await rm(dir, { recursive: true, force: true });
}
