import { createHash, timingSafeEqual } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { Problem } from './problem.ts';

/** Fixed-length, so that comparing two takes the same time whatever they are. */
export const sha256 = (text: string) => createHash('sha256').update(text).digest();

/** Lets requests with the API token pass. Without a configured token nothing passes: closed by default. */
export function requireToken(apiToken: string | undefined): MiddlewareHandler {
  const wanted = apiToken === undefined ? undefined : sha256(apiToken);
  return async (c, next) => {
    if (!wanted) {
      throw new Problem(503, 'api_closed', 'The API is closed: set API_TOKEN to open it.');
    }
    const [, token] = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '') ?? [];
    if (token === undefined || !timingSafeEqual(sha256(token), wanted)) {
      throw new Problem(401, 'unauthorized', 'Send the API token: `Authorization: Bearer …`.', {
        headers: { 'WWW-Authenticate': 'Bearer realm="evenfall"' },
      });
    }
    await next();
  };
}
