import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { doctorCommand } from '../../src/cli/commands/doctor.ts';
import { section } from '../../src/cli/doctor/section.ts';
import { connectDatabase } from '../../src/db/connect.ts';
import type { Diagnosis } from '../../src/db/contract.ts';
import { packageRoot } from '../../src/package-root.ts';
import { declareSchedule, scheduledJobs } from '../../src/queue/schedules.ts';
import { startInbox } from '../../src/stand-ins/inbox/index.ts';
import { startStripeStandIn } from '../../src/stand-ins/stripe/index.ts';
import { appRows } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { ownRedisServer } from '../support/processes.ts';
import { describeWithRedis } from '../support/services.ts';

const { url, database, sql } = await createTestDatabase();
const app = appRows(sql);
const inbox = await startInbox();
const stripe = await startStripeStandIn();
afterAll(() => Promise.all([inbox.close(), stripe.close()]));

const contract = readFileSync(join(packageRoot, 'sql', 'contract.sql'), 'utf8');
const kinds = allJobs.map(({ name }) => name);
const dropViews = 'drop view if exists evenfall.app_team, evenfall.app_user, evenfall.app_membership;';

const complete = {
  DATABASE_URL: url,
  REDIS_URL: '',
  QUEUE_BACKEND: 'postgres',
  STRIPE_SECRET_KEY: 'sk_test_thekeyofdoctor',
  STRIPE_API_BASE: stripe.url,
  STRIPE_WEBHOOK_SECRET: 'whsec_thesecretofdoctor',
  SECRET_KEY: 'the-secret-of-the-links',
  SMTP_URL: inbox.smtpUrl,
  MAIL_FROM: 'Acme <billing@acme.example>',
  MAIL_WEBHOOK_SECRET: 'the-secret-of-the-bounces',
  ALERT_EMAIL: 'people@acme.example',
  ALERT_WEBHOOK_URL: '',
  PUBLIC_URL: 'https://evenfall.acme.example',
  NODE_ENV: '',
  CONTRACT_SQL: '',
};

/** An installation that has all it needs, at work. */
beforeEach(async () => {
  for (const [name, value] of Object.entries(complete)) vi.stubEnv(name, value);
  await sql.unsafe(`${dropViews} ${contract}
    create index if not exists teams_owner on public.teams (owner_id);
    create index if not exists teams_customer on public.teams (stripe_customer_id);
    create index if not exists users_customer on public.users (stripe_customer_id);`);
  await app.clear();
  await app.team(await app.user());
  await app.freshPicture();
  await database.statements.beat({ id: 'a-worker', concurrency: 1, kinds, queueBackend: 'postgres' });
  await sql`update evenfall.worker set heartbeat_at = clock_timestamp() + interval '1 hour'`;
  await sql`truncate evenfall.schedule cascade`;
  for (const job of scheduledJobs(allJobs)) await declareSchedule(database, job);
});
afterEach(() => vi.unstubAllEnvs());

/** A job that went to BullMQ this long ago, and of which BullMQ does not know. */
const dispatched = (ago: string) => sql`
  insert into evenfall.job (kind, queue, payload, payload_version, state, due, run_at, deadline_at, dispatch_no,
    dispatched_at, source)
  values ('sync-customer', 'stripe', '{"customerId": "cus_1"}', 1, 'dispatched', false, now(),
    now() + interval '1 day', nextval('evenfall.dispatch_no'), now() - ${ago}::interval, 'test')`;

type Printed = Diagnosis & { section: string };

async function doctor(options: { json?: boolean } = {}): Promise<{ code: number; text: string }> {
  let text = '';
  const write = vi
    .spyOn(process.stdout, 'write')
    .mockImplementation((part) => ((text += String(part)), true));
  try {
    return { code: await doctorCommand(options), text };
  } finally {
    write.mockRestore();
  }
}

/** What it has against the installation, and how it ends. */
async function complaints() {
  const { code, text } = await doctor({ json: true });
  const found = (JSON.parse(text) as Printed[]).filter(({ level }) => level !== 'ok');
  return {
    code,
    found,
    lines: found.map((one) => `${one.section} ${one.level} ${one.about}: ${one.message}`),
  };
}

test('a healthy installation: nothing to complain of, each part is said to be well, exit 0', async () => {
  expect(await complaints()).toMatchObject({ code: 0, lines: [] });
  const { code, text } = await doctor();
  expect(code).toBe(0);
  for (const line of [
    /^settings\n  ok       environment: complete$/m,
    /^  ok       Postgres: is version \d+/m,
    /^  ok       schema: all \d+ migrations are applied$/m,
    /^  ok       evenfall.app_lock_team: locks a team: a second one has to wait$/m,
    /^  ok       BullMQ on Postgres: its schema is there$/m,
    /^  ok       Stripe: answers, in test mode$/m,
    /^  ok       SMTP: answers and lets us in$/m,
    /^errors: 0, warnings: 0$/m,
  ])
    expect(text).toMatch(line);
});

test('the program itself: its own description, and the exit code', async () => {
  const main = join(packageRoot, 'src', 'cli', 'main.ts');
  const ended = (args: string[], env: Record<string, string>) =>
    new Promise<{ code: number; text: string }>((resolve) => {
      const child = execFile(process.execPath, [main, ...args], { env: { ...env } }, (_error, text) =>
        resolve({ code: child.exitCode ?? -1, text }),
      );
    });
  const healthy = await ended(['doctor'], complete);
  expect(healthy.text).toContain('errors: 0, warnings: 0');
  expect(healthy.code).toBe(0);
  expect(await ended(['doctor', '--json'], { ...complete, SECRET_KEY: '' })).toMatchObject({ code: 1 });
});

describe('[P3] a contract that cannot be trusted with deletion', () => {
  test('a lock that locks nothing: exit 1 with the SQL, which mends it', async () => {
    await sql.unsafe(
      `create or replace function evenfall.app_lock_team(id text) returns void language sql as ''`,
    );
    const { code, text } = await doctor();
    expect(code).toBe(1);
    expect(text).toContain('Nothing should be deleted');
    const { found } = await complaints();
    expect(found).toEqual([
      expect.objectContaining({ section: 'contract', level: 'error', about: 'evenfall.app_lock_team' }),
    ]);
    for (const line of found[0]!.fix!.split('\n')) expect(text).toContain(`           ${line}`);
    await sql.unsafe(found[0]!.fix!);
    expect(await complaints()).toMatchObject({ code: 0, lines: [] });
  });

  test('columns that are missing: exit 1, each with the line to add', async () => {
    await sql.unsafe(`${dropViews} ${contract.replace(', t.time_zone', '').replace('u.last_seen_at, ', '')}`);
    const { code, found } = await complaints();
    expect(code).toBe(1);
    expect(found.map(({ fix }) => fix)).toEqual([
      expect.stringContaining('add `null::text as time_zone`'),
      expect.stringContaining('add `created_at as last_seen_at`'),
    ]);
  });

  test('a missing index is a warning with its SQL: exit 0', async () => {
    await sql`drop index public.teams_owner`;
    const { code, found } = await complaints();
    expect(code).toBe(0);
    expect(found).toEqual([
      expect.objectContaining({
        level: 'warning',
        fix: 'create index concurrently on public.teams (owner_id);',
      }),
    ]);
  });
});

describe('settings', () => {
  test('a missing Stripe key is one line among others', async () => {
    vi.stubEnv('STRIPE_SECRET_KEY', '');
    vi.stubEnv('PUBLIC_URL', '');
    await sql`truncate evenfall.backfill`;
    const { code, lines } = await complaints();
    expect(code).toBe(1);
    expect(lines).toEqual([
      expect.stringMatching(/^settings error STRIPE_SECRET_KEY: is missing/),
      expect.stringMatching(/^mirror warning backfill: Stripe was never read as a whole: deletions wait/),
      expect.stringMatching(/^links warning PUBLIC_URL/),
    ]);
  });

  test('without DATABASE_URL, and with wrong ones beside it: each is named, the rest is still asked', async () => {
    vi.stubEnv('DATABASE_URL', '');
    vi.stubEnv('POLICY_DELETION_NOTICE', 'a week');
    vi.stubEnv('STRIPE_SECRET_KEY', 'pk_live_nonono');
    const { code, text } = await doctor({ json: true });
    expect(code).toBe(1);
    const found = JSON.parse(text) as Printed[];
    expect(found.filter(({ level }) => level === 'error').map(({ about }) => about)).toEqual([
      'DATABASE_URL',
      'STRIPE_SECRET_KEY',
      'POLICY_DELETION_NOTICE',
    ]);
    expect(found.find(({ about }) => about === 'SMTP')).toMatchObject({ level: 'ok' });
    expect(text).not.toContain('nonono');
  });

  test('QUEUE_BACKEND says redis and there is no REDIS_URL: said once, and everything else is asked', async () => {
    vi.stubEnv('QUEUE_BACKEND', 'redis');
    expect(await complaints()).toMatchObject({
      code: 1,
      lines: ['settings error REDIS_URL: is missing, and QUEUE_BACKEND says redis'],
    });
  });

  test('what is not set and may be absent is a warning that says what is lost: exit 0', async () => {
    for (const name of ['STRIPE_WEBHOOK_SECRET', 'SMTP_URL', 'MAIL_FROM', 'ALERT_EMAIL', 'PUBLIC_URL'])
      vi.stubEnv(name, '');
    const { code, found } = await complaints();
    expect(code).toBe(0);
    expect(found.map(({ about, level }) => `${level} ${about}`)).toEqual([
      'warning STRIPE_WEBHOOK_SECRET',
      'warning SMTP_URL',
      'warning alerts',
      'warning PUBLIC_URL',
    ]);
    for (const { fix } of found) expect(fix).toBeTruthy();
  });

  test('[P3] where mail goes out and nobody hears of what bounces: a warning', async () => {
    vi.stubEnv('MAIL_WEBHOOK_SECRET', '');
    expect(await complaints()).toMatchObject({
      code: 0,
      lines: [expect.stringMatching(/^mail warning MAIL_WEBHOOK_SECRET: is not set: nobody hears/)],
    });
  });

  test('[P7] neither secrets nor addresses are printed, whatever fails', async () => {
    // a server that answers, and names in its refusal whom it does not let in
    const stranger = new URL(url);
    stranger.username = 'somebody';
    stranger.password = 'hushhush';
    vi.stubEnv('DATABASE_URL', stranger.href);
    vi.stubEnv('SMTP_URL', 'smtp://postman:hushhush@127.0.0.1:1');
    stripe.faults.add({
      kind: 'refused',
      status: 401,
      error: { type: 'invalid_request_error', message: 'Invalid API Key provided: sk_test_thekeyofdoctor' },
    });
    const { code, found } = await complaints();
    expect(code).toBe(1);
    expect(found.map(({ section, level }) => `${section} ${level}`)).toEqual([
      'database error',
      'stripe error',
      'mail error',
    ]);
    const { text } = await doctor();
    for (const secret of [
      'hushhush',
      'somebody',
      'postman',
      'thekeyofdoctor',
      'thesecretofdoctor',
      '@',
      'the-secret-of',
    ])
      expect(`${text}${JSON.stringify(found)}`).not.toContain(secret);
  });

  test('a test key in production', async () => {
    vi.stubEnv('NODE_ENV', 'production');
    expect((await complaints()).lines).toEqual([
      expect.stringMatching(/^stripe warning STRIPE_SECRET_KEY: is one of test mode/),
    ]);
  });
});

describe('the database', () => {
  test('never migrated: migrate', async () => {
    const other = await createTestDatabase();
    await other.sql.unsafe('drop schema evenfall cascade; drop schema bullmq cascade');
    vi.stubEnv('DATABASE_URL', other.url);
    const { code, found, lines } = await complaints();
    expect(code).toBe(1);
    expect(lines).toContain('database error schema: the database has no Evenfall schema');
    expect(found.find(({ about }) => about === 'schema')).toMatchObject({ fix: 'run `evenfall migrate`' });
    expect(lines).toContain('queues error BullMQ on Postgres: its schema is not in this database');
  });

  test('a role that lacks rights is named with the grants that it lacks, and they mend it', async () => {
    const role = `evenfall_role_${randomBytes(4).toString('hex')}`;
    await sql.unsafe(`create role ${role} login password 'stranger'`);
    onTestFinished(async () => void (await sql.unsafe(`drop owned by ${role}; drop role ${role}`)));
    const stranger = new URL(url);
    stranger.username = role;
    stranger.password = 'stranger';
    vi.stubEnv('DATABASE_URL', stranger.href);

    const { code, found, lines } = await complaints();
    expect(code).toBe(1);
    expect(lines).toEqual([`database error rights: the role ${role} may not do here what a worker does`]);
    const fix = found[0]?.fix ?? '';
    expect(fix.split('\n').slice(0, 4)).toEqual([
      `grant usage on schema evenfall to ${role};`,
      `grant select, insert, update, delete on all tables in schema evenfall to ${role};`,
      `grant usage, select, update on all sequences in schema evenfall to ${role};`,
      `grant execute on all functions in schema evenfall to ${role};`,
    ]);
    expect(fix).toContain(`grant usage on schema bullmq to ${role};`);

    await sql.unsafe(fix);
    // with them it gets past the boot of a worker, and can answer for a restored backup
    const theirs = connectDatabase(stranger.href, { max: 1, name: 'stranger' });
    onTestFinished(() => theirs.close());
    await expect(theirs.statements.findInstallation()).resolves.toBeDefined();
    await expect(theirs.statements.leapDispatchNumbers({ highestDispatchNo: null })).resolves.toHaveLength(1);
    // the contract's functions act as the worker, on the app's own tables: Postgres names those
    const refusals = (await complaints()).lines;
    expect(refusals).toEqual([
      expect.stringMatching(
        /^contract error evenfall.app_lock_team: cannot lock: permission denied for table teams/,
      ),
      expect.stringMatching(/^contract error evenfall.app_lock_user: cannot lock: permission denied/),
    ]);
  });

  test('what Postgres does not let it read is named, and no other foreign message is', async () => {
    const failing = (code: string) =>
      section('contract', () =>
        Promise.reject(Object.assign(new Error('permission denied for table teams'), { code })),
      );
    const said = async (code: string) => (await failing(code)).diagnoses.map(({ message }) => message);
    expect(await said('42501')).toEqual(['could not be checked: permission denied for table teams']);
    expect(await said('28P01')).toEqual(['could not be checked: 28P01']);
  });

  test('its contract is an own one: each command to migrate names the file, unless CONTRACT_SQL does', async () => {
    await sql`insert into evenfall.contract (file) values ('config/contract.sql')
      on conflict (only_row) do update set file = excluded.file`;
    await sql.unsafe(`${dropViews} ${contract.replace(', t.time_zone', '')}`);
    await sql`update evenfall.job_kind set payload_version = -payload_version where kind = 'cancel-subscription'`;
    onTestFinished(async () => {
      await sql`update evenfall.contract set file = null`;
      await sql`update evenfall.job_kind set payload_version = abs(payload_version)`;
    });
    const commands = async () =>
      (await complaints()).found.map(({ fix }) => /`(evenfall migrate[^`]*)`/.exec(fix ?? '')?.[1]);
    const own = 'evenfall migrate --contract config/contract.sql';
    expect(await commands()).toEqual([own, own]);
    vi.stubEnv('CONTRACT_SQL', 'config/contract.sql');
    expect(await commands()).toEqual(['evenfall migrate', 'evenfall migrate']);
  });

  test('a migration or a kind behind this release: migrate; one ahead of it is a warning', async () => {
    onTestFinished(async () => {
      await sql`delete from evenfall.migration where name = '9999_later'`;
      await sql`update evenfall.migration set name = replace(name, 'not-', '')`;
      await sql`update evenfall.job_kind set payload_version = abs(payload_version)`;
    });
    await sql`insert into evenfall.migration (name, run_on) values ('9999_later', now())`;
    expect(await complaints()).toMatchObject({
      code: 0,
      lines: ['database warning schema: a newer release has migrated this database: 9999_later'],
    });
    await sql`update evenfall.job_kind set payload_version = -payload_version where kind = 'cancel-subscription'`;
    await sql`delete from evenfall.migration where name = '9999_later'`;
    expect(await complaints()).toMatchObject({
      code: 1,
      lines: [
        'database error kinds: the database does not know these as this release does: cancel-subscription',
      ],
    });
    await sql`update evenfall.migration set name = 'not-' || name where name like '0002%'`;
    expect(await complaints()).toMatchObject({
      code: 1,
      lines: [expect.stringMatching(/^database error schema: these migrations are not applied: 0002/)],
    });
  });
});

describe('where the queues are', () => {
  test('workers have theirs in Redis, and here REDIS_URL is not set: said first, and nothing is to be built', async () => {
    await sql`update evenfall.worker set queue_backend = 'redis'`;
    // of what is in Redis the queues in Postgres know nothing
    await dispatched('3 minutes');
    onTestFinished(async () => void (await sql`truncate evenfall.job`));
    const { code, found, lines } = await complaints();
    expect(code).toBe(1);
    expect(lines).toEqual([
      'queues error REDIS_URL: is not set here, and workers that run have their queues in Redis',
    ]);
    expect(found[0]?.fix).toMatch(/^set REDIS_URL/);
  });

  test('nobody works and here REDIS_URL is not set: that is said before anything is to be built', async () => {
    const other = await createTestDatabase();
    await other.sql.unsafe('drop schema bullmq cascade');
    vi.stubEnv('DATABASE_URL', other.url);
    const { found } = await complaints();
    expect(found.find(({ section }) => section === 'queues')).toMatchObject({
      message: 'its schema is not in this database',
      fix: expect.stringMatching(
        /^REDIS_URL is not set here: if the workers use Redis, set it; if they do not/,
      ),
    });
  });
});

describe('what has happened so far', () => {
  test('[P3] an old picture of Stripe: deletions wait, exit 0', async () => {
    await sql`update evenfall.backfill set finished_at = clock_timestamp() - interval '24 hours 1 second'`;
    const { code, lines } = await complaints();
    expect(code).toBe(0);
    expect(lines).toEqual([
      expect.stringMatching(/^mirror warning backfill: .*more than 24 hours ago: deletions wait/),
    ]);
  });

  test('[P3] a picture of Stripe without any customer, though the app names one: deletions wait, exit 0', async () => {
    await app.team(await app.user(), { stripe_customer_id: 'cus_ofAnother' });
    expect(await complaints()).toMatchObject({
      code: 0,
      lines: ['mirror warning backfill: the app names Stripe customers, and none was found: deletions wait'],
    });
  });

  test('schedules that are late or that nobody has declared', async () => {
    await sql`update evenfall.schedule set since = clock_timestamp() - interval '2 days' where name = 'backfill-stripe'`;
    await sql`delete from evenfall.schedule where name = 'trial-ending-email'`;
    const { code, lines } = await complaints();
    expect(code).toBe(0);
    expect(lines).toEqual([
      expect.stringMatching(/^schedules warning backfill-stripe: is late by \d+ minutes/),
      expect.stringMatching(/^schedules warning schedules: .*: trial-ending-email$/),
    ]);
  });

  test('Stripe that does not work is said, and asked all the same', async () => {
    await sql`update evenfall.stripe_gate set failures = 5, opened_at = '2026-03-14T09:26:53Z'`;
    onTestFinished(
      async () => void (await sql`update evenfall.stripe_gate set failures = 0, opened_at = null`),
    );
    const { code, lines } = await complaints();
    expect(code).toBe(0);
    expect(lines).toEqual([
      'work warning Stripe: has not worked since 2026-03-14T09:26:53.000Z: it is asked once a second, and jobs wait',
    ]);
    expect((await doctor()).text).toMatch(/^  ok       Stripe: answers, in test mode$/m);
  });

  test('[P1] a kind that no living worker knows is named while its jobs wait, with what to do', async () => {
    await sql`update evenfall.worker set kinds = array['sync-customer']`;
    await sql`select evenfall.enqueue('cancel-subscription', '{"teamId": "7", "when": "now"}')`;
    onTestFinished(async () => void (await sql`truncate evenfall.job`));
    const { code, found, lines } = await complaints();
    expect(code).toBe(0);
    expect(lines).toEqual([
      'work warning cancel-subscription: 1 wait, and no worker that is alive knows this kind',
    ]);
    expect(found[0]?.fix).toContain('restart the workers');

    // one that knows it is enough; so is one of an older release, which does not say
    for (const newcomer of [['cancel-subscription'], null]) {
      await sql`insert into evenfall.worker (id, concurrency, kinds, heartbeat_at)
        values ('b', 1, ${newcomer}, clock_timestamp() + interval '1 hour')`;
      expect(await complaints()).toMatchObject({ code: 0, lines: [] });
      await sql`update evenfall.worker set heartbeat_at = '2026-01-01' where id = 'b'`;
      expect((await complaints()).lines).toHaveLength(1);
      await sql`delete from evenfall.worker where id = 'b'`;
    }
  });

  test('[P1] of what people were told is not said that nobody was; of the rest, what lets them be told', async () => {
    await sql`insert into evenfall.dead_letter (job_id, run_no, kind, class, error, attempts, crashes, alerted_at)
      values (1, 1, 'cancel-subscription', 'stripe_refused', '{}', 1, 0, now()),
        (2, 1, 'cancel-subscription', 'stripe_refused', '{}', 1, 0, null)`;
    await sql`insert into evenfall.finding (kind, subject, occasion, message, found_at, alerted_at)
      values ('a', 'b', 'c', 'd', now(), now())`;
    const { lines, found } = await complaints();
    expect(lines).toEqual([
      'work warning dead letters: 2 open, 1 of which nobody was told',
      'work warning findings: 1 open',
    ]);
    expect(found.map(({ fix }) => fix?.includes('ALERT_WEBHOOK_URL'))).toEqual([true, false]);
  });

  test('everything that waits for a person is counted, with the command that shows it', async () => {
    await sql`truncate evenfall.worker`;
    await sql`insert into evenfall.dead_letter (job_id, run_no, kind, class, error, attempts, crashes)
      values (1, 1, 'cancel-subscription', 'stripe_refused', '{}', 1, 0)`;
    await sql`insert into evenfall.effect (key, kind, state, claimed_at) values ('mail:a', 'a', 'unknown', now())`;
    await sql`insert into evenfall.finding (kind, subject, occasion, message, found_at) values ('a', 'b', 'c', 'd', now())`;
    await sql`insert into evenfall.fuse (kind, blown_at) values ('delete-inactive-team', now()), ('mark-team-for-deletion', null)`;
    await database.statements.pauseKind({ kind: 'cancel-subscription', why: 'a test' });
    onTestFinished(async () => void (await database.statements.resumeKind({ kind: 'cancel-subscription' })));
    const { code, lines, found } = await complaints();
    expect(code).toBe(0);
    expect(lines).toEqual([
      'work warning workers: none is running: what is asked for waits',
      'work warning dead letters: 1 open, 1 of which nobody was told',
      'work warning unknown effects: 1 open',
      'work warning findings: 1 open, 1 of which nobody was told',
      'work warning fuse: that of delete-inactive-team has blown: nothing of it happens',
      'work warning cancel-subscription: is paused',
    ]);
    expect(found.map(({ fix }) => /`(evenfall [a-z]+ [a-zA-Z]+)/.exec(fix!)?.[1] ?? fix)).toEqual([
      'run `evenfall worker`',
      'evenfall dead list',
      'evenfall effect settle',
      'evenfall findings list',
      'evenfall fuse release',
      'evenfall resume cancel',
    ]);
  });
});

describeWithRedis('Redis', () => {
  beforeEach(() => sql`update evenfall.worker set queue_backend = 'redis'`);

  test('one that keeps what it is given is well; one that forgets is a warning, in production an error', async () => {
    const server = await ownRedisServer();
    onTestFinished(() => server!.stop());
    vi.stubEnv('REDIS_URL', server!.url);
    vi.stubEnv('QUEUE_BACKEND', 'redis');
    expect(await complaints()).toMatchObject({ code: 0, lines: [] });
    expect((await doctor()).text).toContain('Redis: answers, appends to a file and evicts nothing');

    const redis = new Redis(server!.url);
    await redis.config('SET', 'appendonly', 'no');
    await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await redis.quit();
    const { code, found } = await complaints();
    expect(code).toBe(0);
    expect(found).toEqual([
      expect.objectContaining({
        level: 'warning',
        about: 'Redis',
        fix: 'set `appendonly yes` in its configuration',
      }),
      expect.objectContaining({
        level: 'warning',
        fix: 'set `maxmemory-policy noeviction` in its configuration',
      }),
    ]);
    vi.stubEnv('NODE_ENV', 'production');
    expect(await complaints()).toMatchObject({ code: 1 });
  });

  test('one that does not answer is an error', async () => {
    vi.stubEnv('REDIS_URL', 'redis://127.0.0.1:1');
    vi.stubEnv('QUEUE_BACKEND', 'redis');
    expect(await complaints()).toMatchObject({ code: 1, lines: ['queues error Redis: does not answer'] });
  });
});

describe('[P1] rows and BullMQ', () => {
  test('one that BullMQ does not know for two minutes: nobody has put them together', async () => {
    await dispatched('2 minutes 1 second');
    expect(await complaints()).toMatchObject({
      code: 1,
      lines: [
        'drift error rows and BullMQ: have parted for two minutes over 1 jobs: no worker puts them together',
      ],
    });
  });

  test('one that was handed over a minute ago may be on its way', async () => {
    await dispatched('1 minute');
    expect(await complaints()).toMatchObject({ code: 0, lines: [] });
  });
});
