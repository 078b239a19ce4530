import Stripe from 'stripe';
import type { Person } from './cast.ts';
import { apiToken, webhookSecret } from './stage.ts';
import type { Stage } from './stage.ts';

/** Everybody who can write to us does, with a person's name and address wherever there is room for one. */
export async function tryDoors(stage: Stage, url: string, person: Person): Promise<void> {
  await stripeTells(url, person);
  await apiIsMisused(url, person);
  await boardIsOpen(stage, url, person);
  await keepLinksArePressed(stage, url);
  for (const headers of [{ authorization: `Bearer ${apiToken}` }, {}] as const) {
    stage.seen.push({ where: '/metrics', text: await (await fetch(`${url}/metrics`, { headers })).text() });
  }
}

/** Events with the whole object, as Stripe sends them; and some that are none. */
async function stripeTells(url: string, { mark, name, email, customerId }: Person): Promise<void> {
  const details = { name, email, phone: null, address: { line1: `${mark} street 1` } };
  const objects: [type: string, object: object][] = [
    ['customer.updated', { object: 'customer', id: customerId, ...details, metadata: { known_as: name } }],
    [
      'customer.subscription.updated',
      { object: 'subscription', id: 'sub_1', customer: { id: customerId, ...details } },
    ],
    [
      'payment_method.attached',
      { object: 'payment_method', id: 'pm_1', customer: customerId, billing_details: details },
    ],
    [
      'invoice.paid',
      { object: 'invoice', id: email, customer: customerId, customer_email: email, customer_name: name },
    ],
    ['customer.updated', { object: 'customer', id: `cus_${email}`, ...details }],
    ['customer.discount.created', { object: 'discount', id: name, customer: email }],
  ];
  for (const [n, [type, object]] of objects.entries()) {
    const previous = { email: `old.${email}`, name };
    await post(url, { id: `evt_proof${n}`, type, data: { object, previous_attributes: previous } });
  }
  await post(url, { id: `evt_${email}`, type: 'customer.updated', data: { object: details } });
  await post(url, { id: 'evt_other', type: `customer.${email}`, data: { object: details } });
  await post(url, { id: 'evt_forged', type: 'customer.updated', data: { object: details } }, 'whsec_another');
}

async function post(url: string, event: object, secret = webhookSecret): Promise<void> {
  const payload = JSON.stringify({ object: 'event', created: 1_767_225_600, livemode: false, ...event });
  const signature = Stripe.webhooks.generateTestHeaderString({ payload, secret });
  const headers = { 'content-type': 'application/json', 'stripe-signature': signature };
  await fetch(`${url}/webhooks/stripe`, { method: 'POST', body: payload, headers });
}

/** What the app may get wrong, an address in the place of everything. */
async function apiIsMisused(url: string, { name, email, userId }: Person): Promise<void> {
  const right = { payload: { userId } };
  const bodies: unknown[] = [
    { payload: { userId: email } },
    { payload: { userId: name } },
    { payload: { userId, [email]: name } },
    { payload: { userId, email, name } },
    { payload: email },
    { ...right, key: email },
    { ...right, teamId: email },
    { ...right, runAt: email },
    { ...right, priority: name },
    { ...right, [email]: name },
    [email, name],
    `{"payload": "${email}`,
  ];
  const send = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${url}${path}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${apiToken}`,
        'content-type': 'application/json',
        'user-agent': email,
        ...headers,
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  for (const body of bodies) await send('/v1/jobs/deactivate-account', body);
  // a whole one, by a key that names whom it is for
  await send(
    '/v1/jobs/erase-person',
    { payload: { userId: '987654' } },
    { 'idempotency-key': `erase ${name} <${email}>` },
  );
  await send(`/v1/jobs/${encodeURIComponent(email)}`, right);
  await send(`/v1/jobs/deactivate-account?for=${encodeURIComponent(email)}`, '{');
  await send('/v1/jobs/deactivate-account', right, { authorization: `Bearer ${email}` });
  await send('/v1/jobs/deactivate-account', right, { 'content-type': email });
  await send('/v1/jobs/deactivate-account/cancel', { key: email });
  const headers = { authorization: `Bearer ${apiToken}`, referer: `https://acme.example/${email}` };
  for (const path of [`/v1/jobs/${email}`, `/keep/${email}`, `/${email}`, `/metrics?name=${email}`]) {
    await fetch(`${url}${path}`, { headers });
  }
}

/** The links of the notices that went out: looked at, then pressed. */
async function keepLinksArePressed({ inbox, seen }: Stage, url: string): Promise<void> {
  for (const { text } of inbox.messages) {
    const path = /https:\/\/evenfall\.acme\.example(\/keep\/\S+)/.exec(text)?.[1];
    if (path === undefined) continue;
    for (const method of ['GET', 'POST']) {
      const origin = { origin: url, 'sec-fetch-site': 'same-origin' };
      const page = await fetch(`${url}${path}`, { method, headers: origin });
      if (method === 'POST') seen.push({ where: '/keep after it was pressed', text: String(page.status) });
    }
  }
}

/** Bull Board, with all its pages of jobs; and log-ins and retries that are none. */
async function boardIsOpen({ sql, seen }: Stage, url: string, { email }: Person): Promise<void> {
  const basic = (name: string, password: string) =>
    `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
  const viewer = { authorization: basic('vera', 'sees-all') };
  const operator = { authorization: basic('otto', 'turns-knobs'), 'sec-fetch-site': 'same-origin' };
  const paths = ['/queues'];
  for (const queue of ['stripe', 'lifecycle', 'mail', 'schedules', 'dead-letter']) {
    for (const status of ['latest', 'completed', 'failed', 'delayed', 'active']) {
      paths.push(`/queues/api/queues?activeQueue=${queue}&status=${status}&page=1&jobsPerPage=100`);
    }
  }
  const jobs = await sql`select id, dispatch_no, queue from evenfall.job where dispatch_no is not null`;
  for (const { id, dispatchNo, queue } of jobs) {
    paths.push(
      `/queues/api/queues/${queue}/j${id}-${dispatchNo}`,
      `/queues/api/queues/${queue}/j${id}-${dispatchNo}/logs`,
    );
  }
  for (const path of paths) {
    seen.push({ where: path, text: await (await fetch(`${url}${path}`, { headers: viewer })).text() });
  }
  await fetch(`${url}/queues`, { headers: { authorization: basic(email, email) } });
  for (const headers of [viewer, operator]) {
    for (const path of [
      `mail/${email}/retry`,
      `${email}/j1-1/retry`,
      `${email}/pause`,
      `mail/j1-${email}/retry`,
    ]) {
      await fetch(`${url}/queues/api/queues/${path}`, { method: 'PUT', headers });
    }
  }
}
