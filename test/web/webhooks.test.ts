import net from 'node:net';
import Stripe from 'stripe';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { connectDatabase } from '../../src/db/connect.ts';
import { eventTypes } from '../../src/web/stripe-events.ts';
import { createTestDatabase } from '../support/database.ts';
import { openWeb, refusal } from './web.ts';

const { url, sql } = await createTestDatabase();
const [secret, nextSecret] = ['whsec_of_today', 'whsec_of_tomorrow'];
const config = { STRIPE_SECRET_KEY: 'sk_test_web', STRIPE_WEBHOOK_SECRET: [secret, nextSecret] };
const web = await openWeb(url, { config });

beforeEach(async () => {
  await sql`truncate evenfall.stripe_event, evenfall.job`;
});

let events = 0;
/** An event as Stripe sends it: everything about a person is in it. */
function event(type: string, object: object, more: object = {}) {
  return {
    id: `evt_${++events}`,
    object: 'event',
    type,
    created: 1_767_225_600,
    livemode: false,
    data: { object: { email: 'pippa@example.org', ...object } },
    ...more,
  };
}
const updated = () =>
  event('customer.subscription.updated', { object: 'subscription', id: 'sub_1', customer: 'cus_1' });

/** Signed by Stripe's own library. */
function signed(payload: string, options: { secret?: string; ageSeconds?: number } = {}): string {
  const timestamp = Math.floor(Date.now() / 1000) - (options.ageSeconds ?? 0);
  return Stripe.webhooks.generateTestHeaderString({ payload, secret: options.secret ?? secret, timestamp });
}

function post(body: string, signature: string | undefined, to = web) {
  const headers: Record<string, string> = { 'content-type': 'application/json; charset=utf-8' };
  return to.get('/webhooks/stripe', {
    method: 'POST',
    body,
    headers: signature === undefined ? headers : { ...headers, 'stripe-signature': signature },
  });
}

const deliver = (sent: object, to = web) => post(JSON.stringify(sent), signed(JSON.stringify(sent)), to);
const stored = () =>
  sql`select id, type, object_id, customer_id, job_id, ignored from evenfall.stripe_event order by id`;
const jobs = () => sql`select id, kind, payload, key, source from evenfall.job order by id`;

describe('the signature', () => {
  test('is of the raw body: the same event written otherwise is not the same', async () => {
    const body = JSON.stringify(updated(), null, 2);
    expect((await post(body, signed(body))).status).toBe(200);
    expect(await refusal(await post(JSON.stringify(JSON.parse(body)), signed(body)))).toMatchObject({
      status: 400,
      code: 'wrong_signature',
    });
  });

  test('may be of either secret while one is rotated, and of both', async () => {
    for (const of of [secret, nextSecret]) {
      const body = JSON.stringify(updated());
      expect((await post(body, signed(body, { secret: of }))).status).toBe(200);
    }
    const body = JSON.stringify(updated());
    const unknown = signed(body, { secret: 'whsec_unknown' });
    const both = `${unknown},${signed(body)
      .split(',')
      .find((part) => part.startsWith('v1='))}`;
    expect((await post(body, both)).status).toBe(200);
    expect(await refusal(await post(body, unknown))).toMatchObject({ status: 400, code: 'wrong_signature' });
  });

  test.for([
    [301, 'older than five minutes'],
    [-310, 'from the future'],
  ] as const)('of %i seconds ago is refused', async ([ageSeconds, sentence]) => {
    const body = JSON.stringify(updated());
    expect(await refusal(await post(body, signed(body, { ageSeconds })))).toMatchObject({
      status: 400,
      code: 'wrong_signature',
      message: expect.stringContaining(sentence),
    });
    expect(await stored()).toHaveLength(0);
  });

  test.for([290, -290])('of %i seconds ago is taken: clocks differ', async (ageSeconds) => {
    const body = JSON.stringify(updated());
    expect((await post(body, signed(body, { ageSeconds }))).status).toBe(200);
  });

  test.for([undefined, '', 't=,v1=', 't=1', 'v1=00', 't=soon,v1=00', 't=1767225600,v0=00'])(
    'that is none (%j) is refused',
    async (header) => {
      expect(await refusal(await post(JSON.stringify(updated()), header))).toMatchObject({
        status: 400,
        code: 'wrong_signature',
        message: expect.stringContaining('t=…,v1=…'),
      });
    },
  );

  test('does not fit a body that was tampered with', async () => {
    const body = JSON.stringify(updated());
    const tampered = body.replace('cus_1', 'cus_2');
    expect((await post(tampered, signed(body))).status).toBe(400);
    expect([...(await stored()), ...(await jobs())]).toEqual([]);
  });
});

describe('an event', () => {
  test('[P1] [P7] is stored once with the job that follows, and nothing of the person', async () => {
    const sent = updated();
    const response = await deliver(sent);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ received: true, duplicate: false });
    const [job] = await jobs();
    expect(job).toMatchObject({ kind: 'sync-customer', payload: { customerId: 'cus_1' }, source: 'stripe' });
    expect(await stored()).toEqual([
      {
        id: sent.id,
        type: sent.type,
        objectId: 'sub_1',
        customerId: 'cus_1',
        jobId: job!['id'],
        ignored: null,
      },
    ]);
    const rows = await sql`
      select to_jsonb(e)::text as text from evenfall.stripe_event e union all
      select to_jsonb(j)::text from evenfall.job j`;
    for (const { text } of rows) expect(text).not.toMatch(/@|pippa/);
  });

  test('that comes again, one after the other and at once, is 200 and changes nothing', async () => {
    const sent = updated();
    await deliver(sent);
    await sql`update evenfall.job set state = 'done', finished_at = clock_timestamp(), due = false`;
    const again = await Promise.all(Array.from({ length: 5 }, () => deliver(sent)));
    expect(again.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(await again[0]!.json()).toEqual({ received: true, duplicate: true });
    expect(await stored()).toHaveLength(1);
    expect(await jobs()).toHaveLength(1);
  });

  test('of a customer whose events are waiting already asks for nothing more', async () => {
    await Promise.all(Array.from({ length: 10 }, () => deliver(updated())));
    expect(await stored()).toHaveLength(10);
    expect(await jobs()).toHaveLength(1);
  });

  test('of an unknown type is 200, stored and ignored, with the reason', async () => {
    const response = await deliver(
      event('invoice.paid', { object: 'invoice', id: 'in_1', customer: 'cus_1' }),
    );
    expect(response.status).toBe(200);
    expect(await stored()).toMatchObject([
      { customerId: 'cus_1', ignored: expect.stringContaining('this type') },
    ]);
    expect(await jobs()).toHaveLength(0);
  });

  test('that names no customer is 200 and ignored', async () => {
    await deliver(event('payment_method.updated', { object: 'payment_method', id: 'pm_1', customer: null }));
    await deliver(event('customer.updated', { object: 'customer', id: 'ann@example.org' }));
    expect(await stored()).toMatchObject([
      { customerId: null, ignored: 'it names no customer' },
      { customerId: null, objectId: null, ignored: 'it names no customer' },
    ]);
  });

  test('that is thin, without its object, is stored and ignored', async () => {
    const thin = event('v1.customer.updated', {}, { created: '2026-01-01T00:00:00.000Z', data: undefined });
    expect((await deliver(thin)).status).toBe(200);
    expect(await stored()).toMatchObject([{ type: 'v1.customer.updated', ignored: expect.any(String) }]);
  });

  test.for(Object.keys(eventTypes))(
    '%s has its customer read anew, wherever the customer stands in it',
    async (type) => {
      const sent = type.startsWith('customer.subscription.')
        ? event(type, { object: 'subscription', id: 'sub_1', customer: { id: 'cus_1', object: 'customer' } })
        : type.startsWith('customer.')
          ? event(type, { object: 'customer', id: 'cus_1' })
          : event(type, { object: 'payment_method', id: 'pm_1', customer: 'cus_1' });
      expect((await deliver(sent)).status).toBe(200);
      expect(await jobs()).toEqual(
        expect.arrayContaining([expect.objectContaining({ key: 'customerId=cus_1' })]),
      );
    },
  );

  test('of a card that was detached names its customer by what it was before', async () => {
    const sent = event('payment_method.detached', { object: 'payment_method', id: 'pm_1', customer: null });
    await deliver({ ...sent, data: { ...sent.data, previous_attributes: { customer: 'cus_1' } } });
    expect(await jobs()).toMatchObject([{ payload: { customerId: 'cus_1' } }]);
  });

  test('larger than what the API takes is taken, and one beyond all measure is not', async () => {
    const large = updated();
    Object.assign(large.data.object, { metadata: { note: 'x'.repeat(200_000) } });
    expect((await deliver(large)).status).toBe(200);
    Object.assign(large.data.object, { metadata: { note: 'x'.repeat(1_200_000) } });
    expect((await deliver(large)).status).toBe(413);
  });

  test.for([
    ['not JSON', '{'],
    ['no event', '{"id":"sub_1","type":"x","created":1,"livemode":false}'],
    ['no id', '{"type":"x","created":1,"livemode":false}'],
  ] as const)('that is %s is refused, though it is signed', async ([, body]) => {
    expect((await post(body, signed(body))).status).toBeGreaterThanOrEqual(400);
    expect(await stored()).toHaveLength(0);
  });

  test('of the other mode is refused and not stored', async () => {
    expect(await refusal(await deliver({ ...updated(), livemode: true }))).toMatchObject({
      status: 400,
      code: 'wrong_mode',
      message: 'This is a live event, and STRIPE_SECRET_KEY is a test key.',
    });
    expect(await stored()).toHaveLength(0);
  });
});

describe('[P1] the answer', () => {
  test('comes after the commit: while the transaction waits there is none, and a rollback leaves nothing', async () => {
    const sent = updated();
    await deliver(updated());
    // the job's live row is held: evenfall.enqueue waits for it
    const answer = await sql.begin(async (tx) => {
      await tx`select from evenfall.job for update`;
      const delivered = deliver(sent);
      const waits =
        "select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
      await expect
        .poll(async () => (await sql.unsafe(waits))[0]!['n'], { timeout: 3_000, interval: 20 })
        .toBe(1);
      expect(await sql`select from evenfall.stripe_event where id = ${sent.id}`).toHaveLength(0);
      // longer than enqueue waits for a lock
      return await delivered;
    });
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).not.toBeNull();
    expect(await sql`select from evenfall.stripe_event where id = ${sent.id}`).toHaveLength(0);
    expect((await deliver(sent)).status).toBe(200);
  });

  test('is 503 while Postgres is away, so that Stripe tries again, and 200 when it is back', async () => {
    const target = new URL(url);
    let open = false;
    const sockets = new Set<net.Socket>();
    const proxy = net.createServer((socket) => {
      if (!open) {
        socket.destroy();
        return;
      }
      const onward = net.connect(Number(target.port), target.hostname);
      for (const end of [socket, onward]) sockets.add(end.on('error', () => {}));
      socket.pipe(onward).pipe(socket);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const through = new URL(url);
    through.hostname = '127.0.0.1';
    through.port = String((proxy.address() as net.AddressInfo).port);
    const database = connectDatabase(through.href, { max: 2, name: 'test proxied' });
    afterAll(async () => {
      for (const socket of sockets) socket.destroy();
      await database.close();
      proxy.close();
    });
    const proxied = await openWeb(url, { config, database });

    const sent = updated();
    expect(await refusal(await deliver(sent, proxied))).toMatchObject({ status: 503, code: 'database_away' });
    open = true;
    await expect.poll(async () => (await deliver(sent, proxied)).status, { timeout: 10_000 }).toBe(200);
    expect(await stored()).toMatchObject([{ id: sent.id }]);
  });
});

describe('without its settings', () => {
  test('the door is closed and says which variable opens it', async () => {
    const noSecret = await openWeb(url, { config: { STRIPE_SECRET_KEY: 'sk_test_web' } });
    expect(await refusal(await deliver(updated(), noSecret))).toMatchObject({
      status: 503,
      code: 'webhooks_closed',
      message: 'Webhooks are closed: set STRIPE_WEBHOOK_SECRET to open them.',
    });
    const noKey = await openWeb(url, { config: { STRIPE_WEBHOOK_SECRET: [secret] } });
    expect(await refusal(await deliver(updated(), noKey))).toMatchObject({
      status: 503,
      code: 'webhooks_closed',
      message: expect.stringContaining('STRIPE_SECRET_KEY'),
    });
  });
});
