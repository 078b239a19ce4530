import { randomBytes } from 'node:crypto';
import { afterAll } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { startInbox } from '../../src/stand-ins/inbox/index.ts';
import { startStripeStandIn } from '../../src/stand-ins/stripe/index.ts';
import { appRows } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { createRunner } from '../support/machine.ts';
import { workerEnv } from '../support/processes.ts';

/**
 * An installation in which what the pages name is there: team 7 with a subscription, team 8 that never had one, and a
 * dead letter, an unknown effect and a finding, each the first of its kind.
 */
export async function openScene() {
  const { url, database, sql } = await createTestDatabase();
  const inbox = await startInbox();
  const standIn = await startStripeStandIn();
  afterAll(() => Promise.all([inbox.close(), standIn.close()]));

  const rows = appRows(sql);
  const customer = standIn.seed.customer({ id: 'cus_7' }).id;
  standIn.seed.subscription({ id: 'sub_7', customer, status: 'active' });
  await rows.team(await rows.user({ id: 7 }), { id: 7, stripe_customer_id: customer });
  await rows.team(await rows.user({ id: 8 }), { id: 8, created_at: new Date('2020-01-01T00:00:00Z') });
  await rows.freshPicture();

  await sql`select evenfall.enqueue('cancel-subscription', '{"teamId":"404","when":"now"}')`;
  const { runNext } = await createRunner(database, allJobs);
  await runNext('stripe');
  await sql`
    insert into evenfall.effect (key, kind, state, claimed_at)
    values ('mail:trial-ending:subscription:sub_7:2026', 'mail.trial-ending', 'unknown', clock_timestamp())`;
  await sql`
    insert into evenfall.finding (kind, subject, occasion, team_id, message, found_at)
    values ('stripe-veto', 'team:7', 'sub_7', '7', 'found for the pages', clock_timestamp())`;

  const env: Record<string, string | undefined> = {
    ...workerEnv({ databaseUrl: url, redisUrl: undefined, stripeUrl: standIn.url }),
    PORT: '0',
    API_TOKEN: randomBytes(16).toString('hex'),
    STRIPE_WEBHOOK_SECRET: 'whsec_pages',
    MAIL_WEBHOOK_SECRET: randomBytes(16).toString('hex'),
    SMTP_URL: inbox.smtpUrl,
    MAIL_FROM: 'Acme Boards <billing@acme.example>',
    ALERT_EMAIL: 'operators@acme.example',
    PUBLIC_URL: 'https://evenfall.example',
  };
  return { url, sql, env };
}

export type Scene = Awaited<ReturnType<typeof openScene>>;
