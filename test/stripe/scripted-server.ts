import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ScriptedServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** What arrived, as `METHOD path`. */
  readonly requests: string[];
}

/** Answers requests one after the other as scripted, and goes on with the last line of the script. */
export async function scripted(...script: [RequestListener, ...RequestListener[]]): Promise<ScriptedServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    const act = script[Math.min(requests.length, script.length) - 1];
    act?.(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type Headers = Record<string, string>;

/** An answer as it is, body and all. */
export function raw(status: number, body: string, headers: Headers = {}): RequestListener {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', 'request-id': 'req_1', ...headers });
    response.end(body);
  };
}

export function json(status: number, body: unknown, headers?: Headers): RequestListener {
  return raw(status, JSON.stringify(body), headers);
}

/** Stripe's envelope of an error. */
export function failure(status: number, error: object, headers?: Headers): RequestListener {
  return json(status, { error }, headers);
}

export function reset(request: IncomingMessage): void {
  request.socket.destroy();
}

/** Takes the request and never says a word. */
export function hang(): void {}

/** A part of the body, then the end of the connection. */
export function resetMidBody(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, {
    'content-type': 'application/json',
    'request-id': 'req_1',
    'content-length': '100',
  });
  response.write('{"id":', () => response.destroy());
}

/** A body that keeps coming and never ends: the socket is not idle for a moment. */
export function trickle(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json', 'request-id': 'req_1' });
  const timer = setInterval(() => response.write(' '), 5);
  response.on('close', () => clearInterval(timer));
}
