import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { which } from './binaries.ts';
import { EmbeddedError, explained, systemReason } from './errors.ts';
import { launch, LaunchError, type Launched } from './launch.ts';
import { type EmbeddedServer, embeddedServer } from './lifecycle.ts';
import { onFreePort, PortTaken } from './ports.ts';

export type RedisOptions = {
  /** The folder for the data; made when it is missing, continued when it holds some. */
  readonly dir: string;
  /** The folders in which to look for `redis-server`: the value of PATH. */
  readonly path: string | undefined;
  /** A fixed port of 127.0.0.1; without it a free one is chosen. */
  readonly port?: number;
  readonly log?: (line: string) => void;
};

const handOverMs = 2_000;

/**
 * Starts a private `redis-server` (append-only file, noeviction, a random password) on 127.0.0.1, and never
 * one that happens to listen somewhere. It stops when this process ends, even by SIGKILL.
 * Returns undefined when there is no such program on the path. Throws EmbeddedError.
 */
export async function startRedis(options: RedisOptions): Promise<EmbeddedServer | undefined> {
  const command = await which('redis-server', options.path);
  if (command === undefined) return undefined;
  const log = options.log ?? (() => {});
  const dir = resolve(options.dir);
  const password = randomBytes(24).toString('hex');
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const launchOn = async (port: number): Promise<Launched> => {
      await requireAlone(dir);
      const launched = await launch({
        command,
        // From standard input, where the password cannot be read in the process list.
        args: ['-'],
        input: config(dir, port, password),
        cwd: dir,
        ready: /Ready to accept connections/,
        readyWithinMs: 60_000,
        stopSteps: [
          ['SIGTERM', 10_000],
          ['SIGKILL', 5_000],
        ],
      }).catch((error: unknown) => {
        throw error instanceof LaunchError ? inWords(error, command, dir, port) : error;
      });
      await ping(port, password);
      return launched;
    };
    const { port, result: launched } = await onFreePort(options.port, launchOn);
    log(`Redis runs on 127.0.0.1:${port}, data in ${dir}`);
    return embeddedServer(
      {
        name: 'Redis',
        // with a name: redis-cli 7 takes an empty one for a user's
        url: `redis://default:${password}@127.0.0.1:${port}`,
        port,
        dir,
        log,
        launch: () => launchOn(port),
      },
      launched,
    );
  } catch (error) {
    throw explained(`Cannot start a private Redis in ${dir}`, error);
  }
}

function config(dir: string, port: number, password: string): string {
  return [
    `port ${port}`,
    'bind 127.0.0.1',
    'protected-mode yes',
    `requirepass ${password}`,
    `dir ${quoted(dir)}`,
    `pidfile ${quoted(join(dir, 'redis.pid'))}`,
    'daemonize no',
    'appendonly yes',
    'appendfsync everysec',
    'maxmemory-policy noeviction',
    'save ""',
    'loglevel notice',
    'logfile ""',
    'always-show-logo no',
    '',
  ].join('\n');
}

function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** Redis has no lock on its folder, and two of them on one append-only file would ruin it. */
async function requireAlone(dir: string): Promise<void> {
  const file = join(dir, 'redis.pid');
  const deadline = performance.now() + handOverMs;
  for (;;) {
    const pid = Number(await readFile(file, 'utf8').catch(() => ''));
    if (!pid || !(await isRedis(pid))) return;
    if (performance.now() > deadline) {
      throw new EmbeddedError(
        `A Redis (pid ${pid}) already runs on ${dir}, probably that of another Evenfall: stop that one first, ` +
          `by Ctrl-C where it runs. If that process is something else, remove ${file}.`,
      );
    }
    await delay(100);
  }
}

/** Where the system does not tell what a process is, a live one counts as a Redis: better ask than ruin. */
async function isRedis(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => 'redis');
  return /redis|valkey/.test(name);
}

/** The line of readiness came from our child; this makes sure that it is our child who answers on the port. */
function ping(port: number, password: string): Promise<void> {
  return new Promise((resolvePing, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`AUTH ${password}\r\nPING\r\n`));
    let answer = '';
    socket.setTimeout(5_000, () => socket.destroy(new Error(`No answer from Redis on port ${port}`)));
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
      if (answer.includes('+PONG')) resolvePing();
      else if (answer.includes('-')) reject(new Error(`Redis answered ${answer.trim()}`));
      else return;
      socket.destroy();
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`Redis closed the connection on port ${port}`)));
  });
}

function inWords(error: LaunchError, command: string, dir: string, port: number): EmbeddedError {
  const { output } = error;
  const options = { cause: error };
  if (output.includes('Address already in use')) {
    return new PortTaken(
      `Port ${port} of 127.0.0.1 is taken by another program: stop that one or choose another port.`,
      options,
    );
  }
  if (/Bad file format|Unrecoverable error/.test(output)) {
    return new EmbeddedError(
      `Redis cannot read its append-only file in ${dir}: remove that folder. Evenfall fills Redis again from ` +
        `PostgreSQL, nothing is lost.\n${output}`,
      options,
    );
  }
  const reason = systemReason(output) ?? `${error.message}.\n${output}`;
  return new EmbeddedError(`Redis (${command}) did not start on ${dir}: ${reason}`, options);
}
