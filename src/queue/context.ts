import type { AlertPort } from '../core/alert.ts';
import type { AppPort } from '../core/app-callback.ts';
import type { Context, Log } from '../core/context.ts';
import { StaleRun } from '../core/errors.ts';
import type { AtFailpoint } from '../core/failpoints.ts';
import type { MailPort } from '../core/mail.ts';
import type { Policy } from '../core/policy.ts';
import type { StripePort } from '../core/stripe.ts';
import type { Database } from '../db/connect.ts';
import { effectLedger } from './effect-ledger.ts';
import type { RunOfJob } from './effect-ledger.ts';
import { noticeLedger } from './notices.ts';
import { runSweep } from './sweep.ts';

/** What jobs are run with: the adapters that the entry points build. */
export interface Adapters {
  readonly database: Database;
  readonly stripe: StripePort;
  readonly alerts: AlertPort;
  readonly app: AppPort;
  readonly mail: MailPort;
  readonly policy: Policy;
  /** Keyed with SECRET_KEY. */
  readonly hash: (text: string) => string;
  readonly keepLink: (markId: number) => string | null;
  readonly log: Log;
}

export interface ContextParts extends Adapters {
  readonly failpoint: AtFailpoint;
  readonly kill: AbortSignal;
  readonly run: RunOfJob;
  readonly kind: string;
  readonly teamId: string | null;
  readonly attempt: number;
  readonly occasion: string;
  readonly now: Date;
  /** How far that is ahead of the database's clock. */
  readonly clockOffsetMs: number;
  readonly signal: AbortSignal;
}

/** What one run of a job may touch. */
export function buildContext(parts: ContextParts): Context {
  const { database, run, kind, teamId, now, signal } = parts;
  const failpoint: AtFailpoint = (point) => parts.failpoint(point, kind);
  const effects = effectLedger({ ...parts, failpoint });
  const history: Context['history'] = async (tx, entry) => {
    await tx.recordHistory({
      at: now,
      what: entry.what,
      teamId: entry.teamId ?? teamId,
      subject: entry.subject,
      detail: entry.detail ?? {},
      jobId: run.jobId,
      source: `job:${kind}`,
    });
  };
  return {
    now,
    signal,
    log: parts.log,
    attempt: parts.attempt,
    jobId: run.jobId,
    occasion: parts.occasion,
    sql: database.statements,
    stripe: parts.stripe,
    alerts: parts.alerts,
    app: parts.app,
    policy: parts.policy,
    hash: parts.hash,
    async transaction(work) {
      const result = await database.transaction(async (tx) => {
        const written = await work(tx);
        if (run.jobId !== null) {
          const { jobId, runNo } = run;
          if ((await tx.holdRun({ jobId, runNo })).length === 0) throw new StaleRun(jobId, runNo);
        }
        await failpoint('transaction.written');
        return written;
      });
      await failpoint('transaction.committed');
      return result;
    },
    async find(tx, { teamId: about = null, detail = {}, ...finding }) {
      await tx.recordFinding({ ...finding, detail, teamId: about, jobId: run.jobId, foundAt: now });
    },
    keepLink: parts.keepLink,
    sweep: (swept) => runSweep(database, swept, { now, policy: parts.policy }),
    effects,
    notices: noticeLedger({ ...parts, effects, history, jobId: run.jobId }),
    history,
    async enqueue(job, payload) {
      const [row] = await database.statements.enqueue({
        kind: job.name,
        payload,
        key: null,
        runAt: null,
        teamId: null,
        priority: 0,
      });
      if (!row) throw new Error(`evenfall.enqueue returned nothing for ${job.name}`);
      return row.id;
    },
  };
}
