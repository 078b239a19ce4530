import pRetry, { AbortError } from 'p-retry';
import { Misconfigured, Retryable, Terminal, networkCode } from '../core/errors.ts';
import type { Channel, Notice } from './channel.ts';

export interface PostRetries {
  /** How often again after the first try. */
  readonly retries?: number;
  /** Before the second try; doubled for each further one. */
  readonly firstDelayMs?: number;
  /** For each try. */
  readonly timeoutMs?: number;
}

/**
 * Tells a webhook by JSON post. The URL may hold a secret in any of its parts but the host, so nothing else of
 * it is ever told, and no error of `fetch` is passed on, for it may quote the URL.
 * Throws `Misconfigured` when it is none.
 */
export function postChannel(
  webhookUrl: string,
  fetch: typeof globalThis.fetch,
  options: PostRetries,
): Channel {
  const { retries = 2, firstDelayMs = 500, timeoutMs = 5_000 } = options;
  const { url, headers } = readUrl(webhookUrl);

  async function post(notice: Notice): Promise<void> {
    let response: Response;
    try {
      response = await fetch(url, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json', 'idempotency-key': notice.id },
        body: JSON.stringify(notice.post),
        // A post that is redirected may arrive as a GET: an answer that looks like success, and no alert.
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutMs),
      });
      await response.body?.cancel();
    } catch (error) {
      const code = networkCode(error);
      throw new Retryable(`the alert webhook did not answer (${code})`, {
        facts: { class: 'webhook_unavailable', code },
      });
    }
    if (response.ok) return;
    const { status } = response;
    if (status >= 500 || status === 408 || status === 429) {
      throw new Retryable(`the alert webhook answered ${status}`, {
        facts: { class: 'webhook_unavailable', httpStatus: status },
      });
    }
    throw new AbortError(
      new Terminal(`the alert webhook refused the alert with ${status}`, {
        facts: { class: 'webhook_refused', httpStatus: status },
      }),
    );
  }

  return {
    name: 'webhook',
    about: { host: url.host },
    tell: (notice) => pRetry(() => post(notice), { retries, minTimeout: firstDelayMs, randomize: true }),
  };
}

/** `fetch` refuses URLs with a name and password in them; they are meant for the Authorization header. */
function readUrl(webhookUrl: string): { url: URL; headers: Record<string, string> } {
  const url = URL.parse(webhookUrl);
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new Misconfigured('ALERT_WEBHOOK_URL is not of the form https://…');
  }
  if (url.username === '' && url.password === '') return { url, headers: {} };
  const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  url.username = '';
  url.password = '';
  return { url, headers: { authorization: `Basic ${Buffer.from(login).toString('base64')}` } };
}
