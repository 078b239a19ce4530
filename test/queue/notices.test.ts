import { beforeEach, describe, expect, test } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { agreeingApp } from '../../src/core/app-callback.ts';
import type { Context } from '../../src/core/context.ts';
import { Retryable, Terminal } from '../../src/core/errors.ts';
import type { MailPort, TrialEnding } from '../../src/core/mail.ts';
import type { Noticed, NoticeKey } from '../../src/core/notices.ts';
import { done, skipped } from '../../src/core/outcome.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { runInline } from '../../src/queue/inline.ts';
import { createTestDatabase } from '../support/database.ts';
import { testKind } from '../support/kinds.ts';
import {
  createRunner,
  noStripe,
  recordingAlerts,
  silentLog,
  testHash,
  testKeepLink,
} from '../support/machine.ts';

const { kind, runs } = testKind({ attempts: 5 });
const jobs = [...allJobs, kind];
const { database, sql } = await createTestDatabase([kind]);
const { statements } = database;

const to = 'olive@harbour.example';
const notice = { kind: 'trial-ending', subject: 'subscription:sub_1', occasion: 'o1', teamId: '7' } as const;
const key = 'mail:trial-ending:subscription:sub_1:o1';
const props: TrialEnding = {
  now: new Date('2026-03-28T18:00:00Z'),
  endsAt: new Date('2026-03-31T18:00:00Z'),
  timeZone: 'UTC',
  teamName: null,
  price: null,
  card: null,
};

let sendings: { to: string; key: string }[] = [];
/** What the mail server does this time. */
let answer: () => Promise<void> = () => Promise.resolve();
const mail: MailPort = {
  async send(_name, _props, envelope) {
    sendings.push(envelope);
    await answer();
    return { messageId: `<${sendings.length}@acme.example>`, response: '250 OK' };
  },
};

const unclear = new Retryable('unclear', { facts: { class: 'mail_unclear' }, outcomeUnknown: true });
const busy = new Retryable('busy', { facts: { class: 'mail_unavailable' } });
const refused = new Terminal('refused', { facts: { class: 'mail_refused' } });

let noticed: (Noticed | 'gave up')[] = [];

beforeEach(async () => {
  await sql`truncate evenfall.job, evenfall.effect, evenfall.history, evenfall.dead_letter, evenfall.notice`;
  sendings = [];
  noticed = [];
  answer = () => Promise.resolve();
  runs(async (ctx) => {
    if (await ctx.notices.giveUpBegun()) return skipped((noticed.push('gave up'), 'perhaps sent'));
    noticed.push(await ctx.notices.notify({ ...notice, to, props }));
    return done();
  });
});

async function enqueue(n = 1): Promise<number> {
  const wanted = { kind: kind.name, payload: { n }, key: null, runAt: null, teamId: null, priority: 0 };
  const [row] = await statements.enqueue(wanted);
  return row!.id;
}

async function runNext() {
  await sql`
    update evenfall.job set state = 'queued', due = true, run_at = clock_timestamp()
    where state = 'dispatched' and kind = ${kind.name}`;
  const { runNext: next } = await createRunner(database, jobs, { mail });
  return await next();
}

const suppresses = (more: Partial<NoticeKey & { reason: string }> = {}) =>
  runs((ctx: Context) =>
    Promise.resolve(
      skipped('no', {}, (tx) => ctx.notices.suppress(tx, { ...notice, reason: 'nobody', ...more })),
    ),
  );

const rows = () =>
  sql`select state, reason, recipient_hash, message_id, job_id from evenfall.notice order by id`;
const effects = async () =>
  (await sql`select state from evenfall.effect order by id`).map((row) => row['state']);
const told = async () =>
  (await sql`select what from evenfall.history order by id`).map((row) => row['what'] as string);

describe('notify', () => {
  test('[P2] sends, and records the row, the history and the effect together', async () => {
    const id = await enqueue();
    expect(await runNext()).toMatchObject({ as: 'finished' });
    expect(sendings).toEqual([{ to, key }]);
    expect(noticed).toEqual(['now']);
    expect(await rows()).toEqual([
      { state: 'sent', reason: null, recipientHash: testHash(to), messageId: '<1@acme.example>', jobId: id },
    ]);
    expect([await effects(), await told()]).toEqual([['settled'], ['notice.sent']]);
    const [effect] = await sql`select kind, evidence from evenfall.effect`;
    expect(effect).toMatchObject({
      kind: 'mail.trial-ending',
      evidence: { ...notice, recipientHash: testHash(to) },
    });
    expect(JSON.stringify(effect)).not.toContain(to);
  });

  test('[P2] asked for by another job: it was sent before', async () => {
    await enqueue(1);
    await runNext();
    await enqueue(2);
    await runNext();
    expect(noticed).toEqual(['now', 'before']);
    expect([sendings.length, (await rows()).length, await told()]).toEqual([1, 1, ['notice.sent']]);
  });

  test('[P2] by two jobs at once: one mail', async () => {
    await enqueue(1);
    await enqueue(2);
    await Promise.all([runNext(), runNext()]);
    await runNext();
    expect(sendings).toHaveLength(1);
    expect(await rows()).toHaveLength(1);
  });

  test('[P2] of which nobody knows the end: unknown in one transaction, and never again', async () => {
    answer = () => Promise.reject(unclear);
    await enqueue(1);
    expect(await runNext()).toMatchObject({ as: 'later' });
    expect([await effects(), await rows()]).toEqual([['claimed'], []]);
    expect(await runNext()).toMatchObject({ as: 'finished', summary: 'skipped: perhaps sent' });
    await enqueue(2);
    await runNext();
    expect(noticed).toEqual(['gave up', 'unknown']);
    expect(sendings).toHaveLength(1);
    expect(await rows()).toMatchObject([{ state: 'unknown', reason: null, recipientHash: testHash(to) }]);
    expect([await effects(), await told()]).toEqual([['unknown'], ['notice.unknown']]);
  });

  test('that was refused for certain: released, nothing recorded, the next try sends', async () => {
    for (const failure of [busy, refused]) {
      answer = () => Promise.reject(failure);
      await enqueue();
      await runNext();
      expect([await effects(), await rows()]).toEqual([['released'], []]);
    }
    answer = () => Promise.resolve();
    await enqueue();
    await runNext();
    expect(await rows()).toMatchObject([{ state: 'sent' }]);
  });
});

describe('suppress', () => {
  test('[P8] writes down why, once, however often it is asked', async () => {
    suppresses();
    for (const n of [1, 2]) {
      await enqueue(n);
      await runNext();
    }
    expect(await rows()).toMatchObject([
      { state: 'suppressed', reason: 'nobody', recipientHash: null, messageId: null },
    ]);
    expect(await sql`select what, subject, team_id, detail from evenfall.history`).toEqual([
      {
        what: 'notice.suppressed',
        subject: notice.subject,
        teamId: '7',
        detail: { mail: 'trial-ending', occasion: 'o1', reason: 'nobody' },
      },
    ]);
  });

  test('does not deny a mail that was sent', async () => {
    await enqueue(1);
    await runNext();
    suppresses();
    await enqueue(2);
    await runNext();
    expect(await rows()).toMatchObject([{ state: 'sent', reason: null }]);
    expect(await told()).toEqual(['notice.sent']);
  });

  test('a mail that is sent after all is a mail that was sent', async () => {
    suppresses();
    await enqueue(1);
    await runNext();
    runs(async (ctx) => done({ sent: await ctx.notices.notify({ ...notice, to, props }) }));
    await enqueue(2);
    await runNext();
    expect(await rows()).toMatchObject([{ state: 'sent', reason: null, recipientHash: testHash(to) }]);
    expect(await told()).toEqual(['notice.suppressed', 'notice.sent']);
  });

  test('another occasion is another notice', async () => {
    for (const [n, occasion] of ['o1', 'o2'].entries()) {
      suppresses({ occasion });
      await enqueue(n);
      await runNext();
    }
    expect(await rows()).toHaveLength(2);
  });
});

test('giving up leaves other acts of the job alone', async () => {
  runs(async (ctx) => {
    if (await ctx.notices.giveUpBegun()) return done();
    return await ctx.effects
      .perform({ key: 'test:1', kind: 'test', about: {}, act: () => Promise.reject(unclear) })
      .then(() => done());
  });
  await enqueue();
  await runNext();
  await runNext();
  expect(await rows()).toEqual([]);
  expect(await sql`select key from evenfall.effect`).toEqual([{ key: 'test:1' }]);
});

test.for([
  [true, 'settled', ['sent']],
  [false, 'released', []],
] as const)(
  'an unknown mail that a person looked into (happened: %s) is sent, or due again',
  async ([happened, state, left]) => {
    answer = () => Promise.reject(unclear);
    await enqueue();
    await runNext();
    await runNext();
    const [effect] = await sql`select id from evenfall.effect`;
    const settled = await statements.settleUnknown({
      id: effect!['id'] as number,
      happened,
      who: 'operator',
    });
    expect(settled).toEqual([{ key, state }]);
    expect((await rows()).map((row) => row['state'])).toEqual(left);
  },
);

test('a dry run sends and records nothing', async () => {
  const result = await runInline(
    kind,
    { n: 1 },
    {
      database,
      stripe: noStripe,
      alerts: recordingAlerts(),
      mail,
      policy: defaultPolicy,
      hash: testHash,
      app: agreeingApp,
      keepLink: testKeepLink,
      log: silentLog,
      dryRun: true,
    },
  );
  expect(result).toMatchObject({ outcome: 'done' });
  expect([sendings, await rows(), await effects()]).toEqual([[], [], []]);
});
