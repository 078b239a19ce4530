import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type postgres from 'postgres';
import { freePort } from '../src/embedded/ports.ts';
import { DemoError } from './failure.ts';
import type { Step } from './progress.ts';
import { Program, typed } from './program.ts';
import { until } from './until.ts';

export interface CompanyOptions {
  readonly sql: postgres.Sql;
  readonly databaseUrl: string;
  readonly redisUrl: string | undefined;
  readonly stripeUrl: string;
  readonly smtpUrl: string;
  readonly webhookUrl: string;
  /** Names the file that business time is read from. */
  readonly clockFile: string;
  readonly logDir: string;
  readonly path: string | undefined;
  readonly step: Step;
  /** Aborted when the demo is to stop. */
  readonly signal: AbortSignal;
  /** Told when a process ended that nobody has ended. */
  readonly onLost: (program: Program, how: string) => void;
}

export interface User {
  readonly name: string;
  readonly password: string;
}

/** The real processes, as a person would start them on a server: one web, two workers. */
export interface Company {
  readonly url: string;
  readonly apiToken: string;
  /** What Stripe's events are signed with. */
  readonly webhookSecret: string;
  readonly operator: User;
  readonly viewer: User;
  readonly workers: readonly Program[];
  /** Types `evenfall ARGS` on the server; resolves to what it prints. */
  evenfall(args: readonly string[]): Promise<string>;
  /** Lets both workers end, as they do when a new version is put in their place. */
  stopWorkers(): Promise<void>;
  /** Starts what does not run, and resolves when all of it works. */
  makeWhole(): Promise<void>;
  stop(): Promise<void>;
}

const usualPort = 3000;
const readyWithinMs = 60_000;

/** Starts them and resolves when they can work. */
export async function startCompany(options: CompanyOptions): Promise<Company> {
  const { sql, logDir, step } = options;
  const stopped = new AbortController();
  const signal = AbortSignal.any([options.signal, stopped.signal]);
  await mkdir(logDir, { recursive: true });
  const secret = () => randomBytes(8).toString('hex');
  const apiToken = `demo-${secret()}`;
  const webhookSecret = `whsec_${secret()}`;
  const operator = { name: 'operator', password: secret() };
  const viewer = { name: 'viewer', password: secret() };
  const users = `operator:${operator.password}:operator,viewer:${viewer.password}:viewer`;
  const common = environment(options);

  const logOf = (name: string) => join(logDir, `${name}.log`);
  const programs = new Set<Program>();
  const stop = async () => {
    stopped.abort();
    await Promise.all([...programs].map((each) => each.stop()));
  };
  try {
    // first: the links in the workers' mails lead to it
    const web = await step('Starting the web process', startWeb);
    const workers = await step('Starting two workers', async () => {
      const started = [1, 2].map((number) => startWorker(number, web.url));
      await Promise.all(started.map(untilItWorks));
      return started;
    });
    return {
      url: web.url,
      apiToken,
      webhookSecret,
      operator,
      viewer,
      workers,
      evenfall: (args) => typed(args, { env: common, signal }),
      async stopWorkers() {
        await Promise.all(workers.map((each) => each.stop()));
      },
      async makeWhole() {
        signal.throwIfAborted();
        for (const each of programs) each.start();
        await Promise.all([untilItAnswers(web.program, web.url), ...workers.map(untilItWorks)]);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }

  function startWorker(number: number, publicUrl: string): Program {
    const worker = new Program({
      name: `worker ${number}`,
      command: 'worker',
      env: { ...common, PUBLIC_URL: publicUrl },
      logFile: logOf(`worker-${number}`),
      onLost: options.onLost,
    });
    programs.add(worker);
    worker.start();
    return worker;
  }

  /** On the usual port, or on another when somebody else has it, or gets it before us. */
  async function startWeb(): Promise<{ program: Program; url: string }> {
    let port = (await isFree(usualPort)) ? usualPort : await freePort();
    for (let triesLeft = 3; ; triesLeft -= 1) {
      const url = `http://localhost:${port}`;
      const own = {
        PORT: String(port),
        PUBLIC_URL: url,
        API_TOKEN: apiToken,
        DASHBOARD_USERS: users,
        STRIPE_WEBHOOK_SECRET: webhookSecret,
      };
      let taken = false;
      const web = new Program({
        name: 'web',
        command: 'web',
        env: { ...common, ...own },
        logFile: logOf('web'),
        onLost(lost, how) {
          taken = triesLeft > 1 && / is in use by another process/.test(lost.lastWords());
          if (!taken) options.onLost(lost, how);
        },
      });
      signal.throwIfAborted();
      programs.add(web);
      web.start();
      if ((await untilItAnswers(web, url, () => taken)) === 'answers') return { program: web, url };
      programs.delete(web);
      port = await freePort();
    }
  }

  /** Only our own web process knows the token, so nobody else on that port is taken for it. */
  async function untilItAnswers(
    web: Program,
    url: string,
    isTaken: () => boolean = () => false,
  ): Promise<'answers' | 'taken'> {
    return await until(
      'the web process to answer',
      async () => {
        if (isTaken()) return 'taken';
        requireAlive(web);
        const headers = { authorization: `Bearer ${apiToken}` };
        const answer = await fetch(`${url}/v1/jobs/0`, { headers, signal: AbortSignal.timeout(5_000) }).catch(
          () => undefined,
        );
        await answer?.body?.cancel();
        return answer?.status === 404 ? 'answers' : undefined;
      },
      { withinMs: readyWithinMs, signal },
    );
  }

  /** A worker works when it has signed in. */
  async function untilItWorks(worker: Program): Promise<true> {
    return await until(
      `${worker.name} to sign in`,
      async () => {
        requireAlive(worker);
        const [row] = await sql`select from evenfall.worker
          where id like ${`%-${worker.pid ?? 0}-%`} and heartbeat_at > clock_timestamp() - interval '3 seconds'`;
        return row && true;
      },
      { withinMs: readyWithinMs, signal },
    );
  }
}

function requireAlive(program: Program): void {
  if (program.pid === undefined) throw new DemoError(`${program.name} ended:\n${program.lastWords()}`);
}

function environment(options: CompanyOptions): Record<string, string> {
  return {
    NODE_ENV: 'development',
    LOG_LEVEL: 'warn',
    PATH: options.path ?? '',
    DATABASE_URL: options.databaseUrl,
    ...(options.redisUrl === undefined ? {} : { REDIS_URL: options.redisUrl }),
    STRIPE_SECRET_KEY: 'sk_test_demo',
    SECRET_KEY: 'of no use outside of the demo',
    STRIPE_API_BASE: options.stripeUrl,
    SMTP_URL: options.smtpUrl,
    MAIL_FROM: 'Evenfall <evenfall@example.com>',
    ALERT_EMAIL: 'operators@example.com',
    ALERT_WEBHOOK_URL: options.webhookUrl,
    EVENFALL_CLOCK_FILE: options.clockFile,
    // longer than any month, so that on each day of it a card of this month is due
    POLICY_CARD_WINDOW: 'P32D',
    POLICY_DELETION_REMINDER: 'P2D',
  };
}

/** Whether nobody listens on it, on whatever address of this machine: as the web process will. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, () => probe.close(() => resolve(true)));
  });
}
