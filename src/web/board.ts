import { AsyncLocalStorage } from 'node:async_hooks';
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { HonoAdapter } from '@bull-board/hono';
import { serveStatic } from '@hono/node-server/serve-static';
import { Hono } from 'hono';
import type { Context } from 'hono';
import type { Log } from '../core/context.ts';
import { queueNames } from '../core/job.ts';
import type { QueueName } from '../core/job.ts';
import type { QueueBackend } from '../queue/backend.ts';
import { audit, guard, secondWall } from './board-guard.ts';
import type { BoardEnv } from './board-guard.ts';
import { basicAuth } from './dashboard-users.ts';
import type { DashboardUser } from './dashboard-users.ts';
import { Late, withDeadline } from './deadline.ts';
import type { Dependency } from './health.ts';
import { Problem, toProblem } from './problem.ts';

/**
 * Replays the dead job that a BullMQ job stands for.
 *
 * @returns undefined when it was replayed, else the reason why not, as a sentence
 */
export type RetryJob = (queue: QueueName, bullmqJobId: string, who: string) => Promise<string | undefined>;

export interface BoardOptions {
  readonly backend: QueueBackend;
  readonly users: readonly DashboardUser[];
  readonly config: { readonly production: boolean; readonly PUBLIC_URL?: string | undefined };
  readonly log: Log;
  readonly onRetry?: RetryJob;
}

export interface Board {
  /** To be mounted at `/queues`. */
  readonly routes: Hono<BoardEnv>;
  /** What it shows, for readiness: an absent one degrades, nothing more. */
  readonly dependencies: readonly Dependency[];
  close(): Promise<void>;
}

const basePath = '/queues';
/** Bull Board needs base-uri for its base element and inline styles; its web font is left out. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; " +
  "img-src 'self' data:; connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'";

const about: Record<QueueName, string> = {
  stripe: 'Calls to Stripe',
  lifecycle: 'Teams and users whose time has come',
  mail: 'Mail to customers',
  schedules: 'Sweeps',
  'dead-letter': 'Alerts about jobs that gave up',
};

/** Bull Board for the configured users; without any it does not start. Redis may be absent. */
export function openBoard(options: BoardOptions): Board {
  if (options.users.length === 0) return closedBoard(options.log);
  const { backend, log, onRetry } = options;
  const queues = queueNames.map((name) => backend.openQueue(name));
  const current = new AsyncLocalStorage<DashboardUser>();
  const routes = new Hono<BoardEnv>();

  routes.onError(answerBoardError);
  const authenticate = basicAuth(options.users);
  routes.use(async (c, next) => {
    const user = authenticate(c.req.header('authorization'));
    if (!user) {
      throw new Problem(401, 'unauthorized', 'Log in as one of DASHBOARD_USERS.', {
        headers: { 'WWW-Authenticate': 'Basic realm="evenfall", charset="UTF-8"' },
      });
    }
    c.set('user', user);
    await current.run(user, next);
  });
  routes.use(guard({ publicUrl: options.config.PUBLIC_URL, log }));
  routes.use(async (c, next) => {
    // the adapter answers 404 there
    return c.req.path === `${basePath}/` ? c.redirect(basePath, 308) : await next();
  });
  routes.put('/api/queues/:queueName/:jobId/retry', async (c) => {
    const { queueName, jobId } = c.req.param();
    const queue = queueNames.find((name) => name === queueName);
    if (!queue) throw new Problem(404, 'unknown_queue', 'There is no queue of this name.');
    if (!onRetry) throw new Problem(409, 'retry_elsewhere', 'Not from here: use `evenfall dead replay`.');
    const { name } = c.get('user');
    audit(log, name, 'put', '/api/queues/:queueName/:jobId/retry', { queueName, jobId });
    const refused = await onRetry(queue, jobId, name);
    if (refused !== undefined) throw new Problem(409, 'not_replayed', refused);
    return c.body(null, 204);
  });
  routes.use(async (c, next) => {
    if (!c.req.path.startsWith(`${basePath}/static/`)) {
      await answering(backend);
      c.header('Cache-Control', 'no-store');
    }
    c.header('Content-Security-Policy', policy);
    await withDeadline(10_000, next).catch((error: unknown) => {
      throw error instanceof Late ? away(backend) : error;
    });
    if (c.res.status >= 500) {
      // Bull Board puts the message of any error into its answer: that is for the log
      const { message } = (await c.res.json().catch(() => ({}))) as { message?: string };
      log.warn(c.error ? { err: c.error } : { reason: message }, 'Bull Board failed');
      throw away(backend);
    }
  });

  const serverAdapter = new HonoAdapter(serveStatic).setBasePath(basePath);
  createBullBoard({
    serverAdapter,
    queues: queues.map((queue) => new BullMQAdapter(queue, { description: about[queue.name as QueueName] })),
    options: {
      uiConfig: {
        boardTitle: 'Evenfall',
        hideDocsLink: true,
        environment: options.config.production
          ? { label: 'production', color: '#b91c1c', textColor: '#ffffff' }
          : { label: 'development', color: '#0f766e', textColor: '#ffffff' },
      },
      handlerHooks: {
        before: secondWall(() => current.getStore(), log),
      },
    },
  });
  routes.route('/', serverAdapter.registerPlugin());

  return {
    routes,
    dependencies: [{ name: backend.kind === 'redis' ? 'redis' : 'queues', check: () => backend.ping() }],
    async close() {
      // closing a queue whose Redis is away may never end
      await Promise.allSettled(queues.map((queue) => withDeadline(2_000, () => queue.close())));
    },
  };
}

function closedBoard(log: Log): Board {
  log.warn({}, 'Bull Board is closed: set DASHBOARD_USERS to open /queues');
  const routes = new Hono<BoardEnv>();
  routes.all('*', () => {
    throw new Problem(503, 'board_closed', 'Bull Board is closed: set DASHBOARD_USERS to open it.');
  });
  return { routes, dependencies: [], close: async () => {} };
}

async function answering(backend: QueueBackend): Promise<void> {
  try {
    await withDeadline(2_000, () => backend.ping());
  } catch {
    // the backend's own log line says why
    throw away(backend);
  }
}

function away(backend: QueueBackend): Problem {
  const what = backend.kind === 'redis' ? 'Redis' : 'The queues in Postgres';
  return new Problem(503, 'queues_away', `${what} did not answer; jobs are safe in Postgres. Try again.`, {
    headers: { 'Retry-After': '2' },
  });
}

/** In our shape, and in Bull Board's own too: its page shows `key` as a headline and `message` below it. */
function answerBoardError(error: Error, c: Context): Response {
  const problem = toProblem(error);
  const key = problem.status < 500 ? 'ERRORS.FORBIDDEN' : 'ERRORS.INTERNAL_SERVER_ERROR';
  const { message } = problem;
  return c.json({ error: { code: problem.code, message, key }, message }, problem.status, {
    ...problem.headers,
  });
}
