import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { startInbox } from '../../src/stand-ins/inbox/index.ts';
import { startStripeStandIn } from '../../src/stand-ins/stripe/index.ts';
import { appRows } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { asQuiet, build, evenfall, workerEnv } from '../support/processes.ts';

const [database, stripe, inbox, built, dir] = await Promise.all([
  createTestDatabase(),
  startStripeStandIn(),
  startInbox(),
  build(),
  mkdtemp(join(tmpdir(), 'evenfall-clock-')),
]);
const { sql, url } = database;
afterAll(() =>
  Promise.all([stripe.close(), inbox.close(), built.remove(), rm(dir, { recursive: true, force: true })]),
);

test('a worker with EVENFALL_CLOCK_FILE marks a team that is old enough by that clock alone', async () => {
  await asQuiet(sql);
  const rows = appRows(sql);
  const owner = await rows.user({ email: 'olivia@people.example', email_verified_at: new Date() });
  const teamId = await rows.team(owner, { created_at: new Date(Date.now() - 100 * 86_400_000) });
  const clockFile = join(dir, 'clock');
  const worker = evenfall(built, ['worker'], {
    ...workerEnv({ databaseUrl: url, redisUrl: undefined, stripeUrl: stripe.url }),
    SMTP_URL: inbox.smtpUrl,
    MAIL_FROM: 'Evenfall <evenfall@example.com>',
    PUBLIC_URL: 'https://evenfall.example',
    EVENFALL_CLOCK_FILE: clockFile,
  });
  try {
    // no such file yet: the database's clock
    expect(await marking(teamId)).toEqual({ state: 'skipped', reason: 'it is not old enough' });
    await writeFile(clockFile, String(100 * 86_400_000));
    expect(await marking(teamId)).toEqual({ state: 'done', reason: null });
    const [mark] = await sql`
      select notice_sent_at > clock_timestamp() + interval '99 days' as "isAhead", state
      from evenfall.team_deletion where team_id = ${teamId}`;
    expect(mark).toEqual({ isAhead: true, state: 'noticed' });
  } finally {
    await worker.end();
  }
}, 60_000);

/** Asks for the team's mark; resolves to how that job ended. */
async function marking(teamId: string) {
  const [asked] = await sql`
    select evenfall.enqueue('mark-team-for-deletion', jsonb_build_object('teamId', ${teamId}::text)) as id`;
  return await vi.waitFor(
    async () => {
      const [job] = await sql`
        select state, outcome->>'reason' as reason from evenfall.job
        where id = ${asked!['id'] as string} and finished_at is not null`;
      expect(job).toBeDefined();
      return { ...job };
    },
    { timeout: 30_000, interval: 50 },
  );
}
