import { beforeEach, describe, expect, test } from 'vitest';
import { cancelSubscription } from '../../jobs/cancel-subscription.ts';
import { deactivateAccount } from '../../jobs/deactivate-account.ts';
import { agreeingApp } from '../../src/core/app-callback.ts';
import type { Failpoint } from '../../src/core/failpoints.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { runInline } from '../../src/queue/inline.ts';
import { createTestDatabase } from '../support/database.ts';
import { startEndings } from '../support/endings.ts';
import { noMail, recordingAlerts, silentLog, testHash, testKeepLink } from '../support/machine.ts';
import { everythingKept } from '../support/mailing.ts';

const { database, sql } = await createTestDatabase();
const world = await startEndings(database, sql);
const { standIn, inbox, rows } = world;
const kind = deactivateAccount.name;

const retrying = 'We are still working on deactivating your account.';
const problem = 'We hit a problem while cancelling your subscription. Please contact support.';

beforeEach(() => world.clear());

const customer = () => standIn.seed.customer({ email: 'books@harbour.example' }).id;
const subscribe = (to: string, status = 'active') => standIn.seed.subscription({ customer: to, status }).id;
const cancels = (id: string) => standIn.effects()[id]?.canceled;

let people = 0;

/** An active user with a session, and a customer of his own that has a subscription. */
async function leaver(changes: Record<string, unknown> = {}) {
  const customerId = customer();
  const email = `leaver-${++people}@harbour.example`;
  const id = await rows.user({ email, stripe_customer_id: customerId, ...changes });
  await sql`insert into public.sessions (id, user_id) values (${`session of ${id}`}, ${id})`;
  return { id, email, customerId, sub: subscribe(customerId) };
}

/** One without a customer: nothing is to be cancelled. */
const plainLeaver = async () => {
  const { id, email } = await leaver({ stripe_customer_id: null });
  return { id, email };
};

async function account(id: string) {
  const [user] = await sql`
    select is_active, (select count(*)::int from public.sessions s where s.user_id = u.id) as sessions
    from public.users u where id = ${id}`;
  return user;
}

const untouched = { isActive: true, sessions: 1 };
const ended = { isActive: false, sessions: 0 };

const ask = (userId: string) => world.ask(kind, { userId });

async function deactivate(userId: string) {
  const id = await ask(userId);
  await world.runAll();
  return await job(id);
}

async function job(id: number) {
  const [row] = await sql`
    select state, attempts, outcome, last_error, public_message from evenfall.job where id = ${id}`;
  return row!;
}

const history = (what = '%') =>
  sql`select what, subject, detail, at from evenfall.history where what like ${what} order by id`;
const notices = () => sql`select subject, occasion, state, reason from evenfall.notice order by id`;

describe('0.1: Stripe first, then the user and the sessions, then the mail', () => {
  test('step by step', async () => {
    const { id, sub, email } = await leaver();
    const askedAs = await ask(id);
    const steps: unknown[] = [];
    await world.runOnce({
      async failpoint(at) {
        if (at !== 'effect.acted' && at !== 'transaction.committed') return;
        steps.push([at, cancels(sub), await account(id), inbox.messages.length]);
      },
    });
    expect(steps).toEqual([
      ['effect.acted', 1, untouched, 0],
      ['transaction.committed', 1, ended, 0],
      ['effect.acted', 1, ended, 1],
    ]);
    expect(inbox.messages[0]).toMatchObject({
      subject: 'Your Acme Boards account is deactivated',
      envelope: { to: [email] },
    });
    expect(inbox.messages[0]!.text).toContain('Your subscription was cancelled');
    const [told] = await history('user.%');
    expect(told).toMatchObject({
      what: 'user.deactivated',
      subject: `user:${id}`,
      detail: { cancelled: [sub] },
    });
    const deactivatedAt = (told!['at'] as Date).toISOString();
    expect(await job(askedAs)).toMatchObject({
      state: 'done',
      outcome: { detail: { mail: 'now', cancelled: 1, deactivatedAt } },
      publicMessage: null,
    });
    expect(await notices()).toEqual([
      { subject: `user:${id}`, occasion: deactivatedAt, state: 'sent', reason: null },
    ]);
  });

  test('without a subscription, or a customer: deactivated, and the mail says nothing of one', async () => {
    const { id } = await plainLeaver();
    expect(await deactivate(id)).toMatchObject({ state: 'done' });
    expect(await account(id)).toEqual(ended);
    expect(inbox.messages[0]!.text).toContain('You will not be charged in the future.');
  });

  test('0.5: only the one who is named; an unknown one is dead', async () => {
    const [one, other] = [await leaver(), await leaver()];
    await deactivate(one.id);
    expect(await account(other.id)).toEqual(untouched);
    expect(cancels(other.sub)).toBe(0);
    expect(await deactivate('987654321')).toMatchObject({
      state: 'dead',
      lastError: { class: 'not_found', subject: 'user:987654321' },
      publicMessage: problem,
    });
  });

  test('[P7] no address is kept anywhere', async () => {
    const { id } = await leaver();
    await deactivate(id);
    inbox.faults.add({ kind: 'refuse', code: 550, at: 'rcpt' });
    await deactivate((await leaver()).id);
    const kept = await everythingKept(sql);
    expect(kept).toContain('mail_refused');
    expect(kept).not.toMatch(/harbour\.example/i);
  });
});

describe('[P4] 0.8: whose subscriptions are cancelled, at once', () => {
  test('every live one of his own customer, whatever its status; what is over is left alone', async () => {
    const { id, customerId, sub } = await leaver();
    const live = ['trialing', 'past_due', 'unpaid', 'paused', 'incomplete'].map((s) =>
      subscribe(customerId, s),
    );
    const over = ['canceled', 'incomplete_expired'].map((status) => subscribe(customerId, status));
    expect(await deactivate(id)).toMatchObject({ state: 'done' });
    expect([sub, ...live].map(cancels)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(over.map(cancels)).toEqual([0, 0]);
    const [row] = await history('user.deactivated');
    expect((row!['detail'] as { cancelled: string[] }).cancelled.toSorted()).toEqual(
      [sub, ...live].toSorted(),
    );
    expect(inbox.messages[0]!.text).toContain('Your 6 subscriptions were cancelled');
  });

  test('of the teams that he owns alone too, also by the metadata of a customer; not of one he is a member of', async () => {
    const { id, sub } = await leaver();
    const [alone, empty, elsewhere] = [customer(), customer(), customer()];
    const mine = await rows.team(id, { stripe_customer_id: alone });
    const another = await rows.team(id, { stripe_customer_id: empty });
    await sql`delete from public.memberships where team_id = ${another}`;
    await rows.member(await rows.team(await rows.user(), { stripe_customer_id: elsewhere }), id);
    const named = standIn.seed.customer({ metadata: { team_id: mine } }).id;
    await world.mirror(named);
    const theirs = [alone, empty, named].map((one) => subscribe(one));
    const spared = subscribe(elsewhere);
    expect(await deactivate(id)).toMatchObject({ state: 'done' });
    expect([sub, ...theirs].map(cancels)).toEqual([1, 1, 1, 1]);
    expect(cancels(spared)).toBe(0);
    expect(await account(id)).toEqual(ended);
  });

  test('one that cannot be ended does not let the others go on billing', async () => {
    const { id, sub } = await leaver();
    const teamCustomer = customer();
    await rows.team(id, { stripe_customer_id: teamCustomer });
    const others = [subscribe(teamCustomer), subscribe(teamCustomer)];
    const error = { type: 'invalid_request_error', message: 'no' };
    standIn.faults.add({
      kind: 'refused',
      status: 400,
      error,
      match: { method: 'DELETE', subscription: sub },
    });
    expect(await deactivate(id)).toMatchObject({ state: 'dead', lastError: { subject: sub } });
    expect(others.map(cancels)).toEqual([1, 1]);
    expect(await account(id)).toEqual(untouched);
  });

  test('a customer that Stripe does not know is no reason to go on: dead, the others are ended, the user is active', async () => {
    const { id } = await leaver({ stripe_customer_id: 'cus_unknown' });
    const teamCustomer = customer();
    await rows.team(id, { stripe_customer_id: teamCustomer });
    const sub = subscribe(teamCustomer);
    expect(await deactivate(id)).toMatchObject({ state: 'dead', lastError: { class: 'not_found' } });
    expect(cancels(sub)).toBe(1);
    expect(await account(id)).toEqual(untouched);
  });

  test('[P2] cancelled already, or by cancel-subscription at the same time: success, once', async () => {
    const { id, customerId, sub } = await leaver();
    await world.ask(cancelSubscription.name, { customerId, when: 'now' });
    expect(await deactivate(id)).toMatchObject({ state: 'done' });
    expect(cancels(sub)).toBe(1);
    expect(await history('subscription.cancelled')).toHaveLength(1);
    expect(await account(id)).toEqual(ended);
  });
});

describe('0.2, 0.3: Stripe fails', () => {
  test('down: the user stays active with his sessions and reads that we are at it; then it is seen through', async () => {
    const { id, sub } = await leaver();
    standIn.faults.add({ kind: 'server-error', times: 2 });
    const askedAs = await ask(id);
    await world.runOnce();
    expect(await job(askedAs)).toMatchObject({
      state: 'dispatched',
      attempts: 0,
      publicMessage: retrying,
      lastError: { class: 'stripe_unavailable', requestId: expect.stringMatching(/^req_/) as string },
    });
    expect([await account(id), cancels(sub), inbox.messages]).toEqual([untouched, 0, []]);
    await world.runAll();
    expect([await account(id), cancels(sub), inbox.messages.length]).toEqual([ended, 1, 1]);
  });

  test('down for days: dead, with the sentence of the seed, and the user is active', async () => {
    const { id } = await leaver();
    standIn.faults.add({ kind: 'server-error', times: 'forever' });
    const askedAs = await ask(id);
    await sql`update evenfall.job set deadline_at = clock_timestamp() where id = ${askedAs}`;
    await world.runOnce();
    expect(await job(askedAs)).toMatchObject({ state: 'dead', publicMessage: problem });
    expect([await account(id), inbox.messages]).toEqual([untouched, []]);
  });

  test('refuses: the dead letter has its request id and code; mended and replayed, it is done', async () => {
    const { id, sub } = await leaver();
    const error = { type: 'invalid_request_error', code: 'more_permissions_required', message: 'not you' };
    standIn.faults.add({ kind: 'refused', status: 403, error, match: { method: 'DELETE' } });
    const askedAs = await ask(id);
    await world.runAll();
    expect(await job(askedAs)).toMatchObject({ state: 'dead', attempts: 1, publicMessage: problem });
    const refused = standIn.requests.find((request) => request.method === 'DELETE');
    expect(
      await sql`select class, code, error from evenfall.dead_letter where job_id = ${askedAs}`,
    ).toMatchObject([{ code: error.code, error: { requestId: refused!.id, httpStatus: 403, subject: sub } }]);
    expect(await account(id)).toEqual(untouched);
    await database.statements.replay({ id: askedAs, resolution: 'test' });
    await world.runAll();
    expect([await job(askedAs), await account(id), cancels(sub)]).toMatchObject([
      { state: 'done' },
      ended,
      1,
    ]);
  });

  test('of two subscriptions one only later: the history and the mail know of both', async () => {
    const { id, customerId, sub } = await leaver();
    const second = subscribe(customerId);
    standIn.faults.add({ kind: 'server-error', times: 2, match: { method: 'DELETE', subscription: second } });
    await deactivate(id);
    const [told] = await history('user.deactivated');
    const { cancelled } = told!['detail'] as { cancelled: string[] };
    expect(cancelled.toSorted()).toEqual([sub, second].toSorted());
    expect(inbox.messages[0]!.text).toContain('Your 2 subscriptions were cancelled');
  });
});

describe('[P3] a team with other members', () => {
  const refusal = {
    state: 'dead',
    publicMessage: 'You own a team with other members. Hand it over or remove them first.',
  };

  test.for([
    ['a member', 'member'],
    ['somebody who is invited', 'invited'],
  ] as const)('%s: refused before anything is done, and the teams are named', async ([, role]) => {
    const { id, sub } = await leaver();
    const teams = [await rows.team(id), await rows.team(id)];
    for (const team of teams) await rows.member(team, await rows.user(), role);
    await rows.team(id);
    const refused = await deactivate(id);
    expect(refused).toMatchObject({
      ...refusal,
      lastError: { class: 'team_has_members', subject: `team:${teams[0]}` },
    });
    expect((refused['lastError'] as { message: string }).message).toContain(`${teams[0]}, ${teams[1]};`);
    expect([await account(id), cancels(sub), standIn.requests]).toEqual([untouched, 0, []]);
  });

  test('that gets one while Stripe is being asked: the user stays active, and no mail says otherwise', async () => {
    const { id, sub } = await leaver();
    const team = await rows.team(id);
    const askedAs = await ask(id);
    await world.meanwhileAt('effect.acted', async () => rows.member(team, await rows.user()));
    expect(await job(askedAs)).toMatchObject({ ...refusal, lastError: { class: 'team_has_members' } });
    expect([await account(id), cancels(sub), inbox.messages]).toEqual([untouched, 1, []]);
  });
});

test('[P4] a customer that comes while others are cancelled is asked about before the user is set inactive', async () => {
  const { id, sub } = await leaver();
  const late = customer();
  const another = subscribe(late);
  const askedAs = await ask(id);
  await world.meanwhileAt('effect.acted', () => rows.team(id, { stripe_customer_id: late }));
  expect(await account(id)).toEqual(untouched);
  expect(await job(askedAs)).toMatchObject({ lastError: { class: 'new_customer', subject: late } });
  await world.runAll();
  expect([await account(id), cancels(sub), cancels(another)]).toEqual([ended, 1, 1]);
});

test('[P4] a customer whose writing is not committed yet when the lock is asked for: it waits for that', async () => {
  const { id } = await plainLeaver();
  const late = customer();
  const sub = subscribe(late);
  const askedAs = await ask(id);
  const waited = await world.beside(
    (app) => app`update public.users set stripe_customer_id = ${late} where id = ${id}`,
    async (open) => {
      await open();
      await world.runOnce();
    },
  );
  expect(waited).toBe(true);
  expect(await account(id)).toEqual(untouched);
  expect(await job(askedAs)).toMatchObject({ lastError: { class: 'new_customer', subject: late } });
  await world.runAll();
  expect([await account(id), cancels(sub)]).toEqual([ended, 1]);
});

describe('asked again', () => {
  test('[P2] by a second job: nothing is done twice, no second mail', async () => {
    const { id, sub } = await leaver();
    await deactivate(id);
    expect(await deactivate(id)).toMatchObject({ state: 'done' });
    expect([cancels(sub), inbox.messages.length]).toEqual([1, 1]);
    expect(await history('user.deactivated')).toHaveLength(1);
  });

  test('[P4] inactive already: what is live in Stripe is cancelled, and nobody is written to', async () => {
    const { id, sub } = await leaver({ is_active: false });
    expect(await deactivate(id)).toMatchObject({ state: 'done', outcome: { detail: { cancelled: [sub] } } });
    expect([cancels(sub), inbox.messages, await notices()]).toEqual([1, [], []]);
    expect(await history('user.deactivated')).toEqual([]);
  });

  test('[P2] while it runs: it runs once more, and no second mail goes out', async () => {
    const { id, sub } = await leaver();
    await ask(id);
    await world.meanwhileAt('transaction.committed', async () => {
      world.at(new Date(world.now().getTime() + 1_000));
      await ask(id);
    });
    await world.runAll();
    expect([cancels(sub), inbox.messages.length]).toEqual([1, 1]);
  });

  test('after support has reactivated him: another occasion, another mail', async () => {
    const { id } = await leaver();
    await deactivate(id);
    await sql`update public.users set is_active = true where id = ${id}`;
    world.at(new Date(world.now().getTime() + 1_000));
    await deactivate(id);
    expect(await account(id)).toMatchObject({ isActive: false });
    expect(inbox.messages).toHaveLength(2);
  });
});

describe('the mail', () => {
  test.for([
    ['no address', 'not an address'],
    ['two of them', 'one@harbour.example, two@harbour.example'],
  ])('%s: deactivated, and the ledger says why there is no mail', async ([, email]) => {
    const { id } = await leaver({ email });
    expect(await deactivate(id)).toMatchObject({
      state: 'done',
      outcome: { detail: { mail: 'suppressed' } },
    });
    expect([await account(id), inbox.messages]).toEqual([ended, []]);
    expect(await notices()).toMatchObject([
      { subject: `user:${id}`, state: 'suppressed', reason: 'the user has no address' },
    ]);
  });

  test('to an address that bounces: not sent, with the reason, and all is done', async () => {
    const { id, email, sub } = await leaver();
    await rows.suppress(email);
    expect(await deactivate(id)).toMatchObject({
      state: 'done',
      outcome: { detail: { mail: 'suppressed', cancelled: 1 } },
    });
    expect([await account(id), cancels(sub), inbox.messages]).toEqual([ended, 1, []]);
    expect(await notices()).toMatchObject([
      {
        state: 'suppressed',
        reason: 'nobody can be written to: mail to every known address bounces',
      },
    ]);
  });

  test('refused: it does not look like a failed cancellation; mended and replayed, it goes out', async () => {
    const { id, sub } = await leaver();
    inbox.faults.add({ kind: 'refuse', code: 550, at: 'rcpt' });
    const askedAs = await ask(id);
    await world.runAll();
    expect(await job(askedAs)).toMatchObject({
      state: 'dead',
      lastError: { class: 'mail_refused' },
      publicMessage: 'Your account is deactivated.',
    });
    expect(await account(id)).toEqual(ended);
    world.at(new Date(world.now().getTime() + 60_000));
    await database.statements.replay({ id: askedAs, resolution: 'test' });
    await world.runAll();
    expect(await job(askedAs)).toMatchObject({ state: 'done', outcome: { detail: { mail: 'now' } } });
    expect([cancels(sub), inbox.messages.length]).toEqual([1, 1]);
  });

  test('unavailable for days: dead with the same sentence', async () => {
    const { id } = await plainLeaver();
    inbox.faults.add({ kind: 'refuse', code: 451, at: 'rcpt' });
    const askedAs = await ask(id);
    await sql`update evenfall.job set deadline_at = clock_timestamp() where id = ${askedAs}`;
    await world.runOnce();
    expect(await job(askedAs)).toMatchObject({
      state: 'dead',
      lastError: { class: 'mail_unavailable' },
      publicMessage: 'Your account is deactivated.',
    });
  });
});

describe('[P1] [P2] the worker dies', () => {
  const cancelling: Failpoint[] = [
    'run.started',
    'effect.claimed',
    'effect.acted',
    'effect.settled',
    'transaction.written',
    'transaction.committed',
    'run.ended',
    'outcome.written',
  ];
  test.for(cancelling)(
    'at %s, with a subscription: cancelled once, deactivated once, one mail',
    async (point) => {
      const { id, sub } = await leaver();
      const askedAs = await ask(id);
      await world.dieAt(point);
      world.at(new Date(world.now().getTime() + 5_000));
      await world.runAll();
      expect(await job(askedAs)).toMatchObject({ state: 'done', attempts: 0 });
      expect([cancels(sub), await account(id)]).toEqual([1, ended]);
      expect(inbox.messages).toHaveLength(1);
      expect(inbox.messages[0]!.text).toContain('Your subscription was cancelled');
      expect((await history()).map((row) => row['what'])).toEqual([
        'subscription.cancelled',
        'user.deactivated',
        'notice.sent',
      ]);
      expect(await history('user.deactivated')).toMatchObject([{ detail: { cancelled: [sub] } }]);
    },
  );

  test.for([
    ['effect.claimed', 0, 'unknown'],
    ['effect.acted', 1, 'unknown'],
    ['effect.settled', 1, 'sent'],
  ] as const satisfies (readonly [Failpoint, number, string])[])(
    'at %s, while it sends the mail: %i mail, recorded once, as %s; deactivated all the same',
    async ([point, mails, state]) => {
      const { id } = await plainLeaver();
      const askedAs = await ask(id);
      await world.dieAt(point);
      world.at(new Date(world.now().getTime() + 5_000));
      await world.runAll();
      expect(await job(askedAs)).toMatchObject({ state: 'done', attempts: 0 });
      expect(await account(id)).toEqual(ended);
      expect(inbox.messages).toHaveLength(mails);
      expect(await notices()).toMatchObject([{ state }]);
    },
  );

  test('at effect.acted, and the address is gone since: nobody claims that it was not sent', async () => {
    const { id } = await plainLeaver();
    const askedAs = await ask(id);
    await world.dieAt('effect.acted');
    await sql`update public.users set email = 'no address' where id = ${id}`;
    await world.runAll();
    expect(await job(askedAs)).toMatchObject({ state: 'done', outcome: { detail: { mail: 'unknown' } } });
    expect([inbox.messages.length, await notices()]).toMatchObject([1, [{ state: 'unknown' }]]);
  });

  test('two runs at once (the fence): the stale one writes nothing', async () => {
    const { id } = await plainLeaver();
    await ask(id);
    await world.meanwhileAt('run.started', async () => {
      await sql`update evenfall.job set run_no = run_no + 1 where kind = ${kind}`;
    });
    expect([await account(id), inbox.messages, await history()]).toEqual([untouched, [], []]);
  });
});

test("the app's own function refuses: dead with its code, told truly, nothing half done", async () => {
  const { id, sub } = await leaver();
  await sql`
    create function public.stay() returns trigger language plpgsql as $$
    begin raise exception 'no, % stays', old.email; end $$`;
  await sql`create trigger stay before update on public.users for each row execute function public.stay()`;
  try {
    expect(await deactivate(id)).toMatchObject({
      state: 'dead',
      lastError: { class: 'contract_refused', code: 'P0001', subject: `user:${id}` },
      publicMessage: expect.stringMatching(/^Your subscription is cancelled, but/) as string,
    });
    expect([await account(id), cancels(sub), inbox.messages]).toEqual([untouched, 1, []]);
    expect(await everythingKept(sql)).not.toContain('harbour.example');
  } finally {
    await sql`drop function public.stay() cascade`;
  }
});

test('a dry run tells what would happen and changes nothing', async () => {
  const { id, sub } = await leaver();
  const result = await runInline(
    deactivateAccount,
    { userId: id },
    {
      database,
      stripe: world.stripe,
      mail: noMail,
      alerts: recordingAlerts(),
      policy: defaultPolicy,
      hash: testHash,
      app: agreeingApp,
      keepLink: testKeepLink,
      log: silentLog,
      dryRun: true,
    },
  );
  expect(result).toMatchObject({ outcome: 'done', detail: { cancelled: 1, mail: 'now' } });
  expect([await account(id), cancels(sub)]).toEqual([untouched, 0]);
  expect([await history(), await notices(), await sql`select from evenfall.effect`]).toEqual([[], [], []]);
});
