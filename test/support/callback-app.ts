import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll } from 'vitest';

export const callbackSecret = 'the callback secret of the tests';

/** What the app was asked, as it came. */
export interface AskedApp {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly raw: string;
  readonly body: Record<string, unknown>;
}

/** What it answers; a function writes the answer itself, or none. */
export type AppSays =
  | { readonly status: number; readonly body?: unknown; readonly headers?: Record<string, string> }
  | ((response: ServerResponse) => void);

export const agrees: AppSays = { status: 204 };
export const refuses = (veto: unknown = 'an open export'): AppSays => ({ status: 200, body: { veto } });
/** Takes the question, and is never heard of again. */
export const hangs: AppSays = () => {};

/**
 * An app with a callback: a real server, which checks each signature by hand, keeps what it was asked, and answers as
 * the test says. A wrong signature is answered with 401.
 */
export async function startCallbackApp() {
  const asked: AskedApp[] = [];
  let answer: (question: AskedApp) => AppSays | Promise<AppSays> = () => agrees;
  const server = createServer(async (request, response) => {
    const question = await read(request);
    if (!isSigned(question)) return void response.writeHead(401).end();
    asked.push(question);
    const said = await answer(question);
    if (typeof said === 'function') return said(response);
    const { status, body, headers = {} } = said;
    const text = typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body);
    response.writeHead(status, headers).end(text);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/s3cret`,
    asked,
    /** Of each question so far: what it was about. */
    ids: () => asked.map(({ body }) => body['id']),
    says: (said: AppSays): void => void (answer = () => said),
    decides: (decide: (question: AskedApp) => AppSays | Promise<AppSays>): void => void (answer = decide),
    clear(): void {
      asked.length = 0;
      answer = () => agrees;
    },
  };
}

async function read(request: IncomingMessage): Promise<AskedApp> {
  const { method, url: path, headers } = request;
  const raw = Buffer.concat(await request.toArray()).toString();
  return { method, path, headers, raw, body: JSON.parse(raw) as Record<string, unknown> };
}

/** By hand, with nothing of ours. */
function isSigned({ headers, raw }: AskedApp): boolean {
  const signature = String(headers['evenfall-signature']);
  const [, time, mac] = /^t=(\d{10}),v1=([0-9a-f]{64})$/.exec(signature) ?? [];
  return mac === createHmac('sha256', callbackSecret).update(`${time}.${raw}`).digest('hex');
}
