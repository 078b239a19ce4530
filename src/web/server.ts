import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { secureHeaders } from 'hono/secure-headers';
import { clockOffsetOf } from '../clock-file.ts';
import type { AnyJob } from '../core/job.ts';
import type { Database } from '../db/connect.ts';
import type { QueueBackend } from '../queue/backend.ts';
import { openBoard } from './board.ts';
import type { RetryJob } from './board.ts';
import type { DashboardUser } from './dashboard-users.ts';
import { healthRoutes, readiness } from './health.ts';
import { homePage } from './home.ts';
import { jobsApi } from './jobs.ts';
import { keepRoutes } from './keep.ts';
import { listen } from './listen.ts';
import type { Listening } from './listen.ts';
import { mailWebhooks } from './mail-webhooks.ts';
import { createMetrics, metricsRoute } from './metrics.ts';
import { openApiDocument } from './openapi.ts';
import { Problem, answerError } from './problem.ts';
import { logRequests } from './request-log.ts';
import type { WebLog } from './request-log.ts';
import { stripeWebhooks } from './webhooks.ts';

/** What of the configuration the web process uses. */
export interface WebSettings {
  readonly PORT: number;
  readonly API_TOKEN?: string | undefined;
  readonly DASHBOARD_USERS?: readonly DashboardUser[] | undefined;
  readonly EVENFALL_CLOCK_FILE?: string | undefined;
  readonly MAIL_WEBHOOK_SECRET?: readonly string[] | undefined;
  readonly POLICY_INACTIVE_TEAM_AGE: string;
  readonly PUBLIC_URL?: string | undefined;
  readonly SECRET_KEY?: string | undefined;
  readonly STRIPE_SECRET_KEY?: string | undefined;
  readonly STRIPE_WEBHOOK_SECRET?: readonly string[] | undefined;
  readonly production: boolean;
}

export interface WebOptions {
  readonly config: WebSettings;
  readonly database: Pick<Database, 'statements' | 'transaction'>;
  readonly backend: QueueBackend;
  readonly jobs: readonly AnyJob[];
  readonly log: WebLog;
  /** Replays a dead job through Postgres when an operator presses Bull Board's retry; refused without it. */
  readonly onRetry?: RetryJob;
}

const maxBodyBytes = 64 * 1024;

/**
 * The web process: API, Bull Board, health, metrics. Needs Postgres only, and not even that to start.
 * Stopping it leaves the database and the queue backend open: they belong to the caller.
 *
 * @throws Misconfigured when the port is taken
 */
export async function startWeb(options: WebOptions): Promise<Listening> {
  const { config, database, backend, jobs, log } = options;
  if (config.API_TOKEN === undefined)
    log.warn({}, 'the API and /metrics are closed: set API_TOKEN to open them');
  const metrics = createMetrics(database, jobs);
  const board = openBoard({ ...options, users: config.DASHBOARD_USERS ?? [] });

  const app = new Hono();
  app.onError(answerError);
  app.notFound((c) =>
    answerError(new Problem(404, 'not_found', 'There is nothing here; / has the links.'), c),
  );
  app.use(logRequests(log, metrics));
  app.use(
    secureHeaders({
      // TLS ends in front of this process, which decides for its whole domain
      strictTransportSecurity: false,
      xFrameOptions: 'DENY',
      // pages that need more say so themselves
      contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
      overwrite: false,
    }),
  );
  const clockOffsetMs = clockOffsetOf(config.EVENFALL_CLOCK_FILE);
  // before the limit of the others: events are larger than anything that is sent to the API
  app.route(
    '/',
    stripeWebhooks({
      database,
      secrets: config.STRIPE_WEBHOOK_SECRET,
      livemode: config.STRIPE_SECRET_KEY === undefined ? undefined : /_live_/.test(config.STRIPE_SECRET_KEY),
    }),
  );
  app.route(
    '/',
    mailWebhooks({
      database,
      secrets: config.MAIL_WEBHOOK_SECRET,
      secretKey: config.SECRET_KEY,
      clockOffsetMs,
      log,
    }),
  );
  app.use(
    bodyLimit({
      maxSize: maxBodyBytes,
      onError: () => {
        throw new Problem(413, 'too_large', `The body is larger than ${maxBodyBytes} bytes.`);
      },
    }),
  );
  app.route('/', homePage());
  app.route(
    '/',
    keepRoutes({
      database,
      secret: config.SECRET_KEY,
      inactiveTeamAge: config.POLICY_INACTIVE_TEAM_AGE,
      clockOffsetMs,
    }),
  );
  app.route(
    '/',
    healthRoutes(
      readiness({
        required: [{ name: 'postgres', check: () => database.statements.databaseNow() }],
        reported: board.dependencies,
      }),
    ),
  );
  app.route('/', metricsRoute(metrics, config.API_TOKEN));
  app.route('/', jobsApi({ apiToken: config.API_TOKEN, database, jobs }));
  const document = openApiDocument(jobs);
  app.get('/openapi.json', (c) => c.json(document));
  app.route('/queues', board.routes);

  const listening = await listen(app, config.PORT).catch(async (error: unknown) => {
    await board.close();
    throw error;
  });
  log.info({ port: listening.port, backend: backend.kind }, 'listening');
  return {
    ...listening,
    async stop(graceMs) {
      await listening.stop(graceMs);
      await board.close();
    },
  };
}
