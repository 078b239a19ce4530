import { afterAll, vi } from 'vitest';
import type postgres from 'postgres';
import { protectCommand } from '../../../src/cli/commands/protections.ts';
import { keepToken } from '../../../src/core/keep-token.ts';
import { createMailer } from '../../../src/mail/mailer.ts';
import { createMailTransport } from '../../../src/mail/transport.ts';
import { startInbox } from '../../../src/stand-ins/inbox/index.ts';
import { startStripeStandIn } from '../../../src/stand-ins/stripe/index.ts';
import { createStripeGateway } from '../../../src/stripe/gateway.ts';
import { silentLog } from '../../support/machine.ts';
import { createTestDatabase } from '../../support/database.ts';
import { runCommand } from '../../support/printed.ts';
import { openWeb } from '../../web/web.ts';
import { takeOverClock } from './clock.ts';
import type { Reach } from './doings.ts';

const secretKey = 'the key that signs the links of a walk';
const webhookSecret = 'whsec_of_a_walk';
export const mailDomain = 'acme.example';

export type Stage = Awaited<ReturnType<typeof openStage>>;

/** Everything real that a walk needs, for all walks of a file: one database with a clock that can be set, and the servers. */
export async function openStage() {
  const { url, database, sql } = await createTestDatabase();
  const clock = await takeOverClock(sql);
  const inbox = await startInbox({ now: clock.now });
  const standIn = await startStripeStandIn({ now: clock.now });
  const transport = createMailTransport({
    smtpUrl: inbox.smtpUrl,
    from: `Acme Boards <billing@${mailDomain}>`,
    timeouts: { answer: 2_000, send: 5_000 },
  });
  const web = await openWeb(url, {
    config: {
      SECRET_KEY: secretKey,
      STRIPE_SECRET_KEY: 'sk_test_walk',
      STRIPE_WEBHOOK_SECRET: [webhookSecret],
    },
  });
  afterAll(async () => {
    transport.close();
    await Promise.all([inbox.close(), standIn.close()]);
  });
  const tables = await tablesOf(sql);

  return {
    database,
    sql,
    clock,
    inbox,
    standIn,
    webhooks: { url: `${web.url}/webhooks/stripe`, secret: webhookSecret },
    adapters: {
      stripe: createStripeGateway({ secretKey: 'sk_test_walk', apiBase: standIn.url, log: silentLog }),
      mail: createMailer({
        transport,
        app: { name: 'Acme Boards', url: 'https://app.acme.example/billing' },
      }),
      alerts: { deadLetter: () => Promise.resolve(['walk']), finding: () => Promise.resolve(['walk']) },
      keepLink: (markId: number) => `https://evenfall.example/keep/${keepToken(secretKey, markId)}`,
    },
    reach: reachOf(sql, url, web.url),

    /** An empty world. */
    async clear(): Promise<void> {
      await sql.unsafe(`truncate ${tables.join(', ')} restart identity cascade`);
      standIn.reset();
      inbox.clear();
      inbox.faults.clear();
    },
  };
}

/** All that a walk fills; what `migrate` has written stays. */
async function tablesOf(sql: postgres.Sql): Promise<string[]> {
  const kept = [
    'job_kind',
    'job_kind_grant',
    'contract',
    'schedule',
    'stripe_gate',
    'migration',
    'installation',
  ];
  const found = await sql<{ name: string }[]>`
    select format('%I.%I', schemaname, tablename) as name from pg_tables
    where (schemaname = 'evenfall' and tablename <> all (${kept}))
      or (schemaname = 'public' and tablename in ('users', 'teams', 'memberships', 'sessions'))`;
  return found.map(({ name }) => name);
}

/** What people reach Evenfall by: the page behind the link, and the command line. */
function reachOf(sql: postgres.Sql, databaseUrl: string, webUrl: string): Reach {
  const lastKept = async () =>
    (
      await sql`select id, team_id from evenfall.history where what = 'team.kept' order by id desc limit 1`
    )[0];
  const order = async (kind: 'snooze' | 'exempt' | 'hold', teamId: string, options: object) => {
    vi.stubEnv('DATABASE_URL', databaseUrl);
    const why = 'as the customer wished';
    return await runCommand(() => protectCommand(kind, `team:${teamId}`, { why, json: true, ...options }));
  };
  return {
    async keep(path) {
      const before = await lastKept();
      await fetch(`${webUrl}${path}`, { method: 'POST', redirect: 'manual' });
      const after = await lastKept();
      return after && after['id'] !== before?.['id'] ? String(after['teamId']) : undefined;
    },
    async protect(kind, { id }, until) {
      const { exit } = await order(kind, id, until === null ? {} : { until: until.toISOString() });
      return exit === 0;
    },
    async lift(kind, { id }) {
      await order(kind, id, { lift: true });
    },
  };
}
