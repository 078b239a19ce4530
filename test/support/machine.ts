import type { AlertPort, DeadLetterAlert } from '../../src/core/alert.ts';
import { agreeingApp } from '../../src/core/app-callback.ts';
import { noFailpoints } from '../../src/core/failpoints.ts';
import { keyedHash } from '../../src/core/hash.ts';
import type { AnyJob } from '../../src/core/job.ts';
import type { MailPort } from '../../src/core/mail.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import type { StripePort } from '../../src/core/stripe.ts';
import type { Database } from '../../src/db/connect.ts';
import { lease } from '../../src/queue/heartbeat.ts';
import { Runner } from '../../src/queue/runner.ts';
import type { Ended, RunnerOptions } from '../../src/queue/runner.ts';

/** What SECRET_KEY is to the worker of the tests. */
export const testSecretKey = 'the-secret-of-the-tests';

/** Of addresses, keyed with it. */
export const testHash = (text: string) => keyedHash(testSecretKey, text);

export const testKeepLink = (markId: number) => `https://evenfall.example/keep/${markId}`;

export const silentLog = { info() {}, warn() {}, error() {}, debug() {} };

/** Stripe for tests that must not reach it. */
export const noStripe = new Proxy({} as StripePort, {
  get: (_target, name) => () => Promise.reject(new Error(`no Stripe in this test (${String(name)})`)),
});

/** Mail for tests that must not send any. */
export const noMail: MailPort = {
  send: (name) => Promise.reject(new Error(`no mail in this test (${name})`)),
};

export function recordingAlerts(): AlertPort & { sent: DeadLetterAlert[] } {
  const sent: DeadLetterAlert[] = [];
  return {
    sent,
    deadLetter: (alert) => Promise.resolve((sent.push(alert), ['test'])),
    finding: () => Promise.resolve(['test']),
  };
}

/** A runner without BullMQ: what a worker does with one job, under the test's hand. */
export async function createRunner(
  database: Database,
  jobs: readonly AnyJob[],
  options: Partial<RunnerOptions> = {},
): Promise<{ runner: Runner; workerId: string; runNext: (queue?: string) => Promise<Ended | undefined> }> {
  const workerId = options.workerId ?? `worker-${Math.random().toString(36).slice(2)}`;
  const kinds = jobs.map(({ name }) => name);
  await database.statements.beat({ id: workerId, concurrency: 10, kinds, queueBackend: 'redis' });
  const runner = new Runner({
    database,
    jobs,
    workerId,
    lease,
    stripe: noStripe,
    alerts: recordingAlerts(),
    mail: noMail,
    policy: defaultPolicy,
    hash: testHash,
    app: agreeingApp,
    keepLink: testKeepLink,
    log: silentLog,
    failpoint: noFailpoints,
    clockOffsetMs: () => 0,
    random: () => 0.5,
    kill: new AbortController().signal,
    ...options,
  });
  const runNext = async (queue = 'lifecycle') => {
    const [row] = await claimOne(database, jobs, queue);
    if (!row) return undefined;
    return await runner.run(
      { id: row.id, dispatchNo: row.dispatchNo, kind: row.kind },
      new AbortController().signal,
    );
  };
  return { runner, workerId, runNext };
}

export async function claimOne(database: Database, jobs: readonly AnyJob[], queue = 'lifecycle') {
  await database.statements.promoteDue({ batch: 100 });
  return await database.statements.claim({ queue, slots: 1, after: '', kinds: jobs.map((job) => job.name) });
}

/** As if the worker's process had died long ago. */
export async function forgetHeartbeat(database: Database, workerId: string): Promise<void> {
  await database.statements.signOff({ id: workerId });
}
