import type { BeforeHook } from '@bull-board/api/typings/app';
import type { Context, MiddlewareHandler } from 'hono';
import type { Log } from '../core/context.ts';
import type { DashboardUser } from './dashboard-users.ts';
import { Problem } from './problem.ts';
import { isRead, routeTemplate } from './request-log.ts';

export interface BoardEnv {
  Variables: { user: DashboardUser };
}

/**
 * All that may be changed through Bull Board, by its own route names. Postgres is the truth and BullMQ's
 * copy of a job only carries it: what is added, edited or removed here would not be so there.
 */
const changingRoutes: ReadonlySet<string> = new Set([
  'put /api/queues/:queueName/:jobId/retry',
  'put /api/queues/:queueName/pause',
  'put /api/queues/:queueName/resume',
  'put /api/queues/pause',
  'put /api/queues/resume',
]);

/** Refuses what changes, by method: from other sites, from viewers, and whatever is not in the list. */
export function guard(options: { publicUrl: string | undefined; log: Log }): MiddlewareHandler<BoardEnv> {
  const publicHost = options.publicUrl === undefined ? undefined : new URL(options.publicUrl).host;
  return async (c, next) => {
    const { method } = c.req;
    if (isRead(method)) return await next();
    const user = c.get('user');
    const route = routeTemplate(c).replace(/^\/queues/, '');
    const refused = refusal(c, user, route, publicHost);
    if (!refused) return await next();
    options.log.info({ user: user.name, method, route, code: refused.code }, 'refused in Bull Board');
    throw refused;
  };
}

/**
 * The same rules once more, where Bull Board calls its handlers: whatever reached one, and by whatever path.
 * `user` is who the request came from, as the log-in found; nobody known may change nothing.
 */
export function secondWall(user: () => DashboardUser | undefined, log: Log): BeforeHook {
  return ({ method, route, request }) => {
    if (method === 'get') return undefined;
    const who = user();
    if (who?.role !== 'operator' || !changingRoutes.has(`${method} ${route}`)) {
      return { allow: false, status: 403 };
    }
    audit(log, who.name, method, route, request.params);
    return undefined;
  };
}

/** Who asked for which change. What is in the place of an id and is none may be anything: it is not repeated (P7). */
export function audit(log: Log, user: string, method: string, route: string, params: object): void {
  const ids = Object.entries(params).map(([name, value]) => [name, isId(value) ? value : '(no id)'] as const);
  log.info(
    { user, method, route, params: Object.fromEntries(ids) },
    'changed by a person through Bull Board',
  );
}

const isId = (value: unknown) => typeof value === 'string' && /^(j\d+-\d+|[a-z-]{1,40})$/.test(value);

function refusal(
  c: Context,
  user: DashboardUser,
  route: string,
  publicHost: string | undefined,
): Problem | undefined {
  if (!isSameSite(c, publicHost)) {
    return new Problem(
      403,
      'cross_site',
      'Changes are taken from the dashboard itself only, not from another site.',
    );
  }
  if (user.role !== 'operator') {
    return new Problem(403, 'viewer', 'You are a viewer; an operator can do this.');
  }
  if (!changingRoutes.has(`${c.req.method.toLowerCase()} ${route}`)) {
    return new Problem(
      403,
      'not_here',
      'Not from here: Postgres is the truth of every job and BullMQ only carries it, so this would be lost or ' +
        'do harm. Use the `evenfall` command line.',
    );
  }
  return undefined;
}

/** Browsers say where a request comes from; one too old for that at least names its origin. */
function isSameSite(c: Context, publicHost: string | undefined): boolean {
  const site = c.req.header('sec-fetch-site') ?? 'none';
  if (site !== 'none') return site === 'same-origin';
  const origin = c.req.header('origin') ?? c.req.header('referer') ?? '';
  if (!URL.canParse(origin)) return false;
  const { host } = new URL(origin);
  return host === c.req.header('host') || host === publicHost;
}
