import type { AlertPort } from '../core/alert.ts';
import type { Log } from '../core/context.ts';
import { describeFailure, Retryable } from '../core/errors.ts';
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
 * Tells people of dead letters and of findings, by mail and by JSON post, whichever is configured. The channels
 * know nothing of each other: one that fails stops no other. Throws `Retryable` class `alert_failed` only when none
 * took it.
 */
export function createAlerts(options: AlertOptions): AlertPort {
  const { log, publicUrl } = options;
  const channels = channelsOf(options);

  async function tellAll(notice: Notice): Promise<string[]> {
    if (channels.length === 0) {
      log.error({ alert: notice.post }, 'nobody is told of this alert: no alert channel is configured');
      return [];
    }
    const results = await Promise.all(channels.map((channel) => tell(channel, notice, log)));
    const took = results.flatMap((result) => (result.took ? [result.name] : []));
    if (took.length > 0) return took;
    const failures = results.flatMap((result) => (result.took ? [] : [result]));
    throw new Retryable(`no channel took the alert: ${failures.map(({ why }) => why).join('; ')}`, {
      facts: { class: 'alert_failed', subject: notice.id },
      cause: new AggregateError(failures.map(({ error }) => error)),
    });
  }

  return {
    // with the first alert, for they bring all of React, and a worker is to start soon
    async deadLetter(alert) {
      const { deadLetterNotice } = await import('./dead-letter-notice.ts');
      return await tellAll(deadLetterNotice(alert, publicUrl));
    },
    async finding(alert) {
      const { findingNotice } = await import('./finding-notice.ts');
      return await tellAll(findingNotice(alert));
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
