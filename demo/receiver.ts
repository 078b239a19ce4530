import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** An alert as it was posted, with the field that names it. */
export interface Post {
  readonly at: Date;
  readonly id: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A tiny web server for ALERT_WEBHOOK_URL. */
export interface Receiver {
  readonly url: string;
  readonly posts: readonly Post[];
  close(): Promise<void>;
}

export async function startReceiver(): Promise<Receiver> {
  const posts: Post[] = [];
  const server = createServer((request, response) => {
    text(request)
      .then((content) => {
        const body = JSON.parse(content) as Record<string, unknown>;
        posts.push({ at: new Date(), id: String(body['id']), body });
        response.writeHead(204).end();
      })
      .catch(() => response.writeHead(400).end());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/alerts`,
    posts,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
