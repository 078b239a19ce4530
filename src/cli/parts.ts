import type { Logger } from 'pino';
import { readConfig } from '../config.ts';
import type { Config } from '../config.ts';
import type { Policy } from '../core/policy.ts';
import { connectDatabase } from '../db/connect.ts';
import type { Database } from '../db/connect.ts';
import { createLog } from '../log.ts';

/* What every command works with. The adapters are in assemble.ts: most commands need neither Stripe nor mails. */

/** What a process works with, built from its configuration. */
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

/** Opens the database for one command and closes it again. */
export async function withParts<T>(work: (parts: Parts & { config: Config }) => Promise<T>): Promise<T> {
  const config = readConfig('database');
  const parts = buildParts({ ...config, LOG_LEVEL: 'warn' }, 'cli', 2);
  try {
    return await work({ ...parts, config });
  } finally {
    await parts.database.close();
  }
}

export function buildPolicy(config: Config): Policy {
  return {
    trialReminders: config.POLICY_TRIAL_REMINDERS,
    cardWindow: config.POLICY_CARD_WINDOW,
    unverifiedUserAge: config.POLICY_UNVERIFIED_USER_AGE,
    inactiveTeamAge: config.POLICY_INACTIVE_TEAM_AGE,
    deletionNotice: config.POLICY_DELETION_NOTICE,
    noticeFallbackEmail: config.NOTICE_FALLBACK_EMAIL ?? null,
    deletionReminder: config.POLICY_DELETION_REMINDER ?? null,
    fuseMax: config.POLICY_FUSE_MAX,
    fuseShare: config.POLICY_FUSE_SHARE,
    fuseUsers: config.POLICY_FUSE_USERS,
    keepJobs: config.POLICY_KEEP_JOBS,
    keepEffects: config.POLICY_KEEP_EFFECTS,
    keepHistory: config.POLICY_KEEP_HISTORY,
    eraseStripeCustomer: config.POLICY_ERASE_STRIPE_CUSTOMER,
  };
}
