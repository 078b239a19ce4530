import { createHash } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import { listPage, messagePage, missingPage } from './pages.ts';
import type { Message, Store } from './store.ts';
import { style } from './style.ts';

const styleHash = `'sha256-${createHash('sha256').update(style).digest('base64')}'`;
// The frame of a mail inherits the policy of its page, and mails are styled inline.
const listPolicy = policy(styleHash);
const messagePolicy = policy(`'unsafe-inline'`);

function policy(styles: string): string {
  return (
    `default-src 'none'; style-src ${styles}; img-src data:; ` +
    `base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
  );
}

/** The pages and the JSON of the inbox. */
export function inboxApp(store: Store, smtpUrl: string): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    context.header('X-Content-Type-Options', 'nosniff');
    context.header('Referrer-Policy', 'no-referrer');
    context.header('Cache-Control', 'no-store');
  });
  app.get('/', (context) => {
    context.header('Content-Security-Policy', listPolicy);
    return context.html(listPage(store.messages.toReversed(), smtpUrl));
  });
  app.get('/messages/:id', (context) => {
    const message = store.find(context.req.param('id'));
    context.header('Content-Security-Policy', message ? messagePolicy : listPolicy);
    return message ? context.html(messagePage(message)) : context.html(missingPage(), 404);
  });
  app.get('/api/messages', (context) => context.json(store.messages.toReversed().map(summary)));
  app.get('/api/messages/:id', (context) => {
    const message = store.find(context.req.param('id'));
    return message ? context.json(message) : context.json({ error: 'There is no such message.' }, 404);
  });
  app.notFound((context) => {
    context.header('Content-Security-Policy', listPolicy);
    return context.html(missingPage(), 404);
  });
  return app;
}

/** Serves the app. Returns the port and how to end it. */
export function serveInbox(
  app: Hono,
  host: string,
  port: number,
): Promise<{ port: number; close(): Promise<void> }> {
  const server = createAdaptorServer({ fetch: app.fetch });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve({
        port: (server.address() as AddressInfo).port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            if ('closeAllConnections' in server) server.closeAllConnections();
          }),
      });
    });
  });
}

function summary(
  message: Message,
): Pick<Message, 'id' | 'receivedAt' | 'envelope' | 'from' | 'to' | 'subject'> {
  const { id, receivedAt, envelope, from, to, subject } = message;
  return { id, receivedAt, envelope, from, to, subject };
}
