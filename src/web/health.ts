import { Hono } from 'hono';
import type { Log } from '../core/context.ts';
import { withDeadline } from './deadline.ts';
import { listen } from './listen.ts';
import type { Listening } from './listen.ts';
import { metricsRoute } from './metrics.ts';
import type { Metrics } from './metrics.ts';
import { answerError } from './problem.ts';

/** One thing a process depends on; `check` rejects when it is away. */
export interface Dependency {
  readonly name: string;
  readonly check: () => Promise<unknown>;
}

export interface Readiness {
  readonly ready: boolean;
  /** Required and away: the process cannot do its work. */
  readonly missing: string[];
  /** Away, but the process can wait for it. */
  readonly degraded: string[];
  /** What a person must answer before it works. */
  readonly held?: string;
}

const deadlineMs = 2_000;

/** Asks each dependency, all at once, each for at most two seconds. */
export function readiness(dependencies: {
  readonly required: readonly Dependency[];
  readonly reported: readonly Dependency[];
  readonly held?: () => string | undefined;
}): () => Promise<Readiness> {
  return async () => {
    const [missing, degraded] = await Promise.all([away(dependencies.required), away(dependencies.reported)]);
    const held = dependencies.held?.();
    return {
      ready: missing.length === 0 && held === undefined,
      missing,
      degraded,
      ...(held === undefined ? {} : { held }),
    };
  };
}

async function away(dependencies: readonly Dependency[]): Promise<string[]> {
  const answers = await Promise.allSettled(
    dependencies.map(({ check }) => withDeadline(deadlineMs, async () => await check())),
  );
  return dependencies.filter((_, i) => answers[i]?.status === 'rejected').map(({ name }) => name);
}

/** `/healthz`: the process answers. `/readyz`: it can work, and if not, what it misses. */
export function healthRoutes(isReady: () => Promise<Readiness>): Hono {
  const routes = new Hono();
  routes.get('/healthz', (c) => c.json({ ok: true }));
  routes.get('/readyz', async (c) => {
    const state = await isReady();
    return c.json(state, state.ready ? 200 : 503);
  });
  return routes;
}

export interface HealthServerOptions {
  readonly port: number;
  readonly readiness: () => Promise<Readiness>;
  readonly metrics?: { readonly source: Metrics; readonly apiToken: string | undefined };
  readonly log: Log;
}

/** The same endpoints for a process that serves nothing else, such as the worker. */
export async function startHealthServer(options: HealthServerOptions): Promise<Listening> {
  const app = new Hono();
  app.onError((error, c) => {
    options.log.warn({ err: error }, 'a health endpoint failed');
    return answerError(error, c);
  });
  app.route('/', healthRoutes(options.readiness));
  if (options.metrics) app.route('/', metricsRoute(options.metrics.source, options.metrics.apiToken));
  return await listen(app, options.port);
}
