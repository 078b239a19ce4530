import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import type { Hono } from 'hono';
import { Misconfigured } from '../core/errors.ts';

export interface Listening {
  readonly port: number;
  readonly url: string;
  /** Takes no new connections, lets requests end for at most `graceMs` (10 s), then cuts what is left. */
  stop(graceMs?: number): Promise<void>;
}

/**
 * Serves an app on a port; 0 takes a free one.
 *
 * @throws Misconfigured when the port is taken or not allowed
 */
export async function listen(app: Pick<Hono, 'fetch'>, port: number): Promise<Listening> {
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  // longer than the usual idle time of a load balancer: it must not send into a connection that we just closed
  server.keepAliveTimeout = 75_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why =
        cause.code === 'EADDRINUSE' ? 'is in use by another process' : `cannot be used (${cause.code})`;
      reject(new Misconfigured(`PORT: ${port} ${why}`, { cause }));
    });
    server.listen(port, resolve);
  });
  let stopped: Promise<void> | undefined;
  server.on('request', (_, response) => {
    // a connection that was busy at `stop` must not be kept alive for a next request
    response.on('close', () => stopped && setImmediate(() => server.closeIdleConnections()));
  });
  const actual = (server.address() as AddressInfo).port;
  return {
    port: actual,
    url: `http://localhost:${actual}`,
    stop: (graceMs = 10_000) => (stopped ??= stop(server, graceMs)),
  };
}

async function stop(server: Server, graceMs: number): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  clearTimeout(cut);
}
