import { beforeEach, describe, expect, test } from 'vitest';
import { trialEndingEmail } from '../../jobs/trial-ending-email.ts';
import type { Failpoint } from '../../src/core/failpoints.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { createMailer } from '../../src/mail/mailer.ts';
import { appRows } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { app, everythingKept, seconds, startMailing } from '../support/mailing.ts';
import { testHash } from '../support/machine.ts';

const { database, sql } = await createTestDatabase();
const mailing = await startMailing(database, sql);
const { inbox, standIn } = mailing;
const rows = appRows(sql);
const kind = trialEndingEmail.name;

const day = 86_400_000;
const trialEnd = new Date('2026-03-31T18:00:00Z');
const before = (ms: number) => new Date(trialEnd.getTime() - ms);

beforeEach(async () => {
  await sql`truncate evenfall.job, evenfall.effect, evenfall.history, evenfall.dead_letter, evenfall.notice,
    evenfall.subscription, evenfall.customer, evenfall.card, evenfall.worker, evenfall.suppressed_recipient`;
  await sql`truncate public.teams, public.users cascade`;
  standIn.reset();
  inbox.clear();
  inbox.faults.clear();
  mailing.at(before(3 * day - 60_000));
});

/** A trial as the mirror has it. */
async function trial(changes: Record<string, unknown> = {}): Promise<string> {
  const id = `sub_${Math.random().toString(36).slice(2)}`;
  const row = {
    id,
    customer_id: 'cus_1',
    status: 'trialing',
    cancel_at_period_end: false,
    trial_start: new Date('2026-03-01T18:00:00Z'),
    trial_end: trialEnd,
    livemode: false,
    created_at: new Date('2026-03-01T18:00:00Z'),
    read_at: new Date('2026-03-02T00:00:00Z'),
    ...changes,
  };
  await sql`insert into evenfall.subscription ${sql(row as never)}`;
  return id;
}

const due = async (at: Date, trialReminders = ['P3D']) =>
  (await mailing.list(kind, at, { trialReminders })).map(
    ({ payload }) => (payload as { subscriptionId: string; offset: string }).offset,
  );

describe('who is due', () => {
  test('strictly more than 3 days before nobody, at exactly 3 days nobody, a millisecond later the customer', async () => {
    const id = await trial();
    expect(await due(before(3 * day + 1))).toEqual([]);
    expect(await due(before(3 * day))).toEqual([]);
    expect(await mailing.list(kind, before(3 * day - 1))).toEqual([
      {
        payload: { subscriptionId: id, offset: 'P3D' },
        teamId: null,
        subject: id,
        why: 'the trial ends at 2026-03-31T18:00:00.000Z, the reminder is due P3D before',
      },
    ]);
  });

  test('a missed mail is due while more than 24 hours are left; at exactly 24 hours it is not', async () => {
    await trial();
    expect(await due(before(day + 1))).toEqual(['P3D']);
    expect(await due(before(day))).toEqual([]);
    expect(await due(before(-1))).toEqual([]);
  });

  test.for([
    ['a month end', '2026-05-31T23:59:59Z'],
    ['after a short February', '2026-03-02T00:00:00Z'],
    ['across a leap day', '2028-03-02T12:00:00Z'],
    ['across the beginning of summer time in Europe', '2026-03-30T01:30:00Z'],
    ['across its end', '2026-10-26T01:30:00Z'],
    ['across the end of the year', '2027-01-02T08:00:00Z'],
  ])('three days are 72 hours: %s', async ([, end]) => {
    const ends = new Date(end!);
    await trial({ trial_end: ends, trial_start: new Date(ends.getTime() - 30 * day) });
    expect(await due(new Date(ends.getTime() - 3 * day))).toEqual([]);
    expect(await due(new Date(ends.getTime() - 3 * day + 1))).toEqual(['P3D']);
  });

  test('a list of offsets: each in its time, and of those missed only the last', async () => {
    await trial();
    const both = ['P7D', 'P3D'];
    expect(await due(before(7 * day), both)).toEqual([]);
    expect(await due(before(7 * day - 1), both)).toEqual(['P7D']);
    expect(await due(before(3 * day), both)).toEqual(['P7D']);
    expect(await due(before(3 * day - 1), both)).toEqual(['P3D']);
  });

  test('the same offset written in two ways is one mail', async () => {
    await trial();
    expect(await due(before(2 * day), ['P3D', 'PT72H'])).toHaveLength(1);
  });

  test.for([
    ['set to end with its trial', { cancel_at_period_end: true }],
    ['set to end with its trial to the millisecond', { cancel_at: trialEnd }],
    ['set to end before it does', { cancel_at: before(1) }],
    ['cancelled', { status: 'canceled' }],
    ['paid already', { status: 'active' }],
    ['paused', { status: 'paused' }],
    ['gone in Stripe', { gone: true }],
    ['without an end', { trial_end: null }],
  ] as const)('not a trial that is %s', async ([, changes]) => {
    await trial(changes);
    expect(await due(before(2 * day))).toEqual([]);
  });

  test('a subscription that is set to end after its trial is charged before: it is due', async () => {
    await trial({ cancel_at: before(-1) });
    expect(await due(before(2 * day))).toEqual(['P3D']);
  });

  test('not a trial whose whole length is up to the offset, a millisecond more is enough', async () => {
    await trial({ trial_start: before(3 * day) });
    expect(await due(before(3 * day - 2))).toEqual([]);
    await sql`update evenfall.subscription set trial_start = ${before(3 * day + 1)}`;
    expect(await due(before(3 * day - 2))).toEqual(['P3D']);
  });

  test('the team is named, by the app or by the metadata; metadata that is no id names none', async () => {
    const [team] =
      await sql`insert into public.teams (name, stripe_customer_id) values ('A', 'cus_1') returning id::text`;
    await trial();
    const teamOf = async () => (await mailing.list(kind, before(2 * day)))[0]?.teamId;
    expect(await teamOf()).toBe(team!['id']);
    await sql`update public.teams set stripe_customer_id = null`;
    const customer = { id: 'cus_1', team_id: team!['id'], livemode: false, read_at: new Date() };
    await sql`insert into evenfall.customer ${sql(customer as never)}`;
    expect(await teamOf()).toBe(team!['id']);
    for (const named of ["x'; drop table job", '99999999999999999999', '4711']) {
      await sql`update evenfall.customer set team_id = ${named}`;
      expect(await teamOf()).toBeNull();
    }
  });
});

interface Scene {
  zone?: string | null;
  owner?: { email?: string; active?: boolean } | null;
  customerEmail?: string | null;
  trial?: Record<string, unknown>;
}

/** A team with an owner, its customer and trial at Stripe, mirrored. */
async function scene({
  zone = 'Europe/Berlin',
  owner = {},
  customerEmail = 'books@harbour.example',
  ...more
}: Scene = {}) {
  const customer = standIn.seed.customer({ email: customerEmail });
  const card = standIn.seed.paymentMethod({ customer: customer.id, card: { brand: 'visa', last4: '4242' } });
  const price = standIn.seed.price({ unit_amount: 2900, currency: 'eur' });
  const { id } = standIn.seed.subscription({
    customer: customer.id,
    status: 'trialing',
    price: price.id,
    default_payment_method: card.id,
    trial_start: seconds(before(30 * day)),
    trial_end: seconds(trialEnd),
    ...more.trial,
  });
  let ownerId = null;
  if (owner) {
    const { email = 'olive@harbour.example', active = true } = owner;
    const [user] =
      await sql`insert into public.users (email, is_active) values (${email}, ${active}) returning id`;
    ownerId = user!['id'] as number;
  }
  const [team] = await sql`
    insert into public.teams (name, owner_id, stripe_customer_id, time_zone)
    values ('Harbour Design', ${ownerId}, ${customer.id}, ${zone}) returning id::text`;
  await mailing.mirror(customer.id);
  await sql`delete from evenfall.job`;
  return { id, customerId: customer.id, teamId: team!['id'] as string };
}

const notices = () => sql`
  select kind, subject, occasion, team_id, state, reason, recipient_hash, message_id from evenfall.notice order by id`;
const mailJobs = () =>
  sql`select state, outcome, attempts, last_error from evenfall.job where kind = ${kind} order by id`;
const effects = async () =>
  (await sql`select key, state from evenfall.effect order by id`).map(({ key, state }) => [key, state]);
const told = () =>
  sql`select what, subject, team_id, detail from evenfall.history where what like 'notice.%' order by id`;

/** Found, enqueued, run. */
async function sweepAndRun(options: Parameters<typeof mailing.runAll>[0] = {}) {
  const swept = await mailing.sweep(kind, options.policy);
  await mailing.runAll(options);
  return swept;
}

describe('the mail', () => {
  test("goes to the owner, once, with the amount, the date in the team's zone and the way out; and is recorded", async () => {
    const { id, teamId } = await scene();
    expect(await sweepAndRun()).toEqual({ due: 1, enqueued: 1 });
    expect(await sweepAndRun()).toEqual({ due: 0, enqueued: 0 });
    expect(inbox.messages).toHaveLength(1);
    const [message] = inbox.messages;
    expect(message).toMatchObject({
      subject: 'Your Acme Boards trial ends on 31 March',
      envelope: { to: ['olive@harbour.example'] },
    });
    for (const part of [
      'Your trial ends in 3 days.',
      '€29.00, before any discounts and taxes',
      'Tuesday, 31 March 2026 at 20:00 (Europe/Berlin time)',
      'Visa ending in 4242',
      'Harbour Design',
      app.url,
    ]) {
      expect(message!.text).toContain(part);
    }
    const messageId = message!.headers.find(({ name }) => name === 'Message-ID')!.value;
    const subject = `subscription:${id}`;
    const occasion = '2026-03-31T18:00:00.000Z P3D';
    expect(await notices()).toEqual([
      {
        kind: 'trial-ending',
        subject,
        occasion,
        teamId,
        state: 'sent',
        reason: null,
        recipientHash: testHash('olive@harbour.example'),
        messageId,
      },
    ]);
    expect(await told()).toEqual([
      { what: 'notice.sent', subject, teamId, detail: { mail: 'trial-ending', occasion, messageId } },
    ]);
    expect(await effects()).toEqual([[`mail:trial-ending:${subject}:${occasion}`, 'settled']]);
  });

  test.for([
    [
      'Europe/Berlin, an hour before the clocks change',
      'Europe/Berlin',
      '2026-03-29T00:30:00Z',
      'Sunday, 29 March 2026 at 01:30 (Europe/Berlin time)',
    ],
    [
      'Europe/Berlin, an hour after',
      'Europe/Berlin',
      '2026-03-29T01:30:00Z',
      'Sunday, 29 March 2026 at 03:30 (Europe/Berlin time)',
    ],
    [
      'New York, where it is still the day before',
      'America/New_York',
      '2026-11-02T04:30:00Z',
      'Sunday, 1 November 2026 at 23:30 (America/New York time)',
    ],
    [
      'Auckland, where it is the next day and year',
      'Pacific/Auckland',
      '2026-12-31T12:00:00Z',
      'Friday, 1 January 2027 at 01:00 (Pacific/Auckland time)',
    ],
    ['no zone', null, '2028-02-29T23:00:00Z', 'Tuesday, 29 February 2028 at 23:00 (UTC)'],
    [
      'a zone that does not exist',
      'Middle/Earth',
      '2026-03-31T18:00:00Z',
      'Tuesday, 31 March 2026 at 18:00 (UTC)',
    ],
  ] as const)('names the day in the calendar of the team: %s', async ([, zone, end, says]) => {
    const ends = new Date(end);
    mailing.at(new Date(ends.getTime() - 2 * day));
    await scene({
      zone,
      trial: { trial_start: seconds(ends) - 30 * 86_400, trial_end: seconds(ends) },
    });
    await sweepAndRun();
    expect(inbox.messages.map(({ text }) => text)).toEqual([expect.stringContaining(says)]);
  });

  test('two offsets are two mails, each once', async () => {
    await scene();
    const policy = { ...defaultPolicy, trialReminders: ['P7D', 'P3D'] };
    for (const at of [before(7 * day - 1000), before(5 * day), before(3 * day - 1000), before(2 * day)]) {
      mailing.at(at);
      await sweepAndRun({ policy });
    }
    expect((await notices()).map(({ occasion, state }) => [occasion, state])).toEqual([
      ['2026-03-31T18:00:00.000Z P7D', 'sent'],
      ['2026-03-31T18:00:00.000Z P3D', 'sent'],
    ]);
    expect(inbox.messages.map(({ text }) => text.split('\n')[0])).toEqual([
      'Your trial ends in 7 days.',
      'Your trial ends in 3 days.',
    ]);
  });

  test('a trial that was moved is another occasion', async () => {
    const { id, customerId } = await scene();
    await sweepAndRun();
    const later = new Date(trialEnd.getTime() + 10 * day);
    standIn.store.subscriptions.get(id)!.trial_end = seconds(later);
    await mailing.mirror(customerId);
    mailing.at(new Date(later.getTime() - 2 * day));
    await sweepAndRun();
    expect((await notices()).map(({ occasion }) => occasion)).toEqual([
      '2026-03-31T18:00:00.000Z P3D',
      '2026-04-10T18:00:00.000Z P3D',
    ]);
  });

  test('[P5] after a week of downtime each due mail goes out once, and none that is stale', async () => {
    const ends = (ms: number) => ({
      trial_end: seconds(before(-ms)),
      trial_start: seconds(before(40 * day)),
    });
    const scenes = [];
    for (const [index, ms] of [0, 5 * day, 8 * day, 20 * day].entries()) {
      scenes.push(await scene({ owner: { email: `owner${index}@harbour.example` }, trial: ends(ms) }));
    }
    // down from five days before the first trial's end to two days after it
    mailing.at(new Date(trialEnd.getTime() + 3 * day));
    const policy = { ...defaultPolicy, trialReminders: ['P7D', 'P3D'] };
    await sweepAndRun({ policy });
    await sweepAndRun({ policy });
    expect(inbox.messages.map(({ envelope }) => envelope.to[0]).toSorted()).toEqual([
      'owner1@harbour.example',
      'owner2@harbour.example',
    ]);
    expect(
      (await notices()).map(({ subject, occasion }) => `${subject} ${occasion.slice(-3)}`).toSorted(),
    ).toEqual([`subscription:${scenes[1]!.id} P3D`, `subscription:${scenes[2]!.id} P7D`].toSorted());
  });
});

describe('asked again when it is sent', () => {
  test.for([
    [
      'cancelled at once',
      { status: 'canceled' },
      'suppressed',
      'the trial is over: the subscription is canceled',
    ],
    ['paid already', { status: 'active' }, 'suppressed', 'the trial is over: the subscription is active'],
    ['paused', { status: 'paused' }, 'suppressed', 'the trial is over: the subscription is paused'],
    ['set to end', { cancel_at_period_end: true }, undefined, 'it is cancelled and ends by itself'],
    [
      'set to end on a day',
      { cancel_at: seconds(trialEnd) },
      undefined,
      'it is cancelled and ends by itself',
    ],
    [
      'moved',
      { trial_end: seconds(before(-10 * day)) },
      undefined,
      'the trial ends at 2026-04-10T18:00:00.000Z: too early to tell',
    ],
    [
      'short by now',
      { trial_start: seconds(before(2 * day)) },
      undefined,
      'the whole trial is no longer than P3D',
    ],
  ] as const)('%s since the mirror was read: no mail, and the reason', async ([, changes, state, reason]) => {
    const { id } = await scene();
    Object.assign(standIn.store.subscriptions.get(id)!, changes);
    await mailing.sweep(kind);
    await mailing.runAll();
    expect(inbox.messages).toEqual([]);
    expect(await mailJobs()).toMatchObject([{ state: 'skipped', outcome: { reason } }]);
    expect((await notices()).map((row) => [row['state'], row['reason']])).toEqual(
      state ? [[state, reason]] : [],
    );
    expect((await told()).map((row) => row['what'])).toEqual(state ? ['notice.suppressed'] : []);
    // and the next sweep does not find it again
    expect(await mailing.sweep(kind)).toMatchObject({ due: 0 });
  });

  test('0.9: set to end a year after the trial: its first charge is told of', async () => {
    await scene({ trial: { cancel_at: seconds(before(-365 * day)) } });
    expect(await sweepAndRun()).toEqual({ due: 1, enqueued: 1 });
    expect(inbox.messages).toHaveLength(1);
  });

  test('gone: skipped, with the reason', async () => {
    const { id } = await scene();
    standIn.store.subscriptions.remove(id);
    await sweepAndRun();
    expect(await mailJobs()).toMatchObject([
      { state: 'skipped', outcome: { reason: 'Stripe does not know this subscription any more' } },
    ]);
    expect(inbox.messages).toEqual([]);
  });

  test('late: with 24 hours left or less it is not sent any more, and that is written down', async () => {
    await scene();
    await mailing.sweep(kind);
    mailing.at(before(day - 1000));
    await mailing.runAll();
    expect(await notices()).toMatchObject([
      {
        state: 'suppressed',
        reason: 'less than 24 hours of the trial are left',
        recipientHash: null,
        teamId: expect.any(String),
      },
    ]);
    expect(inbox.messages).toEqual([]);
  });

  test('overtaken by a later reminder: one mail', async () => {
    await scene();
    const policy = { ...defaultPolicy, trialReminders: ['P7D', 'P3D'] };
    mailing.at(before(6 * day));
    await mailing.sweep(kind, policy);
    mailing.at(before(2 * day));
    await mailing.sweep(kind, policy);
    await mailing.runAll({ policy });
    expect((await notices()).map(({ occasion }) => occasion)).toEqual(['2026-03-31T18:00:00.000Z P3D']);
    expect(inbox.messages).toHaveLength(1);
  });
});

describe('to whom', () => {
  test.for([
    ['the owner', {}, 'olive@harbour.example'],
    ["no owner: the customer's own address", { owner: null }, 'books@harbour.example'],
    ['an inactive owner: the same', { owner: { active: false } }, 'books@harbour.example'],
    ['an owner without an address: the same', { owner: { email: ' ' } }, 'books@harbour.example'],
    [
      'an owner whose address is a list: the same',
      { owner: { email: 'a@x.example, b@y.example' } },
      'books@harbour.example',
    ],
    ['nobody', { owner: { active: false }, customerEmail: null }, undefined],
  ] as const)('%s', async ([, given, to]) => {
    await scene(given);
    await sweepAndRun();
    expect(inbox.messages.map(({ envelope }) => envelope.to)).toEqual(to ? [[to]] : []);
    const [row] = await notices();
    if (to) expect(row).toMatchObject({ state: 'sent', recipientHash: testHash(to) });
    else {
      expect(row).toMatchObject({
        state: 'suppressed',
        reason: 'there is no active owner with an address, nor has the Stripe customer one',
      });
    }
  });

  test.for([
    ["bounces: the customer's own", ['olive'], 'books@harbour.example'],
    ['bounces, of both: nobody', ['olive', 'books'], undefined],
  ] as const)('an address that %s, and the job succeeds', async ([, names, to]) => {
    for (const name of names) await rows.suppress(`${name}@harbour.example`);
    await scene();
    await sweepAndRun();
    expect(inbox.messages.map(({ envelope }) => envelope.to)).toEqual(to ? [[to]] : []);
    expect((await notices())[0]).toMatchObject(
      to
        ? { state: 'sent', recipientHash: testHash(to) }
        : {
            state: 'suppressed',
            reason: 'nobody can be written to: mail to every known address bounces',
            recipientHash: null,
          },
    );
    expect(await mailJobs()).toMatchObject([{ state: to ? 'done' : 'skipped' }]);
  });

  test('whoever owns the team when it is sent', async () => {
    await scene();
    await mailing.sweep(kind);
    await sql`update public.users set email = 'new@harbour.example'`;
    await mailing.runAll();
    expect(inbox.messages.map(({ envelope }) => envelope.to)).toEqual([['new@harbour.example']]);
  });

  test('a customer of no team, at the address that Stripe has', async () => {
    await scene();
    await sql`delete from public.teams`;
    await sweepAndRun();
    expect(inbox.messages.map(({ envelope }) => envelope.to)).toEqual([['books@harbour.example']]);
    expect(inbox.messages[0]!.text).toContain('18:00 (UTC)');
    expect(await notices()).toMatchObject([{ teamId: null, state: 'sent' }]);
  });
});

describe('[P2] killed while it sends', () => {
  test.for([
    ['run.started', 1, 'sent'],
    ['effect.claimed', 0, 'unknown'],
    ['effect.acted', 1, 'unknown'],
    ['effect.settled', 1, 'sent'],
    ['run.ended', 1, 'sent'],
    ['outcome.written', 1, 'sent'],
  ] as const satisfies (readonly [Failpoint, number, string])[])(
    'at %s: %i mail, recorded once, as %s',
    async ([point, mails, state]) => {
      const { id } = await scene();
      await mailing.sweep(kind);
      await mailing.dieAt(point);
      await mailing.runAll();
      await sweepAndRun();
      expect(inbox.messages).toHaveLength(mails);
      expect(await notices()).toMatchObject([{ subject: `subscription:${id}`, state }]);
      expect((await told()).map((row) => row['what'])).toEqual([`notice.${state}`]);
      expect((await effects()).map(([, as]) => as)).toEqual([state === 'sent' ? 'settled' : 'unknown']);
      const [job] = await mailJobs();
      expect(job!['state']).toBe(state === 'sent' ? 'done' : 'skipped');
    },
  );

  test('and cancelled meanwhile: what perhaps went out is not denied', async () => {
    const { id } = await scene();
    await mailing.sweep(kind);
    await mailing.dieAt('effect.acted');
    standIn.store.subscriptions.get(id)!.status = 'canceled';
    await mailing.runAll();
    expect(await notices()).toMatchObject([{ state: 'unknown', reason: null }]);
    expect(inbox.messages).toHaveLength(1);
  });
});

describe('a mail server', () => {
  test('that refuses the address for good: dead, the claim released, not asked for again until a person replays', async () => {
    await scene();
    inbox.faults.add({ kind: 'refuse', code: 550, at: 'rcpt' });
    await sweepAndRun();
    expect(await mailJobs()).toMatchObject([
      { state: 'dead', attempts: 1, lastError: { class: 'mail_refused', code: '550' } },
    ]);
    expect((await effects()).map(([, as]) => as)).toEqual(['released']);
    expect(await notices()).toEqual([]);
    expect(await sweepAndRun()).toEqual({ due: 0, enqueued: 0 });

    const [dead] = await sql`select id from evenfall.job where kind = ${kind}`;
    await database.statements.replay({ id: dead!['id'] as number, resolution: 'replayed by test' });
    await mailing.runAll();
    expect(inbox.messages).toHaveLength(1);
    expect(await notices()).toMatchObject([{ state: 'sent' }]);
  });

  test('that is busy: tried again, the same mail under the same Message-ID', async () => {
    await scene();
    inbox.faults.add({ kind: 'refuse', code: 451, at: 'data', times: 2 });
    await sweepAndRun();
    expect(await mailJobs()).toMatchObject([{ state: 'done', attempts: 2 }]);
    expect(inbox.messages).toHaveLength(1);
    expect(await notices()).toMatchObject([{ state: 'sent' }]);
  });

  test('that goes away after it took the mail: unknown, and not sent again', async () => {
    await scene();
    inbox.faults.add({ kind: 'drop-after-accept' });
    await sweepAndRun();
    await sweepAndRun();
    expect(inbox.messages).toHaveLength(1);
    expect(await notices()).toMatchObject([{ state: 'unknown', reason: null, messageId: null }]);
    expect(await mailJobs()).toMatchObject([{ state: 'skipped' }]);
  });

  test('that is not configured: dead, and it says so', async () => {
    await scene();
    await sweepAndRun({ mail: createMailer({ app }) });
    expect(await mailJobs()).toMatchObject([{ state: 'dead', lastError: { class: 'mail_not_configured' } }]);
    expect((await effects()).map(([, as]) => as)).toEqual(['released']);
  });
});

test('[P7] no address is kept anywhere, whatever became of the mail', async () => {
  await scene();
  inbox.faults.add({ kind: 'refuse', code: 550, at: 'rcpt' });
  await sweepAndRun();
  await scene({ owner: { email: 'two@harbour.example' } });
  inbox.faults.add({ kind: 'drop-after-accept' });
  await sweepAndRun();
  await scene({ owner: { email: 'three@harbour.example' } });
  await sweepAndRun();
  const kept = await everythingKept(sql);
  expect(kept).toContain('mail:trial-ending:');
  expect(kept).toContain('mail_refused');
  expect(kept).not.toMatch(/harbour\.example/i);
  expect(kept).not.toContain('Harbour Design');
});
