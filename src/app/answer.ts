import type { AppAnswer, Deletion } from '../core/app-callback.ts';
import { Retryable, Terminal } from '../core/errors.ts';
import { withoutAddresses } from '../core/redact.ts';

export type Question = Deletion | { readonly id: string; readonly type: 'ping' };

/** What it is about, as in the history. */
export function about(question: Question): string {
  if (question.type === 'ping') return question.id;
  return question.type === 'user.deleting' ? `user:${question.userId}` : `team:${question.teamId}`;
}

export interface HttpAnswer {
  readonly status: number;
  /** Undefined when it was longer than an answer may be. */
  readonly text: string | undefined;
}

/**
 * What the app's answer means. Closed by default: what is neither consent nor refusal deletes nothing.
 *
 * | answer                                              | meaning                             |
 * |-----------------------------------------------------|-------------------------------------|
 * | 2xx without a body, or with a word                  | it agrees                           |
 * | 2xx with a JSON object                              | it agrees, unless there is a `veto` |
 * | 2xx with a page, broken JSON or more than 4 KB      | misconfigured: not the callback     |
 * | 409                                                 | it refuses                          |
 * | 408, 425, 429, 5xx                                  | it is away: asked again             |
 * | everything else, redirects among it                 | misconfigured                       |
 *
 * @throws Retryable `waiting`, class `app_callback_unavailable`; Terminal, class `app_callback_misconfigured`
 */
export function readAnswer({ status, text }: HttpAnswer, asked: Question): AppAnswer {
  if (status >= 200 && status < 300) return readConsent(text, status, asked);
  if (status === 409) {
    const { veto, reason = veto } = objectIn(text ?? '') ?? {};
    return { veto: sentence(reason) };
  }
  if (status >= 500 || status === 408 || status === 425 || status === 429) {
    throw new Retryable(`the app answered ${status} when asked about ${about(asked)}`, {
      facts: { class: 'app_callback_unavailable', httpStatus: status, subject: about(asked) },
      waiting: true,
    });
  }
  throw misconfigured(status, asked, adviceOn(status));
}

/** A page to log in, or of an app that answers everything with its front page, is no consent. */
function readConsent(text: string | undefined, status: number, asked: Question): AppAnswer {
  if (text === undefined) throw misconfigured(status, asked, 'more than 4 KB, where no body is enough');
  const body = text.trim();
  if (!/^[<{]/.test(body)) return {};
  const answer = objectIn(body);
  if (!answer) throw misconfigured(status, asked, 'no JSON. Is APP_CALLBACK_URL the callback?');
  const { veto } = answer;
  return veto === undefined || veto === null || veto === false ? {} : { veto: sentence(veto) };
}

function misconfigured(status: number, asked: Question, advice: string): Terminal {
  return new Terminal(`the app's callback answered ${status} when asked about ${about(asked)}: ${advice}`, {
    facts: { class: 'app_callback_misconfigured', httpStatus: status, subject: about(asked) },
  });
}

function adviceOn(status: number): string {
  if (status >= 300 && status < 400) return 'set APP_CALLBACK_URL to where that leads: it is not followed';
  switch (status) {
    case 401:
    case 403:
      return 'is APP_CALLBACK_SECRET the one that the app checks with?';
    case 404:
    case 410:
      return 'is APP_CALLBACK_URL the callback? What it does not know it must agree to';
    default:
      return 'it must agree with 2xx or refuse with 409';
  }
}

function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

const mostCharacters = 200;

/** The app's reason on one line; an address in it is left out (P7). */
function sentence(reason: unknown): string {
  if (typeof reason !== 'string') return noReason;
  const line = withoutAddresses(reason.replaceAll(/[\s\p{Cc}]+/gu, ' ')).trim();
  // well formed, for Postgres takes no half of a character
  return line === '' ? noReason : line.slice(0, mostCharacters).toWellFormed();
}

const noReason = 'no reason was given';
