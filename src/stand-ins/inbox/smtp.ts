import type { Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type PostalMimeParser from 'postal-mime';
import type { Address } from 'postal-mime';
import type * as SmtpPackage from 'smtp-server';
import type { SMTPServerDataStream, SMTPServerSession } from 'smtp-server';
import type { Fault, Stage } from './faults.ts';
import type { Message, Store } from './store.ts';

export type SmtpOptions = {
  readonly packages: { SMTPServer: typeof SmtpPackage.SMTPServer; PostalMime: typeof PostalMimeParser };
  readonly host: string;
  readonly port: number;
  readonly store: Store;
  readonly takeFault: (stage: Stage) => Fault | undefined;
  readonly now: () => Date;
};

const largestBytes = 25 * 1024 * 1024;

/** Listens for mail, without TLS and taking any log-in. Returns the port and how to end it. */
export async function startSmtp(options: SmtpOptions): Promise<{ port: number; close(): Promise<void> }> {
  const { packages, store, takeFault } = options;
  const sockets = new Map<number, Socket>();
  const cut = (session: SMTPServerSession): void => void sockets.get(session.remotePort)?.destroy();

  const server = new packages.SMTPServer({
    banner: 'Evenfall inbox',
    authOptional: true,
    allowInsecureAuth: true,
    // A certificate made up here would only be refused by a client that checks it.
    disabledCommands: ['STARTTLS'],
    disableReverseLookup: true,
    size: largestBytes,
    // A hanging server shall hang for longer than any client has patience.
    socketTimeout: 60 * 60 * 1000,
    onAuth: (auth, _session, done) => done(null, { user: auth.username ?? 'anyone' }),
    onConnect(session, done) {
      const fault = takeFault('connect');
      if (fault?.kind === 'hang') return;
      if (fault) cut(session);
      else done();
    },
    onRcptTo({ address }, _session, done) {
      const fault = takeFault('rcpt');
      done(fault?.kind === 'refuse' ? refusal(fault.code, [address]) : undefined);
    },
    onData(stream, session, done) {
      receive(stream, session).then((answer) => answer && done(null, answer), done);
    },
  });

  /** Returns the answer, or undefined when there shall be none. Throws what the client is told instead. */
  async function receive(
    stream: SMTPServerDataStream,
    session: SMTPServerSession,
  ): Promise<string | undefined> {
    const source = await buffer(stream);
    const recipients = session.envelope.rcptTo.map(({ address }) => address);
    if (stream.sizeExceeded) throw refusal(552, recipients);
    const fault = takeFault('data');
    if (fault?.kind === 'refuse') throw refusal(fault.code, recipients);
    if (fault?.kind === 'hang') return undefined;
    if (fault?.kind === 'drop-before') {
      cut(session);
      return undefined;
    }
    const content = await read(source, session);
    // The connection goes first: who is told of the mail may count on the sender having no answer.
    if (fault?.kind === 'drop-after-accept') cut(session);
    const message = store.add(content);
    return fault ? undefined : `kept as ${message.id} for ${quoted(recipients)}`;
  }

  async function read(source: Buffer, session: SMTPServerSession): Promise<Omit<Message, 'id'>> {
    const mail = await packages.PostalMime.parse(source);
    const { mailFrom, rcptTo } = session.envelope;
    return {
      receivedAt: options.now(),
      envelope: { from: mailFrom ? mailFrom.address : '', to: rcptTo.map(({ address }) => address) },
      from: mail.from ? written(mail.from) : '',
      to: (mail.to ?? []).map(written),
      subject: mail.subject ?? '',
      text: mail.text ?? '',
      html: mail.html ?? '',
      headers: mail.headers.map(({ originalKey, value }) => ({ name: originalKey, value })),
      attachments: mail.attachments.map(({ filename, mimeType, content }) => ({
        name: filename ?? 'unnamed',
        type: mimeType,
        bytes: typeof content === 'string' ? Buffer.byteLength(content) : content.byteLength,
      })),
    };
  }

  server.server.prependListener('connection', (socket) => {
    const port = socket.remotePort ?? 0;
    sockets.set(port, socket);
    socket.once('close', () => sockets.delete(port));
  });
  const port = await listening(server, options);
  // A client that goes away in mid-sentence is no error of ours.
  server.on('error', () => {});
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets.values()) socket.destroy();
      }),
  };
}

function listening(server: SmtpPackage.SMTPServer, { port, host }: SmtpOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}

function written(address: Address): string {
  if (address.group) return `${address.name}: ${address.group.map(written).join(', ')};`;
  return address.name ? `${address.name} <${address.address}>` : address.address;
}

const words = {
  550: 'The inbox was told to refuse this for good',
  451: 'The inbox was told to refuse this for now',
  552: 'The message is too large',
};

function refusal(code: keyof typeof words, recipients: readonly string[]): Error {
  return Object.assign(new Error(`${words[code]}: ${quoted(recipients)}`), { responseCode: code });
}

/** As mail servers quote: the address, and the name before the @ by itself. */
function quoted(recipients: readonly string[]): string {
  return recipients.map((address) => `<${address}> (${address.split('@')[0]})`).join(', ');
}
