import { afterAll } from 'vitest';
import type postgres from 'postgres';
import { allJobs } from '../../jobs/index.ts';
import { syncCustomer } from '../../jobs/sync-customer.ts';
import type { Failpoint } from '../../src/core/failpoints.ts';
import { noFailpoints } from '../../src/core/failpoints.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import type { Policy } from '../../src/core/policy.ts';
import type { Database } from '../../src/db/connect.ts';
import { createMailer } from '../../src/mail/mailer.ts';
import { createMailTransport } from '../../src/mail/transport.ts';
import type { RunnerOptions } from '../../src/queue/runner.ts';
import { startInbox } from '../../src/stand-ins/inbox/index.ts';
import { startStripeStandIn } from '../../src/stand-ins/stripe/index.ts';
import { createStripeGateway } from '../../src/stripe/gateway.ts';
import { createRunner, forgetHeartbeat, silentLog } from './machine.ts';

export const app = { name: 'Acme Boards', url: 'https://app.acme.example/billing' };

export const seconds = (at: Date) => Math.floor(at.getTime() / 1000);

/**
 * The whole way of a mail under the test's hand and clock: Stripe's stand-in, the mirror, a sweep, a job, SMTP,
 * an inbox.
 */
export async function startMailing(database: Database, sql: postgres.Sql) {
  let now = new Date();
  const inbox = await startInbox();
  const standIn = await startStripeStandIn({ now: () => now });
  const transport = createMailTransport({
    smtpUrl: inbox.smtpUrl,
    from: `${app.name} <billing@acme.example>`,
    timeouts: { answer: 1_000, send: 3_000 },
  });
  const stripe = createStripeGateway({ secretKey: 'sk_test_mails', apiBase: standIn.url, log: silentLog });
  const mail = createMailer({ transport, app });
  afterAll(async () => {
    transport.close();
    await Promise.all([inbox.close(), standIn.close()]);
  });

  const settings = (more: Partial<RunnerOptions>): Partial<RunnerOptions> => ({
    stripe,
    mail,
    clockOffsetMs: () => now.getTime() - Date.now(),
    ...more,
  });

  /** What waits comes back as if its time had come. */
  async function claim() {
    await sql`
      update evenfall.job set state = 'queued', due = true, run_at = clock_timestamp()
      where state in ('dispatched', 'queued')`;
    const kinds = allJobs.map((job) => job.name);
    const rows = [];
    for (const queue of ['stripe', 'mail', 'lifecycle']) {
      rows.push(...(await database.statements.claim({ queue, slots: 100, after: '', kinds })));
    }
    return rows;
  }

  /** One run of each job that lives. */
  async function runOnce(options: Partial<RunnerOptions> = {}): Promise<void> {
    const { runner } = await createRunner(database, allJobs, settings(options));
    for (const row of await claim()) await runner.run(row, new AbortController().signal);
  }

  /** One run of each job whose time has come by the database's clock, whether it was dispatched or is delayed. */
  async function runDue(options: Partial<RunnerOptions> = {}): Promise<void> {
    const { runner } = await createRunner(database, allJobs, settings(options));
    await database.statements.promoteDue({ batch: 10_000 });
    const kinds = allJobs.map((job) => job.name);
    for (const queue of ['stripe', 'mail', 'lifecycle']) {
      while ((await database.statements.claim({ queue, slots: 100, after: '', kinds })).length > 0);
    }
    const due = await sql<{ id: number; kind: string; dispatchNo: number }[]>`
      select id::int, kind, dispatch_no::int from evenfall.job
      where state = 'dispatched' and run_at <= clock_timestamp() order by run_at, id`;
    for (const ticket of due) await runner.run(ticket, new AbortController().signal);
  }

  return {
    inbox,
    standIn,
    stripe,
    runDue,
    at: (instant: Date | string) => (now = new Date(instant)),
    now: () => now,
    runOnce,

    /** Runs until nothing lives any more. */
    async runAll(options: Partial<RunnerOptions> = {}): Promise<void> {
      for (let rounds = 0; rounds < 10; rounds++) {
        await runOnce(options);
        const [alive] = await sql`
          select count(*)::int as n from evenfall.job where state in ('queued', 'dispatched', 'running') and queue in ('stripe', 'mail', 'lifecycle')`;
        if (alive!['n'] === 0) return;
      }
      throw new Error('jobs still live after 10 rounds');
    },

    /** The process of the one job that is due dies when it gets to this point, and is found dead. */
    async dieAt(point: Failpoint, options: Partial<RunnerOptions> = {}): Promise<void> {
      const reached = Promise.withResolvers<void>();
      const failpoint = (at: Failpoint) => {
        if (at !== point) return noFailpoints(at);
        reached.resolve();
        return new Promise<void>(() => {});
      };
      const { runner, workerId } = await createRunner(database, allJobs, settings({ ...options, failpoint }));
      const [row] = await claim();
      void runner.run(row!, new AbortController().signal);
      await reached.promise;
      // with a process its connections go, and with them what it had not committed
      await sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and state = 'idle in transaction'`;
      await forgetHeartbeat(database, workerId);
      await database.statements.rescue({ lease: 'PT5S' });
    },

    /** The jobs that are due run once; the first time one gets to this point, `during` happens before it goes on. */
    async meanwhileAt(
      point: Failpoint,
      during: () => Promise<unknown>,
      options: Partial<RunnerOptions> = {},
    ) {
      let happened = false;
      const failpoint = async (at: Failpoint) => {
        if (at !== point || happened) return;
        happened = true;
        await during();
      };
      await runOnce({ ...options, failpoint });
      if (!happened) throw new Error(`no job got to ${point}`);
    },

    /** As the webhook and the nightly backfill do. */
    async mirror(customerId: string): Promise<void> {
      await this.ask(syncCustomer.name, { customerId });
      await this.runAll();
    },

    async ask(kind: string, payload: object): Promise<number> {
      const wanted = { kind, payload, key: null, runAt: null, teamId: null, priority: 0 };
      const [row] = await database.statements.enqueue(wanted);
      return row!.id;
    },

    /** Who is due by the real statement, at a given time. */
    list: (kind: string, at: Date = now, policy: Partial<Policy> = {}) =>
      database.sweeps.get(kind)!.list({ now: at, ...defaultPolicy, ...policy }),

    async sweep(kind: string, policy: Partial<Policy> = {}) {
      const [row] = await database.sweeps.get(kind)!.enqueue({ now, ...defaultPolicy, ...policy });
      return row!;
    },
  };
}

/** Everything that is kept, as text: no table of ours may hold an address (P7). */
export async function everythingKept(sql: postgres.Sql): Promise<string> {
  const tables = await sql`
    select format('%I.%I', table_schema, table_name) as name from information_schema.tables
    where table_schema in ('evenfall', 'bullmq') and table_type = 'BASE TABLE'`;
  const rows = await Promise.all(
    tables.map((table) => sql.unsafe(`select to_jsonb(t)::text as row from ${table['name']} t`)),
  );
  return rows.flatMap((of) => of.map((row) => String(row['row']))).join('\n');
}
