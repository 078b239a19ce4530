import type { Logger } from 'pino';
import { createAlerts } from '../alerts/alerts.ts';
import type { Config } from '../config.ts';
import type { AlertPort } from '../core/alert.ts';
import { keyedHash } from '../core/hash.ts';
import { keepToken } from '../core/keep-token.ts';
import type { MailPort } from '../core/mail.ts';
import type { Policy } from '../core/policy.ts';
import { connectDatabase } from '../db/connect.ts';
import type { Database } from '../db/connect.ts';
import { createLog } from '../log.ts';
import { createMailer } from '../mail/mailer.ts';
import { senderName } from '../mail/sender.ts';
import { createMailTransport } from '../mail/transport.ts';
import type { MailTransport } from '../mail/transport.ts';
import { postgresBackend, redisBackend } from '../queue/backend.ts';
import type { QueueBackend } from '../queue/backend.ts';
import { createStripeGateway } from '../stripe/gateway.ts';
import type { StripeGateway } from '../stripe/gateway.ts';

/** What a process works with, built from its configuration. Only entry points build adapters. */
export interface Parts {
  readonly log: Logger;
  readonly database: Database;
}

export function buildParts(config: Config, name: string, connections: number): Parts {
  const log = createLog(config.LOG_LEVEL, name);
  return {
    log,
    database: connectDatabase(config.DATABASE_URL, { max: connections, name: `evenfall ${name}` }),
  };
}

export function buildBackend(config: Config, log: Logger): QueueBackend {
  return config.QUEUE_BACKEND === 'redis' && config.REDIS_URL !== undefined
    ? redisBackend(config.REDIS_URL, log, config.production)
    : postgresBackend(config.DATABASE_URL, log);
}

export function buildPolicy(config: Config): Policy {
  return {
    trialReminders: config.POLICY_TRIAL_REMINDERS,
    cardWindow: config.POLICY_CARD_WINDOW,
    unverifiedUserAge: config.POLICY_UNVERIFIED_USER_AGE,
    inactiveTeamAge: config.POLICY_INACTIVE_TEAM_AGE,
    deletionNotice: config.POLICY_DELETION_NOTICE,
    fuseMax: config.POLICY_FUSE_MAX,
    fuseShare: config.POLICY_FUSE_SHARE,
    fuseUsers: config.POLICY_FUSE_USERS,
  };
}

/** The link in a deletion notice; without PUBLIC_URL there is none. */
export function buildKeepLink(config: Config): (markId: number) => string | null {
  const base = config.PUBLIC_URL?.replace(/\/+$/, '');
  return (markId) => (base === undefined ? null : `${base}/keep/${keepToken(config.SECRET_KEY, markId)}`);
}

export function buildHash(config: Config): (text: string) => string {
  return (text) => keyedHash(config.SECRET_KEY, text);
}

export function buildStripe(config: Config, log: Logger): StripeGateway {
  return createStripeGateway({ secretKey: config.STRIPE_SECRET_KEY, apiBase: config.STRIPE_API_BASE, log });
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

/** Mails to customers, over the transport that the alerts have too. */
export function buildMailer(config: Config, transport: MailTransport | undefined): MailPort {
  const { APP_URL: url, MAIL_FROM: from = '' } = config;
  return createMailer({ transport, app: { name: senderName(from), ...(url === undefined ? {} : { url }) } });
}
