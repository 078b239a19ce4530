/** A mail as it was received. */
export type Message = {
  readonly id: string;
  readonly receivedAt: Date;
  /** The addresses of the SMTP dialogue, which decide who gets the mail. */
  readonly envelope: { readonly from: string; readonly to: readonly string[] };
  /** The header From, with the name: `Evenfall <billing@example.com>`. */
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  /** Empty when the mail has no HTML part. */
  readonly html: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly attachments: readonly { readonly name: string; readonly type: string; readonly bytes: number }[];
};

export type Store = {
  readonly messages: readonly Message[];
  add(message: Omit<Message, 'id'>): Message;
  find(id: string): Message | undefined;
  clear(): void;
  waitFor(predicate: (message: Message) => boolean, options?: { signal?: AbortSignal }): Promise<Message>;
  /** Ends all waiting with this error. */
  close(error: Error): void;
};

type Waiter = { offer(message: Message): void; fail(error: unknown): void };

/** The mails received, and those who wait for one. Ids are never used twice, not even after clear(). */
export function messageStore(): Store {
  let messages: Message[] = [];
  let lastId = 0;
  let closed: Error | undefined;
  const waiters = new Set<Waiter>();
  return {
    get messages() {
      return messages;
    },
    add(content) {
      lastId += 1;
      const message = { id: String(lastId), ...content };
      messages.push(message);
      for (const waiter of waiters) waiter.offer(message);
      return message;
    },
    find: (id) => messages.find((message) => message.id === id),
    clear() {
      messages = [];
    },
    waitFor(predicate, { signal } = {}) {
      return new Promise((resolve, reject) => {
        const settle = (end: () => void): void => {
          waiters.delete(waiter);
          signal?.removeEventListener('abort', abort);
          end();
        };
        const abort = (): void => waiter.fail(signal?.reason);
        const waiter: Waiter = {
          offer(message) {
            try {
              if (predicate(message)) settle(() => resolve(message));
            } catch (error) {
              waiter.fail(error);
            }
          },
          fail: (error) => settle(() => reject(error)),
        };
        if (closed) return reject(closed);
        if (signal?.aborted) return reject(signal.reason);
        const present = messages.find((message) => predicate(message));
        if (present) return resolve(present);
        waiters.add(waiter);
        signal?.addEventListener('abort', abort);
      });
    },
    close(error) {
      closed = error;
      for (const waiter of waiters) waiter.fail(error);
    },
  };
}
