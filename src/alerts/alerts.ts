import type { AlertPort, DeadLetterAlert } from '../core/alert.ts';
import type { Log } from '../core/context.ts';
import { describeFailure, Retryable } from '../core/errors.ts';
import { withoutAddresses } from '../core/redact.ts';
import type { MailTransport } from '../mail/transport.ts';
import type { Channel, Notice } from './channel.ts';
import { mailChannel } from './mail-channel.ts';
import { postChannel, type PostRetries } from './post-channel.ts';

export interface AlertOptions {
  readonly mail?: MailTransport | undefined;
  /** Who is mailed; without it, or without `mail`, nobody is. */
  readonly alertEmail?: string | undefined;
  readonly webhookUrl?: string | undefined;
  /** Where Evenfall's own pages are, for links. */
  readonly publicUrl?: string | undefined;
  readonly log: Log;
  readonly fetch?: typeof globalThis.fetch;
  readonly postRetries?: PostRetries;
}

/**
 * Tells people of dead letters by mail and by JSON post, whichever is configured. The channels know nothing of
 * each other: one that fails stops no other. Throws `Retryable` class `alert_failed` only when none took it.
 */
export function createAlerts(options: AlertOptions): AlertPort {
  const { log, publicUrl } = options;
  const channels = channelsOf(options);

  return {
    async deadLetter(alert) {
      if (channels.length === 0) {
        log.error(
          { alert: safe(alert) },
          'a job gave up, and nobody is told: no alert channel is configured',
        );
        return [];
      }
      const notice = noticeOf(alert, publicUrl);
      const results = await Promise.all(channels.map((channel) => tell(channel, notice, log)));
      const took = results.flatMap((result) => (result.took ? [result.name] : []));
      if (took.length > 0) return took;
      const failures = results.flatMap((result) => (result.took ? [] : [result]));
      throw new Retryable(`no channel took the alert: ${failures.map(({ why }) => why).join('; ')}`, {
        facts: { class: 'alert_failed', subject: alert.id },
        cause: new AggregateError(failures.map(({ error }) => error)),
      });
    },
  };
}

function channelsOf({ mail, alertEmail, webhookUrl, fetch, postRetries }: AlertOptions): Channel[] {
  return [
    ...(mail && alertEmail ? [mailChannel(mail, alertEmail)] : []),
    ...(webhookUrl ? [postChannel(webhookUrl, fetch ?? globalThis.fetch, postRetries ?? {})] : []),
  ];
}

type Result = { name: string; took: true } | { name: string; took: false; why: string; error: unknown };

async function tell(channel: Channel, notice: Notice, log: Log): Promise<Result> {
  const { name } = channel;
  try {
    await channel.tell(notice);
    return { name, took: true };
  } catch (error) {
    const failure = describeFailure(error);
    log.warn({ channel: name, ...channel.about, alertId: notice.id, failure }, 'an alert was not taken');
    return { name, took: false, why: `${name} (${failure.message})`, error };
  }
}

function noticeOf(alert: DeadLetterAlert, publicUrl: string | undefined): Notice {
  const { deadLetterId } = alert;
  return {
    ...safe(alert),
    commands: {
      show: `npx evenfall dead show ${deadLetterId}`,
      replay: `npx evenfall dead replay ${deadLetterId}`,
    },
    ...(publicUrl ? { boardUrl: `${publicUrl.replace(/\/+$/, '')}/queues` } : {}),
  };
}

/** Messages are ours and hold no personal data; should one slip through, it ends here. */
function safe(alert: DeadLetterAlert): DeadLetterAlert {
  return { ...alert, error: { ...alert.error, message: withoutAddresses(alert.error.message) } };
}
