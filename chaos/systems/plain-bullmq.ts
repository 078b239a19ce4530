import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Queue } from 'bullmq';
import postgres from 'postgres';
import { packageRoot } from '../../src/package-root.ts';
import type { JournalEvent } from '../recovery.ts';
import type { Addresses, System } from '../system.ts';

/** What an app has beside its queue: the history that it shows, with which a careful handler does nothing twice. */
const schema = `
  create schema control;
  create table control.history (subject text primary key, at timestamptz not null default clock_timestamp());
  create table control.journal (
    id bigint generated always as identity primary key,
    job_id text not null, state text not null, pid int not null, at timestamptz not null default clock_timestamp());`;

/**
 * The control: the same load on BullMQ as its documentation sets it up. The app commits, then adds the job; five
 * attempts with exponential backoff; a handler that reads before it acts (plain-bullmq-worker.ts).
 */
export function plainBullmq(build: string): System {
  const queues = new Map<string, Queue>();
  const queueOf = ({ redisUrl }: Addresses): Queue => {
    const known = queues.get(redisUrl);
    if (known) return known;
    const queue = new Queue('control', { connection: { url: redisUrl } });
    queue.on('error', () => {});
    queues.set(redisUrl, queue);
    return queue;
  };

  return {
    name: 'plain BullMQ',
    isControl: true,
    // its defaults look for stalled jobs every 30 seconds, and find them the second time
    patienceMs: 75_000,

    async prepare(databaseUrl) {
      const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
      try {
        await sql.unsafe(readFileSync(join(packageRoot, 'sql', 'example-app.sql'), 'utf8'));
        await sql.unsafe(schema);
      } finally {
        await sql.end({ timeout: 1 });
      }
    },

    worker: ({ databaseUrl, redisUrl, stripeUrl, smtpUrl }, { concurrency }) => ({
      args: [join(build, 'chaos', 'systems', 'plain-bullmq-worker.js')],
      env: {
        DATABASE_URL: databaseUrl,
        REDIS_URL: redisUrl,
        STRIPE_URL: stripeUrl,
        SMTP_URL: smtpUrl,
        CONCURRENCY: String(concurrency ?? 4),
      },
    }),

    async ask(_sql, addresses, errand) {
      if (errand.ghost || errand.appDies) return;
      const { kind, payload, cancels: subscriptions, mails } = errand;
      const options = { attempts: 5, backoff: { type: 'exponential', delay: 1_000 } } as const;
      const job = await queueOf(addresses)
        .add(kind, { ...payload, subscriptions, to: mails?.[0] }, options)
        .catch(() => undefined);
      if (job?.id !== undefined) errand.jobId = job.id;
    },

    async isIdle(_sql, addresses) {
      const counts = await queueOf(addresses).getJobCounts('waiting', 'active', 'delayed', 'prioritized');
      return Object.values(counts).every((count) => count === 0);
    },

    async account(sql, addresses) {
      const jobs = await queueOf(addresses).getJobs(['completed', 'failed', 'waiting', 'active', 'delayed']);
      const ended = await Promise.all(
        jobs.map(async (job) => {
          const state = await job.getState();
          const wasted = state === 'completed' ? job.attemptsMade - 1 : job.attemptsMade;
          return [
            String(job.id),
            { state: state === 'completed' ? 'done' : state, attempts: Math.max(0, wasted) },
          ] as const;
        }),
      );
      const history = await sql`select subject from control.history`;
      // the story is over: the next one has another Redis, or an emptied one
      await queueOf(addresses).close();
      queues.delete(addresses.redisUrl);
      return {
        ended: new Map(ended),
        history: new Map(history.map((line) => [String(line['subject']), 1])),
        unknown: [],
        unknownTold: 0,
      };
    },

    async journal(sql) {
      const rows = await sql`
        select job_id, state, pid, extract(epoch from at)::float8 * 1000 as at from control.journal order by id`;
      return rows.map((row): JournalEvent => ({
        jobId: String(row['job_id']),
        state: String(row['state']),
        pid: Number(row['pid']),
        at: Number(row['at']),
        runAt: 0,
      }));
    },
  };
}
