import { beforeEach, describe, expect, test } from 'vitest';
import { readMailEvents } from '../../src/web/mail-events.ts';
import { createTestDatabase } from '../support/database.ts';
import { testHash, testSecretKey } from '../support/machine.ts';
import { everythingKept } from '../support/mailing.ts';
import { basic, openWeb, refusal } from './web.ts';

const { url, sql } = await createTestDatabase();
const [secret, nextSecret] = ['the:secret-of-today', 'the-secret-of-tomorrow'];
const config = { MAIL_WEBHOOK_SECRET: [secret, nextSecret], SECRET_KEY: testSecretKey };
const web = await openWeb(url, { config });

beforeEach(async () => {
  await sql`truncate evenfall.suppressed_recipient, evenfall.notice, evenfall.history, evenfall.effect`;
  web.lines.length = 0;
});

const jane = 'jane@people.example';
const id = '<0123456789012345678901234567890123456789@acme.example>';

interface Sent {
  authorization?: string;
  type?: string;
}

function post(
  body: unknown,
  { authorization = `Basic ${btoa(`evenfall:${secret}`)}`, type }: Sent = {},
  to = web,
) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const headers = { authorization, 'content-type': type ?? 'application/json' };
  return to.get('/webhooks/mail', { method: 'POST', body: text, headers });
}

const suppressed = () => sql`select recipient_hash, why from evenfall.suppressed_recipient order by why`;
const hard = { type: 'bounce', permanent: true, recipient: jane };

describe('who may tell', () => {
  test.for([
    ['the secret as a password', basic({ name: 'postmark', password: secret })],
    ['without a user', basic({ name: '', password: secret })],
    ['the next one, while it is rotated', basic({ name: 'x', password: nextSecret })],
    ['a bearer token', `Bearer ${secret}`],
  ] as const)('%s', async ([, authorization]) => {
    const response = await post(hard, { authorization });
    expect([response.status, await response.json()]).toEqual([200, { received: true, taken: 1, ignored: 0 }]);
    expect(await suppressed()).toHaveLength(1);
  });

  test.for([
    ['nothing', ''],
    ['a wrong password', basic({ name: 'evenfall', password: 'guessed, and long enough' })],
    ['the secret as the user', basic({ name: nextSecret, password: '' })],
    ['a part of it', basic({ name: 'x', password: secret.slice(0, -1) })],
    ['no password', basic({ name: 'x', password: '' })],
    ['what is no base64', 'Basic %%%'],
    ['another scheme', `Digest ${secret}`],
  ] as const)('%s: 401 with the challenge that makes SNS send its password', async ([, authorization]) => {
    const response = await post(hard, { authorization });
    expect(response.headers.get('www-authenticate')).toMatch(/^Basic realm=/);
    const { message, ...refused } = await refusal(response);
    expect(refused).toEqual({ status: 401, code: 'unauthorized' });
    expect(message).toContain('MAIL_WEBHOOK_SECRET');
    expect(await suppressed()).toEqual([]);
  });

  test('nobody, while a variable is missing: closed, and it says which', async () => {
    const noSecret = await openWeb(url, { config: { SECRET_KEY: testSecretKey } });
    expect(await refusal(await post(hard, {}, noSecret))).toMatchObject({
      status: 503,
      code: 'webhooks_closed',
      message: 'Webhooks for mail are closed: set MAIL_WEBHOOK_SECRET to open them.',
    });
    const noKey = await openWeb(url, { config: { MAIL_WEBHOOK_SECRET: [secret] } });
    expect(await refusal(await post(hard, {}, noKey))).toMatchObject({
      status: 503,
      code: 'webhooks_closed',
      message: expect.stringContaining('SECRET_KEY'),
    });
    expect(await suppressed()).toEqual([]);
  });
});

describe('the body', () => {
  test('of a batch, larger than what the API takes', async () => {
    const delivered = { event: 'delivered', email: jane, response: 'x'.repeat(700) };
    const batch = [...Array.from({ length: 1_000 }, () => delivered), { event: 'spamreport', email: jane }];
    const response = await post(batch);
    expect(await response.json()).toEqual({ received: true, taken: 1, ignored: 1_000 });
  });

  test('too large: 413, and without the secret it is not even read', async () => {
    const large = JSON.stringify({ RecordType: 'Bounce', Content: 'x'.repeat(2 * 1024 * 1024) });
    // connections of their own: what was not read closes them
    const [known, stranger] = [await openWeb(url, { config }), await openWeb(url, { config })];
    expect(await refusal(await post(large, {}, known))).toMatchObject({ status: 413, code: 'too_large' });
    expect(await refusal(await post(large, { authorization: '' }, stranger))).toMatchObject({ status: 401 });
  });

  test.for([
    ['no JSON', '{"type":', 400, 'malformed_json', undefined],
    ['a text', '"bounce"', 422, 'wrong_request', 'body'],
    ['an unknown form', { bounced: jane }, 422, 'wrong_request', 'body'],
    ['an unknown form in a list', [hard, { bounced: jane }], 422, 'wrong_request', '1'],
    ['another type', { ...hard, type: 'opened' }, 422, 'wrong_request', 'type'],
    ['nothing to know the mail by', { type: 'bounce', permanent: true }, 422, 'wrong_request', 'body'],
    ['for good or not', { type: 'bounce', recipient: jane }, 422, 'wrong_request', 'permanent'],
    ['an unknown field', { ...hard, [jane]: 1 }, 422, 'wrong_request', 'body'],
    ['a wrong field in a list', [{ ...hard, recipient: 7 }], 422, 'wrong_request', '0.recipient'],
  ] as const)(
    '[P7] %s: said what is wrong, never of whom, and nothing is taken',
    async ([, body, ...what]) => {
      const { message, ...refused } = await refusal(await post(body));
      const [status, code, field] = what;
      expect(refused).toEqual({ status, code, ...(field === undefined ? {} : { field }) });
      expect(`${message}${JSON.stringify(web.lines)}`).not.toContain('people.example');
      expect(await suppressed()).toEqual([]);
    },
  );

  test('an empty list, as providers send to try the door: 200', async () => {
    expect(await (await post([])).json()).toEqual({ received: true, taken: 0, ignored: 0 });
  });
});

/** As SNS wraps what SES says. */
function sns(message: unknown, more: object = {}) {
  return {
    Type: 'Notification',
    MessageId: '22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324',
    TopicArn: 'arn:aws:sns:eu-west-1:123456789012:evenfall-bounces',
    Message: typeof message === 'string' ? message : JSON.stringify(message),
    Timestamp: '2026-11-22T09:00:00.000Z',
    SignatureVersion: '1',
    ...more,
  };
}

const sesMail = {
  timestamp: '2026-11-22T08:59:38.237Z',
  source: 'billing@acme.example',
  // SES' own, under which it has sent the mail
  messageId: '0102019a00000000-7f3c3a10-0000-4000-8000-000000000000-000000',
  destination: [jane],
};
const headers = [
  { name: 'From', value: 'billing@acme.example' },
  { name: 'Message-ID', value: id },
];
const sesBounce = (bounce: object, mail: object = {}) => ({
  notificationType: 'Bounce',
  bounce: {
    bounceSubType: 'General',
    bouncedRecipients: [{ emailAddress: jane, action: 'failed', status: '5.1.1' }],
    ...bounce,
  },
  mail: { ...sesMail, ...mail },
});
const sesComplaint = (complaint: object, mail: object = {}) => ({
  eventType: 'Complaint',
  complaint: { complainedRecipients: [{ emailAddress: jane }], ...complaint },
  mail: { ...sesMail, ...mail },
});

const postmark = (more: object) => ({
  RecordType: 'Bounce',
  MessageStream: 'outbound',
  ID: 4_323_372_036,
  TypeCode: 1,
  MessageID: '00000000-0000-0000-0000-000000000000',
  Email: jane,
  From: 'billing@acme.example',
  BouncedAt: '2026-11-22T09:00:00Z',
  Inactive: false,
  Subject: 'Your team will be deleted',
  ...more,
});

const mailgun = (data: object) => ({
  signature: { token: 'token', timestamp: '1795337600', signature: 'not looked at' },
  'event-data': {
    id: 'CPgfbmQMTCKtHW6uIWtuVe',
    'log-level': 'error',
    recipient: jane,
    message: { headers: { to: jane, 'message-id': id.slice(1, -1), from: 'billing@acme.example' } },
    ...data,
  },
});

const sendgrid = (more: object) => [
  { email: jane, timestamp: 1_795_337_600, 'smtp-id': id, sg_event_id: 'e', sg_message_id: 'm', ...more },
];

const none = [] as const;
const bounce = (messageId: string | null) => [{ why: 'bounce', messageId }] as const;
const complaint = (messageId: string | null) => [{ why: 'complaint', messageId }] as const;

describe('what a provider says', () => {
  test.for([
    ['ours: a bounce', hard, bounce(null)],
    ['ours: a soft bounce', { ...hard, permanent: false }, none],
    ['ours: a complaint', { type: 'complaint', recipient: jane, messageId: id }, complaint(id)],
    ['ours: a Message-ID without its brackets', { ...hard, messageId: id.slice(1, -1) }, bounce(id)],
    ['ours: an address with a name around it', { ...hard, recipient: `Jane <${jane}>` }, bounce(null)],
    ['ours: as a report writes it', { ...hard, recipient: `rfc822; ${jane}` }, bounce(null)],
    ['ours: written in capitals', { ...hard, recipient: ` ${jane.toUpperCase()} ` }, bounce(null)],

    ['Postmark: a hard bounce', postmark({ Type: 'HardBounce', Inactive: true }), bounce(null)],
    ['Postmark: an address that is none', postmark({ Type: 'BadEmailAddress' }), bounce(null)],
    ['Postmark: set inactive, for whatever', postmark({ Type: 'Blocked', Inactive: true }), bounce(null)],
    ['Postmark: a soft bounce', postmark({ Type: 'SoftBounce', TypeCode: 4096 }), none],
    ['Postmark: an automatic answer', postmark({ Type: 'AutoResponder', TypeCode: 64 }), none],
    ['Postmark: a delivery', postmark({ RecordType: 'Delivery', Type: undefined, Recipient: jane }), none],
    [
      'Postmark: a complaint',
      postmark({ RecordType: 'SpamComplaint', Type: 'SpamComplaint', Inactive: true }),
      complaint(null),
    ],
    [
      'Postmark: as its docs try it out',
      postmark({ RecordType: undefined, Type: 'HardBounce' }),
      bounce(null),
    ],
    [
      'Postmark: suppressed in a broadcast stream',
      {
        RecordType: 'SubscriptionChange',
        Recipient: jane,
        SuppressSending: true,
        SuppressionReason: 'SpamComplaint',
      },
      complaint(null),
    ],
    [
      'Postmark: unsubscribed',
      {
        RecordType: 'SubscriptionChange',
        Recipient: jane,
        SuppressSending: true,
        SuppressionReason: 'ManualSuppression',
      },
      none,
    ],
    [
      'Postmark: reactivated',
      { RecordType: 'SubscriptionChange', Recipient: jane, SuppressSending: false, SuppressionReason: null },
      none,
    ],

    ['SES: a permanent bounce', sns(sesBounce({ bounceType: 'Permanent' })), bounce(null)],
    [
      'SES: with the original headers',
      sns(sesBounce({ bounceType: 'Permanent' }, { headers, commonHeaders: { messageId: id } })),
      bounce(id),
    ],
    ['SES: with the headers alone', sns(sesBounce({ bounceType: 'Permanent' }, { headers })), bounce(id)],
    ['SES: a mailbox that is full', sns(sesBounce({ bounceType: 'Transient' })), none],
    ['SES: nobody knows', sns(sesBounce({ bounceType: 'Undetermined' })), none],
    ['SES: raw delivery of the message', sesBounce({ bounceType: 'Permanent' }), bounce(null)],
    ['SES: a complaint', sns(sesComplaint({ complaintFeedbackType: 'abuse' })), complaint(null)],
    ['SES: "this is no spam"', sns(sesComplaint({ complaintFeedbackType: 'not-spam' })), none],
    [
      'SES: a complaint of old, for which it was not sent at all',
      sns(sesComplaint({ complaintSubType: 'OnAccountSuppressionList' })),
      bounce(null),
    ],
    ['SES: a delivery', sns({ notificationType: 'Delivery', mail: sesMail, delivery: {} }), none],
    [
      'SES: it tries the topic',
      sns('Successfully validated SNS topic for Amazon SES event publishing.'),
      none,
    ],

    ['Mailgun: failed for good', mailgun({ event: 'failed', severity: 'permanent' }), bounce(id)],
    ['Mailgun: failed for now', mailgun({ event: 'failed', severity: 'temporary' }), none],
    ['Mailgun: a complaint', mailgun({ event: 'complained' }), complaint(id)],
    ['Mailgun: a delivery', mailgun({ event: 'delivered' }), none],

    ['SendGrid: a bounce', sendgrid({ event: 'bounce', type: 'bounce', status: '5.1.1' }), bounce(id)],
    ['SendGrid: blocked, which may pass', sendgrid({ event: 'bounce', type: 'blocked' }), none],
    ['SendGrid: not even tried', sendgrid({ event: 'dropped', reason: 'Bounced Address' }), bounce(id)],
    [
      'SendGrid: dropped for its sender',
      sendgrid({ event: 'dropped', reason: 'Invalid SMTPAPI header' }),
      none,
    ],
    ['SendGrid: a complaint', sendgrid({ event: 'spamreport' }), complaint(id)],
    ['SendGrid: deferred', sendgrid({ event: 'deferred', response: '451 later' }), none],
    ['SendGrid: of the account', [{ event: 'account_status_change', type: 'compliance_suspend' }], none],
  ] as const)('%s', async ([, body, wanted]) => {
    const parsed = JSON.parse(JSON.stringify(body)) as unknown;
    const recipientHash = testHash(jane);
    expect(readMailEvents(parsed, testHash)).toEqual({
      events: wanted.map((event) => ({ ...event, recipientHash })),
      ignored: wanted.length === 0 ? 1 : 0,
    });
    // as it comes in: SNS says that it is text
    const response = await post(body, { type: 'text/plain; charset=UTF-8' });
    expect(await response.json()).toMatchObject({ received: true, taken: wanted.length });
    expect(await suppressed()).toEqual(wanted.map(({ why }) => ({ recipientHash, why })));
  });

  test('several recipients and several events at once: each is taken', async () => {
    const bouncedRecipients = [{ emailAddress: jane }, { emailAddress: 'joe@people.example' }];
    const several = [
      sns(sesBounce({ bounceType: 'Permanent', bouncedRecipients })),
      ...sendgrid({ event: 'open' }),
    ];
    expect(await (await post(several)).json()).toEqual({ received: true, taken: 2, ignored: 1 });
    expect(await suppressed()).toHaveLength(2);
  });

  test.for([
    ['neither a mail nor an address', { event: 'bounce' }],
    ['what is no address', { event: 'bounce', email: 'jane@people.example, joe@people.example' }],
    ['what is no text', { event: 'bounce', email: { jane }, 'smtp-id': 7 }],
    ['lists that are none', sesBounce({ bounceType: 'Permanent', bouncedRecipients: 'jane' })],
    ['nothing in it', sns({})],
  ] as const)('%s: there is nothing to take', async ([, body]) => {
    expect(await (await post(body)).json()).toEqual({ received: true, taken: 0, ignored: 1 });
    expect(await suppressed()).toEqual([]);
  });
});

describe('[P8] a subscription of SNS', () => {
  const asked = {
    Token: '2336412f37',
    Message: 'You have chosen to subscribe to the topic',
    Type: 'SubscriptionConfirmation',
  };

  test('is answered, and its address is logged for a person to open; nothing is fetched', async () => {
    const SubscribeURL = 'https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336412f37';
    expect((await post(sns('', { ...asked, SubscribeURL }))).status).toBe(200);
    expect(web.lines.filter(({ level }) => level === 'warn')).toEqual([
      {
        level: 'warn',
        fields: { topic: 'arn:aws:sns:eu-west-1:123456789012:evenfall-bounces', url: SubscribeURL },
        message: 'Amazon SNS asks to post here: open the url if the topic is yours',
      },
    ]);
  });

  test.for([
    'https://sns.eu-west-1.amazonaws.com.evil.example/?Action=ConfirmSubscription',
    'http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription',
    `https://sns.eu-west-1.amazonaws.com/?to=${jane} and more`,
    undefined,
  ])('that leads elsewhere (%s) is not passed on to anybody', async (SubscribeURL) => {
    expect(await (await post(sns('', { ...asked, SubscribeURL }))).json()).toMatchObject({ ignored: 1 });
    expect(web.lines.filter(({ level }) => level === 'warn')).toEqual([]);
  });
});

test('a bounce outweighs a complaint, and the first of each counts', async () => {
  const told = async () => (await sql`select why, at from evenfall.suppressed_recipient`)[0]!;
  await post({ ...hard, type: 'complaint' });
  const complained = await told();
  expect(complained['why']).toBe('complaint');
  await post(hard);
  const bounced = await told();
  expect(bounced['why']).toBe('bounce');
  expect(bounced['at']).not.toEqual(complained['at']);
  await post(hard);
  await post({ ...hard, type: 'complaint' });
  expect(await told()).toEqual(bounced);
});

test('a mail that was never ours, by its Message-ID alone: nothing follows', async () => {
  const response = await post({ type: 'bounce', permanent: true, messageId: id });
  expect(response.status).toBe(200);
  expect(await suppressed()).toEqual([]);
});

test('[P7] of all of this no address is kept or logged', async () => {
  for (const body of [
    hard,
    sns(sesBounce({ bounceType: 'Permanent' })),
    mailgun({ event: 'complained' }),
    [jane],
  ])
    await post(body);
  expect(await suppressed()).toHaveLength(1);
  expect(`${await everythingKept(sql)}${JSON.stringify(web.lines)}`).not.toMatch(/people\.example/i);
});

test('the database is away: 503, and the provider tries again', async () => {
  const { connectDatabase } = await import('../../src/db/connect.ts');
  const gone = connectDatabase('postgres://127.0.0.1:1/none', { max: 1, name: 'test' });
  const away = await openWeb(url, { config, database: gone });
  expect(await refusal(await post(hard, {}, away))).toMatchObject({ status: 503, code: 'database_away' });
});
