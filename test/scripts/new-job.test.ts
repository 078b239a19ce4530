import { execFile } from 'node:child_process';
import {
  chmod,
  cp,
  mkdtemp,
  readFile,
  readdir,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { generateQueries } from '../../scripts/generate-queries.ts';
import { packageRoot } from '../../src/package-root.ts';
import { createTestDatabase } from '../support/database.ts';

const { sql } = await createTestDatabase();
const tree = await copyOfTree();
afterAll(() => rm(tree, { recursive: true, force: true }));

/** Of the greatest length: it breaks lines that shorter ones do not. */
const longName = 'recount-what-each-single-team-has-stored';
const often = '0,5,10,15,20,25,30,35,40,45,50,55 6,7,8,9,10,11,12,13 * * 1-5';

async function copyOfTree(): Promise<string> {
  const copy = await realpath(await mkdtemp(join(tmpdir(), 'evenfall-new-job-')));
  const left = new Set(['node_modules', 'dist', '.git', '.evenfall'].map((name) => join(packageRoot, name)));
  await cp(packageRoot, copy, { recursive: true, filter: (source) => !left.has(source) });
  await symlink(join(packageRoot, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function run(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<Said> {
  // this run's own settings are not the business of a vitest within it
  const given = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...env };
  return new Promise((resolve) => {
    execFile(command, args, { cwd: tree, env: given }, (error, out, err) => {
      resolve({ code: error ? Number(error.code) : 0, out, err });
    });
  });
}

const tool = (name: string) => join(packageRoot, 'node_modules', '.bin', name);
const newJob = (...args: string[]) => run(process.execPath, ['scripts/new-job.ts', ...args]);
const read = (file: string) => readFile(join(tree, file), 'utf8');

async function allFiles(): Promise<string[]> {
  const folders = ['jobs', 'test/jobs', 'sql/sweeps'];
  return (await Promise.all(folders.map((folder) => readdir(join(tree, folder))))).flat();
}

describe('what it writes', () => {
  const kinds = ['reindex-team', longName, 'remind-team'];
  const files = [
    ...kinds.flatMap((name) => [`jobs/${name}.ts`, `test/jobs/${name}.test.ts`]),
    'sql/sweeps/remind-team.sql',
  ];
  let said: Said[];

  beforeAll(async () => {
    said = [
      await run('npm', ['run', '--silent', 'new-job', 'reindex-team']),
      await newJob(longName, '--schedule', often),
      await run('npm', [
        'run',
        '--silent',
        'new-job',
        'remind-team',
        '--',
        '--schedule=17 4 * * *',
        '--sweep',
      ]),
    ];
    // as `npm run generate` does, on a database that is there already
    await writeFile(join(tree, 'sql', 'queries.gen.ts'), await generateQueries(sql, tree));
    said.push(await run(process.execPath, ['scripts/write-docs.ts']));
  });

  test('is said, with what to do next', () => {
    expect(said.map(({ code, err }) => [code, err])).toEqual(said.map(() => [0, '']));
    const [plain, scheduled, swept] = said.map(({ out }) => out);
    expect(plain).toMatch(/npm run generate[\s\S]*npx vitest run test\/jobs\/reindex-team\.test\.ts/);
    expect(plain).toContain(`npx evenfall enqueue reindex-team '{"teamId":"1"}'`);
    expect(scheduled).toContain(`npx evenfall enqueue ${longName} '{}'`);
    expect(swept).toContain('sql/sweeps/remind-team.sql');
  });

  test('stands in jobs/index.ts: imports by the alphabet, kinds before the sweep', async () => {
    const index = await read('jobs/index.ts');
    const imports = [...index.matchAll(/^import .* from '\.\/(.*)\.ts';$/gm)].map((match) => match[1]);
    expect(imports).toEqual(imports.toSorted());
    expect(imports).toEqual(expect.arrayContaining(kinds));
    expect(index).toContain(
      '  reindexTeam,\n  recountWhatEachSingleTeamHasStored,\n  remindTeam,\n  sweep,\n',
    );
  });

  test('is formatted, compiles and lints', async () => {
    const typescript = files.filter((file) => file.endsWith('.ts'));
    const config = {
      extends: './tsconfig.json',
      include: ['jobs', 'test/support/services.ts', ...typescript],
    };
    await writeFile(join(tree, 'tsconfig.new-job.json'), JSON.stringify(config));
    const [format, types, lint] = await Promise.all([
      run(tool('oxfmt'), ['--check', ...files, 'jobs/index.ts']),
      run(tool('tsc'), ['--noEmit', '-p', 'tsconfig.new-job.json']),
      run(tool('oxlint'), ['--type-aware', '--deny-warnings', ...files, 'jobs/index.ts']),
    ]);
    expect(format).toMatchObject({ code: 0 });
    expect(types).toEqual({ code: 0, out: '', err: '' });
    expect(lint).toMatchObject({ code: 0, out: expect.stringContaining('0 warnings and 0 errors') });
  }, 120_000);

  test('passes its own tests and the guards', async () => {
    const tests = kinds.map((name) => `test/jobs/${name}.test.ts`);
    const { code, out, err } = await run(
      tool('vitest'),
      ['run', '--reporter=json', '--outputFile=report.json', ...tests, 'test/guards/conventions.test.ts'],
      {
        TEST_DATABASE_URL: inject('databaseUrl'),
        TEST_REDIS_URL: inject('redisUrl') ?? 'redis://none.invalid',
      },
    );
    expect(code, `${out}${err}`).toBe(0);
    const report = JSON.parse(await read('report.json')) as {
      numPassedTests: number;
      testResults: { name: string }[];
    };
    expect(report.testResults).toHaveLength(kinds.length + 1);
    expect(report.numPassedTests).toBeGreaterThan(kinds.length * 2);
  }, 120_000);
});

test('--help is its usage, and nothing is written', async () => {
  const before = await allFiles();
  const said = await run('npm', ['run', '--silent', 'new-job', '--', '--help']);
  expect(said).toEqual({
    code: 0,
    out: expect.stringMatching(/^Usage: npm run new-job NAME .*\n$/),
    err: '',
  });
  expect(await allFiles()).toEqual(before);
});

describe('what it refuses, in a sentence and with exit 2, writing nothing', () => {
  test.for([
    ['no name', [], /Say the name of the new kind/],
    ['capitals', ['Reindex-Team'], /"Reindex-Team" cannot be the name of a kind/],
    ['one word, which may be one of JavaScript', ['delete'], /"delete" cannot be the name/],
    ['a path', ['../reindex-team'], /cannot be the name/],
    ['underscores', ['reindex_team'], /cannot be the name/],
    ['a hyphen at the end', ['reindex-'], /cannot be the name/],
    ['more than 40 characters', [`${longName}-x`], /has at most \d+ characters/],
    ['a kind that exists', ['cancel-subscription'], /jobs\/cancel-subscription\.ts is there already/],
    ['a name that its own file imports', ['team-id'], /use the name teamId for something else/],
    ['a name of jobs/index.ts', ['all-jobs'], /use the name allJobs for something else/],
    ['two names', ['reindex-team', 'reindex-user'], /Only one name/],
    ['an unknown option', ['reindex-user', '--cron', '* * * * *'], /--cron/],
    ['a sweep without a schedule', ['reindex-user', '--sweep'], /--sweep needs --schedule/],
    [
      'a pattern of four fields',
      ['reindex-user', '--schedule', '17 4 * *'],
      /"17 4 \* \*" is not a schedule/,
    ],
    ['a time that does not exist', ['reindex-user', '--schedule', '61 4 * * *'], /is not a schedule/],
    ['a pattern that is no pattern', ['reindex-user', '--schedule', `a b c d '`], /is not a schedule/],
  ] as const)('%s', async ([, args, sentence]) => {
    const before = [await allFiles(), await read('jobs/index.ts')];
    const { code, out, err } = await newJob(...args);
    expect({ code, out, err }).toEqual({ code: 2, out: '', err: expect.stringMatching(sentence) });
    expect([await allFiles(), await read('jobs/index.ts')]).toEqual(before);
  });

  test('options that npm kept to itself', async () => {
    for (const options of [['--schedule=17 4 * * *'], ['--sweep']]) {
      const { code, err } = await run('npm', ['run', '--silent', 'new-job', 'reindex-user', ...options]);
      expect([code, err]).toEqual([2, expect.stringContaining('put -- before them')]);
    }
  });

  test('a test that is there already, and is left as it is', async () => {
    await writeFile(join(tree, 'test/jobs/reindex-user.test.ts'), 'mine');
    expect(await newJob('reindex-user')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/test\/jobs\/reindex-user\.test\.ts is there already/),
    });
    expect(await read('test/jobs/reindex-user.test.ts')).toBe('mine');
    expect(await allFiles()).not.toContain('reindex-user.ts');
  });
});

describe('what the machine refuses, in words and with exit 1', () => {
  test('a file stands where its folder belongs', async () => {
    const sweeps = join(tree, 'sql', 'sweeps');
    await rename(sweeps, `${sweeps}.away`);
    await writeFile(sweeps, '');
    const { code, err } = await newJob('prune-team', '--schedule', '17 4 * * *', '--sweep');
    await rm(sweeps);
    await rename(`${sweeps}.away`, sweeps);
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/^ENOTDIR: .*\na file stands where a folder belongs: .*\n$/),
    ]);
  });

  // root may write everywhere
  test.runIf(process.getuid?.() !== 0)('the folder may not be written, by it or by the build', async () => {
    const folders = [tree, join(tree, 'jobs')];
    for (const folder of folders) await chmod(folder, 0o555);
    const said = [await newJob('prune-user'), await run('npm', ['run', '--silent', 'demo'])];
    for (const folder of folders) await chmod(folder, 0o755);
    for (const { code, err } of said) {
      expect([code, err]).toEqual([1, expect.stringMatching(/^EACCES: .*\nno permission: .*\n$/)]);
    }
  });
});
