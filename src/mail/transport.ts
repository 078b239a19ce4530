import type { Readable } from 'node:stream';
import { createTransport } from 'nodemailer';
import type { Log } from '../core/context.ts';
import { Misconfigured } from '../core/errors.ts';
import { codesOf, mailFailure } from './failure.ts';

export interface OutgoingMail {
  readonly to: string;
  readonly subject: string;
  readonly html: string;
  readonly text: string;
  /** From `messageId()`: the same for every try of the same mail. */
  readonly messageId: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface MailTransport {
  /** The sender's domain, which Message-IDs end in. */
  readonly domain: string;
  /**
   * Resolves when the server has taken the mail; of its answer only the codes are told.
   * Throws `Terminal` class `mail_refused`; `Retryable` class `mail_unavailable` when it was certainly not
   * taken; `Retryable` with `outcomeUnknown`, class `mail_unclear`, when nobody can tell.
   */
  send(mail: OutgoingMail): Promise<{ accepted: boolean; response: string }>;
  /** Connects and logs in, and throws like `send` when that fails. */
  verify(): Promise<void>;
  /** Takes no more mails; those under way are finished. */
  close(): void;
}

export interface MailTransportOptions {
  readonly smtpUrl: string;
  /** `Evenfall <billing@example.com>` */
  readonly from: string;
  readonly log?: Log;
  readonly timeouts?: Partial<typeof defaultTimeouts>;
}

/** Milliseconds. */
const defaultTimeouts = {
  /** For the connection, from the name's look-up to the end of TLS. */
  connect: 10_000,
  greeting: 10_000,
  /** For each answer: a server may scan a mail for a while before it takes it. */
  answer: 45_000,
  /** For the whole, also for a server that keeps sending without ever coming to an end. */
  send: 60_000,
};

/** Sends by SMTP over a few connections that are kept. Throws `Misconfigured` on a wrong URL or sender. */
export function createMailTransport(options: MailTransportOptions): MailTransport {
  const { smtpUrl, from, log } = options;
  const timeouts = { ...defaultTimeouts, ...options.timeouts };
  // Neither is quoted: the one holds a password, the other an address.
  if (!/^smtps?:$/.test(URL.parse(smtpUrl)?.protocol ?? '')) {
    throw new Misconfigured('SMTP_URL is not of the form smtp://… or smtps://…');
  }
  const domain = /@([^\s@<>]+)>?\s*$/.exec(from)?.[1];
  if (domain === undefined)
    throw new Misconfigured('MAIL_FROM is not an address such as Name <me@example.com>');

  const transporter = createTransport(
    {
      pool: true,
      url: smtpUrl,
      connectionTimeout: timeouts.connect,
      dnsTimeout: timeouts.connect,
      greetingTimeout: timeouts.greeting,
      socketTimeout: timeouts.answer,
      // Only for a kept connection that turns out to be dead: nodemailer then has sent nothing of the mail.
      maxRequeues: 1,
      disableFileAccess: true,
      disableUrlAccess: true,
    },
    { from, headers: { 'Auto-Submitted': 'auto-generated' } },
  );

  // nodemailer reads a message only after the server has asked for it, and adds the closing dot when it has
  // read it to its end. So these streams tell how far a sending got.
  const bodies = new WeakMap<AbortSignal, Readable[]>();
  transporter.use('stream', ({ data, message }, done) => {
    const createReadStream = message.createReadStream.bind(message);
    message.createReadStream = (streamOptions) => {
      const body = createReadStream(streamOptions);
      if (data.signal) bodies.get(data.signal)?.push(body);
      return body;
    };
    done();
  });

  return {
    domain,
    async send({ to, subject, html, text, messageId, headers = {} }) {
      const signal = AbortSignal.timeout(timeouts.send);
      const sent: Readable[] = [];
      bodies.set(signal, sent);
      try {
        const info = await transporter.sendMail({ to, subject, html, text, messageId, headers, signal });
        if (info.rejected.length > 0) {
          log?.warn({ messageId, refused: info.rejected.length }, 'the mail server refused some recipients');
        }
        return { accepted: info.accepted.length > 0, response: codesOf(info.response) };
      } catch (error) {
        throw mailFailure(
          error,
          sent.some((body) => body.readableEnded),
        );
      }
    },
    async verify() {
      try {
        await transporter.verify();
      } catch (error) {
        throw mailFailure(error, false);
      }
    },
    close: () => transporter.close(),
  };
}
