import { beforeEach, describe, expect, test, vi } from 'vitest';
import { backfillStripe } from '../../jobs/backfill-stripe.ts';
import { deactivateAccount } from '../../jobs/deactivate-account.ts';
import { deleteInactiveTeam } from '../../jobs/delete-inactive-team.ts';
import { deleteUnverifiedUsers } from '../../jobs/delete-unverified-users.ts';
import { erasuresCommand } from '../../src/cli/commands/erasures.ts';
import { createTestDatabase } from '../support/database.ts';
import { days, startEndings } from '../support/endings.ts';
import { erasures } from '../support/erasures.ts';
import { testHash } from '../support/machine.ts';
import { everythingKept } from '../support/mailing.ts';
import { runCommand } from '../support/printed.ts';

const { url, database, sql } = await createTestDatabase();
const world = await startEndings(database, sql);
const { standIn, rows } = world;
const { person, written, askFor, ledger, isLeft } = erasures(world, sql);

beforeEach(() => world.clear());

const nothing = { notices: 0, effects: 0, customers: 0, cards: 0 };
const appDeletes = (id: string) => sql`
  with t as (update public.teams set owner_id = null where owner_id = ${id}),
    m as (delete from public.memberships where user_id = ${id})
  delete from public.users where id = ${id}`;

async function erase(userId: string, customerId?: string) {
  const id = await askFor(userId, customerId);
  await world.runAll();
  return id;
}

describe('what is erased', () => {
  test('of each mail the recipient, in both ledgers; that it was sent stays', async () => {
    const { id, email } = await person({ customer: false });
    await written(id);
    expect(await isLeft(email)).toBe(true);
    const jobId = await erase(id);
    expect(await isLeft(email)).toBe(false);
    const [notice] = await sql`select state, user_id, recipient_hash, message_id from evenfall.notice`;
    expect(notice).toMatchObject({ state: 'sent', userId: id, recipientHash: null });
    const [effect] = await sql`select state, evidence from evenfall.effect where kind like 'mail.%'`;
    expect(effect).toMatchObject({ state: 'settled', evidence: { messageId: notice!['messageId'] } });
    expect(effect!['evidence']).not.toHaveProperty('recipientHash');
    expect(await ledger()).toMatchObject([
      {
        subject: `user:${id}`,
        what: { ...nothing, notices: 1, effects: 1 },
        stripe: 'no customer',
        recipientHashes: [],
        jobId,
        doneAt: expect.any(Date),
      },
    ]);
  });

  test('of the own customer the address, of its cards the names; what they are due by stays', async () => {
    const { id, email, customer, card } = await person();
    const other = await person();
    await erase(id);
    expect(await isLeft(email)).toBe(false);
    expect(await isLeft(other.email)).toBe(true);
    expect(await cardOf(card)).toMatchObject({ brand: null, last4: null, expYear: 2031 });
    expect(await cardOf(other.card)).toMatchObject({ brand: 'visa', last4: '4242' });
    expect(await ledger()).toMatchObject([
      { what: { ...nothing, customers: 1, cards: 1 }, stripe: `${customer} kept: policy` },
    ]);
  });

  test('and Stripe, which has it still, does not bring it back: by an event, by the nightly read', async () => {
    const { id, email, customer, card } = await person();
    await erase(id);
    const later = standIn.seed.paymentMethod({ customer, card: { brand: 'amex', last4: '0005' } }).id;
    standIn.store.customers.get(customer)!.invoice_settings.default_payment_method = later;
    await world.mirror(customer);
    await world.ask(backfillStripe.name, {});
    await world.runAll();
    expect(await isLeft(email)).toBe(false);
    for (const each of [card, later]) expect(await cardOf(each)).toMatchObject({ brand: null, last4: null });
    expect(await mirrored(customer)).toMatchObject({ emailHash: null, deleted: false });
  });

  test('a customer that the mirror does not know yet does not come into it with the address', async () => {
    const { id, email, customer } = await person();
    await sql`truncate evenfall.customer, evenfall.card`;
    await erase(id);
    await world.mirror(customer);
    expect(await isLeft(email)).toBe(false);
    expect(await mirrored(customer)).toMatchObject({ emailHash: null, erasedAt: expect.any(Date) });
  });

  test('a customer of others that has the address: it goes here as well', async () => {
    const { id, email } = await person({ customer: false });
    const shared = standIn.seed.customer({ email: email.toUpperCase() }).id;
    await rows.member(await rows.team(await rows.user(), { stripe_customer_id: shared }), id);
    await world.mirror(shared);
    await erase(id);
    expect(await isLeft(email)).toBe(false);
    expect(await ledger()).toMatchObject([{ what: { customers: 1 }, stripe: 'no customer' }]);
  });

  test('an address that the person has no more, by the mail that went to it', async () => {
    const { id, email } = await person({ customer: false });
    await written(id);
    await sql`update public.users set email = 'new@erased.example' where id = ${id}`;
    await erase(id);
    expect(await isLeft(email)).toBe(false);
  });

  test('a mail that went to an address which only Stripe had', async () => {
    const { id, email, customer } = await person();
    await sql`update public.users set email = 'work@erased.example', is_active = false where id = ${id}`;
    await written(id, { stripe_customer_id: customer });
    const [notice] = await sql`select user_id, recipient_hash from evenfall.notice`;
    expect(notice).toEqual({ userId: null, recipientHash: testHash(email) });
    await erase(id);
    expect(await isLeft(email)).toBe(false);
  });

  test("nobody else's, though the customers share a mailbox that is not the person's own", async () => {
    const { id, customer } = await person({ billing: 'books@harbour.example' });
    const other = await person({ billing: 'books@harbour.example' });
    await erase(id);
    expect(await mirrored(customer)).toMatchObject({ emailHash: null });
    expect(await mirrored(other.customer)).toMatchObject({
      emailHash: testHash('books@harbour.example'),
      erasedAt: null,
    });
    expect(await cardOf(other.card)).toMatchObject({ last4: '4242' });
  });

  test('[P7] neither payloads nor the ledger hold an address or its hash, and `evenfall erasures` tells of it', async () => {
    vi.stubEnv('DATABASE_URL', url);
    const { id, email, customer } = await person();
    await erase(id, customer);
    const { out } = await runCommand(() => erasuresCommand({ limit: '5', json: true }));
    expect(JSON.parse(out)).toMatchObject([
      { subject: `user:${id}`, what: { customers: 1 }, stripe: `${customer} kept: policy` },
    ]);
    const kept = await everythingKept(sql);
    for (const trace of [email, testHash(email), 'erased.example']) expect(kept).not.toContain(trace);
    vi.unstubAllEnvs();
  });
});

describe('asked for', () => {
  test('in the transaction in which the app deletes the user: by the mails, and by the customer that it names', async () => {
    const { id, email, customer } = await person();
    await written(id);
    await sql.begin(async (tx) => {
      await tx`select evenfall.enqueue('erase-person', ${tx.json({ userId: id, customerId: customer })})`;
      await tx`update public.teams set owner_id = null`;
      await tx`delete from public.memberships`;
      await tx`delete from public.users where id = ${id}`;
    });
    await world.runAll();
    expect(await isLeft(email)).toBe(false);
    expect(await ledger()).toMatchObject([{ what: { notices: 1, effects: 1, customers: 1, cards: 1 } }]);
  });

  test('after the app has deleted the user: by the mails alone', async () => {
    const { id, email } = await person({ customer: false });
    await written(id);
    const customer = standIn.seed.customer({ email }).id;
    await world.mirror(customer);
    await appDeletes(id);
    await erase(id);
    expect(await isLeft(email)).toBe(false);
    expect(await mirrored(customer)).toMatchObject({ erasedAt: expect.any(Date) });
  });

  test('before it, and the app deletes the user while the job is at it', async () => {
    const { id, email } = await person();
    await askFor(id);
    await world.dieAt('transaction.committed');
    await appDeletes(id);
    await world.runAll();
    expect(await isLeft(email)).toBe(false);
    expect(await ledger()).toMatchObject([{ what: { customers: 1, cards: 1 }, doneAt: expect.any(Date) }]);
  });

  test('of somebody of whom there is nothing: done, and written down', async () => {
    await erase('987654');
    expect(await ledger()).toMatchObject([
      { subject: 'user:987654', what: nothing, stripe: 'no customer', doneAt: expect.any(Date) },
    ]);
  });

  test('4.8: by the deletion of an owner, whose address nobody knows afterwards', async () => {
    const { teamId, ownerId } = await world.sleepingTeam();
    const email = await world.emailOf(ownerId);
    const customer = standIn.seed.customer({ email }).id;
    const books = standIn.seed.customer({ email: 'books@harbour.example' }).id;
    await sql`update public.teams set stripe_customer_id = ${customer} where id = ${teamId}`;
    standIn.store.customers.get(books)!.metadata['team_id'] = teamId;
    for (const each of [customer, books]) await world.mirror(each);
    world.at(new Date((await world.marked(teamId)).getTime() + 1_000));
    await world.sweep(deleteInactiveTeam.name);
    await world.runOnce();
    expect(await rows.exists('users', ownerId)).toBe(false);
    expect(await ledger()).toMatchObject([
      {
        subject: `user:${ownerId}`,
        recipientHashes: [testHash(email)],
        customerIds: [customer],
        doneAt: null,
      },
    ]);
    await world.runAll();
    expect(await isLeft(email)).toBe(false);
    expect(await isLeft('books@harbour.example')).toBe(true);
    expect(await ledger()).toMatchObject([
      { what: { notices: 1, effects: 1, customers: 1 }, recipientHashes: [], doneAt: expect.any(Date) },
    ]);
  });

  test('4.2: by the deletion of a user who never verified', async () => {
    const id = await rows.user({
      email: 'never@erased.example',
      email_verified_at: null,
      last_seen_at: null,
      created_at: new Date(world.now().getTime() - days(11)),
    });
    await sql`
      insert into evenfall.notice (kind, subject, occasion, state, recipient_hash, at)
      values ('trial-ending', 'subscription:sub_1', '', 'sent', ${testHash('never@erased.example')}, now())`;
    await world.ask(deleteUnverifiedUsers.name, {});
    await world.runAll();
    expect(await rows.exists('users', id)).toBe(false);
    expect(await isLeft('never@erased.example')).toBe(false);
    expect(await ledger()).toMatchObject([{ subject: `user:${id}`, what: { notices: 1 } }]);
  });

  test('not by a deletion that the app refuses, nor of an owner who stays, nor by a deactivation', async () => {
    const refused = await rows.user({
      email_verified_at: null,
      last_seen_at: null,
      created_at: new Date(world.now().getTime() - days(11)),
    });
    await sql`create table public.hold (user_id bigint references public.users)`;
    await sql`insert into public.hold values (${refused})`;
    await world.ask(deleteUnverifiedUsers.name, {});
    const { teamId, ownerId } = await world.sleepingTeam();
    await rows.team(ownerId);
    world.at(new Date((await world.marked(teamId)).getTime() + 1_000));
    await world.sweepAndRun(deleteInactiveTeam.name);
    await world.ask(deactivateAccount.name, { userId: ownerId });
    await world.runAll();
    await sql`drop table public.hold`;
    expect(await rows.exists('users', refused)).toBe(true);
    expect(await ledger()).toEqual([]);
    expect(await world.job('erase-person')).toBeUndefined();
  });
});

describe('again', () => {
  test('a second asking finds nothing, and is written down as well', async () => {
    const { id } = await person();
    await erase(id);
    await erase(id);
    expect(await ledger()).toMatchObject([
      { what: { ...nothing, customers: 1, cards: 1 } },
      { what: nothing, doneAt: expect.any(Date) },
    ]);
  });

  test('with and without the customer, at once: two askings, and neither refuses the other', async () => {
    const { id, customer, email } = await person();
    await askFor(id);
    await askFor(id, customer);
    await world.runAll();
    expect(await isLeft(email)).toBe(false);
    expect((await ledger()).map((row) => row['doneAt'])).toEqual([expect.any(Date), expect.any(Date)]);
  });

  test('what an asking that was withdrawn has left is taken up by the next', async () => {
    const { id, email } = await person();
    await askFor(id);
    await world.dieAt('transaction.committed');
    await sql`select evenfall.cancel('erase-person', ${`userId=${id}`})`;
    await appDeletes(id);
    await sql`update public.users set stripe_customer_id = null`;
    expect(await ledger()).toMatchObject([{ recipientHashes: [testHash(email)], doneAt: null }]);
    const jobId = await erase(id);
    expect(await isLeft(email)).toBe(false);
    expect(await ledger()).toMatchObject([{ jobId, recipientHashes: [], doneAt: expect.any(Date) }]);
  });

  test('but not from one that is at it', async () => {
    const { id } = await person();
    await askFor(id);
    await world.meanwhileAt('transaction.committed', async () => {
      await askFor(id, 'cus_other');
      await world.runOnce();
    });
    expect((await ledger()).map((row) => row['doneAt'])).toEqual([expect.any(Date), expect.any(Date)]);
  });
});

test('a mail that is under way is waited for: its rows are still to come', async () => {
  const { id, email } = await person({ customer: false });
  const team = await rows.team(id, { created_at: new Date('2027-08-31T10:00:00Z') });
  await world.ask('mark-team-for-deletion', { teamId: team });
  await world.meanwhileAt('effect.claimed', async () => {
    await askFor(id);
    await world.runOnce();
    expect(await world.job('erase-person')).toMatchObject({ state: 'dispatched', class: 'mail_under_way' });
  });
  expect(await isLeft(email)).toBe(true);
  await world.runAll();
  expect(await isLeft(email)).toBe(false);
  expect(await sql`select state from evenfall.notice`).toEqual([{ state: 'sent' }]);
});

async function cardOf(id: string) {
  const [card] = await sql`select brand, last4, exp_year from evenfall.card where id = ${id}`;
  return card;
}

async function mirrored(id: string) {
  const [customer] = await sql`select email_hash, erased_at, deleted from evenfall.customer where id = ${id}`;
  return customer;
}
