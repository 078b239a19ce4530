import type { Logger } from 'pino';
import { createAlerts } from '../alerts/alerts.ts';
import { createScheduleHeartbeats } from '../alerts/schedule-heartbeats.ts';
import { createAppCallback } from '../app/callback.ts';
import type { Config } from '../config.ts';
import type { AlertPort } from '../core/alert.ts';
import { agreeingApp } from '../core/app-callback.ts';
import type { AppPort } from '../core/app-callback.ts';
import type { ScheduleHeartbeatPort } from '../core/schedule-heartbeat.ts';
import { keyedHash } from '../core/hash.ts';
import { keepToken } from '../core/keep-token.ts';
import type { MailPort } from '../core/mail.ts';
import type { Database } from '../db/connect.ts';
import { createStripeGate } from '../db/stripe-gate.ts';
import { createMailer } from '../mail/mailer.ts';
import { senderName } from '../mail/sender.ts';
import { createMailTransport } from '../mail/transport.ts';
import type { MailTransport } from '../mail/transport.ts';
import { createStripeGateway } from '../stripe/gateway.ts';
import type { StripeGateway } from '../stripe/gateway.ts';

/* The adapters, built from the configuration: only entry points do. */

/** The link in a deletion notice; without PUBLIC_URL there is none. */
export function buildKeepLink(config: Config): (markId: number) => string | null {
  const base = config.PUBLIC_URL?.replace(/\/+$/, '');
  return (markId) => (base === undefined ? null : `${base}/keep/${keepToken(config.SECRET_KEY, markId)}`);
}

export function buildHash(config: Config): (text: string) => string {
  return (text) => keyedHash(config.SECRET_KEY, text);
}

/** Behind the gate that all processes on this database share. */
export function buildStripe(
  config: Config,
  parts: { readonly log: Logger; readonly database: Database; readonly random: () => number },
): StripeGateway {
  const { STRIPE_SECRET_KEY: secretKey, STRIPE_API_BASE: apiBase } = config;
  const requestsPerSecond = config.STRIPE_REQUESTS_PER_SECOND;
  const gate = createStripeGate({ ...parts, requestsPerSecond });
  return createStripeGateway({ secretKey, apiBase, log: parts.log, gate });
}

export function buildAlerts(
  config: Config,
  log: Logger,
): { alerts: AlertPort; mail: MailTransport | undefined } {
  const mail =
    config.SMTP_URL === undefined
      ? undefined
      : createMailTransport({ smtpUrl: config.SMTP_URL, from: config.MAIL_FROM ?? '', log });
  const alerts = createAlerts({
    mail,
    alertEmail: config.ALERT_EMAIL,
    webhookUrl: config.ALERT_WEBHOOK_URL,
    publicUrl: config.PUBLIC_URL,
    log,
  });
  return { alerts, mail };
}

/** Without APP_CALLBACK_URL nobody is asked. */
export function buildApp({ APP_CALLBACK_URL: url, APP_CALLBACK_SECRET: secret = '' }: Config): AppPort {
  return url === undefined ? agreeingApp : createAppCallback({ url, secret });
}

/** Undefined where no schedule has a monitor. */
export function buildScheduleHeartbeats(config: Config): ScheduleHeartbeatPort | undefined {
  const urls = config.SCHEDULE_HEARTBEATS;
  return urls === undefined ? undefined : createScheduleHeartbeats(urls);
}

/** Mails to customers, over the transport that the alerts have too. */
export function buildMailer(config: Config, transport: MailTransport | undefined): MailPort {
  const { APP_URL: url, MAIL_FROM: from = '' } = config;
  return createMailer({ transport, app: { name: senderName(from), ...(url === undefined ? {} : { url }) } });
}
