import { Retryable, Terminal } from '../core/errors.ts';

/** What nodemailer adds to its errors. */
interface SmtpError extends Error {
  code?: string;
  /** What the system called it, where nodemailer has put its own code in that place. */
  originalCode?: string;
  /** The command that was answered; of a lost connection `CONN`, whatever it was in the middle of. */
  command?: string;
  response?: string;
  responseCode?: number;
}

/** RFC 5321, 3.8: the server closes the connection, whatever it was asked. */
const closing = 421;

/** Replies that find fault with our session or log-in, not with this mail: another one would meet the same. */
const aboutTheSession = new Set([503, 530, 534, 535, 538]);

/**
 * What a failed sending means for the job.
 *
 * nodemailer does not tell in which phase a connection was lost, so the caller says whether the whole message,
 * the closing dot included, may have gone out by then. Only that leaves it open whether it was taken: before
 * it a server must not deliver, and after it an answer of 4xx or 5xx is a plain no.
 *
 * A server that is away, or says that it goes (421), is waited for and uses no attempt; one that answers about this
 * mail or our log-in does.
 *
 * The server's own words stay out, and so does the error as a cause: they quote the recipient.
 */
export function mailFailure(error: unknown, messageWasSent: boolean): Retryable | Terminal {
  const { code, originalCode, command, response, responseCode: reply } = asSmtpError(error);
  const said = reply ?? originalCode ?? code ?? 'no code';
  const detail = `${said}${extendedCode(response)}${command === undefined ? '' : ` at ${command}`}`;
  const facts = { code: String(said) };

  if (messageWasSent && !(reply !== undefined && reply >= 400)) {
    return new Retryable(`the mail server went away before it said whether it took the mail (${detail})`, {
      facts: { class: 'mail_unclear', ...facts },
      outcomeUnknown: true,
      waiting: true,
    });
  }
  const aboutTheMail = code === 'EENVELOPE' || code === 'EMESSAGE';
  if (aboutTheMail && (reply === undefined || (reply >= 500 && !aboutTheSession.has(reply)))) {
    return new Terminal(`the mail server refused the mail for good (${detail})`, {
      facts: { class: 'mail_refused', ...facts },
    });
  }
  return new Retryable(`the mail server did not take the mail (${detail})`, {
    facts: { class: 'mail_unavailable', ...facts },
    waiting: reply === undefined || reply === closing,
  });
}

function asSmtpError(error: unknown): SmtpError {
  return error instanceof Error ? error : new Error('not an error');
}

/** `250 2.0.0`: what a server answers, in codes. Its own words may name the recipient. */
export function codesOf(response: string): string {
  return `${/^\d{3}/.exec(response)?.[0] ?? 'no code'}${extendedCode(response)}`;
}

/** ` 5.1.1`: finer than the reply code, and free of names. */
function extendedCode(response: string | undefined): string {
  const found = /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b/.exec(response ?? '');
  return found?.[1] === undefined ? '' : ` ${found[1]}`;
}
