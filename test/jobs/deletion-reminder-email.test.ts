import { beforeEach, describe, expect, test } from 'vitest';
import { deletionReminderEmail } from '../../jobs/deletion-reminder-email.ts';
import type { Failpoint } from '../../src/core/failpoints.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import type { Policy } from '../../src/core/policy.ts';
import { createTestDatabase } from '../support/database.ts';
import { days, startEndings } from '../support/endings.ts';
import { everythingKept } from '../support/mailing.ts';
import { testHash } from '../support/machine.ts';

const { database, sql } = await createTestDatabase();
const world = await startEndings(database, sql);
const { inbox, standIn, rows } = world;
const kind = deletionReminderEmail.name;
const hour = 3_600_000;
/** Two days before, a second mail. */
const policy: Policy = { ...defaultPolicy, deletionReminder: 'P2D' };

beforeEach(() => world.clear());

interface Marked {
  readonly teamId: string;
  readonly ownerId: string;
  readonly customer: string;
  /** When the team is to be deleted. */
  readonly date: Date;
}

/** A marked team with a customer that has never subscribed, a minute within its reminder; its notice is out of the inbox. */
async function marked(changes: Record<string, unknown> = {}): Promise<Marked> {
  const customer = standIn.seed.customer({ email: 'books@harbour.example' }).id;
  const { teamId, ownerId } = await world.sleepingTeam({ stripe_customer_id: customer, ...changes });
  await world.mirror(customer);
  const date = await world.marked(teamId);
  world.at(new Date(date.getTime() - days(2) + 60_000));
  inbox.clear();
  return { teamId, ownerId, customer, date };
}

const before = ({ date }: Marked, ms: number) => new Date(date.getTime() - ms);
const found = async (at: Date, more: Partial<Policy> = policy) =>
  (await world.list(kind, at, more)).map(({ teamId }) => teamId);

/** Found, enqueued, run. */
async function sweepAndRun() {
  const swept = await world.sweep(kind, policy);
  await world.runAll({ policy });
  return swept;
}
async function remind({ teamId }: Marked, options: Parameters<typeof world.runOnce>[0] = {}) {
  await world.ask(kind, { teamId });
  await world.runOnce({ policy, ...options });
}

const notices = () => sql`
  select subject, occasion, team_id, state, reason, recipient_hash from evenfall.notice
  where kind = 'deletion-reminder' order by id`;
const markOf = async ({ teamId }: Marked) => (await world.mark(teamId))!;

/** The team goes on its date, whatever became of the reminder. */
async function expectDeletion(team: Marked): Promise<void> {
  expect(await markOf(team)).toMatchObject({ state: 'noticed', deleteAfter: team.date });
  world.at(new Date(team.date.getTime() + 1_000));
  await world.sweepAndRun('delete-inactive-team');
  expect(await markOf(team)).toMatchObject({ state: 'deleted' });
}

describe('who is due', () => {
  test('strictly: not at exactly two days before, a millisecond later; at the date nobody any more', async () => {
    const team = await marked();
    const { teamId, date } = team;
    expect(await found(before(team, days(2)))).toEqual([]);
    expect(await world.list(kind, before(team, days(2) - 1), policy)).toEqual([
      {
        payload: { teamId },
        teamId,
        subject: teamId,
        why: `it is to be deleted after ${date.toISOString().slice(0, 19)}Z, the reminder is due P2D before`,
      },
    ]);
    expect(await found(before(team, 1))).toEqual([teamId]);
    expect(await found(date)).toEqual([]);
  });

  test('the job itself is as strict, whoever asks for it', async () => {
    const team = await marked();
    await remind(team, world.standingAt(before(team, days(2))));
    expect(await world.job(kind)).toMatchObject({
      state: 'skipped',
      reason: `its date is ${team.date.toISOString()}: too early to remind of it`,
    });
    expect(inbox.messages).toEqual([]);
    await remind(team, world.standingAt(before(team, days(2) - 1)));
    expect(await world.job(kind)).toMatchObject({ state: 'done' });
    expect(inbox.messages).toHaveLength(1);
  });

  test('[P5] found late it is sent as long as more than an hour is left; then it is written down that it was not', async () => {
    const last = await marked();
    await remind(last, world.standingAt(before(last, hour + 1)));
    expect(inbox.messages).toHaveLength(1);
    await world.clear();
    const late = await marked();
    world.at(before(late, hour - 1_000));
    expect(await sweepAndRun()).toEqual({ due: 1, enqueued: 1 });
    expect(inbox.messages).toEqual([]);
    const reason = 'an hour or less is left before the deletion';
    expect(await world.job(kind)).toMatchObject({ state: 'skipped', reason });
    expect(await notices()).toMatchObject([{ state: 'suppressed', reason, recipientHash: null }]);
    expect(await sweepAndRun()).toEqual({ due: 0, enqueued: 0 });
    await expectDeletion(late);
  });

  test('at exactly an hour before nothing is sent', async () => {
    const team = await marked();
    await remind(team, world.standingAt(before(team, hour)));
    expect(await notices()).toMatchObject([{ state: 'suppressed' }]);
  });

  test('months are counted back from the date in the calendar', async () => {
    await marked();
    await sql`update evenfall.team_deletion set delete_after = '2028-03-31T10:00:00Z'`;
    const month = { deletionReminder: 'P1M' };
    expect(await found(new Date('2028-02-29T10:00:00Z'), month)).toEqual([]);
    expect(await found(new Date('2028-02-29T10:00:00.001Z'), month)).toHaveLength(1);
  });

  test('without the policy nobody is found, and a job that is asked for all the same mails nothing', async () => {
    const team = await marked();
    expect(await found(before(team, days(1)), defaultPolicy)).toEqual([]);
    await remind(team, { policy: defaultPolicy });
    expect(await world.job(kind)).toMatchObject({ state: 'skipped', reason: 'no reminder is asked for' });
    expect([inbox.messages, await notices()]).toEqual([[], []]);
  });

  test.for(['marking', 'deleting', 'deleted', 'cleared'] as const)('not a mark that is %s', async (state) => {
    const team = await marked();
    await sql`
      update evenfall.team_deletion set state = ${state},
        notice_sent_at = ${state === 'marking' ? null : team.date}::timestamptz - interval '7 days',
        delete_after = ${state === 'marking' ? null : team.date}::timestamptz,
        deleting_at = ${['deleting', 'deleted'].includes(state) ? team.date : null},
        deleted_at = ${state === 'deleted' ? team.date : null},
        owner_outcome = ${state === 'deleted' ? 'deleted' : null},
        cleared_at = ${state === 'cleared' ? team.date : null},
        cleared_why = ${state === 'cleared' ? 'test' : null}`;
    expect(await found(world.now())).toEqual([]);
    await remind(team);
    expect(await world.job(kind)).toMatchObject({
      state: 'skipped',
      reason: 'it bears no mark that waits for its date',
    });
    expect(inbox.messages).toEqual([]);
  });

  test('[P3] not a team that something speaks for by now', async () => {
    const team = await marked();
    const until = new Date(world.now().getTime() + 1);
    await world.protect(team.teamId, 'snooze', until);
    expect(await found(world.now())).toEqual([]);
    expect(await found(until)).toEqual([team.teamId]);
  });

  test('one whose job lies dead waits for a person; one of another kind or team does not concern it', async () => {
    const team = await marked();
    await sql`
      insert into evenfall.dead_letter (job_id, run_no, kind, team_id, class, error, attempts, crashes)
      values (1, 1, ${kind}, ${team.teamId}, 'test', '{}', 1, 0)`;
    expect(await found(world.now())).toEqual([]);
    await sql`update evenfall.dead_letter set kind = 'delete-inactive-team'`;
    expect(await found(world.now())).toHaveLength(1);
    await sql`update evenfall.dead_letter set kind = ${kind}, team_id = '0'`;
    expect(await found(world.now())).toHaveLength(1);
    await sql`
      update evenfall.dead_letter set team_id = ${team.teamId}, resolved_at = now(), resolution = 'test'`;
    expect(await found(world.now())).toHaveLength(1);
  });
});

describe('the mail', () => {
  test("goes to the owner, once a mark, with the date in the team's zone and the keep link; it moves no clock", async () => {
    const team = await marked({ name: 'Quiet Orchard', time_zone: 'Pacific/Auckland' });
    const standing = await markOf(team);
    expect(await sweepAndRun()).toEqual({ due: 1, enqueued: 1 });
    expect(await sweepAndRun()).toEqual({ due: 0, enqueued: 0 });
    await remind(team);
    expect(inbox.messages).toHaveLength(1);
    const [message] = inbox.messages;
    const owner = await world.emailOf(team.ownerId);
    const show = (options: Intl.DateTimeFormatOptions) =>
      new Intl.DateTimeFormat('en-GB', { ...options, timeZone: 'Pacific/Auckland' }).format(team.date);
    const day = show({ day: 'numeric', month: 'long' });
    expect(message).toMatchObject({
      subject: `Reminder: your Acme Boards team will be deleted after ${day}`,
      envelope: { to: [owner] },
    });
    for (const part of [
      'Your team will be deleted in 2 days, unless you keep it.',
      'Your team Quiet Orchard has still not subscribed to Acme Boards',
      `${day} 2028 at ${show({ hour: '2-digit', minute: '2-digit' })} (Pacific/Auckland time), and not before.`,
      `https://evenfall.example/keep/${String(standing['id'])}`,
    ]) {
      expect(message!.text).toContain(part);
    }
    const occasion = `mark ${String(standing['id'])}`;
    const subject = `team:${team.teamId}`;
    expect(await notices()).toEqual([
      {
        subject,
        occasion,
        teamId: team.teamId,
        state: 'sent',
        reason: null,
        recipientHash: testHash(owner),
      },
    ]);
    expect(
      await sql`select state from evenfall.effect where key = ${`mail:deletion-reminder:${subject}:${occasion}`}`,
    ).toEqual([{ state: 'settled' }]);
    expect(await world.history(team.teamId)).toEqual(['notice.sent', 'team.marked', 'notice.sent']);
    expect(await markOf(team)).toEqual(standing);
    await expectDeletion(team);
  });

  test('marked anew, the team is reminded anew', async () => {
    const team = await marked();
    await sweepAndRun();
    await sql`update evenfall.team_deletion set state = 'cleared', cleared_at = now(), cleared_why = 'test'`;
    const date = await world.marked(team.teamId);
    world.at(new Date(date.getTime() - days(1)));
    await sweepAndRun();
    expect((await notices()).map(({ state }) => state)).toEqual(['sent', 'sent']);
  });

  test.for([
    ['the owner', (): Promise<unknown> => Promise.resolve(), undefined],
    [
      "the owner's new address",
      ({ ownerId }: Marked): Promise<unknown> =>
        sql`update public.users set email = 'new@people.example' where id = ${ownerId}`,
      'new@people.example',
    ],
    [
      "an inactive owner: the address of the team's customer",
      ({ ownerId }: Marked): Promise<unknown> =>
        sql`update public.users set is_active = false where id = ${ownerId}`,
      'books@harbour.example',
    ],
  ] as const)('%s', async ([, change, to]) => {
    const team = await marked();
    await change(team);
    await sweepAndRun();
    expect(inbox.messages.map(({ envelope }) => envelope.to)).toEqual([
      [to ?? (await world.emailOf(team.ownerId))],
    ]);
  });

  test('nobody to write to: that is written down, and the deletion does not wait for it', async () => {
    const team = await marked();
    await sql`update public.users set email_verified_at = null`;
    standIn.store.customers.get(team.customer)!.email = null;
    await sweepAndRun();
    expect(inbox.messages).toEqual([]);
    expect(await notices()).toMatchObject([
      {
        state: 'suppressed',
        reason: 'there is no active owner with an address, nor has the Stripe customer one',
      },
    ]);
    expect(await sweepAndRun()).toEqual({ due: 0, enqueued: 0 });
    expect(await world.findings()).toEqual([]);
    await expectDeletion(team);
  });
});

describe('[P3] what speaks for the team between the notice and the reminder', () => {
  test.for([
    ['held', ({ teamId }: Marked): Promise<unknown> => world.protect(teamId, 'hold'), 'it is held'],
    [
      'snoozed',
      ({ teamId }: Marked): Promise<unknown> =>
        world.protect(teamId, 'snooze', new Date(world.now().getTime() + days(1))),
      'it is snoozed until ',
    ],
    [
      'of another owner, who was told nothing',
      async ({ teamId }: Marked): Promise<unknown> =>
        sql`update public.teams set owner_id = ${await rows.user()} where id = ${teamId}`,
      'it has a new owner since its notice',
    ],
    [
      'gone, deleted by the app',
      ({ teamId }: Marked): Promise<unknown> => database.statements.deleteTeam({ teamId }),
      'the app has it no more',
    ],
    [
      'one of a customer that has paid',
      ({ customer }: Marked): Promise<unknown> =>
        sql`update evenfall.customer set has_paid = true where id = ${customer}`,
      'it has paid: ',
    ],
  ] as const)('%s: no mail, the mark is taken back, and Stripe is not asked', async ([, change, why]) => {
    const team = await marked();
    await change(team);
    const asked = standIn.requests.length;
    await remind(team);
    expect(await world.job(kind)).toMatchObject({
      state: 'skipped',
      reason: expect.stringContaining(why) as string,
    });
    expect(await markOf(team)).toMatchObject({
      state: 'cleared',
      clearedWhy: expect.stringContaining(why) as string,
    });
    expect([inbox.messages, await notices(), standIn.requests.length]).toEqual([[], [], asked]);
    expect(await world.history(team.teamId)).toContain('team.mark-cleared');
  });

  test('a subscription that is mirrored: its mark is gone before anybody looks', async () => {
    const team = await marked();
    await world.ask(kind, { teamId: team.teamId });
    await world.mirrorSubscription(team.customer);
    await world.runOnce({ policy });
    expect(await world.job(kind)).toMatchObject({ reason: 'it bears no mark that waits for its date' });
    expect(inbox.messages).toEqual([]);
    expect(await found(world.now())).toEqual([]);
  });

  test('a subscription that only Stripe knows: the mark is taken back, and people are told', async () => {
    const team = await marked();
    const { id } = standIn.seed.subscription({ customer: team.customer });
    await sweepAndRun();
    expect(await markOf(team)).toMatchObject({ state: 'cleared', clearedWhy: `Stripe knows ${id} (active)` });
    expect(await world.findings()).toMatchObject([{ kind: 'stripe-veto', teamId: team.teamId }]);
    expect([inbox.messages, await notices()]).toEqual([[], []]);
  });

  test('the link in the notice was pressed: its mark is gone, and with it the reminder', async () => {
    const team = await marked();
    const { id } = await markOf(team);
    await world.ask(kind, { teamId: team.teamId });
    await database.statements.keepTeam({
      id: id as number,
      why: 'kept by the link in the notice',
      now: world.now(),
      inactiveTeamAge: 'P6M',
    });
    await world.runOnce({ policy });
    expect(await world.job(kind)).toMatchObject({ reason: 'it bears no mark that waits for its date' });
    expect(inbox.messages).toEqual([]);
  });

  test('no full picture of Stripe: it waits, as the deletion does, and Stripe is not asked', async () => {
    const team = await marked();
    await sql`truncate evenfall.backfill`;
    const asked = standIn.requests.length;
    await remind(team);
    expect(await world.job(kind)).toMatchObject({ state: 'dispatched', class: null });
    expect([inbox.messages, standIn.requests.length]).toEqual([[], asked]);
    await rows.freshPicture();
    await world.runAll({ policy });
    expect(inbox.messages).toHaveLength(1);
  });

  test('Stripe is down: it waits', async () => {
    const team = await marked();
    standIn.faults.add({ kind: 'server-error', times: 10 });
    await remind(team);
    expect(await world.job(kind)).toMatchObject({ state: 'dispatched' });
    expect([inbox.messages, await notices()]).toEqual([[], []]);
    expect(await markOf(team)).toMatchObject({ state: 'noticed' });
  });
});

describe('[P2] killed while it reminds', () => {
  test.for([
    ['run.started', 1, 'sent'],
    ['effect.claimed', 0, 'unknown'],
    ['effect.acted', 1, 'unknown'],
    ['effect.settled', 1, 'sent'],
    ['run.ended', 1, 'sent'],
    ['outcome.written', 1, 'sent'],
  ] as const satisfies (readonly [Failpoint, number, string])[])(
    'at %s: %i mail, recorded once, as %s; the team goes on its date',
    async ([point, mails, state]) => {
      const team = await marked();
      await world.sweep(kind, policy);
      await world.dieAt(point, { policy });
      await world.runAll({ policy });
      await sweepAndRun();
      expect(inbox.messages).toHaveLength(mails);
      expect(await notices()).toMatchObject([{ state }]);
      expect(await world.job(kind)).toMatchObject({ state: state === 'sent' ? 'done' : 'skipped' });
      await expectDeletion(team);
    },
  );

  test('and kept meanwhile: what perhaps went out is not denied', async () => {
    const team = await marked();
    await world.sweep(kind, policy);
    await world.dieAt('effect.acted', { policy });
    await sql`update evenfall.team_deletion set state = 'cleared', cleared_at = now(), cleared_why = 'test'`;
    await world.runAll({ policy });
    expect(await notices()).toMatchObject([{ state: 'unknown', teamId: team.teamId }]);
    expect(inbox.messages).toHaveLength(1);
  });
});

describe('a mail server', () => {
  test('that refuses the address for good: dead, and the team goes on its date all the same', async () => {
    const team = await marked();
    inbox.faults.add({ kind: 'refuse', code: 550, at: 'rcpt' });
    await sweepAndRun();
    expect(await world.job(kind)).toMatchObject({ state: 'dead', class: 'mail_refused' });
    expect(await notices()).toEqual([]);
    expect(await sweepAndRun()).toEqual({ due: 0, enqueued: 0 });
    await expectDeletion(team);
  });

  test('that is busy: tried again, and sent once', async () => {
    await marked();
    inbox.faults.add({ kind: 'refuse', code: 451, at: 'data', times: 2 });
    await sweepAndRun();
    expect(inbox.messages).toHaveLength(1);
    expect(await notices()).toMatchObject([{ state: 'sent' }]);
  });

  test('that is busy until the deletion: written down that it was not sent, and the team goes on its date', async () => {
    const team = await marked();
    inbox.faults.add({ kind: 'refuse', code: 451, at: 'data', times: 1 });
    await world.sweep(kind, policy);
    await world.runOnce({ policy });
    world.at(before(team, hour / 2));
    await world.runAll({ policy });
    expect(inbox.messages).toEqual([]);
    expect(await notices()).toMatchObject([{ state: 'suppressed' }]);
    await expectDeletion(team);
  });

  test('that goes away after it took the mail: unknown, told to people, not sent again; the deletion does not wait', async () => {
    const team = await marked();
    inbox.faults.add({ kind: 'drop-after-accept' });
    await sweepAndRun();
    await sweepAndRun();
    expect(inbox.messages).toHaveLength(1);
    expect(await notices()).toMatchObject([{ state: 'unknown' }]);
    expect(await sql`select class from evenfall.dead_letter where resolved_at is null`).toEqual([
      { class: 'unknown_effect' },
    ]);
    await expectDeletion(team);
  });
});

test('[P7] no address is kept anywhere, whatever became of the mail', async () => {
  await marked();
  inbox.faults.add({ kind: 'refuse', code: 550, at: 'rcpt' });
  await sweepAndRun();
  await marked({ name: 'Quiet Orchard' });
  await sweepAndRun();
  const kept = await everythingKept(sql);
  expect(kept).toContain('mail:deletion-reminder:');
  expect(kept).not.toMatch(/people\.example|harbour\.example|Quiet Orchard/);
});
