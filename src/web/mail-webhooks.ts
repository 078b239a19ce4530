import { timingSafeEqual } from 'node:crypto';
import { Hono } from 'hono';
import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';
import { takeBounce, takeComplaint } from '../billing/bounce.ts';
import type { Log } from '../core/context.ts';
import { keyedHash } from '../core/hash.ts';
import type { Database, Statements } from '../db/connect.ts';
import { sha256 } from './bearer.ts';
import { withDeadline } from './deadline.ts';
import { readMailEvents } from './mail-events.ts';
import type { MailEvent } from './mail-events.ts';
import { Problem } from './problem.ts';
import { parseBody } from './request-body.ts';

export interface MailWebhookOptions {
  readonly database: Pick<Database, 'statements' | 'transaction'>;
  /** Any of them will do; none: the door is closed. */
  readonly secrets: readonly string[] | undefined;
  /** SECRET_KEY, by which recipients are hashed; without it the door is closed. */
  readonly secretKey: string | undefined;
  /** Milliseconds that business time is ahead of the database's clock; 0 but in the demo. */
  readonly clockOffsetMs: () => number;
  readonly log: Log;
}

/** Providers wait at least ten seconds for an answer, and try again for hours when there is none. */
const deadlineMs = 8_000;
/** SendGrid sends up to 768 KB of events at once; a bounce may quote the mail. */
const maxBodyBytes = 2 * 1024 * 1024;

/**
 * `POST /webhooks/mail`: what the mail provider tells of bounces and complaints. Each event is taken in by a transaction
 * of its own, and once more changes nothing, so a provider may repeat what was broken off.
 */
export function mailWebhooks(options: MailWebhookOptions): Hono {
  const { database, secrets, secretKey, clockOffsetMs, log } = options;
  const app = new Hono();
  app.post(
    '/webhooks/mail',
    requireSecret(secrets),
    bodyLimit({
      maxSize: maxBodyBytes,
      onError: () => {
        throw new Problem(413, 'too_large', `The body is larger than ${maxBodyBytes} bytes.`);
      },
    }),
    async (c) => {
      if (secretKey === undefined) {
        throw new Problem(503, 'webhooks_closed', 'Webhooks for mail are closed: set SECRET_KEY here too.');
      }
      // whatever its content type: SNS says text/plain
      const body = parseBody(new Uint8Array(await c.req.arrayBuffer()), z.unknown());
      const { events, ignored, confirm } = readMailEvents(body, (address) => keyedHash(secretKey, address));
      if (confirm) log.warn(confirm, 'Amazon SNS asks to post here: open the url if the topic is yours');
      await withDeadline(deadlineMs, async (signal) => {
        for (const event of events) {
          await database.transaction(async (tx) => {
            signal.throwIfAborted();
            await take(tx, event, clockOffsetMs());
            signal.throwIfAborted();
          });
        }
      });
      return c.json({ received: true, taken: events.length, ignored });
    },
  );
  return app;
}

/**
 * Lets pass who has the secret, as the password of any user or as a bearer token: what mail providers can send. Every
 * secret is compared. The challenge makes SNS send its password at all.
 */
function requireSecret(secrets: readonly string[] | undefined): MiddlewareHandler {
  const wanted = (secrets ?? []).map(sha256);
  return async (c, next) => {
    if (wanted.length === 0) {
      const message = 'Webhooks for mail are closed: set MAIL_WEBHOOK_SECRET to open them.';
      throw new Problem(503, 'webhooks_closed', message);
    }
    const given = sha256(secretOf(c.req.header('authorization') ?? ''));
    let isKnown = false;
    for (const digest of wanted) if (timingSafeEqual(digest, given)) isKnown = true;
    if (!isKnown) {
      const message =
        'Send MAIL_WEBHOOK_SECRET as the password of basic authentication, or as a bearer token.';
      const headers = { 'WWW-Authenticate': 'Basic realm="evenfall", charset="UTF-8"' };
      throw new Problem(401, 'unauthorized', message, { headers });
    }
    await next();
  };
}

function secretOf(authorization: string): string {
  const [, token] = /^Bearer +(\S+)$/i.exec(authorization) ?? [];
  if (token !== undefined) return token;
  const [, encoded = ''] = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(authorization) ?? [];
  const credentials = Buffer.from(encoded, 'base64').toString('utf8');
  return credentials.slice(credentials.indexOf(':') + 1);
}

/** The recipient is held first: of this and the sending of a notice to them, one sees what the other has written. */
async function take(tx: Statements, event: MailEvent, clockOffsetMs: number): Promise<void> {
  const { why, messageId } = event;
  const [ours] = messageId === null ? [] : await tx.recipientOfMessage({ messageId });
  const recipientHash = ours?.recipientHash ?? event.recipientHash;
  // of a mail that was never ours
  if (recipientHash === null) return;
  await tx.nameSource({ source });
  await tx.holdRecipient({ recipientHash });
  const [clock] = await tx.databaseNow();
  const now = new Date((clock?.now.getTime() ?? 0) + clockOffsetMs);
  await tx.suppressRecipient({ recipientHash, why, now });
  const told = { recipientHash, messageId: ours ? messageId : null };
  await (why === 'bounce' ? takeBounce : takeComplaint)(takerAt(now), tx, told);
}

const source = 'mail-webhook';

/** What jobs have by their context. */
function takerAt(now: Date): Parameters<typeof takeBounce>[0] {
  const jobId = null;
  return {
    now,
    async history(tx, { teamId = null, detail = {}, ...entry }) {
      await tx.recordHistory({ ...entry, at: now, teamId, detail, jobId, source });
    },
    async find(tx, { teamId = null, detail = {}, ...finding }) {
      await tx.recordFinding({ ...finding, teamId, detail, jobId, foundAt: now });
    },
  };
}
