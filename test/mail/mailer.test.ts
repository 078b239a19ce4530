import { afterAll, beforeEach, expect, it } from 'vitest';
import { mail as expiringCard } from '../../emails/expiring-card.tsx';
import { mail as trialEnding } from '../../emails/trial-ending.tsx';
import { Retryable, Terminal } from '../../src/core/errors.ts';
import { createMailer } from '../../src/mail/mailer.ts';
import { messageId } from '../../src/mail/message-id.ts';
import { senderName } from '../../src/mail/sender.ts';
import { createMailTransport } from '../../src/mail/transport.ts';
import { startInbox } from '../../src/stand-ins/inbox/index.ts';

const inbox = await startInbox();
const transport = createMailTransport({
  smtpUrl: inbox.smtpUrl,
  from: 'Acme Boards <billing@acme.example>',
  timeouts: { answer: 500, send: 2_000 },
});
afterAll(async () => {
  transport.close();
  await inbox.close();
});
beforeEach(() => {
  inbox.clear();
  inbox.faults.clear();
});

const app = { name: 'Acme Boards', url: 'https://app.acme.example/billing' };
const mailer = createMailer({ transport, app });
const envelope = { to: 'olive@harbour.example', key: 'mail:trial-ending:subscription:sub_1:o1' };
const { app: _, ...trial } = trialEnding.previewProps;
const { app: __, ...card } = expiringCard.previewProps;

const failureOf = (sending: Promise<unknown>) =>
  sending.then(
    () => expect.unreachable('it was sent'),
    (error: unknown) => error,
  );

it('renders a mail by its name and sends it in the name of the app', async () => {
  await mailer.send('trial-ending', trial, envelope);
  await mailer.send('expiring-card', card, { ...envelope, key: 'other' });
  expect(inbox.messages).toMatchObject([
    { subject: 'Your Acme Boards trial ends on 29 March', from: 'Acme Boards <billing@acme.example>' },
    { subject: 'Your card for Acme Boards expires at the end of February 2028' },
  ]);
  for (const { html, text } of inbox.messages) {
    expect(html).toContain(`href="${app.url}"`);
    expect(text).toContain(app.url);
  }
});

it('gives what proves it, without the address, under the same Message-ID for the same key', async () => {
  const evidence = await mailer.send('trial-ending', trial, envelope);
  expect(evidence).toEqual({
    messageId: messageId(envelope.key, 'acme.example'),
    response: expect.stringMatching(/^250/),
  });
  expect(JSON.stringify(evidence)).not.toContain('harbour');
  expect(await mailer.send('trial-ending', trial, envelope)).toMatchObject({
    messageId: evidence['messageId'],
  });
  const other = await mailer.send('trial-ending', trial, { ...envelope, key: 'other' });
  expect(other['messageId']).not.toBe(evidence['messageId']);
  const sent = inbox.messages.map(({ headers }) => headers.find(({ name }) => name === 'Message-ID')?.value);
  expect(sent).toEqual([evidence['messageId'], evidence['messageId'], other['messageId']]);
});

it('without a link where the app has no page', async () => {
  await createMailer({ transport, app: { name: 'Acme Boards' } }).send('trial-ending', trial, envelope);
  expect(inbox.messages[0]!.html).not.toContain('<a ');
  expect(inbox.messages[0]!.text).toContain('in your account settings, or by answering this mail');
});

it('passes on what the transport makes of a failure', async () => {
  inbox.faults.add({ kind: 'refuse', code: 550, at: 'rcpt' });
  expect(await failureOf(mailer.send('trial-ending', trial, envelope))).toMatchObject({
    facts: { class: 'mail_refused' },
  });
  inbox.faults.add({ kind: 'refuse', code: 451, at: 'data' });
  expect(await failureOf(mailer.send('trial-ending', trial, envelope))).toMatchObject({
    outcomeUnknown: false,
  });
  inbox.faults.add({ kind: 'drop-after-accept' });
  expect(await failureOf(mailer.send('trial-ending', trial, envelope))).toMatchObject({
    outcomeUnknown: true,
  });
});

it('says that no mail server is configured', async () => {
  const failure = await failureOf(createMailer({ app }).send('trial-ending', trial, envelope));
  expect(failure).toBeInstanceOf(Terminal);
  expect(failure).toMatchObject({ facts: { class: 'mail_not_configured' } });
});

it('a mail that nobody was accepted for is refused', async () => {
  const nobody = { ...transport, send: () => Promise.resolve({ accepted: false, response: '250 OK' }) };
  const failure = await failureOf(
    createMailer({ transport: nobody, app }).send('trial-ending', trial, envelope),
  );
  expect(failure).toMatchObject({ name: 'Terminal', facts: { class: 'mail_refused' } });
});

it('a template that fails leaves no doubt that nothing was sent', async () => {
  const odd = { ...trial, endsAt: new Date(Number.NaN) };
  const failure = await failureOf(mailer.send('trial-ending', odd, envelope));
  expect(failure).toBeInstanceOf(Retryable);
  expect(failure).toMatchObject({
    outcomeUnknown: false,
    facts: { class: 'mail_not_rendered', code: 'trial-ending' },
  });
  expect(inbox.messages).toEqual([]);
});

it.for([
  ['Acme Boards <billing@acme.example>', 'Acme Boards'],
  ['"Acme, Boards" <billing@acme.example>', 'Acme, Boards'],
  ['billing@acme.example', 'acme.example'],
  ['<billing@acme.example>', 'acme.example'],
  ['', ''],
])('customers know the sender %j as %j', ([from, name]) => {
  expect(senderName(from!)).toBe(name);
});
