import { beforeEach, describe, expect, test } from 'vitest';
import { expiringCardEmail } from '../../jobs/expiring-card-email.ts';
import type { Failpoint } from '../../src/core/failpoints.ts';
import { appRows } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { app, everythingKept, seconds, startMailing } from '../support/mailing.ts';
import { testHash } from '../support/machine.ts';

const { database, sql } = await createTestDatabase();
const mailing = await startMailing(database, sql);
const { inbox, standIn } = mailing;
const kind = expiringCardEmail.name;

const day = 86_400_000;
/** The first instant at which a card of 02/2028 is good no more: February has 29 days. */
const expiresAt = new Date('2028-03-01T00:00:00Z');
const before = (ms: number) => new Date(expiresAt.getTime() - ms);

beforeEach(async () => {
  await sql`truncate evenfall.job, evenfall.effect, evenfall.history, evenfall.dead_letter, evenfall.notice,
    evenfall.subscription, evenfall.customer, evenfall.card, evenfall.worker, evenfall.suppressed_recipient`;
  await sql`truncate public.teams, public.users cascade`;
  standIn.reset();
  inbox.clear();
  inbox.faults.clear();
  mailing.at(before(19 * day));
});

const read = { livemode: false, read_at: new Date('2028-01-01T00:00:00Z') };

/** A card as the mirror has it, and what it backs. */
async function mirrored(
  changes: {
    card?: Record<string, unknown>;
    subscription?: Record<string, unknown> | null;
    customer?: Record<string, unknown>;
  } = {},
): Promise<void> {
  const customer = { id: 'cus_1', default_payment_method: null, ...read, ...changes.customer };
  await sql`insert into evenfall.customer ${sql(customer as never)}`;
  const card = { id: 'pm_1', customer_id: 'cus_1', exp_month: 2, exp_year: 2028, expires_at: expiresAt };
  await sql`insert into evenfall.card ${sql({ ...card, read_at: read.read_at, ...changes.card } as never)}`;
  if (changes.subscription === null) return;
  const subscription = {
    id: 'sub_1',
    customer_id: 'cus_1',
    status: 'active',
    cancel_at_period_end: false,
    current_period_end: new Date('2028-03-09T14:00:00Z'),
    default_payment_method: 'pm_1',
    created_at: read.read_at,
    ...read,
    ...changes.subscription,
  };
  await sql`insert into evenfall.subscription ${sql(subscription as never)}`;
}

const due = async (at: Date = before(19 * day), cardWindow = 'P20D') =>
  (await mailing.list(kind, at, { cardWindow })).map(({ subject }) => subject);

describe('who is due', () => {
  test('strictly: not at exactly 20 days before the end of the month, a millisecond later; not once it has expired', async () => {
    await mirrored();
    expect(await due(before(20 * day))).toEqual([]);
    expect(await mailing.list(kind, before(20 * day - 1))).toEqual([
      {
        payload: { cardId: 'pm_1' },
        teamId: null,
        subject: 'pm_1',
        why: 'the card expires at the end of 2028-02 and backs sub_1',
      },
    ]);
    expect(await due(before(1))).toEqual(['pm_1']);
    expect(await due(expiresAt)).toEqual([]);
    expect(await due(before(-1))).toEqual([]);
  });

  test.for([
    ['of a month of 31 days', 1, 2027, '2027-02-01T00:00:00Z', '2027-01-12T00:00:00Z'],
    ['of a February of 28', 2, 2027, '2027-03-01T00:00:00Z', '2027-02-09T00:00:00Z'],
    ['of a February of 29', 2, 2028, '2028-03-01T00:00:00Z', '2028-02-10T00:00:00Z'],
    ['of a month of 30', 4, 2027, '2027-05-01T00:00:00Z', '2027-04-11T00:00:00Z'],
    ["of the year's last month", 12, 2027, '2028-01-01T00:00:00Z', '2027-12-12T00:00:00Z'],
  ] as const)('20 days before its last instant: a card %s', async ([, expMonth, expYear, ends, from]) => {
    await mirrored({ card: { exp_month: expMonth, exp_year: expYear, expires_at: new Date(ends) } });
    const boundary = new Date(from);
    expect(await due(boundary)).toEqual([]);
    expect(await due(new Date(boundary.getTime() + 1))).toEqual(['pm_1']);
  });

  test('a window of months is counted in the calendar, in UTC', async () => {
    await mirrored({ card: { exp_month: 3, expires_at: new Date('2028-04-01T00:00:00Z') } });
    expect(await due(new Date('2028-03-01T00:00:00.000Z'), 'P1M')).toEqual([]);
    expect(await due(new Date('2028-03-01T00:00:00.001Z'), 'P1M')).toEqual(['pm_1']);
  });

  test.for([
    ['an active subscription', { status: 'active' }, true],
    ['a trial', { status: 'trialing' }, true],
    ['one that is past due', { status: 'past_due' }, true],
    ['one that is unpaid', { status: 'unpaid' }, false],
    ['one that is paused', { status: 'paused' }, false],
    ['one that is incomplete', { status: 'incomplete' }, false],
    ['one that is cancelled', { status: 'canceled' }, false],
    ['one that is gone', { gone: true }, false],
    ['one that ends with its period', { cancel_at_period_end: true }, false],
    ['one that ends before the card', { cancel_at: before(1) }, false],
    ['one that ends with the card', { cancel_at: expiresAt }, false],
    ['one that ends before it is charged again', { cancel_at: new Date('2028-03-09T14:00:00Z') }, false],
    ['one that is charged again before it ends', { cancel_at: new Date('2028-05-09T14:00:00Z') }, true],
    ['one charged to another card', { default_payment_method: 'pm_2' }, false],
    ['none', null, false],
  ] as const)('a card that backs %s', async ([, subscription, found]) => {
    await mirrored({ subscription });
    expect(await due()).toEqual(found ? ['pm_1'] : []);
  });

  test("the customer's card, where the subscription has none of its own", async () => {
    await mirrored({
      customer: { default_payment_method: 'pm_1' },
      subscription: { default_payment_method: null },
    });
    expect(await due()).toEqual(['pm_1']);
    await sql`update evenfall.subscription set default_payment_method = 'pm_2'`;
    expect(await due()).toEqual([]);
  });

  test('not a card that was detached', async () => {
    await mirrored({ card: { detached: true } });
    expect(await due()).toEqual([]);
  });

  test('a month that does not exist does not stop the others', async () => {
    await mirrored();
    const odd = { id: 'pm_0', customer_id: 'cus_1', exp_month: 13, exp_year: 2028, expires_at: expiresAt };
    await sql`insert into evenfall.card ${sql({ ...odd, read_at: read.read_at } as never)}`;
    await sql`insert into evenfall.subscription (id, customer_id, status, cancel_at_period_end,
      default_payment_method, created_at, livemode, read_at)
      values ('sub_0', 'cus_1', 'active', false, 'pm_0', ${read.read_at}, false, ${read.read_at})`;
    expect(await due()).toContain('pm_1');
  });
});

/** A team with an owner, and a customer at Stripe whose card backs a subscription, mirrored. */
async function scene(
  given: { subscription?: Record<string, unknown>; owner?: string | null; email?: string | null } = {},
) {
  const { owner = 'olive@harbour.example', email = 'books@harbour.example' } = given;
  const customer = standIn.seed.customer({ email });
  const card = standIn.seed.paymentMethod({
    customer: customer.id,
    card: { brand: 'mastercard', last4: '4444', exp_month: 2, exp_year: 2028 },
  });
  const price = standIn.seed.price({ unit_amount: 4900, currency: 'usd' });
  const subscription = standIn.seed.subscription({
    customer: customer.id,
    status: 'active',
    price: price.id,
    default_payment_method: card.id,
    current_period_end: seconds(new Date('2028-03-09T14:00:00Z')),
    ...given.subscription,
  });
  let ownerId = null;
  if (owner !== null) {
    const [user] = await sql`insert into public.users (email) values (${owner}) returning id`;
    ownerId = user!['id'] as number;
  }
  const [team] = await sql`
    insert into public.teams (name, owner_id, stripe_customer_id, time_zone)
    values ('Harbour Design', ${ownerId}, ${customer.id}, 'America/New_York') returning id::text`;
  await mailing.mirror(customer.id);
  await sql`delete from evenfall.job`;
  return {
    cardId: card.id,
    customerId: customer.id,
    subscriptionId: subscription.id,
    teamId: team!['id'] as string,
    card: standIn.store.paymentMethods.get(card.id)!,
    subscription: standIn.store.subscriptions.get(subscription.id)!,
  };
}

const notices = () => sql`
  select subject, occasion, team_id, state, reason, recipient_hash from evenfall.notice order by id`;
const mailJobs = () =>
  sql`select state, outcome, attempts, last_error from evenfall.job where kind = ${kind} order by id`;

async function sweepAndRun() {
  const swept = await mailing.sweep(kind);
  await mailing.runAll();
  return swept;
}

describe('the mail', () => {
  test('goes to the owner, once, with the card, its month, the next charge and where to change it', async () => {
    const { cardId, teamId } = await scene();
    expect(await sweepAndRun()).toEqual({ due: 1, enqueued: 1 });
    mailing.at(before(2 * day));
    expect(await sweepAndRun()).toEqual({ due: 0, enqueued: 0 });
    expect(inbox.messages).toHaveLength(1);
    const [message] = inbox.messages;
    expect(message).toMatchObject({
      subject: 'Your card for Acme Boards expires at the end of February 2028',
      envelope: { to: ['olive@harbour.example'] },
    });
    for (const part of [
      'Mastercard ending in 4444',
      '02/2028',
      'Thursday, 9 March 2028 (America/New York time)',
      '$49.00, before any discounts and taxes',
      app.url,
    ]) {
      expect(message!.text).toContain(part);
    }
    expect(await notices()).toEqual([
      {
        subject: `card:${cardId}`,
        occasion: '2028-02',
        teamId,
        state: 'sent',
        reason: null,
        recipientHash: testHash('olive@harbour.example'),
      },
    ]);
  });

  test('the owner and then the customer have complained: the next is written to, then nobody, with the reason', async () => {
    const rows = appRows(sql);
    await rows.suppress('olive@harbour.example', 'complaint');
    await scene();
    await sweepAndRun();
    expect(inbox.messages.map(({ envelope }) => envelope.to)).toEqual([['books@harbour.example']]);
    await rows.suppress('books@harbour.example', 'complaint');
    await scene({ owner: null });
    await sweepAndRun();
    expect(inbox.messages).toHaveLength(1);
    expect(await notices()).toMatchObject([
      { state: 'sent' },
      {
        state: 'suppressed',
        reason: 'nobody can be written to: mail to every known address was complained of',
      },
    ]);
  });

  test('the same card with a new expiry is another occasion', async () => {
    const { card, customerId } = await scene();
    await sweepAndRun();
    Object.assign(card.card!, { exp_month: 1, exp_year: 2029 });
    await mailing.mirror(customerId);
    expect(await sweepAndRun()).toMatchObject({ due: 0 });
    mailing.at('2029-01-20T07:23:00Z');
    await sweepAndRun();
    expect((await notices()).map(({ occasion, state }) => [occasion, state])).toEqual([
      ['2028-02', 'sent'],
      ['2029-01', 'sent'],
    ]);
  });

  test('[P5] a week of downtime: once, as long as the card is good', async () => {
    await scene();
    mailing.at(before(13 * day));
    await sweepAndRun();
    await sweepAndRun();
    expect(inbox.messages).toHaveLength(1);
  });

  test('[P5] down until it had expired: none', async () => {
    await scene();
    mailing.at(before(-1000));
    expect(await sweepAndRun()).toMatchObject({ due: 0 });
    expect(inbox.messages).toEqual([]);
  });

  test.for([
    ["no owner: the customer's own address", { owner: null }, ['books@harbour.example']],
    ['nobody', { owner: null, email: null }, undefined],
  ] as const)('%s', async ([, given, to]) => {
    await scene(given);
    await sweepAndRun();
    expect(inbox.messages.map(({ envelope }) => envelope.to)).toEqual(to ? [to] : []);
    expect(await notices()).toMatchObject([{ state: to ? 'sent' : 'suppressed' }]);
  });
});

describe('asked again when it is sent', () => {
  type Scene = Awaited<ReturnType<typeof scene>>;
  type Change = (given: Scene) => void;

  const changes: [string, Change, string | undefined][] = [
    [
      'replaced by another card',
      ({ subscription, customerId }) => {
        const card = { exp_month: 12, exp_year: 2030 };
        subscription.default_payment_method = standIn.seed.paymentMethod({ customer: customerId, card }).id;
      },
      'the card was replaced: it is no longer the one that is charged',
    ],
    [
      'renewed in place',
      ({ card }) => void (card.card!.exp_year = 2031),
      'the card is good through 2031-02: too early to tell',
    ],
    [
      'set to end',
      ({ subscription }) => void (subscription.cancel_at_period_end = true),
      'nothing will be charged to the card',
    ],
    [
      'paused',
      ({ subscription }) => void (subscription.status = 'paused'),
      'nothing will be charged to the card',
    ],
    ['cancelled', ({ subscription }) => void (subscription.status = 'canceled'), undefined],
    [
      'gone with its customer',
      ({ customerId }) => standIn.store.customers.remove(customerId),
      'Stripe does not know the customer any more',
    ],
  ];

  test.for(changes)('%s since the mirror was read: no mail, and the reason', async ([, change, reason]) => {
    const given = await scene();
    change(given);
    await sweepAndRun();
    expect(inbox.messages).toEqual([]);
    expect(await mailJobs()).toMatchObject([{ state: 'skipped', outcome: reason ? { reason } : {} }]);
    expect(await notices()).toEqual([]);
    // the mirror was asked to look again, unless there is nothing left to look at
    const found = standIn.store.customers.get(given.customerId) ? 0 : 1;
    expect(await mailing.list(kind)).toHaveLength(found);
  });

  test('expired by now: not sent, and that is written down', async () => {
    await scene();
    await mailing.sweep(kind);
    mailing.at(before(-1000));
    await mailing.runAll();
    expect(inbox.messages).toEqual([]);
    expect(await notices()).toMatchObject([{ state: 'suppressed', reason: 'the card has expired' }]);
  });

  test('a card that nobody is known to have: skipped', async () => {
    await mailing.ask(kind, { cardId: 'pm_unknown' });
    await mailing.runAll();
    expect(await mailJobs()).toMatchObject([
      { state: 'skipped', outcome: { reason: 'no customer is known to have this card' } },
    ]);
  });
});

describe('[P2] killed while it sends', () => {
  test.for([
    ['effect.claimed', 0, 'unknown'],
    ['effect.acted', 1, 'unknown'],
    ['effect.settled', 1, 'sent'],
    ['run.ended', 1, 'sent'],
  ] as const satisfies (readonly [Failpoint, number, string])[])(
    'at %s: %i mail, recorded once, as %s',
    async ([point, mails, state]) => {
      await scene();
      await mailing.sweep(kind);
      await mailing.dieAt(point);
      await mailing.runAll();
      await sweepAndRun();
      expect(inbox.messages).toHaveLength(mails);
      expect(await notices()).toMatchObject([{ state }]);
    },
  );
});

test('[P7] no address is kept anywhere', async () => {
  await scene();
  inbox.faults.add({ kind: 'refuse', code: 550, at: 'rcpt' });
  await sweepAndRun();
  await scene({ owner: 'two@harbour.example' });
  await sweepAndRun();
  const kept = await everythingKept(sql);
  expect(kept).toContain('mail_refused');
  expect(kept).toContain('mail:expiring-card:');
  expect(kept).not.toMatch(/harbour\.example/i);
});
