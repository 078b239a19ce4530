import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';

const tree = mkdtempSync(join(tmpdir(), 'evenfall-arrows-'));
cpSync(join(packageRoot, '.oxlintrc.json'), join(tree, '.oxlintrc.json'));
symlinkSync(join(packageRoot, 'node_modules'), join(tree, 'node_modules'));
afterAll(() => rmSync(tree, { recursive: true, force: true }));

/** What the linter says of a file with this content at this place. */
function lint(file: string, content: string): string {
  mkdirSync(dirname(join(tree, file)), { recursive: true });
  writeFileSync(join(tree, file), content);
  const oxlint = join(packageRoot, 'node_modules', '.bin', 'oxlint');
  const { stdout } = spawnSync(oxlint, ['--format', 'unix', file], { cwd: tree, encoding: 'utf8' });
  rmSync(join(tree, file));
  return stdout;
}

const against: [string, string][] = [
  ['src/core/x.ts', '../db/connect.ts'],
  ['src/core/x.ts', 'bullmq'],
  ['src/billing/x.ts', '../stripe/gateway.ts'],
  ['jobs/x.ts', '../src/db/connect.ts'],
  ['jobs/x.ts', '../src/queue/runner.ts'],
  ['jobs/x.ts', 'stripe'],
  ['jobs/x.ts', '../src/app/callback.ts'],
  ['src/core/x.ts', '../app/callback.ts'],
  ['src/billing/x.ts', '../app/callback.ts'],
  ['src/app/x.ts', '../queue/runner.ts'],
  ['src/app/x.ts', '../config.ts'],
  ['src/stripe/x.ts', '../queue/runner.ts'],
  ['src/mail/x.ts', '../web/server.ts'],
  ['src/db/x.ts', '../../jobs/index.ts'],
  ['src/queue/x.ts', '../web/server.ts'],
  ['src/queue/x.ts', '../stripe/gateway.ts'],
  ['src/queue/x.ts', '../app/callback.ts'],
  ['src/queue/x.ts', '../../jobs/index.ts'],
  ['src/web/x.ts', '../cli/main.ts'],
  ['src/web/x.ts', '../stripe/gateway.ts'],
  ['src/web/x.ts', '../app/callback.ts'],
  ['src/client/x.ts', 'bullmq'],
  ['src/client/x.ts', '../queue/runner.ts'],
  ['src/client/x.ts', '../app/callback.ts'],
  ['emails/x.tsx', '@react-email/components'],
  ['emails/x.tsx', '../src/db/connect.ts'],
];

test.for(against)('%s may not import %s', ([file, target]) => {
  expect(lint(file, `import { x } from '${target}';\nexport const y = x;\n`)).toContain(
    'no-restricted-imports',
  );
});

test.for([
  ['src/core/x.ts', '../../sql/queries.gen.ts'],
  ['jobs/x.ts', '../src/core/job.ts'],
  ['src/queue/x.ts', '../core/job.ts'],
  ['src/web/x.ts', '../queue/backend.ts'],
  ['emails/components/x.tsx', '@react-email/components'],
])('%s may import %s', ([file, target]) => {
  expect(lint(file ?? '', `import { x } from '${target}';\nexport const y = x;\n`)).not.toContain(
    'no-restricted-imports',
  );
});

test('only src/config.ts reads the environment', () => {
  expect(lint('src/queue/x.ts', 'export const y = process.env;\n')).toContain('no-process-env');
  expect(lint('src/config.ts', 'export const y = process.env;\n')).not.toContain('no-process-env');
});

test('jobs and core have no clock of their own', () => {
  expect(lint('jobs/x.ts', 'export const y = Date.now();\n')).toContain('no-restricted-properties');
  expect(lint('src/core/x.ts', 'export const y = Date.now();\n')).toContain('no-restricted-properties');
});
