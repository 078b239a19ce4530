import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readConfig, variables } from '../../src/config.ts';
import { packageRoot } from '../../src/package-root.ts';

const read = (...path: string[]) => readFileSync(join(packageRoot, ...path), 'utf8');

// knip's parser: these tests are no reason for a dependency
const { parse } = createRequire(join(packageRoot, 'node_modules', 'knip', 'package.json'))('yaml') as {
  parse(text: string, options: { merge: boolean }): unknown;
};

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly command?: string[];
  readonly environment?: Record<string, string>;
  readonly volumes?: string[];
  readonly depends_on?: Record<string, { condition: string }>;
  readonly healthcheck?: { test?: string[]; disable?: boolean };
  readonly init?: boolean;
  readonly read_only?: boolean;
}

describe('compose.yaml', () => {
  const { services } = parse(read('compose.yaml'), { merge: true }) as { services: Record<string, Service> };
  const all = Object.entries(services);
  const ours = all.filter(([, { build }]) => build !== undefined);
  /** As Compose does it for somebody without a .env. */
  const withDefaults = (text: string) => text.replace(/\$\{\w+(?::?-([^}]*))?\}/g, '$1');
  const environmentOf = (service: Service) =>
    Object.fromEntries(
      Object.entries(service.environment ?? {}).map(([name, value]) => [name, withDefaults(value)]),
    );

  test('runs a migration, then web and worker, each as the image has it: read-only, with an init', () => {
    expect(ours.map(([name]) => name)).toEqual(['migrate', 'web', 'worker', 'stripe']);
    for (const [name, service] of ours) {
      expect(service, name).toMatchObject({ build: '.', init: true, read_only: true });
    }
    for (const name of ['web', 'worker']) {
      expect(services[name]?.depends_on?.['migrate']).toEqual({
        condition: 'service_completed_successfully',
      });
    }
  });

  test('[P1] its Redis keeps what it is given, as a worker demands: appendonly, noeviction, a volume', () => {
    const { command = [], volumes } = services['redis'] ?? {};
    const after = (option: string) => command[command.indexOf(option) + 1];
    expect(after('--appendonly')).toBe('yes');
    expect(after('--maxmemory-policy')).toBe('noeviction');
    expect(volumes).toEqual(['redis:/data']);
  });

  test('sets only variables that exist, and its defaults are enough to start', () => {
    for (const [name, service] of ours) {
      for (const variable of Object.keys(service.environment ?? {})) {
        expect(Object.keys(variables), name).toContain(variable);
      }
    }
    expect(() => readConfig('web', {}, environmentOf(services['web'] ?? {}))).not.toThrow();
    expect(() => readConfig('worker', {}, environmentOf(services['worker'] ?? {}))).not.toThrow();
  });

  test('no secret but a placeholder that says so', () => {
    const environment = environmentOf(services['worker'] ?? {});
    const secrets = Object.keys(environment).filter((name) => /SECRET|TOKEN|USERS|^DATABASE_URL$/.test(name));
    expect(secrets).toHaveLength(6);
    for (const name of secrets) expect(environment[name], name).toContain('placeholder');
    expect(services['postgres']?.environment?.['POSTGRES_PASSWORD']).toMatch(/placeholder/);
  });

  test('who is waited for says when it is well', () => {
    for (const [name, { depends_on: waits = {} }] of all) {
      for (const [other, { condition }] of Object.entries(waits)) {
        if (condition === 'service_healthy') {
          expect(services[other]?.healthcheck?.test, `${name} waits for ${other}`).toBeDefined();
        } else expect(condition).toBe('service_completed_successfully');
      }
    }
  });

  test('mounts the tables of the example app where Postgres looks for them', () => {
    const mounts = services['postgres']?.volumes ?? [];
    const mount = mounts.find((each) => each.includes('/docker-entrypoint-initdb.d/'));
    expect(read(mount?.split(':', 1)[0] ?? '')).toContain('create table');
  });

  test('images are pinned to a major version, and the databases are those of the tests', () => {
    const images = all.flatMap(([, { image }]) => image ?? []);
    expect(images).toHaveLength(3);
    for (const image of images) expect(image).toMatch(/:v?\d+/);
    const setup = read('test', 'support', 'global-setup.ts');
    for (const name of ['postgres', 'redis']) expect(setup).toContain(`'${services[name]?.image}'`);
  });
});

describe('Dockerfile', () => {
  const [build = '', image = ''] = read('Dockerfile')
    .split(/^FROM .*$/m)
    .slice(1);
  const lines = (stage: string) => stage.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

  test('every stage is Node 24', () => {
    expect(read('Dockerfile')).toMatch(/^ARG NODE_IMAGE=node:24-/m);
    expect(read('Dockerfile').match(/^FROM .*$/gm)).toEqual([
      'FROM ${NODE_IMAGE} AS build',
      'FROM ${NODE_IMAGE}',
    ]);
  });

  test('runs as nobody special, without a shell between the signals and Node', () => {
    const users = lines(image).filter((line) => line.startsWith('USER '));
    expect(users).toEqual(['USER 1000:1000']);
    for (const instruction of ['ENTRYPOINT', 'CMD']) {
      expect(lines(image).find((line) => line.startsWith(instruction))).toMatch(/^\w+ \["/);
    }
    // env, which the first line of the program names, becomes Node
    expect(read('src', 'cli', 'main.ts')).toMatch(/^#!\/usr\/bin\/env node\n/);
    expect(image).toMatch(/HEALTHCHECK [^\n]*\\\n +CMD \["node", .*\/healthz/);
  });

  test('holds the package as it is published, and production dependencies only', () => {
    expect(build).toContain('npm pack');
    expect(build).toMatch(/npm prune --omit=dev --omit=optional/);
    expect(lines(image).filter((line) => line.startsWith('COPY '))).toEqual([
      'COPY --from=build /build/node_modules node_modules',
      'COPY --from=build /build/package ./',
    ]);
  });

  test('what it is built from is not ignored', () => {
    const kept = read('.dockerignore').split('\n');
    expect(kept).toContain('*');
    const needed = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts'];
    const { include } = JSON.parse(read('tsconfig.build.json')) as { include: string[] };
    for (const path of [...needed, ...include, 'sql']) expect(kept).toContain(`!${path}`);
    expect(kept).not.toContain('!.env');
  });
});

test('the published package holds all the SQL that it reads', () => {
  const [{ files }] = JSON.parse(
    execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: packageRoot,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  ) as [{ files: { path: string }[] }];
  const packed = files.map(({ path }) => path);
  const wanted = ['migrations', 'functions'].flatMap((folder) =>
    readdirSync(join(packageRoot, 'sql', folder)).map((file) => `sql/${folder}/${file}`),
  );
  expect(packed).toEqual(expect.arrayContaining([...wanted, 'sql/contract.sql', 'sql/example-app.sql']));
  expect(packed.filter((path) => /^(test|\.env|node_modules)/.test(path))).toEqual([]);
});
