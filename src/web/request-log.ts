import type { Context, MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import type { Log } from '../core/context.ts';
import type { Metrics } from './metrics.ts';
import { toProblem } from './problem.ts';

/** A log that also takes what is too frequent for `info`. */
export interface WebLog extends Log {
  debug(fields: object, message: string): void;
}

export const isRead = (method: string) => method === 'GET' || method === 'HEAD';

/**
 * One line a request, with the template of its path: no query string, no ids, no body. Reads are `debug`,
 * unless they are turned away: probes and the dashboard's polling would drown the rest.
 */
export function logRequests(log: WebLog, metrics: Pick<Metrics, 'countRequest'>): MiddlewareHandler {
  return async (c, next) => {
    const began = performance.now();
    await next();
    const { method } = c.req;
    const { status } = c.res;
    const route = routeTemplate(c);
    metrics.countRequest(method, route, status);
    const fields = { method, route, status, ms: Math.round(performance.now() - began) };
    if (c.error && toProblem(c.error).code === 'internal')
      log.error({ ...fields, err: c.error }, 'request failed');
    else if (status >= 500) log.warn(fields, 'request');
    else if (isRead(method) && status !== 401 && status !== 403) log.debug(fields, 'request');
    else log.info(fields, 'request');
  };
}

/** The pattern that a request met: `/v1/jobs/:id`; `unmatched` when it met none. */
export function routeTemplate(c: Context): string {
  const matched = matchedRoutes(c);
  const handler =
    matched.find(({ method }) => method !== 'ALL') ?? matched.findLast(({ path }) => path !== '/*');
  return handler?.path ?? 'unmatched';
}
