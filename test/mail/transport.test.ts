import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Misconfigured } from '../../src/core/errors.ts';
import { createMailTransport, type MailTransport } from '../../src/mail/transport.ts';
import { type Inbox, startInbox } from '../../src/stand-ins/inbox/index.ts';

const outgoing = {
  to: 'ann@customer.example',
  subject: 'Grüße',
  html: '<p>Hello</p>',
  text: 'Hello',
  messageId: '<0123456789@billing.example>',
  headers: { 'X-Evenfall-Alert': 'dead-letter-1' },
};
const from = 'Evenfall <hello@billing.example>';
const timeouts = { connect: 500, greeting: 500, answer: 500, send: 2_000 };

const lines: string[] = [];
const write = (...parts: unknown[]) => void lines.push(JSON.stringify(parts));
const log = { info: write, warn: write, error: write };

let transport: MailTransport;
afterEach(() => transport.close());

const failureOf = (sending: Promise<unknown>) =>
  sending.then(
    () => expect.unreachable('it was sent'),
    (error: unknown) => error,
  );

describe('with an inbox', () => {
  let inbox: Inbox;
  beforeAll(async () => void (inbox = await startInbox()));
  afterAll(() => inbox.close());
  beforeEach(() => {
    inbox.clear();
    inbox.faults.clear();
    lines.length = 0;
    transport = createMailTransport({ smtpUrl: inbox.smtpUrl, from, log, timeouts });
  });

  it('sends both parts, the headers and the given Message-ID', async () => {
    const result = await transport.send(outgoing);
    expect(result).toMatchObject({ accepted: true, response: expect.stringContaining('250') });
    const [message] = inbox.messages;
    expect(message).toMatchObject({ subject: 'Grüße', envelope: { to: ['ann@customer.example'] } });
    expect(message?.from).toBe(from);
    expect(message?.text.trim()).toBe('Hello');
    expect(message?.html).toContain('<p>Hello</p>');
    const headers = Object.fromEntries((message?.headers ?? []).map(({ name, value }) => [name, value]));
    expect(headers).toMatchObject({
      'Message-ID': outgoing.messageId,
      'X-Evenfall-Alert': 'dead-letter-1',
      'Auto-Submitted': 'auto-generated',
    });
  });

  it('verifies that the server can be reached', async () => {
    await expect(transport.verify()).resolves.toBeUndefined();
  });

  it('[P7] logs no addresses, not even of recipients that were refused', async () => {
    inbox.faults.add({ kind: 'refuse', code: 550, at: 'rcpt' });
    await transport.send({ ...outgoing, to: 'ann@customer.example, bob@customer.example' });
    expect(lines.join()).toContain('refused some recipients');
    expect(lines.join()).not.toContain('customer.example');
  });

  it.each([
    ['550 at the recipient', { kind: 'refuse', code: 550, at: 'rcpt' }, 'Terminal', 'mail_refused', '550'],
    ['550 at the message', { kind: 'refuse', code: 550, at: 'data' }, 'Terminal', 'mail_refused', '550'],
    [
      '451 at the recipient',
      { kind: 'refuse', code: 451, at: 'rcpt' },
      'Retryable',
      'mail_unavailable',
      '451',
    ],
    ['451 at the message', { kind: 'refuse', code: 451, at: 'data' }, 'Retryable', 'mail_unavailable', '451'],
  ] as const)('tells a refusal for good from one for now: %s', async (_what, fault, name, cls, code) => {
    inbox.faults.add(fault);
    expect(await failureOf(transport.send(outgoing))).toMatchObject({ name, facts: { class: cls, code } });
    expect(inbox.messages).toHaveLength(0);
    await transport.send(outgoing);
    expect(inbox.messages).toHaveLength(1);
  });

  it.each([
    ['taken, and the answer lost', { kind: 'drop-after-accept' }, 1],
    ['lost with the connection', { kind: 'drop-before', at: 'data' }, 0],
    ['met with silence', { kind: 'hang', at: 'data' }, 0],
  ] as const)(
    '[P2] does not claim to know what became of a message that was %s',
    async (_what, fault, kept) => {
      inbox.faults.add(fault);
      expect(await failureOf(transport.send(outgoing))).toMatchObject({
        name: 'Retryable',
        outcomeUnknown: true,
        facts: { class: 'mail_unclear' },
      });
      // nodemailer's pool has a queue of its own; the message must not go out again by itself.
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(inbox.messages).toHaveLength(kept);
    },
  );

  it.each([
    ['cuts the connection', { kind: 'drop-before', at: 'connect', times: 9 }],
    ['never says a word', { kind: 'hang', at: 'connect', times: 9 }],
  ] as const)('knows that nothing was sent to a server that %s', async (_what, fault) => {
    inbox.faults.add(fault);
    expect(await failureOf(transport.send(outgoing))).toMatchObject({
      outcomeUnknown: false,
      facts: { class: 'mail_unavailable' },
    });
    expect(await failureOf(transport.verify())).toMatchObject({ facts: { class: 'mail_unavailable' } });
  });
});

describe('with a server that does as it likes', () => {
  let server: Server | undefined;
  let taken = 0;
  const sockets = new Set<Socket>();
  afterEach(() => {
    server?.close();
    for (const socket of sockets) socket.destroy();
  });

  /** A script answers a command, or returns undefined to have it answered as usual. */
  type Script = (line: string, socket: Socket, connection: number) => string | undefined;

  async function start(script: Script): Promise<void> {
    let connections = 0;
    taken = 0;
    server = createServer((socket) => {
      const connection = ++connections;
      let inMessage = false;
      sockets.add(socket.on('error', () => {}));
      socket.write(`${script('GREETING', socket, connection) ?? '220 hello'}\r\n`);
      createInterface({ input: socket }).on('line', (line) => {
        const said = script(line, socket, connection);
        if (socket.destroyed || (inMessage && line !== '.')) return;
        if (line === '.') taken++;
        inMessage = line === 'DATA';
        socket.write(`${said ?? (inMessage ? '354 go on' : '250 taken for <ann@customer.example>')}\r\n`);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    transport = createMailTransport({ smtpUrl: `smtp://ann:secret@127.0.0.1:${port}`, from, log, timeouts });
  }

  it('[P7] tells only the codes of the answer, which may name the recipient', async () => {
    await start(() => undefined);
    expect(await transport.send(outgoing)).toEqual({ accepted: true, response: '250' });
  });

  it('knows that a message was not taken whose end was never sent', async () => {
    await start((line, socket) => {
      if (line !== 'DATA') return undefined;
      // Nothing more is read: the message stays stuck in the buffers until we lose patience.
      setImmediate(() => socket.pause());
      return undefined;
    });
    const text = 'never ending '.repeat(1_000_000);
    expect(await failureOf(transport.send({ ...outgoing, text }))).toMatchObject({
      outcomeUnknown: false,
      facts: { class: 'mail_unavailable' },
    });
  });

  it('[P2] sends once over a new connection when a kept one turns out to be dead', async () => {
    let mails = 0;
    await start((line, socket, connection) => {
      if (connection === 1 && line.startsWith('MAIL FROM') && ++mails === 2) socket.destroy();
      return undefined;
    });
    await transport.send(outgoing);
    await transport.send(outgoing);
    expect(taken).toBe(2);
  });

  it.each([
    ['a recipient', 'RCPT TO', { outcomeUnknown: false, facts: { class: 'mail_unavailable' } }],
    ['the message', '.', { outcomeUnknown: true, facts: { class: 'mail_unclear' } }],
  ])(
    'loses patience with a server that keeps talking about %s and never answers',
    async (_what, at, expected) => {
      let timer: NodeJS.Timeout | undefined;
      await start((line, socket) => {
        if (!line.startsWith(at)) return undefined;
        timer = setInterval(() => socket.write('250-wait\r\n'), 100);
        return '250-wait';
      });
      const failure = await failureOf(transport.send(outgoing));
      clearInterval(timer);
      expect(failure).toMatchObject(expected);
    },
  );

  it('does not take a wrong password for a refusal of the mail', async () => {
    await start((line) => {
      if (line.startsWith('EHLO')) return '250-hello\r\n250 AUTH PLAIN';
      return line.startsWith('AUTH') ? '535 5.7.8 ann is unknown' : undefined;
    });
    expect(await failureOf(transport.send(outgoing))).toMatchObject({
      name: 'Retryable',
      facts: { class: 'mail_unavailable', code: '535' },
    });
  });

  it('is told that nobody listens', async () => {
    await start(() => undefined);
    server?.close();
    expect(await failureOf(transport.send(outgoing))).toMatchObject({
      facts: { class: 'mail_unavailable', code: 'ECONNREFUSED' },
    });
  });
});

it.each([
  ['http://ann:secret@mail.example', from],
  ['ann:secret@mail.example', from],
  ['smtp://mail.example', 'nobody in particular'],
])('refuses settings that cannot work, without quoting them: %s, %s', (smtpUrl, sender) => {
  const attempt = () => createMailTransport({ smtpUrl, from: sender });
  expect(attempt).toThrow(Misconfigured);
  expect(attempt).not.toThrow(/secret|particular/);
});
