import type { Queries } from '../../sql/queries.gen.ts';
import type { AlertPort } from './alert.ts';
import type { AppPort } from './app-callback.ts';
import type { Effects } from './effects.ts';
import type { Finding } from './finding.ts';
import type { JobDefinition } from './job.ts';
import type { Notices } from './notices.ts';
import type { Policy } from './policy.ts';
import type { StripePort } from './stripe.ts';

/** Everything a job may touch. Nothing else reaches it: no globals, no clock, no environment. */
export interface Context {
  /** The instant that business rules see: the database's clock, read once when the attempt began. */
  readonly now: Date;
  /** Aborted when the run's time is up or the worker shuts down. */
  readonly signal: AbortSignal;
  readonly log: Log;
  /** 1 for the first attempt; crashes and deploys do not count. */
  readonly attempt: number;
  /** Whose rows of history and effects are this very job's; null inline, where nothing comes back to them. */
  readonly jobId: number | null;
  /** Which job this is, as an occasion for effect keys: the id and how often it was asked for. */
  readonly occasion: string;
  readonly sql: Queries;
  readonly stripe: StripePort;
  readonly alerts: AlertPort;
  /** The app's own word: each deletion asks it last. */
  readonly app: AppPort;
  readonly effects: Effects;
  /** Mails to customers; the only way to send one. */
  readonly notices: Notices;
  /** Stands for an e-mail address where the address itself may not be kept (P7). */
  readonly hash: (address: string) => string;
  /** Tells what changed; call it with the transaction that makes the change. */
  readonly history: (tx: Queries, entry: HistoryEntry) => Promise<void>;
  /**
   * Runs `work` in one transaction, which commits only while this run is the job's current one: the way to write more
   * than the last word of a job. Locks are taken in the order mark, team, user, fuse, job.
   */
  readonly transaction: <T>(work: (tx: Queries) => Promise<T>) => Promise<T>;
  /** Tells people of what they must look at, once; call it with the transaction of the decision. */
  readonly find: (tx: Queries, finding: Finding) => Promise<void>;
  /** The "keep my team" link of a mark, or null when PUBLIC_URL is not set. */
  readonly keepLink: (markId: number) => string | null;
  readonly enqueue: <P>(job: JobDefinition<string, P>, payload: P) => Promise<number>;
  /** What the operator decided. */
  readonly policy: Policy;
  /** Enqueues what is due of a kind as of `now`, by its statement in sql/sweeps. */
  readonly sweep: (kind: string) => Promise<Swept>;
}

/** How many a sweep found, and how many of them were not asked for already. */
export interface Swept {
  readonly due: number;
  readonly enqueued: number;
}

/** One line of what happened to a team, a subscription, a user. */
export interface HistoryEntry {
  /** `subscription.cancelled`, `team.marked`, … */
  readonly what: string;
  /** What it happened to: `subscription:sub_1`. */
  readonly subject: string;
  readonly teamId?: string;
  readonly detail?: Record<string, unknown>;
}

/** Structured logging; fields are ids and numbers, never personal data. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
