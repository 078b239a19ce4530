import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AlertOptions, createAlerts } from '../../src/alerts/alerts.ts';
import type { DeadLetterAlert, FindingAlert } from '../../src/core/alert.ts';
import { Misconfigured, Retryable } from '../../src/core/errors.ts';
import { createMailTransport, type MailTransport } from '../../src/mail/transport.ts';
import { type Inbox, startInbox } from '../../src/stand-ins/inbox/index.ts';

const alert: DeadLetterAlert = {
  id: 'dead-letter-17',
  deadLetterId: 17,
  jobId: 48213,
  kind: 'cancel-subscription',
  teamId: 'team 3021',
  attempts: 6,
  at: new Date('2026-03-14T09:26:53.589Z'),
  error: {
    class: 'stripe_refused',
    message: 'Stripe refused for good to cancel the subscription.',
    type: 'invalid_request_error',
    code: 'resource_missing',
    httpStatus: 404,
    requestId: 'req_8sKq2LmZ0aVtYw',
    url: 'https://dashboard.stripe.com/test/logs/req_8sKq2LmZ0aVtYw',
  },
};

const finding: FindingAlert = {
  id: 'finding-5',
  findingId: 5,
  kind: 'stripe-veto',
  subject: 'team:3021',
  teamId: '3021',
  message: 'Stripe has the live subscription sub_1: see whose it is.',
  at: new Date('2026-03-14T09:26:53.589Z'),
};

type Line = { level: string; fields: Record<string, unknown>; message: string };
let lines: Line[] = [];
const write = (level: string) => (fields: object, message: string) =>
  void lines.push({ level, fields: { ...fields }, message });
const log = { info: write('info'), warn: write('warn'), error: write('error') };

let inbox: Inbox;
let mail: MailTransport;
let hook: Server;
let webhookUrl: string;
let posts: { headers: IncomingHttpHeaders; body: unknown }[] = [];
/** The status of each answer to come; 0 says nothing at all. Then 200. */
let answers: number[] = [];

beforeAll(async () => {
  inbox = await startInbox();
  mail = createMailTransport({
    smtpUrl: inbox.smtpUrl,
    from: 'Evenfall <hello@billing.example>',
    timeouts: { connect: 500, greeting: 500, answer: 500, send: 2_000 },
  });
  hook = createServer(async (request, response) => {
    const chunks = await request.toArray();
    posts.push({ headers: request.headers, body: JSON.parse(Buffer.concat(chunks).toString()) });
    const status = answers.shift() ?? 200;
    if (status !== 0) response.writeHead(status, { location: '/elsewhere' }).end('thank you');
  }).listen(0, '127.0.0.1');
  await once(hook, 'listening');
  webhookUrl = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hooks/s3cret?token=s3cret`;
});

afterAll(async () => {
  mail.close();
  hook.close();
  hook.closeAllConnections();
  await inbox.close();
});

beforeEach(() => {
  inbox.clear();
  inbox.faults.clear();
  lines = [];
  posts = [];
  answers = [];
});

afterEach(() => expect(JSON.stringify(lines)).not.toMatch(/s3cret|[\w.]+@[\w]+/));

const alerts = (options: Partial<AlertOptions>) =>
  createAlerts({
    log,
    postRetries: { firstDelayMs: 5 },
    publicUrl: 'https://evenfall.example/ops/',
    ...options,
  });
const byMail = () => ({ mail, alertEmail: 'oncall@billing.example' });

describe('by mail', () => {
  it('tells the facts and the commands', async () => {
    expect(await alerts(byMail()).deadLetter(alert)).toEqual(['mail']);
    const [message] = inbox.messages;
    expect(message?.envelope.to).toEqual(['oncall@billing.example']);
    expect(message?.subject).toContain('cancel-subscription');
    for (const part of [message?.text, message?.html]) {
      expect(part).toContain('npx evenfall dead replay 17');
      expect(part).toContain('req_8sKq2LmZ0aVtYw');
      expect(part).toContain('https://evenfall.example/ops/queues');
    }
  });

  it('[P2] bears the same ids each time it is told', async () => {
    const port = alerts(byMail());
    await port.deadLetter(alert);
    await port.deadLetter({ ...alert, attempts: 7 });
    await port.deadLetter({ ...alert, id: 'dead-letter-18', deadLetterId: 18 });
    const [first, second, other] = inbox.messages.map(({ headers }) =>
      headers
        .flatMap(({ name, value }) => (/^(message-id|x-evenfall-alert)$/i.test(name) ? [value] : []))
        .toSorted(),
    );
    expect(first).toEqual([expect.stringMatching(/^<[0-9a-f]{40}@billing\.example>$/), 'dead-letter-17']);
    expect(second).toEqual(first);
    expect(other).not.toContain(first?.[0]);
  });
});

describe('by post', () => {
  it('posts every fact, absent ones as null', async () => {
    expect(await alerts({ webhookUrl }).deadLetter(alert)).toEqual(['webhook']);
    expect(posts).toHaveLength(1);
    expect(posts[0]?.headers).toMatchObject({
      'content-type': 'application/json',
      'idempotency-key': 'dead-letter-17',
    });
    expect(posts[0]?.body).toEqual({
      id: 'dead-letter-17',
      type: 'dead_letter',
      deadLetterId: 17,
      jobId: 48213,
      kind: 'cancel-subscription',
      teamId: 'team 3021',
      attempts: 6,
      at: '2026-03-14T09:26:53.589Z',
      error: { ...alert.error, subject: null, param: null },
      commands: { show: 'npx evenfall dead show 17', replay: 'npx evenfall dead replay 17' },
      url: 'https://evenfall.example/ops/queues',
    });
  });

  it('has no link where the pages have no address', async () => {
    await alerts({ webhookUrl, publicUrl: undefined }).deadLetter(alert);
    expect(posts.map(({ body }) => body)).toEqual([expect.objectContaining({ url: null })]);
  });

  // 0: no answer at all, which is given up soon
  it.each([[[500, 500]], [[408, 429]], [[0, 503]]])(
    '[P2] is delivered after %j, under the same id each time',
    async (statuses) => {
      answers = statuses;
      const postRetries = { firstDelayMs: 5, ...(statuses.includes(0) ? { timeoutMs: 1_000 } : {}) };
      expect(await alerts({ webhookUrl, postRetries }).deadLetter(alert)).toEqual(['webhook']);
      expect(posts.map(({ headers }) => headers['idempotency-key'])).toEqual(Array(3).fill(alert.id));
    },
  );

  it.each([400, 401, 404, 410, 302])('does not try again after %i', async (status) => {
    answers = [status];
    await expect(alerts({ webhookUrl }).deadLetter(alert)).rejects.toBeInstanceOf(Retryable);
    expect(posts).toHaveLength(1);
    expect(lines).toMatchObject([
      { fields: { channel: 'webhook', failure: { class: 'webhook_refused', httpStatus: status } } },
    ]);
  });

  it('stops after three tries', async () => {
    answers = [500, 500, 500, 500];
    await expect(alerts({ webhookUrl }).deadLetter(alert)).rejects.toBeInstanceOf(Retryable);
    expect(posts).toHaveLength(3);
  });

  it('tries again when the network fails, and logs the host and the code alone', async () => {
    let tries = 0;
    const fetch = () => {
      tries++;
      const cause = Object.assign(new Error(`cannot reach ${webhookUrl}`), { code: 'ECONNRESET' });
      return Promise.reject(new TypeError(`fetch failed for ${webhookUrl}`, { cause }));
    };
    const failure: unknown = await alerts({ webhookUrl, fetch })
      .deadLetter(alert)
      .catch((error: unknown) => error);
    expect(tries).toBe(3);
    expect(lines).toMatchObject([
      { fields: { host: new URL(webhookUrl).host, failure: { code: 'ECONNRESET' } } },
    ]);
    expect(String(failure)).not.toContain('s3cret');
  });

  it('sends a name and password of the URL as a header', async () => {
    await alerts({ webhookUrl: webhookUrl.replace('//', '//ann:s3cret%21@') }).deadLetter(alert);
    const basic = Buffer.from('ann:s3cret!').toString('base64');
    expect(posts[0]?.headers.authorization).toBe(`Basic ${basic}`);
  });

  it('refuses a URL that is none, without quoting it', () => {
    const attempt = () => alerts({ webhookUrl: 'hooks.example/s3cret' });
    expect(attempt).toThrow(Misconfigured);
    expect(attempt).not.toThrow(/s3cret/);
  });
});

describe('by both', () => {
  it('names both', async () => {
    expect(await alerts({ ...byMail(), webhookUrl }).deadLetter(alert)).toEqual(['mail', 'webhook']);
  });

  it('[P1] one that fails does not stop the other, and the log says so', async () => {
    answers = [500, 500, 500];
    expect(await alerts({ ...byMail(), webhookUrl }).deadLetter(alert)).toEqual(['mail']);
    inbox.faults.add({ kind: 'refuse', code: 550, at: 'rcpt' });
    expect(await alerts({ ...byMail(), webhookUrl }).deadLetter(alert)).toEqual(['webhook']);
    expect(lines).toMatchObject([
      { level: 'warn', fields: { channel: 'webhook', failure: { httpStatus: 500 } } },
      { level: 'warn', fields: { channel: 'mail', failure: { class: 'mail_refused', code: '550' } } },
    ]);
  });

  it('[P1] asks to be called again when none took it', async () => {
    answers = [400];
    inbox.faults.add({ kind: 'drop-before', at: 'data' });
    await expect(alerts({ ...byMail(), webhookUrl }).deadLetter(alert)).rejects.toMatchObject({
      name: 'Retryable',
      facts: { class: 'alert_failed', subject: 'dead-letter-17' },
      message: expect.stringMatching(/mail \(.+\); webhook \(.+400\)$/),
    });
  });
});

it('[P1] is in the log at least when nobody is to be told', async () => {
  for (const options of [{}, { mail }, { alertEmail: 'oncall@billing.example' }]) {
    expect(await alerts(options).deadLetter(alert)).toEqual([]);
  }
  expect(lines).toHaveLength(3);
  expect(lines[0]).toMatchObject({
    level: 'error',
    fields: { alert: { deadLetterId: 17, kind: alert.kind } },
  });
});

it('[P7] takes an address out of a message that holds one by mistake', async () => {
  const error = { ...alert.error, message: 'no such customer: ann@customer.example' };
  await alerts({ webhookUrl }).deadLetter({ ...alert, error });
  await alerts({}).deadLetter({ ...alert, error });
  expect(posts[0]?.body).toMatchObject({ error: { message: 'no such customer: (address)' } });
});

describe('a finding', () => {
  it('[P2] is mailed with its facts and commands, under the same ids each time', async () => {
    const port = alerts(byMail());
    expect(await port.finding(finding)).toEqual(['mail']);
    await port.finding(finding);
    await port.deadLetter({ ...alert, id: 'dead-letter-5', deadLetterId: 5 });
    const [message] = inbox.messages;
    expect(message?.envelope.to).toEqual(['oncall@billing.example']);
    expect(message?.subject).toContain('stripe-veto');
    for (const part of [message?.text, message?.html]) {
      expect(part).toContain(finding.message);
      expect(part).toContain('npx evenfall findings ack 5 --why TEXT');
    }
    const ids = inbox.messages.map(({ headers }) =>
      headers.flatMap(({ name, value }) => (/^(message-id|x-evenfall-alert)$/i.test(name) ? [value] : [])),
    );
    expect(ids[0]).toContain('finding-5');
    expect(ids[1]).toEqual(ids[0]);
    expect(new Set(ids.flat()).size).toBe(4);
  });

  it('is posted with every fact, absent ones as null', async () => {
    expect(await alerts({ webhookUrl }).finding(finding)).toEqual(['webhook']);
    expect(posts[0]?.headers['idempotency-key']).toBe('finding-5');
    expect(posts[0]?.body).toEqual({
      id: 'finding-5',
      type: 'finding',
      findingId: 5,
      kind: 'stripe-veto',
      subject: 'team:3021',
      teamId: '3021',
      message: finding.message,
      at: '2026-03-14T09:26:53.589Z',
      commands: {
        acknowledge: 'npx evenfall findings ack 5 --why TEXT',
        timeline: 'npx evenfall timeline team:3021',
        fuseStatus: null,
        fuseRelease: null,
        fuseSpread: null,
      },
    });
  });

  it('of a blown fuse comes with the commands of the fuse', async () => {
    const kind = 'mark-team-for-deletion';
    const blown = { ...finding, kind: 'fuse-blown', subject: `fuse:${kind}`, teamId: null };
    await alerts({ webhookUrl }).finding(blown);
    expect(posts[0]?.body).toMatchObject({
      teamId: null,
      commands: {
        acknowledge: 'npx evenfall findings ack 5 --why TEXT',
        timeline: null,
        fuseStatus: 'npx evenfall fuse status',
        fuseRelease: `npx evenfall fuse release ${kind} --acts N --why TEXT`,
        fuseSpread: `npx evenfall fuse release ${kind} --spread --why TEXT`,
      },
    });
    const users = { ...blown, subject: 'fuse:delete-unverified-users' };
    await alerts({ webhookUrl }).finding(users);
    expect(posts[1]?.body).toMatchObject({ commands: { fuseSpread: null } });
  });

  it('has commands that a shell takes as they are, whatever a team is called', async () => {
    await alerts({ webhookUrl }).finding({ ...finding, teamId: "it's $(rm) 7" });
    expect(posts[0]?.body).toMatchObject({
      commands: { timeline: String.raw`npx evenfall timeline 'team:it'\''s $(rm) 7'` },
    });
  });

  it('[P1] goes by the other channel when one fails, and asks to be called again when all do', async () => {
    answers = [400, 400];
    const port = alerts({ ...byMail(), webhookUrl });
    expect(await port.finding(finding)).toEqual(['mail']);
    inbox.faults.add({ kind: 'refuse', code: 550, at: 'rcpt' });
    await expect(port.finding(finding)).rejects.toMatchObject({
      name: 'Retryable',
      facts: { class: 'alert_failed', subject: 'finding-5' },
    });
  });

  it('[P1] is in the log at least when nobody is to be told', async () => {
    expect(await alerts({}).finding(finding)).toEqual([]);
    expect(lines).toMatchObject([
      { level: 'error', fields: { alert: { findingId: 5, subject: 'team:3021' } } },
    ]);
  });

  it('[P7] loses an address that its message holds by mistake, in the post, the mail and the log', async () => {
    const leaking = { ...finding, message: 'nobody to write to: ann@customer.example' };
    await alerts({ ...byMail(), webhookUrl }).finding(leaking);
    await alerts({}).finding(leaking);
    expect(posts[0]?.body).toMatchObject({ message: 'nobody to write to: (address)' });
    expect(inbox.messages[0]?.text).not.toContain('ann@');
    expect(inbox.messages[0]?.html).not.toContain('ann@');
  });
});
