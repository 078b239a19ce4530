import { createHmac } from 'node:crypto';
import type { AppAnswer, AppPort, Deletion } from '../core/app-callback.ts';
import { Retryable, networkCode } from '../core/errors.ts';
import { about, readAnswer } from './answer.ts';
import type { HttpAnswer, Question } from './answer.ts';

export interface CallbackOptions {
  readonly url: string;
  /** Signs what is sent; the app has it too. */
  readonly secret: string;
  /** For each question. Stripe's answer, asked for before, must be younger than 60 seconds when the locks are held. */
  readonly timeoutMs?: number;
}

/** The app's callback, which can also be tried. */
export interface AppCallback extends AppPort {
  /** Sends a `ping`. Resolves when the app answers as it would before a deletion; throws what `beforeDeletion` does. */
  ping(): Promise<void>;
}

const mostBytes = 4_096;
const never = new AbortController().signal;

/**
 * Asks the app by a signed POST (docs/callback.md). The URL may hold a secret in its path, and the answer whatever the
 * app writes: neither is logged, and no error of `fetch` is passed on, for it may quote the URL.
 */
export function createAppCallback({ url, secret, timeoutMs = 20_000 }: CallbackOptions): AppCallback {
  async function ask(question: Question, signal: AbortSignal): Promise<AppAnswer> {
    const body = JSON.stringify(question);
    let answer: HttpAnswer;
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'Evenfall/1',
          'evenfall-id': question.id,
          'evenfall-signature': sign(secret, body),
        },
        body,
        // a post that is redirected may arrive as a GET, at somebody who was not meant
        redirect: 'manual',
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
      answer = { status: response.status, text: await readText(response) };
    } catch (error) {
      signal.throwIfAborted();
      const code = networkCode(error);
      throw new Retryable(`the app did not answer when asked about ${about(question)} (${code})`, {
        facts: { class: 'app_callback_unavailable', code, subject: about(question) },
        waiting: true,
      });
    }
    return readAnswer(answer, question);
  }

  return {
    beforeDeletion: (deletion: Deletion, signal) => ask(deletion, signal),
    async ping() {
      await ask({ id: 'ping', type: 'ping' }, never);
    },
  };
}

/** `t=<seconds>,v1=<hex>`: the time is signed with the body, so that an old request cannot be sent again for ever. */
function sign(secret: string, body: string): string {
  const time = Math.floor(Date.now() / 1_000);
  return `t=${time},v1=${createHmac('sha256', secret).update(`${time}.${body}`).digest('hex')}`;
}

/** The whole body, or undefined where it is longer than an answer may be. */
async function readText({ body }: Response): Promise<string | undefined> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body ?? []) {
    bytes += part.byteLength;
    // leaving the loop gives the rest up
    if (bytes > mostBytes) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}
