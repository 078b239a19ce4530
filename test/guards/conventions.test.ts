import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { packageRoot } from '../../src/package-root.ts';
import { envExample } from '../../scripts/env-example.ts';
import { kindsDoc } from '../../scripts/kinds-doc.ts';
import { withTables } from '../../scripts/readme-tables.ts';

const read = (...path: string[]) => readFileSync(join(packageRoot, ...path), 'utf8');

test('.env.example, docs/kinds.md and the tables of the README are what the code says: `npm run generate` writes them', () => {
  expect(read('.env.example')).toBe(envExample());
  expect(read('docs', 'kinds.md')).toBe(kindsDoc());
  expect(read('README.md')).toBe(withTables(read('README.md')));
});

test('every file in jobs/ is a kind of its own name, listed, with a head comment', () => {
  const files = readdirSync(join(packageRoot, 'jobs')).filter((file) => file !== 'index.ts');
  expect(files.map((file) => file.replace(/\.ts$/, '')).toSorted()).toEqual(
    allJobs.map((job) => job.name).toSorted(),
  );
  for (const file of files) {
    const head = read('jobs', file).split('*/', 1)[0] ?? '';
    expect(head, `${file}: what it does, why it may run twice, what to do when it is dead`).toMatch(
      /^\/\*\*[\s\S]*twice[\s\S]*dead/,
    );
  }
});

test('every kind has a test of its own', () => {
  const tests = readdirSync(join(packageRoot, 'test', 'jobs'));
  for (const job of allJobs) expect(tests).toContain(`${job.name}.test.ts`);
});

test('importing the client loads neither Stripe nor BullMQ nor React', async () => {
  const { execFileSync } = await import('node:child_process');
  const script = `
    import { registerHooks } from 'node:module';
    const seen = [];
    registerHooks({ load(url, context, next) { seen.push(url); return next(url, context); } });
    await import(${JSON.stringify(join(packageRoot, 'src', 'client', 'index.ts'))});
    console.log(seen.filter((url) => /node_modules\\/(stripe|bullmq|ioredis|react|hono|nodemailer)\\//.test(url)).length);`;
  const loaded = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(loaded.trim()).toBe('0');
});
