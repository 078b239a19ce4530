import { type Faults, faultList } from './faults.ts';
import { startSmtp } from './smtp.ts';
import { type Message, messageStore } from './store.ts';
import { inboxApp, serveInbox } from './web.ts';

export type { Faults } from './faults.ts';
export type { Message } from './store.ts';

export type InboxOptions = {
  /** 0, the default, takes a free one. */
  readonly smtpPort?: number;
  /** 0, the default, takes a free one. */
  readonly httpPort?: number;
  /** 127.0.0.1 unless given. */
  readonly host?: string;
  /** The clock for `receivedAt`. */
  readonly now?: () => Date;
};

export type Inbox = {
  /** For SMTP_URL: `smtp://127.0.0.1:…`. */
  readonly smtpUrl: string;
  /** For the browser: `http://127.0.0.1:…`. */
  readonly url: string;
  /** What has been received, oldest first. */
  readonly messages: readonly Message[];
  /**
   * The first message that satisfies the predicate, present or to come.
   * Rejects with the signal's reason when it is aborted, and when the inbox is closed.
   */
  waitFor(predicate: (message: Message) => boolean, options?: { signal?: AbortSignal }): Promise<Message>;
  /** Throws all messages away. Faults stay. */
  clear(): void;
  /** What the SMTP server shall do wrong. */
  readonly faults: Faults;
  /** Ends both servers, cutting their connections. */
  close(): Promise<void>;
};

/**
 * An SMTP server that keeps every mail, and pages to look at them.
 * Throws when a port is taken or when the optional packages it is made of are not installed.
 */
export async function startInbox(options: InboxOptions = {}): Promise<Inbox> {
  const { smtpPort = 0, httpPort = 0, host = '127.0.0.1', now = () => new Date() } = options;
  const packages = await loadPackages();
  const store = messageStore();
  const faults = faultList();
  const smtp = await startSmtp({
    packages,
    host,
    port: smtpPort,
    store,
    takeFault: (stage) => faults.take(stage),
    now,
  }).catch((error: unknown) => fail('SMTP', smtpPort, error));
  const smtpUrl = `smtp://${host}:${smtp.port}`;
  const web = await serveInbox(inboxApp(store, smtpUrl), host, httpPort).catch(async (error: unknown) => {
    await smtp.close();
    return fail('pages', httpPort, error);
  });
  return {
    smtpUrl,
    url: `http://${host}:${web.port}`,
    get messages() {
      return store.messages;
    },
    waitFor: (predicate, waitOptions) => store.waitFor(predicate, waitOptions),
    clear: () => store.clear(),
    faults,
    async close() {
      store.close(new Error('The inbox was closed.'));
      await Promise.all([smtp.close(), web.close()]);
    },
  };
}

async function loadPackages(): Promise<Parameters<typeof startSmtp>[0]['packages']> {
  try {
    const [{ SMTPServer }, { default: PostalMime }] = await Promise.all([
      import('smtp-server'),
      import('postal-mime'),
    ]);
    return { SMTPServer, PostalMime };
  } catch (cause) {
    throw new Error(
      'The inbox needs the optional packages smtp-server and postal-mime: run npm ci without --omit=optional.',
      { cause },
    );
  }
}

function fail(what: string, port: number, cause: unknown): never {
  const taken = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE';
  const why = taken ? 'the port is taken by another program' : String(cause);
  throw new Error(`The inbox cannot offer its ${what} on port ${port}: ${why}.`, { cause });
}
