import { createHash } from 'node:crypto';
import {
  chmod,
  chown,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rename,
  rm,
  stat,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PostgresBinaries } from './binaries.ts';
import { EmbeddedError } from './errors.ts';
import { type Account, run } from './launch.ts';

type Log = (line: string) => void;

/** Where the server keeps its data and as whom it runs; no account means: as we are. */
export type Home = { readonly dir: string; readonly account: Account | undefined };

const candidates = ['postgres', '_postgres', 'nobody', 'daemon'];

/**
 * Makes the folder `dir` and decides who runs the server on it. PostgreSQL refuses to run as root, so root
 * lends it to the owner of the data that is there, else to an unprivileged account of this machine. When that
 * account cannot reach the folder (a checkout under a private home), a public place is used instead.
 * Throws EmbeddedError when there is no such account or place.
 */
export async function chooseHome(dir: string, log: Log): Promise<Home> {
  await mkdir(dir, { recursive: true });
  if (process.getuid?.() !== 0) return { dir, account: undefined };

  const account = (await dataOwner(dir)) ?? (await unprivileged());
  await chown(dir, account.uid, account.gid);
  if (await reaches(account, dir)) return { dir, account };

  const name = `evenfall-postgres-${createHash('sha256').update(dir).digest('hex').slice(0, 12)}`;
  for (const place of publicPlaces()) {
    const elsewhere = join(place, name);
    await mkdir(elsewhere, { mode: 0o700 }).catch(() => {});
    const owner = (await dataOwner(elsewhere)) ?? account;
    if (!(await isOwnedBy(elsewhere, [0, owner.uid]))) continue;
    await chown(elsewhere, owner.uid, owner.gid);
    if (!(await reaches(owner, elsewhere))) continue;
    log(`PostgreSQL runs as ${owner.name}, who cannot reach ${dir}: the data are kept in ${elsewhere}`);
    return { dir: elsewhere, account: owner };
  }
  throw new EmbeddedError(
    `PostgreSQL does not run as root, and the user ${account.name} can reach neither ${dir} nor a folder in ` +
      `${publicPlaces().join(' or ')}: start Evenfall as an ordinary user, or set DATABASE_URL.`,
  );
}

/**
 * Makes sure that the account can run the binaries; a copy in a public place is made when it cannot reach
 * them. Returns the folder to use. Throws EmbeddedError when they do not run at all.
 */
export async function reachableBinaries(
  binaries: PostgresBinaries,
  account: Account | undefined,
  log: Log,
): Promise<string> {
  const { root, version } = binaries;
  const works = await run(join(root, 'bin', 'postgres'), ['--version']);
  if (!works.ok) {
    throw new EmbeddedError(
      `The PostgreSQL in ${root} does not run on this system (its binaries need glibc on Linux, so not ` +
        `Alpine): set DATABASE_URL to a PostgreSQL of your own. It said: ${works.output}`,
    );
  }
  if (!account || (await runsAs(account, root))) return root;

  for (const place of publicPlaces()) {
    const copy = join(place, `evenfall-postgres-${version}`);
    const present = await isOwnedBy(copy, [0]);
    if (!present) {
      log(`PostgreSQL runs as ${account.name}, who cannot reach ${root}: copying the binaries to ${copy}`);
      if (!(await publish(root, place, copy))) continue;
    }
    if (await runsAs(account, copy)) return copy;
  }
  throw new EmbeddedError(
    `PostgreSQL does not run as root, and the user ${account.name} can neither reach ${root} nor run a copy in ` +
      `${publicPlaces().join(' or ')}: put the checkout into a folder that everyone can read, start Evenfall ` +
      'as an ordinary user, or set DATABASE_URL.',
  );
}

function publicPlaces(): string[] {
  return [...new Set([tmpdir(), '/tmp', '/var/tmp'])];
}

async function unprivileged(): Promise<Account> {
  const known = await accounts();
  for (const name of candidates) {
    const account = known.find((entry) => entry.name === name);
    // In some containers root may not become that user: a trial tells.
    if (account && (await run('/bin/sh', ['-c', 'exit 0'], account)).ok) return account;
  }
  throw new EmbeddedError(
    `PostgreSQL does not run as root, and none of the users ${candidates.join(', ')} can be used instead: ` +
      'start Evenfall as an ordinary user, or set DATABASE_URL.',
  );
}

async function accounts(): Promise<Account[]> {
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '');
  return passwd.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':');
    // macOS writes the number of nobody as -2.
    return name && uid && gid ? [{ name, uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 }] : [];
  });
}

async function dataOwner(dir: string): Promise<Account | undefined> {
  const found = await stat(join(dir, 'data')).catch(() => undefined);
  if (!found || found.uid === 0) return undefined;
  const entry = (await accounts()).find((account) => account.uid === found.uid);
  return { name: entry?.name ?? `uid ${found.uid}`, uid: found.uid, gid: found.gid };
}

async function reaches(account: Account, dir: string): Promise<boolean> {
  return (await run('/bin/sh', ['-c', 'cd "$1" && test -w .', 'sh', dir], account)).ok;
}

async function runsAs(account: Account, root: string): Promise<boolean> {
  const [server, files] = await Promise.all([
    run(join(root, 'bin', 'postgres'), ['--version'], account),
    run('/bin/sh', ['-c', 'cd "$1/share" && test -r . && test -x "$1/bin/initdb"', 'sh', root], account),
  ]);
  return server.ok && files.ok;
}

/** In a folder such as /tmp anyone may have laid a trap: only a real folder of these users is taken. */
async function isOwnedBy(dir: string, uids: number[]): Promise<boolean> {
  const found = await lstat(dir).catch(() => undefined);
  return found !== undefined && found.isDirectory() && uids.includes(found.uid);
}

/** Copies under another name first, so that a copy with the right name is a whole one. */
async function publish(root: string, place: string, copy: string): Promise<boolean> {
  const draft = await mkdtemp(join(place, 'evenfall-copy-')).catch(() => undefined);
  if (draft === undefined) return false;
  try {
    await cp(root, draft, { recursive: true, verbatimSymlinks: true });
    await openToAll(draft);
    await rename(draft, copy);
    return true;
  } catch {
    await rm(draft, { recursive: true, force: true });
    return isOwnedBy(copy, [0]);
  }
}

async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await openToAll(path);
    else if (entry.isFile()) await chmod(path, (await stat(path)).mode & 0o111 ? 0o755 : 0o644);
  }
}
