import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';
import type { Database, Statements } from '../db/connect.ts';
import { withDeadline } from './deadline.ts';
import { Problem } from './problem.ts';
import { parseBody } from './request-body.ts';
import { eventTypes } from './stripe-events.ts';
import { signatureProblem } from './stripe-signature.ts';

export interface WebhookOptions {
  readonly database: Pick<Database, 'transaction'>;
  /** Any of them will do; none: the door is closed. */
  readonly secrets: readonly string[] | undefined;
  /** Of the Stripe key, which says what mode our data are of; without one the door is closed. */
  readonly livemode: boolean | undefined;
}

/** Stripe waits longer than this for an answer, and tries again for days when there is none. */
const deadlineMs = 8_000;
/** An event carries its whole object, such as a subscription of twenty items with their prices. */
const maxBodyBytes = 1024 * 1024;

/** A webhook event as far as it is read: the object is asked of Stripe again, whatever the event says of it. */
const stripeEvent = z.object({
  id: z.string().regex(/^evt_\w{1,250}$/, 'must be the id of an event'),
  type: z.string().regex(/^[\w.]{1,255}$/, 'must be a type of event'),
  // thin events write it as text (docs.stripe.com/event-destinations)
  created: z.union([
    z
      .int()
      .min(0)
      .max(1e11)
      .transform((seconds) => new Date(seconds * 1000)),
    z.iso.datetime().transform((at) => new Date(at)),
  ]),
  livemode: z.boolean(),
  data: z
    .object({
      object: z.record(z.string(), z.unknown()).default({}),
      previous_attributes: z.record(z.string(), z.unknown()).nullish(),
    })
    .optional(),
});
type StripeEvent = z.infer<typeof stripeEvent>;

/** `POST /webhooks/stripe`: stores each event once and asks for what follows from it, in one transaction. */
export function stripeWebhooks({ database, secrets, livemode }: WebhookOptions): Hono {
  const app = new Hono();
  app.post(
    '/webhooks/stripe',
    bodyLimit({
      maxSize: maxBodyBytes,
      onError: () => {
        throw new Problem(413, 'too_large', `The body is larger than ${maxBodyBytes} bytes.`);
      },
    }),
    async (c) => {
      if (secrets === undefined) {
        const message = 'Webhooks are closed: set STRIPE_WEBHOOK_SECRET to open them.';
        throw new Problem(503, 'webhooks_closed', message);
      }
      if (livemode === undefined) {
        const message =
          'Webhooks are closed: set STRIPE_SECRET_KEY here too; it says whether live or test data are kept.';
        throw new Problem(503, 'webhooks_closed', message);
      }
      const body = new Uint8Array(await c.req.arrayBuffer());
      const problem = signatureProblem(c.req.header('stripe-signature'), body, secrets, new Date());
      if (problem !== undefined) throw new Problem(400, 'wrong_signature', signatureSentences[problem]);
      const event = parseBody(body, stripeEvent);
      if (event.livemode !== livemode) throw wrongMode(event.livemode);

      const stored = await withDeadline(deadlineMs, (signal) =>
        database.transaction(async (tx) => {
          signal.throwIfAborted();
          const first = await take(tx, event);
          signal.throwIfAborted();
          return first;
        }),
      );
      return c.json({ received: true, duplicate: !stored });
    },
  );
  return app;
}

const signatureSentences = {
  malformed: 'There is no Stripe-Signature header of the form t=…,v1=….',
  wrong: 'The signature fits none of the secrets in STRIPE_WEBHOOK_SECRET.',
  stale: 'The signature is older than five minutes: a replay, or a wrong clock.',
  future: 'The signature is from the future: one of the clocks is wrong.',
};

/** Refused, not ignored: Stripe's dashboard then shows that an endpoint and a key do not belong together. */
function wrongMode(live: boolean): Problem {
  const [event, key] = live ? ['a live', 'a test'] : ['a test', 'a live'];
  return new Problem(400, 'wrong_mode', `This is ${event} event, and STRIPE_SECRET_KEY is ${key} key.`);
}

/** True when the event is new. */
async function take(tx: Statements, event: StripeEvent): Promise<boolean> {
  const customerId = customerOf(event);
  const hints = Object.hasOwn(eventTypes, event.type) ? eventTypes[event.type] : undefined;
  const ignored =
    hints === undefined
      ? 'nothing follows from events of this type'
      : customerId === null
        ? 'it names no customer'
        : null;
  const { id, type, livemode, created: createdAt } = event;
  const objectId = idOf(event.data?.object['id']);
  const stored = await tx.storeEvent({ id, type, objectId, customerId, livemode, createdAt, ignored });
  if (stored.length === 0) return false;
  if (ignored !== null) return true;

  await tx.nameSource({ source: 'stripe' });
  const jobId = await enqueue(tx, 'sync-customer', { customerId });
  for (const hint of hints ?? []) await enqueue(tx, hint.kind, hint.payload);
  await tx.noteJobOfEvent({ id, jobId });
  return true;
}

async function enqueue(tx: Statements, kind: string, payload: object): Promise<number> {
  const [row] = await tx.enqueue({ kind, payload, key: null, runAt: null, teamId: null, priority: 0 });
  if (!row) throw new Error('evenfall.enqueue returned no row');
  return row.id;
}

/**
 * The customer an event is about: the object itself, or whom the object belongs to; of a payment method that
 * was detached, whom it belonged to before.
 */
function customerOf({ data }: StripeEvent): string | null {
  const object = data?.object ?? {};
  const reference =
    object['object'] === 'customer'
      ? object['id']
      : (object['customer'] ?? data?.previous_attributes?.['customer']);
  const id = idOf(
    typeof reference === 'object' && reference !== null && 'id' in reference ? reference.id : reference,
  );
  return id !== null && /^cus_[A-Za-z0-9]+$/.test(id) ? id : null;
}

/** Ids only: nothing else of the object may reach the database (P7). */
function idOf(value: unknown): string | null {
  return typeof value === 'string' && /^\w{1,255}$/.test(value) ? value : null;
}
