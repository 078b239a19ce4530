import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import postgres from 'postgres';
import { EmbeddedError } from '../src/embedded/errors.ts';
import type { EmbeddedServer } from '../src/embedded/lifecycle.ts';
import { startPostgres } from '../src/embedded/postgres.ts';
import { startRedis } from '../src/embedded/redis.ts';
import { startInbox } from '../src/stand-ins/inbox/index.ts';
import type { Inbox } from '../src/stand-ins/inbox/index.ts';
import { startStripeStandIn } from '../src/stand-ins/stripe/index.ts';
import type { StripeStandIn } from '../src/stand-ins/stripe/index.ts';
import { scratchFolder } from './scratch.ts';

/**
 * The services that one story after another is played on: a real Postgres and a real Redis (append-only file) that
 * may be killed, and stand-ins of Stripe and of the mail server, which count what really happened.
 */
export interface Lane {
  readonly postgres: EmbeddedServer;
  readonly redis: EmbeddedServer;
  readonly stripe: StripeStandIn;
  readonly inbox: Inbox;
  /** A database of one's own with what `prepare` makes in it, which it does once a lane. */
  database(prepare: (url: string) => Promise<void>): Promise<string>;
  /** As new: both servers run, Redis is empty, nothing is left of Stripe and of the mails. */
  clean(): Promise<void>;
  close(): Promise<void>;
}

/** @throws EmbeddedError when a server cannot be started, or where the machine has no redis-server */
export async function openLane(path: string | undefined): Promise<Lane> {
  const dir = await scratchFolder('evenfall-chaos');
  const postgresServer = await startPostgres({ dir: join(dir, 'postgres'), durable: true });
  const redis = await startRedis({ dir: join(dir, 'redis'), path });
  if (!redis) {
    await postgresServer.stop();
    await rm(dir, { recursive: true, force: true });
    throw new EmbeddedError(
      'npm run chaos needs a redis-server on the PATH: production runs on Redis, so that is what it tries.',
    );
  }
  const stripe = await startStripeStandIn();
  const inbox = await startInbox();
  const templates = new Map<object, string>();
  let databases = 0;

  return {
    postgres: postgresServer,
    redis,
    stripe,
    inbox,
    async database(prepare) {
      const admin = postgres(postgresServer.url, { max: 1, onnotice: () => {} });
      try {
        let template = templates.get(prepare);
        if (template === undefined) {
          template = `template_${templates.size + 1}`;
          await admin`create database ${admin(template)}`;
          await prepare(withPath(postgresServer.url, template));
          templates.set(prepare, template);
        }
        const own = `run_${++databases}`;
        await admin`create database ${admin(own)} template ${admin(template)}`;
        return withPath(postgresServer.url, own);
      } finally {
        await admin.end({ timeout: 1 });
      }
    },
    async clean() {
      await Promise.all([postgresServer.start(), redis.start()]);
      const client = new Redis(redis.url, { maxRetriesPerRequest: 3 });
      await client.flushall();
      client.disconnect();
      stripe.reset();
      inbox.clear();
      inbox.faults.clear();
    },
    async close() {
      await Promise.all([stripe.close(), inbox.close(), redis.stop(), postgresServer.stop()]);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function withPath(url: string, path: string): string {
  const changed = new URL(url);
  changed.pathname = `/${path}`;
  return changed.href;
}
