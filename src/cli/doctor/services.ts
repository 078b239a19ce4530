import { allJobs } from '../../../jobs/index.ts';
import { createAppCallback } from '../../app/callback.ts';
import type { Config } from '../../config.ts';
import { Misconfigured } from '../../core/errors.ts';
import type { Diagnosis } from '../../db/contract.ts';
import { createLog } from '../../log.ts';
import { createMailTransport } from '../../mail/transport.ts';
import { checkRedis } from '../../queue/redis-check.ts';
import { createStripeGateway } from '../../stripe/gateway.ts';
import { said, section } from './section.ts';
import type { Section } from './section.ts';

const patienceMs = 10_000;
const silent = createLog('silent', 'doctor');

/** What the installation reaches beside its database, each asked at once. A variable that is missing is named elsewhere. */
export async function serviceSections(config: Partial<Config>): Promise<Section[]> {
  return await Promise.all([
    section('policies', async () => policyDiagnoses(config)),
    section('queues', () => redisDiagnoses(config)),
    section('stripe', () => stripeDiagnoses(config)),
    section('mail', async () => [...(await mailDiagnoses(config)), ...bounceDiagnoses(config)]),
    section('alerts', async () => alertDiagnoses(config)),
    section('callback', () => callbackDiagnoses(config)),
    section('heartbeats', async () => heartbeatDiagnoses(config)),
    section('links', async () => linkDiagnoses(config)),
  ]);
}

/** Read and checked with the environment; said here because deletion goes by it. */
function policyDiagnoses(config: Partial<Config>): Diagnosis[] {
  const { POLICY_INACTIVE_TEAM_AGE: age, POLICY_DELETION_NOTICE: notice, POLICY_FUSE_MAX: max } = config;
  const { POLICY_DELETION_REMINDER: reminder } = config;
  if (age === undefined || notice === undefined || max === undefined) return [];
  const reminded = reminder === undefined ? '' : `reminded ${reminder} before, `;
  const message = `is marked when it is older than ${age}, ${reminded}deleted ${notice} after its notice; at most ${max} of each a day`;
  return [{ level: 'ok', about: 'an inactive team', message }];
}

async function redisDiagnoses(config: Partial<Config>): Promise<Diagnosis[]> {
  const { QUEUE_BACKEND: backend, REDIS_URL: url, production } = config;
  if (backend !== 'redis' || url === undefined) return [];
  let answers = true;
  // asked to be strict, it warns of one thing only
  const log = { info() {}, error() {}, debug() {}, warn: () => void (answers = false) };
  try {
    await checkRedis(url, true, log);
  } catch (error) {
    if (!(error instanceof Misconfigured)) throw error;
    const problems = error.message.split('\n').slice(1);
    return problems.map((line) => {
      const [message = line, fix] = line.trim().split(': set ');
      return {
        level: production ? 'error' : 'warning',
        about: 'Redis',
        message: `may lose jobs: ${message}`,
        ...(fix === undefined ? {} : { fix: `set ${fix} in its configuration` }),
      };
    });
  }
  if (answers)
    return [{ level: 'ok', about: 'Redis', message: 'answers, appends to a file and evicts nothing' }];
  return [
    { level: 'error', about: 'Redis', message: 'does not answer', fix: 'set REDIS_URL to a Redis that runs' },
  ];
}

async function stripeDiagnoses(config: Partial<Config>): Promise<Diagnosis[]> {
  const { STRIPE_SECRET_KEY: secretKey, STRIPE_API_BASE: apiBase, STRIPE_WEBHOOK_SECRET: secrets } = config;
  const found: Diagnosis[] = [];
  if (secretKey !== undefined) {
    const mode = secretKey.includes('_live_') ? 'live' : 'test';
    try {
      await createStripeGateway({ secretKey, apiBase, log: silent, deadlineMs: patienceMs }).ping();
      found.push({ level: 'ok', about: 'Stripe', message: `answers, in ${mode} mode` });
    } catch (error) {
      const fix = 'set STRIPE_SECRET_KEY to a key that may read and write subscriptions and customers';
      found.push({ level: 'error', about: 'Stripe', message: `cannot be used: ${said(error)}`, fix });
    }
    if (mode === 'test' && config.production) {
      const message = 'is one of test mode, and this is production: no real subscription is seen';
      found.push({ level: 'warning', about: 'STRIPE_SECRET_KEY', message, fix: 'set a live key' });
    }
  }
  found.push(
    secrets === undefined
      ? {
          level: 'warning',
          about: 'STRIPE_WEBHOOK_SECRET',
          message: 'is not set: what changes in Stripe is heard of in the next nightly read only',
          fix: 'add an endpoint for /webhooks/stripe in Stripe and set its signing secret',
        }
      : { level: 'ok', about: 'STRIPE_WEBHOOK_SECRET', message: `${secrets.length} set` },
  );
  return found;
}

async function mailDiagnoses({ SMTP_URL: smtpUrl, MAIL_FROM: from }: Partial<Config>): Promise<Diagnosis[]> {
  if (smtpUrl === undefined) {
    const message = 'is not set: no mail goes out, and without its notice no team is deleted';
    return [{ level: 'warning', about: 'SMTP_URL', message, fix: 'set SMTP_URL and MAIL_FROM' }];
  }
  if (from === undefined) return [];
  const timeouts = { connect: patienceMs, greeting: patienceMs, answer: patienceMs };
  try {
    const transport = createMailTransport({ smtpUrl, from, timeouts });
    try {
      await transport.verify();
    } finally {
      transport.close();
    }
    return [{ level: 'ok', about: 'SMTP', message: 'answers and lets us in' }];
  } catch (error) {
    return [
      {
        level: 'error',
        about: 'SMTP',
        message: `cannot be used: ${said(error)}`,
        fix: 'mend SMTP_URL or MAIL_FROM',
      },
    ];
  }
}

/** Where mail goes out, some of it comes back. */
function bounceDiagnoses(config: Partial<Config>): Diagnosis[] {
  const { SMTP_URL: smtpUrl, MAIL_WEBHOOK_SECRET: secrets } = config;
  const about = 'MAIL_WEBHOOK_SECRET';
  if (smtpUrl === undefined) return [];
  if (secrets !== undefined) return [{ level: 'ok', about, message: `${secrets.length} set` }];
  const message = 'is not set: nobody hears that a notice bounced, and its team is deleted all the same';
  const fix = 'set it, and let the mail provider tell of bounces at /webhooks/mail';
  return [{ level: 'warning', about, message, fix }];
}

function alertDiagnoses({ ALERT_EMAIL: email, ALERT_WEBHOOK_URL: hook }: Partial<Config>): Diagnosis[] {
  const ways = [email === undefined ? [] : 'by mail', hook === undefined ? [] : 'by webhook'].flat();
  if (ways.length > 0) return [{ level: 'ok', about: 'alerts', message: `go out ${ways.join(' and ')}` }];
  const message = 'go nowhere: nobody hears of dead letters and findings';
  return [{ level: 'warning', about: 'alerts', message, fix: 'set ALERT_EMAIL or ALERT_WEBHOOK_URL' }];
}

/** Who is not asked has not wished to be. */
async function callbackDiagnoses(config: Partial<Config>): Promise<Diagnosis[]> {
  const { APP_CALLBACK_URL: url, APP_CALLBACK_SECRET: secret } = config;
  if (url === undefined || secret === undefined) return [];
  const about = 'APP_CALLBACK_URL';
  try {
    await createAppCallback({ url, secret, timeoutMs: patienceMs }).ping();
    return [{ level: 'ok', about, message: 'answers a ping as it would before a deletion' }];
  } catch (error) {
    const fix = 'mend the callback (docs/callback.md): while it does not answer, nobody is deleted';
    return [{ level: 'error', about, message: `cannot be asked: ${said(error)}`, fix }];
  }
}

/** Who watches none of its schedules has chosen so; who watches some may have forgotten the others. */
function heartbeatDiagnoses({ SCHEDULE_HEARTBEATS: urls }: Partial<Config>): Diagnosis[] {
  if (urls === undefined) return [];
  const schedules = allJobs.filter((job) => job.schedule !== undefined).map((job) => job.name);
  const without = schedules.filter((name) => urls[name] === undefined);
  const about = 'SCHEDULE_HEARTBEATS';
  if (without.length === 0) return [{ level: 'ok', about, message: 'every schedule has its monitor' }];
  const message = `has no URL for ${without.join(', ')}: nobody outside notices when they stop`;
  const fix = 'add one for each, or *=https://…/{schedule} for all';
  return [{ level: 'warning', about, message, fix }];
}

function linkDiagnoses({ PUBLIC_URL: url }: Partial<Config>): Diagnosis[] {
  if (url !== undefined)
    return [{ level: 'ok', about: 'PUBLIC_URL', message: 'is set: notices bear the keep link' }];
  const message = 'is not set: the notice of a deletion has no link to keep the team';
  return [
    { level: 'warning', about: 'PUBLIC_URL', message, fix: 'set it to where `evenfall web` is reached' },
  ];
}
