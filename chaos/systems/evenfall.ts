import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import postgres from 'postgres';
import { allJobs } from '../../jobs/index.ts';
import { migrate } from '../../src/db/migrate.ts';
import { packageRoot } from '../../src/package-root.ts';
import { asQuiet } from '../quiet.ts';
import type { JournalEvent } from '../recovery.ts';
import type { System } from '../system.ts';

/** What tells, beside the record itself, when each run began and ended: on the database's clock, by every process. */
const journal = `
  create schema chaos;
  create table chaos.journal (
    id bigint generated always as identity primary key,
    job_id bigint not null, state text not null, worker_id text, run_at timestamptz not null,
    at timestamptz not null default clock_timestamp());
  create function chaos.note() returns trigger language plpgsql as $$
  begin
    insert into chaos.journal (job_id, state, worker_id, run_at) values (new.id, new.state, new.worker_id, new.run_at);
    return null;
  end $$;
  create trigger chaos_inserted after insert on evenfall.job for each row execute function chaos.note();
  create trigger chaos_changed after update on evenfall.job for each row
    when (old.state <> new.state or old.run_no <> new.run_no) execute function chaos.note();`;

/** The fuse and the budget for Stripe opened wide, and policies under which each mail is due in a story. */
const settings = {
  POLICY_CARD_WINDOW: 'P40D',
  POLICY_DELETION_NOTICE: 'PT4H',
  POLICY_DELETION_REMINDER: 'PT3H',
  POLICY_ERASE_STRIPE_CUSTOMER: 'delete',
  POLICY_FUSE_MAX: '10000',
  POLICY_FUSE_SHARE: '1',
  STRIPE_REQUESTS_PER_SECOND: '1000',
};

/**
 * @param build the folder of the compiled program, `dist/`
 * @param statements run in the migrated database, for a program with one of its mechanisms switched off
 */
export function evenfall(build: string, statements = '', patienceMs = 90_000): System {
  return {
    name: 'Evenfall',
    isControl: false,
    patienceMs,

    async prepare(databaseUrl) {
      const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
      try {
        await sql.unsafe(readFileSync(join(packageRoot, 'sql', 'example-app.sql'), 'utf8'));
        await migrate({ databaseUrl, kinds: allJobs, log: () => {} });
        await sql.unsafe(journal + statements);
        await asQuiet(sql);
        // the mirror knows somebody, so it is a picture of the account
        await sql`
          insert into evenfall.customer (id, livemode, read_at) values ('cus_somebody', false, clock_timestamp())`;
      } finally {
        await sql.end({ timeout: 1 });
      }
    },

    worker: ({ databaseUrl, redisUrl, stripeUrl, smtpUrl }, { failpoint, skewMs, concurrency }) => ({
      args: [join(build, 'src', 'cli', 'main.js'), 'worker'],
      env: {
        ...settings,
        DATABASE_URL: databaseUrl,
        REDIS_URL: redisUrl,
        STRIPE_SECRET_KEY: 'sk_test_chaos',
        STRIPE_API_BASE: stripeUrl,
        SECRET_KEY: 'the-secret-of-the-chaos',
        SMTP_URL: smtpUrl,
        MAIL_FROM: 'Acme Boards <billing@acme.example>',
        ALERT_EMAIL: 'operators@acme.example',
        LOG_LEVEL: 'info',
        CONCURRENCY: String(concurrency ?? 4),
        EVENFALL_FAILPOINT: failpoint,
        ...(skewMs === undefined ? {} : skewed(build, skewMs)),
      },
    }),

    async ask(sql, _addresses, errand) {
      await sql
        .begin(async (tx) => {
          const [row] =
            await tx`select evenfall.enqueue(${errand.kind}, ${tx.json(errand.payload)})::text as id`;
          errand.jobId = row!['id'] as string;
          if (errand.ghost) throw rolledBack;
        })
        .catch((error: unknown) => {
          if (error !== rolledBack) throw error;
        });
    },

    async isIdle(sql) {
      const [row] = await sql`
        select count(*)::int as open from evenfall.job j
        where j.state in ('queued', 'dispatched', 'running', 'parked')
          and not exists (select from evenfall.job_kind k where k.kind = j.kind and k.paused_at is not null)`;
      return row!['open'] === 0;
    },

    async account(sql) {
      const jobs = await sql`select id::text, state, attempts from evenfall.job`;
      const lines = await sql`
        select subject, count(*)::int as lines from evenfall.history
        where what in ('subscription.cancelled', 'team.deleted') group by subject`;
      const unknown = await sql`select subject from evenfall.notice where state = 'unknown'`;
      const [told] = await sql`
        select count(*)::int as letters from evenfall.dead_letter
        where class = 'unknown_effect' and alerted_at is not null`;
      return {
        ended: new Map(
          jobs.map((job) => [
            String(job['id']),
            { state: String(job['state']), attempts: Number(job['attempts']) },
          ]),
        ),
        history: new Map(lines.map((line) => [String(line['subject']), Number(line['lines'])])),
        unknown: unknown.map((notice) => String(notice['subject'])),
        unknownTold: Number(told!['letters']),
      };
    },

    async journal(sql) {
      const rows = await sql`
        select job_id::text, state, substring(worker_id from '-(\\d+)-[0-9a-f]+$')::int as pid,
          extract(epoch from at)::float8 * 1000 as at, extract(epoch from run_at)::float8 * 1000 as run_at
        from chaos.journal order by id`;
      return rows.map((row): JournalEvent => ({
        jobId: String(row['job_id']),
        state: String(row['state']),
        pid: (row['pid'] as number | null) ?? undefined,
        at: Number(row['at']),
        runAt: Number(row['run_at']),
      }));
    },
  };
}

const rolledBack = new Error('rolled back');

function skewed(build: string, skewMs: number): Record<string, string> {
  const preload = pathToFileURL(join(build, 'chaos', 'skew.js')).href;
  return { NODE_OPTIONS: `--import=${preload}`, CHAOS_SKEW_MS: String(skewMs) };
}
