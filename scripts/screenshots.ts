/**
 * `npm run screenshots`: starts Evenfall with a running, a delayed and a dead cancellation, looks at Bull Board in
 * headless Chromium, and writes docs/bull-board*.png; then every mail to customers, as docs/mail-*.png. Needs
 * /usr/bin/chromium, and a build.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import postgres from 'postgres';
import type { Mail } from '../emails/mail.ts';
import { freePort } from '../src/embedded/ports.ts';
import { startEmbedded } from '../src/embedded/index.ts';
import { packageRoot } from '../src/package-root.ts';
import { startStripeStandIn } from '../src/stand-ins/stripe/index.ts';

const dir = await mkdtemp(join(tmpdir(), 'evenfall-screenshots-'));
await chmod(dir, 0o711);
const services = await startEmbedded({ dir, durable: false, path: process.env['PATH'] });
const standIn = await startStripeStandIn();
const port = await freePort();
const env = {
  PATH: process.env['PATH'],
  DATABASE_URL: services.databaseUrl,
  REDIS_URL: services.redisUrl,
  STRIPE_SECRET_KEY: 'sk_test_screenshots',
  SECRET_KEY: 'only for the screenshots',
  STRIPE_API_BASE: standIn.url,
  DASHBOARD_USERS: 'operator:look-at-it:operator',
  PORT: String(port),
  LOG_LEVEL: 'warn',
  EVENFALL_EMBEDDED: '0',
};
const evenfall = (...command: string[]) =>
  spawn(process.execPath, [join(packageRoot, 'dist', 'src', 'cli', 'main.js'), ...command], {
    env,
    stdio: 'inherit',
  });

const sql = postgres(services.databaseUrl, { onnotice: () => {} });
await sql.unsafe(readFileSync(join(packageRoot, 'sql', 'example-app.sql'), 'utf8'));
await once(evenfall('migrate'), 'exit');
await sql`insert into users (id, email) values (1, 'owner@example.com')`;
for (const id of [1, 2, 3, 4, 5, 6]) {
  const customer = standIn.seed.customer({ id: `cus_team${id}` });
  standIn.seed.subscription({ id: `sub_team${id}`, customer: customer.id, status: 'active' });
  await sql`insert into teams (id, name, owner_id, stripe_customer_id) values (${id}, ${`Team ${id}`}, 1, ${customer.id})`;
}
const cancelling = (subscription: string) => ({ method: 'DELETE' as const, subscription });
standIn.faults.add({ match: cancelling('sub_team1'), kind: 'hang', times: 'forever' });
standIn.faults.add({ match: cancelling('sub_team2'), kind: 'server-error', times: 'forever' });
standIn.faults.add({
  match: cancelling('sub_team3'),
  kind: 'refused',
  status: 403,
  error: {
    type: 'invalid_request_error',
    code: 'more_permissions_required_for_application',
    message: 'The provided key does not have the required permissions for this endpoint.',
  },
});

const processes = [evenfall('start')];
for (const id of ['4', '5', '6', '3', '2', '2', '1']) {
  await sql`select evenfall.enqueue('cancel-subscription', ${sql.json({ teamId: id, when: 'now' })})`;
}
const reached = async (team: string, wanted: (row: postgres.Row) => boolean) => {
  for (;;) {
    const [row] =
      await sql`select state, run_no from evenfall.job where team_id = ${team} order by id limit 1`;
    if (row && wanted(row)) return;
  }
};
await reached('3', (row) => row['state'] === 'dead');
// tried twice: what waits for Stripe uses no attempt
await reached('2', (row) => row['run_no'] >= 2 && row['state'] === 'dispatched');
await reached('1', (row) => row['state'] === 'running');

const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--disable-background-networking',
    '--disable-sync',
  ],
});
const page = await browser.newPage({
  // wide enough for the tab of every state: which one is chosen says what the picture shows
  viewport: { width: 1540, height: 1100 },
  httpCredentials: { username: 'operator', password: 'look-at-it' },
});
for (const [name, path] of [
  ['bull-board', '/queue/stripe'],
  ['bull-board-running', '/queue/stripe?status=active'],
  ['bull-board-delayed', '/queue/stripe?status=delayed'],
  ['bull-board-dead', '/queue/stripe?status=failed'],
] as const) {
  await page.goto(`http://localhost:${port}/queues${path}`, { waitUntil: 'networkidle' });
  if (name === 'bull-board-delayed') {
    await page.getByText('Logs', { exact: true }).first().click();
    await page.getByText('waiting: Stripe').first().waitFor();
  }
  // a tab that was just chosen still fades from the colour of the others
  await page.screenshot({ path: join(packageRoot, 'docs', `${name}.png`), animations: 'disabled' });
}
// Node reads no JSX: the mails as they were built
const built = async (...path: string[]): Promise<unknown> => await import(join(packageRoot, 'dist', ...path));
const { mails } = (await built('emails', 'index.js')) as { mails: Record<string, Mail<object>> };
const { renderMail } = (await built('src', 'mail', 'render.js')) as typeof import('../src/mail/render.ts');
const sheet = await browser.newPage({ viewport: { width: 800, height: 100 } });
for (const [name, mail] of Object.entries(mails)) {
  await sheet.setContent((await renderMail(mail, mail.previewProps)).html);
  await sheet.screenshot({ path: join(packageRoot, 'docs', `mail-${name}.png`), fullPage: true });
}
await browser.close();
for (const child of processes) {
  child.kill('SIGTERM');
  await once(child, 'exit');
}
await sql.end();
await standIn.close();
await services.stop();
await rm(dir, { recursive: true, force: true });
