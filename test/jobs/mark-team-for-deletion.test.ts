import { beforeEach, describe, expect, test } from 'vitest';
import { markTeamForDeletion } from '../../jobs/mark-team-for-deletion.ts';
import type { Failpoint } from '../../src/core/failpoints.ts';
import { createTestDatabase } from '../support/database.ts';
import { afterSixMonths, days, sixMonthsOld, startEndings } from '../support/endings.ts';
import { untilBlocked } from '../support/locks.ts';
import { everythingKept } from '../support/mailing.ts';

const { database, sql } = await createTestDatabase();
const world = await startEndings(database, sql);
const { inbox, standIn, rows } = world;
const kind = markTeamForDeletion.name;

beforeEach(() => world.clear());

const due = async (at?: Date) => (await world.list(kind, at)).map(({ subject }) => subject);

describe('4.3: who is due', () => {
  test('strictly: not at exactly six months, a millisecond later; counted forward, so the last of August is due on the last of February', async () => {
    const { teamId } = await world.sleepingTeam();
    expect(await due(sixMonthsOld)).toEqual([]);
    expect(await world.list(kind, afterSixMonths(1))).toEqual([
      {
        payload: { teamId },
        teamId,
        subject: teamId,
        why: 'created at 2027-08-31T10:00:00Z, more than P6M ago, and never subscribed',
      },
    ]);
  });

  test('the job itself is as strict, whoever asks for it', async () => {
    const { teamId } = await world.sleepingTeam();
    await world.ask(kind, { teamId });
    await world.runOnce(world.standingAt(sixMonthsOld));
    expect(await world.job(kind)).toMatchObject({ state: 'skipped', reason: 'it is not old enough' });
    expect([inbox.messages, await world.mark(teamId)]).toEqual([[], undefined]);
    await world.ask(kind, { teamId });
    await world.runOnce(world.standingAt(afterSixMonths(1)));
    expect(inbox.messages).toHaveLength(1);
  });

  test('the boundary is that of the policy', async () => {
    const { teamId } = await world.sleepingTeam();
    const policy = { inactiveTeamAge: 'P1Y' };
    const oneYear = new Date('2028-08-31T10:00:00Z');
    expect(await world.list(kind, oneYear, policy)).toEqual([]);
    expect(await world.list(kind, new Date(oneYear.getTime() + 1), policy)).toMatchObject([
      { subject: teamId },
    ]);
  });

  test.for([
    ['active', false],
    ['trialing', false],
    ['past_due', false],
    ['unpaid', false],
    ['paused', false],
    ['incomplete', false],
    ['canceled', false],
    ['incomplete_expired', true],
  ] as const)('[P3] its customer has a subscription that is %s', async ([status, isDue]) => {
    const customer = standIn.seed.customer().id;
    standIn.seed.subscription({ customer, status });
    const { teamId } = await world.sleepingTeam({ stripe_customer_id: customer });
    await world.mirror(customer);
    expect(await due()).toEqual(isDue ? [teamId] : []);
  });

  test('[P3] a subscription that Stripe has no more counts as well', async () => {
    const customer = standIn.seed.customer().id;
    standIn.seed.subscription({ customer, status: 'canceled' });
    await world.sleepingTeam({ stripe_customer_id: customer });
    await world.mirror(customer);
    await sql`update evenfall.subscription set gone = true`;
    expect(await due()).toEqual([]);
  });

  test("[P3] a customer whose metadata name the team, and the owner's own for a team without one", async () => {
    const byMetadata = await world.sleepingTeam();
    const byOwner = await world.sleepingTeam();
    const named = standIn.seed.customer({ metadata: { team_id: byMetadata.teamId } }).id;
    const owners = standIn.seed.customer().id;
    await sql`update public.users set stripe_customer_id = ${owners} where id = ${byOwner.ownerId}`;
    for (const customer of [named, owners]) {
      standIn.seed.subscription({ customer });
      await world.mirror(customer);
    }
    expect(await due()).toEqual([]);
  });

  test("[P3] the owner's customer is another team's: that team pays, this one sleeps", async () => {
    const { teamId, ownerId } = await world.sleepingTeam();
    const customer = standIn.seed.customer().id;
    standIn.seed.subscription({ customer });
    await rows.team(ownerId, { stripe_customer_id: customer });
    await sql`update public.users set stripe_customer_id = ${customer} where id = ${ownerId}`;
    await world.mirror(customer);
    expect(await due()).toEqual([teamId]);
  });

  test.for([['snooze'], ['exempt'], ['hold']] as const)(
    '[P3] %s protects to the millisecond of its end',
    async ([protection]) => {
      const { teamId } = await world.sleepingTeam();
      const until = afterSixMonths(days(30));
      await sql`insert into evenfall.team_protection ${sql({ team_id: teamId, kind: protection, until, why: 'x', who: 'x', at: until })}`;
      expect(await due(new Date(until.getTime() - 1))).toEqual([]);
      expect(await due(until)).toEqual([teamId]);
      if (protection === 'snooze') return;
      await sql`update evenfall.team_protection set until = null`;
      expect(await due(afterSixMonths(days(3650)))).toEqual([]);
    },
  );

  test("[P3] the owner's own customer counts for a team without one alone", async () => {
    const customer = standIn.seed.customer().id;
    const { teamId, ownerId } = await world.sleepingTeam({ stripe_customer_id: standIn.seed.customer().id });
    await sql`update public.users set stripe_customer_id = ${customer} where id = ${ownerId}`;
    await world.mirrorSubscription(customer);
    expect(await due()).toEqual([teamId]);
  });

  test('each team is asked about by its own keys, however many customers and subscriptions there are', async () => {
    const { teamId } = await world.sleepingTeam({ stripe_customer_id: 'cus_1' });
    const read = { livemode: false, read_at: sixMonthsOld };
    const customers = Array.from({ length: 3_000 }, (_, n) => ({ id: `cus_${n}`, ...read }));
    const subscriptions = customers.map(({ id }) => ({
      id: `sub_${id}`,
      customer_id: id,
      status: 'incomplete_expired',
      cancel_at_period_end: false,
      created_at: sixMonthsOld,
      ...read,
    }));
    await sql`insert into evenfall.customer ${sql(customers as never)}`;
    await sql`insert into evenfall.subscription ${sql(subscriptions as never)}`;
    await sql`analyze evenfall.customer, evenfall.subscription`;
    const [before, after] = await sql.begin(async (tx) => {
      const whole = () => tx`
        select relname, seq_scan from pg_stat_xact_user_tables
        where schemaname = 'evenfall' and relname in ('customer', 'subscription') order by relname`;
      const first = await whole();
      await tx`select evenfall.team_spared(${teamId}, ${afterSixMonths(1)})`;
      return [first, await whole()];
    });
    expect([...after]).toEqual([...before]);
    expect(await due()).toEqual([teamId]);
  });

  test('what protects another team does not protect this one', async () => {
    const [one, other] = [await world.sleepingTeam(), await world.sleepingTeam()];
    await world.protect(other.teamId, 'hold');
    expect(await due()).toEqual([one.teamId]);
  });

  test.for([
    ['marking', true],
    ['noticed', false],
    ['deleting', false],
    ['deleted', true],
    ['cleared', true],
  ] as const)('its mark is %s', async ([state, isDue]) => {
    const [one, other] = [await world.sleepingTeam(), await world.sleepingTeam()];
    await putMark(one.teamId, state);
    expect(await due()).toEqual(isDue ? [one.teamId, other.teamId] : [other.teamId]);
  });

  test('a dead letter of its marking waits for a person; one of another kind or team does not concern it', async () => {
    const [one, other] = [await world.sleepingTeam(), await world.sleepingTeam()];
    await sql`
      insert into evenfall.dead_letter (job_id, run_no, kind, team_id, class, error, attempts, crashes)
      values (1, 1, ${kind}, ${one.teamId}, 'test', '{}', 1, 0),
        (2, 1, 'delete-inactive-team', ${other.teamId}, 'test', '{}', 1, 0)`;
    expect(await due()).toEqual([other.teamId]);
    await sql`update evenfall.dead_letter set resolved_at = now(), resolution = 'test'`;
    expect(await due()).toEqual([one.teamId, other.teamId]);
  });
});

const states = ['marking', 'noticed', 'deleting', 'deleted', 'cleared'] as const;
type State = (typeof states)[number];

/** A mark as it stands in this state, with these columns otherwise. */
async function putMark(
  teamId: string,
  state: State,
  changes: Record<string, Date | string | null> = {},
): Promise<number> {
  const at = afterSixMonths(0);
  const later = afterSixMonths(days(7));
  const noticed = { notice_sent_at: at, delete_after: later };
  const deleting = { ...noticed, deleting_at: later };
  const columns = {
    marking: {},
    noticed,
    deleting,
    deleted: { ...deleting, deleted_at: later, owner_outcome: 'test' },
    cleared: { cleared_at: later, cleared_why: 'test' },
  }[state];
  const row = { team_id: teamId, state, marked_at: at, announced_delete_at: later, ...columns, ...changes };
  const [mark] = await sql`insert into evenfall.team_deletion ${sql(row as never)} returning id`;
  return Number(mark!['id']);
}

describe('the states of a mark', () => {
  const now = afterSixMonths(days(8));
  const { statements } = database;
  test.for([
    [
      'startClock',
      ['marking'],
      (id: number) => statements.startClock({ id, sentAt: now, deletionNotice: 'P7D' }),
    ],
    ['clearMark', ['marking', 'noticed'], (id: number) => statements.clearMark({ id, now, why: 'test' })],
    ['beginDeletion', ['noticed'], (id: number) => statements.beginDeletion({ id, now, customerIds: [] })],
    [
      'vetoDeletion',
      ['noticed'],
      (id: number) => statements.vetoDeletion({ id, now, why: 'test', inactiveTeamAge: 'P6M' }),
    ],
    ['endDeletion', ['deleting'], (id: number) => statements.endDeletion({ id, now, ownerOutcome: 'test' })],
    [
      'openMark',
      ['deleted', 'cleared'],
      (_: number, teamId: string) =>
        statements.openMark({ teamId, ownerId: null, now, deletionNotice: 'P7D' }),
    ],
  ] as const)('%s goes from %j alone', async ([, from, step]) => {
    const possible: State[] = [];
    for (const [index, state] of states.entries()) {
      const id = await putMark(String(index), state);
      if ((await step(id, String(index))).length > 0) possible.push(state);
    }
    expect(possible).toEqual(from);
  });

  test('[P3] the clock ends at the later of what the notice prints and what the policy gives from its sending', async () => {
    for (const [sentAt, expected] of [
      [afterSixMonths(0), afterSixMonths(days(7))],
      [afterSixMonths(days(-3)), afterSixMonths(days(7))],
      [afterSixMonths(days(3)), afterSixMonths(days(10))],
    ] as const) {
      const id = await putMark(String(sentAt.getTime()), 'marking');
      expect(await statements.startClock({ id, sentAt, deletionNotice: 'P7D' })).toEqual([
        { deleteAfter: expected },
      ]);
    }
  });

  test.for([
    ['team_deletion_state', 'marking', { state: 'forgotten' }],
    ['team_deletion_clock', 'marking', { notice_sent_at: now }],
    ['team_deletion_announced', 'noticed', { notice_sent_at: null, delete_after: null }],
    ['team_deletion_notice_first', 'noticed', { delete_after: afterSixMonths(0) }],
    ['team_deletion_begun', 'deleting', { deleting_at: null }],
    ['team_deletion_over', 'deleted', { owner_outcome: null }],
    ['team_deletion_over', 'deleting', { deleted_at: now, owner_outcome: 'test' }],
    ['team_deletion_cleared', 'cleared', { cleared_at: null, cleared_why: null }],
    ['team_deletion_cleared', 'noticed', { cleared_at: now, cleared_why: 'test' }],
    ['team_deletion_cleared', 'cleared', { cleared_why: null }],
  ] as const)('the table refuses by %s what is no %s', async ([constraint, state, changes]) => {
    await expect(putMark('1', state, changes)).rejects.toMatchObject({ constraint_name: constraint });
  });

  test('one live mark a team, any number of others', async () => {
    const live = ['marking', 'noticed', 'deleting'] as const;
    for (const first of live) {
      await putMark(first, 'cleared');
      await putMark(first, 'deleted');
      await putMark(first, first);
      for (const second of live) {
        await expect(putMark(first, second)).rejects.toMatchObject({ constraint_name: 'team_deletion_live' });
      }
    }
  });
});

describe('4.4, 4.5: the mark', () => {
  test('the scenario: not at six months; a second later marked, its owner told, to be deleted seven days after the notice went out', async () => {
    const { teamId, ownerId } = await world.sleepingTeam({
      name: 'Quiet Orchard',
      time_zone: 'Europe/Lisbon',
    });
    world.at(sixMonthsOld);
    expect(await world.sweepAndRun(kind)).toEqual({ due: 0, enqueued: 0 });
    expect([inbox.messages, await world.mark(teamId)]).toEqual([[], undefined]);

    world.at(afterSixMonths(1_000));
    expect(await world.sweepAndRun(kind)).toEqual({ due: 1, enqueued: 1 });
    const mark = await world.mark(teamId);
    expect(mark).toMatchObject({ state: 'noticed', ownerId });
    const { markedAt, noticeSentAt, deleteAfter, announcedDeleteAt } = mark as Record<string, Date>;
    expect(announcedDeleteAt!.getTime()).toBe(markedAt!.getTime() + days(7));
    expect(deleteAfter!.getTime()).toBe(noticeSentAt!.getTime() + days(7));
    expect(deleteAfter!.getTime()).toBeGreaterThanOrEqual(announcedDeleteAt!.getTime());
    expect(inbox.messages).toHaveLength(1);
    expect(inbox.messages[0]!.envelope.to).toEqual([await world.emailOf(ownerId)]);
    expect(inbox.messages[0]!.text).toContain('Quiet Orchard');
    expect(inbox.messages[0]!.text).toContain(`https://evenfall.example/keep/${String(mark!['id'])}`);
    expect(await world.history(teamId)).toEqual(['notice.sent', 'team.marked']);
    expect(await world.sweepAndRun(kind)).toEqual({ due: 0, enqueued: 0 });
    expect(inbox.messages).toHaveLength(1);
  });

  test('asked for again, a marked team is told nothing more, and keeps its mark', async () => {
    const { teamId } = await world.sleepingTeam();
    await world.marked(teamId);
    await world.protect(teamId, 'exempt');
    await world.ask(kind, { teamId });
    await world.runOnce();
    expect(await world.job(kind)).toMatchObject({ state: 'skipped', reason: 'it is marked already' });
    expect(await world.mark(teamId)).toMatchObject({ state: 'noticed' });
    expect(inbox.messages).toHaveLength(1);
  });

  test('marked anew, it gets a notice of its own, and the fuse counts it once more', async () => {
    const { teamId } = await world.sleepingTeam();
    await world.marked(teamId);
    await sql`update evenfall.team_deletion set state = 'cleared', cleared_at = now(), cleared_why = 'test'`;
    world.at(afterSixMonths(days(200)));
    const date = await world.marked(teamId);
    expect(date.getTime()).toBeGreaterThanOrEqual(afterSixMonths(days(207)).getTime());
    expect(inbox.messages).toHaveLength(2);
    expect(await sql`select from evenfall.fuse_act`).toHaveLength(2);
  });

  test('another run is opening its mark: this one waits without using an attempt', async () => {
    const { teamId } = await world.sleepingTeam();
    await world.ask(kind, { teamId });
    await world.runOnce(world.afterAsking(() => putMark(teamId, 'noticed')));
    const [job] =
      await sql`select state, attempts, last_error->>'class' as class from evenfall.job where kind = ${kind}`;
    expect(job).toEqual({ state: 'dispatched', attempts: 0, class: 'mark_held' });
    expect(inbox.messages).toEqual([]);
  });

  test('[P7] nothing of it keeps the address', async () => {
    const { teamId } = await world.sleepingTeam();
    await world.marked(teamId);
    expect(await everythingKept(sql)).not.toContain('people.example');
  });

  test('[P3] the notice cannot be sent: no clock runs; sent an hour late, the clock starts then', async () => {
    const { teamId } = await world.sleepingTeam();
    inbox.faults.add({ kind: 'refuse', code: 451, at: 'rcpt' });
    await world.sweepAndRun(kind);
    expect(await world.mark(teamId)).toMatchObject({
      state: 'marking',
      noticeSentAt: null,
      deleteAfter: null,
    });
    expect(await world.list('delete-inactive-team', afterSixMonths(days(400)))).toEqual([]);
    const anHourLater = afterSixMonths(3_600_000);
    world.at(anHourLater);
    await world.runOnce();
    const mark = await world.mark(teamId);
    const promised = anHourLater.getTime() + days(7);
    expect((mark!['deleteAfter'] as Date).getTime()).toBeGreaterThanOrEqual(promised);
    expect((mark!['announcedDeleteAt'] as Date).getTime()).toBeLessThan(promised);
  });

  test('[P3] a notice that has waited for days prints a date that still leaves the whole notice', async () => {
    const { teamId } = await world.sleepingTeam();
    await broken(teamId);
    const weeksLater = afterSixMonths(days(20));
    world.at(weeksLater);
    await world.runOnce();
    const mark = await world.mark(teamId);
    const { announcedDeleteAt, deleteAfter } = mark as Record<string, Date>;
    expect(announcedDeleteAt!.getTime()).toBeGreaterThan(weeksLater.getTime() + days(7) - 1_000);
    expect(deleteAfter!.getTime()).toBeGreaterThanOrEqual(announcedDeleteAt!.getTime());
    expect(deleteAfter!.getTime()).toBeLessThan(announcedDeleteAt!.getTime() + 60_000);
    const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', timeZone: 'UTC' });
    expect(inbox.messages.map(({ subject }) => subject)).toEqual([
      `Your Acme Boards team will be deleted after ${day.format(announcedDeleteAt)}`,
    ]);
  });

  test('the date is renewed from an hour on, strictly of a notice that is not out and cannot be', async () => {
    const { teamId } = await world.sleepingTeam();
    await broken(teamId);
    const { id, announcedDeleteAt } = (await world.mark(teamId)) as { id: number; announcedDeleteAt: Date };
    const renewed = async (lateMs: number) => {
      const now = new Date(announcedDeleteAt.getTime() - days(7) + lateMs);
      const found = await database.statements.dateMark({ id, now, deletionNotice: 'P7D' });
      if (found.length > 0) {
        expect(found).toEqual([{ announcedDeleteAt: new Date(now.getTime() + days(7)) }]);
        await sql`update evenfall.team_deletion set announced_delete_at = ${announcedDeleteAt}`;
      }
      return found.length === 1;
    };
    const [refused] = await sql`select state from evenfall.effect`;
    expect(refused).toEqual({ state: 'released' });
    expect([await renewed(3_599_999), await renewed(3_600_000)]).toEqual([false, true]);
    for (const state of ['claimed', 'settled', 'unknown']) {
      await sql`update evenfall.effect set state = ${state}`;
      expect([state, await renewed(days(1))]).toEqual([state, false]);
    }
    await sql`update evenfall.effect set key = key || 'x'`;
    expect(await renewed(days(1))).toBe(true);
    await sql`update evenfall.team_deletion set state = 'cleared', cleared_at = now(), cleared_why = 'test'`;
    expect(await renewed(days(1))).toBe(false);
  });

  test.for([
    ['no owner', null],
    ['an inactive one', { is_active: false }],
    ['one who never verified', { email_verified_at: null }],
    ['one whose address is a list', { email: 'one@people.example, two@people.example' }],
  ] as const)(
    'nobody to write to (%s): no notice, no clock, and people are told once',
    async ([, changes]) => {
      const ownerId = changes === null ? null : await rows.user(changes);
      const teamId = await rows.team(ownerId, { created_at: new Date('2027-08-31T10:00:00Z') });
      expect(await world.sweepAndRun(kind)).toEqual({ due: 1, enqueued: 1 });
      expect(await world.mark(teamId)).toBeUndefined();
      expect(await world.findings()).toMatchObject([{ kind: 'nobody-to-notify', teamId }]);
      expect(await due()).toEqual([]);
      await sql`update evenfall.finding set acknowledged_at = clock_timestamp(), acknowledged_by = 'test'`;
      expect(await due()).toEqual([teamId]);
      expect(inbox.messages).toEqual([]);
    },
  );

  test('nobody to write to any more: the mark that was being made is taken back', async () => {
    const { teamId, ownerId } = await world.sleepingTeam();
    await broken(teamId);
    await sql`update public.users set is_active = false where id = ${ownerId}`;
    await world.runOnce();
    expect(await world.mark(teamId)).toMatchObject({ state: 'cleared' });
    expect(await world.findings()).toMatchObject([{ kind: 'nobody-to-notify' }]);
  });

  test("the owner cannot be written to: the address of the team's customer is", async () => {
    const customer = standIn.seed.customer({ email: 'books@harbour.example' }).id;
    const teamId = await rows.team(null, {
      created_at: new Date('2027-08-31T10:00:00Z'),
      stripe_customer_id: customer,
    });
    await world.mirror(customer);
    await world.marked(teamId);
    expect(inbox.messages[0]!.envelope.to).toEqual(['books@harbour.example']);
  });
});

/** Its mark is open, and the mail server would not take the notice. */
async function broken(teamId: string): Promise<void> {
  inbox.faults.add({ kind: 'refuse', code: 451, at: 'rcpt' });
  await world.ask(kind, { teamId });
  await world.runOnce();
  expect(await world.mark(teamId)).toMatchObject({ state: 'marking' });
}

describe('[P3] what speaks for it is read again', () => {
  const reasons = [
    ['held', ({ teamId }: Sleeping): Promise<unknown> => world.protect(teamId, 'hold'), 'it is held'],
    [
      'of another owner',
      async ({ teamId }: Sleeping): Promise<unknown> =>
        await sql`update public.teams set owner_id = ${await rows.user()} where id = ${teamId}`,
      'it has a new owner',
    ],
    [
      'gone',
      async ({ teamId }: Sleeping): Promise<unknown> => await database.statements.deleteTeam({ teamId }),
      'the app has it no more',
    ],
    [
      'younger',
      async ({ teamId }: Sleeping): Promise<unknown> =>
        await sql`update public.teams set created_at = ${sixMonthsOld} where id = ${teamId}`,
      'it is not old enough',
    ],
  ] as const;
  type Sleeping = Awaited<ReturnType<typeof world.sleepingTeam>>;

  test.for(reasons)('behind the locks: %s', async ([, change, why]) => {
    const team = await world.sleepingTeam();
    await world.ask(kind, { teamId: team.teamId });
    await world.runOnce(world.afterAsking(() => change(team)));
    expect(await world.job(kind)).toMatchObject({ state: 'skipped', reason: why });
    expect(await world.mark(team.teamId)).toMatchObject({ state: 'cleared', clearedWhy: why });
    expect(await world.history(team.teamId)).toEqual(['team.mark-cleared']);
    expect(inbox.messages).toEqual([]);
  });

  test.for(reasons.filter(([name]) => name !== 'of another owner'))(
    'before Stripe is asked: %s, and the mark that was being made is taken back',
    async ([, change, why]) => {
      const [fresh, begun] = [await world.sleepingTeam(), await world.sleepingTeam()];
      await broken(begun.teamId);
      await change(fresh);
      await change(begun);
      const before = standIn.requests.length;
      await world.ask(kind, { teamId: fresh.teamId });
      await world.runOnce();
      expect(await world.job(kind)).toMatchObject({ state: 'skipped', reason: why });
      expect(await world.mark(fresh.teamId)).toBeUndefined();
      expect(await world.mark(begun.teamId)).toMatchObject({ state: 'cleared', clearedWhy: why });
      expect(standIn.requests.length).toBe(before);
      expect(inbox.messages).toEqual([]);
    },
  );

  test('the app gives it to somebody else at this moment: it waits for that, and nobody is told', async () => {
    const { teamId } = await world.sleepingTeam();
    const other = await rows.user();
    await world.ask(kind, { teamId });
    await world.beside(
      (app) => app`update public.teams set owner_id = ${other} where id = ${teamId}`,
      async (open) => {
        await open();
        await world.runOnce();
      },
    );
    expect(await world.mark(teamId)).toMatchObject({ state: 'cleared', clearedWhy: 'it has a new owner' });
    expect(inbox.messages).toEqual([]);
  });

  test("an answer of Stripe's that has grown old behind a lock is asked for anew", async () => {
    const { teamId } = await world.sleepingTeam();
    await world.ask(kind, { teamId });
    await world.runOnce(world.askingSince('61 seconds'));
    expect([inbox.messages, await sql`select from evenfall.fuse_act`]).toEqual([[], []]);
    await world.runOnce(world.askingSince('50 seconds'));
    expect(inbox.messages).toHaveLength(1);
  });
});

describe('4.6: what takes the mark back', () => {
  test('[P3] a subscription, in the transaction that mirrors it', async () => {
    const customer = standIn.seed.customer().id;
    const { teamId } = await world.sleepingTeam({ stripe_customer_id: customer });
    await world.mirror(customer);
    await world.marked(teamId);
    standIn.seed.subscription({ customer, status: 'trialing' });
    await world.mirror(customer);
    expect(await world.mark(teamId)).toMatchObject({ state: 'cleared', clearedWhy: 'it has subscribed' });
    expect(await world.history(teamId)).toEqual(['notice.sent', 'team.marked', 'team.mark-cleared']);
    expect(await due(afterSixMonths(days(400)))).toEqual([]);
  });

  test.for([['incomplete_expired'], ['none']] as const)(
    'a customer without a real subscription (%s) does not',
    async ([status]) => {
      const customer = standIn.seed.customer().id;
      const { teamId } = await world.sleepingTeam({ stripe_customer_id: customer });
      await world.mirror(customer);
      await world.marked(teamId);
      if (status !== 'none') standIn.seed.subscription({ customer, status });
      await world.mirror(customer);
      expect(await world.mark(teamId)).toMatchObject({ state: 'noticed' });
    },
  );

  test('[P3] metadata that name the team only later', async () => {
    const customer = standIn.seed.customer().id;
    standIn.seed.subscription({ customer });
    const { teamId } = await world.sleepingTeam();
    await world.mirror(customer);
    await world.marked(teamId);
    standIn.store.customers.get(customer)!.metadata = { team_id: teamId };
    await world.mirror(customer);
    expect(await world.mark(teamId)).toMatchObject({ state: 'cleared' });
  });

  test("[P3] the subscription of its owner's own customer, where it has none", async () => {
    const customer = standIn.seed.customer().id;
    const [without, having] = [
      await world.sleepingTeam(),
      await world.sleepingTeam({ stripe_customer_id: standIn.seed.customer().id }),
    ];
    await sql`insert into evenfall.customer (id, livemode, read_at) values (${customer}, false, '2026-01-01')`;
    await world.marked(without.teamId);
    await world.marked(having.teamId);
    const owners = [without.ownerId, having.ownerId];
    await sql`update public.users set stripe_customer_id = ${customer} where id = any (${owners}::bigint[])`;
    await world.mirrorSubscription(customer);
    expect(await world.mark(without.teamId)).toMatchObject({ state: 'cleared' });
    expect(await world.mark(having.teamId)).toMatchObject({ state: 'noticed' });
  });

  test("the owner's customer is another team's: this one keeps its mark", async () => {
    const customer = standIn.seed.customer().id;
    const { teamId, ownerId } = await world.sleepingTeam();
    await world.marked(teamId);
    await sql`update public.users set stripe_customer_id = ${customer} where id = ${ownerId}`;
    await rows.team(ownerId, { stripe_customer_id: customer });
    await world.mirrorSubscription(customer);
    expect(await world.mark(teamId)).toMatchObject({ state: 'noticed' });
  });

  test('[P3] before the last look: nobody is told', async () => {
    const { teamId } = await world.sleepingTeam();
    await world.ask(kind, { teamId });
    await world.meanwhileAt('transaction.committed', async () => {
      const { id } = (await world.mark(teamId)) as { id: number };
      await database.statements.clearMark({ id, now: world.now(), why: 'taken back' });
    });
    expect(await world.job(kind)).toMatchObject({
      state: 'skipped',
      reason: 'its mark was taken back meanwhile',
    });
    expect(inbox.messages).toEqual([]);
  });

  test('[P3] while the notice goes out: it stays taken back, and no clock runs', async () => {
    const customer = standIn.seed.customer().id;
    const { teamId } = await world.sleepingTeam({ stripe_customer_id: customer });
    await world.mirror(customer);
    await world.ask(kind, { teamId });
    await world.meanwhileAt('effect.acted', () => world.mirrorSubscription(customer));
    expect(await world.mark(teamId)).toMatchObject({ state: 'cleared', noticeSentAt: null });
    expect(await world.job(kind)).toMatchObject({ state: 'done' });
    expect(await world.history(teamId)).toEqual(['team.mark-cleared', 'notice.sent']);
  });

  test('seed 4.5: a subscribed team is not marked, nothing is sent, and a week later it is still there', async () => {
    const customer = standIn.seed.customer().id;
    standIn.seed.subscription({ customer });
    const { teamId } = await world.sleepingTeam({ stripe_customer_id: customer });
    await world.mirror(customer);
    world.at(afterSixMonths(1_000));
    await world.sweepAndRun(kind);
    world.at(afterSixMonths(days(7) + 2_000));
    await world.sweepAndRun('delete-inactive-team');
    expect(inbox.messages).toEqual([]);
    expect(await rows.exists('teams', teamId)).toBe(true);
  });
});

describe('[P3] a subscription that is being mirrored while the notice is decided on', () => {
  test('is waited for, and seen: no notice', async () => {
    const customer = standIn.seed.customer().id;
    const { teamId } = await world.sleepingTeam({ stripe_customer_id: customer });
    await world.mirror(customer);
    await world.ask(kind, { teamId });
    await world.beside(
      (mirror) => world.mirrorSubscription(customer, mirror),
      async (open) => {
        await open();
        await world.runOnce();
      },
    );
    expect(inbox.messages).toEqual([]);
    expect(await world.mark(teamId)).toMatchObject({ state: 'cleared' });
  });

  test('waits for a last look that is under way, and takes its mark back: no clock', async () => {
    const customer = standIn.seed.customer().id;
    const { teamId } = await world.sleepingTeam({ stripe_customer_id: customer });
    await world.mirror(customer);
    await world.ask(kind, { teamId });
    let mirrored: Promise<void> | undefined;
    let transactions = 0;
    const failpoint = async (point: Failpoint) => {
      // the first transaction opens the mark, the second is the last look
      if (point === 'transaction.written' && ++transactions === 2) {
        mirrored = world.mirrorSubscription(customer);
        await untilBlocked(sql);
      }
      if (point === 'transaction.committed') await mirrored;
    };
    await world.runOnce({ failpoint });
    expect(await world.mark(teamId)).toMatchObject({ state: 'cleared', noticeSentAt: null });
    expect(await world.history(teamId)).not.toContain('team.marked');
  });
});

describe('[P3] Stripe is asked before the notice', () => {
  test('a live subscription that nobody has heard of: spared, and people are told', async () => {
    const customer = standIn.seed.customer().id;
    const { teamId } = await world.sleepingTeam({ stripe_customer_id: customer });
    await world.mirror(customer);
    const { id } = standIn.seed.subscription({ customer });
    await world.sweepAndRun(kind);
    expect(await world.job(kind)).toMatchObject({
      state: 'skipped',
      reason: `Stripe knows ${id} (active)`,
    });
    expect(await world.findings()).toMatchObject([{ kind: 'stripe-veto', teamId }]);
    expect([inbox.messages, await world.mark(teamId)]).toEqual([[], undefined]);
    await world.runAll();
    expect(await due()).toEqual([]);
  });

  test("a customer with the owner's exact address, whom nothing links to the team", async () => {
    const { ownerId } = await world.sleepingTeam();
    const customer = standIn.seed.customer({ email: await world.emailOf(ownerId) }).id;
    const { id } = standIn.seed.subscription({ customer });
    await world.sweepAndRun(kind);
    expect(await world.job(kind)).toMatchObject({ state: 'skipped', reason: `Stripe knows ${id} (active)` });
    expect(inbox.messages).toEqual([]);
  });

  test('one that is over is reason enough, but no alarm', async () => {
    const customer = standIn.seed.customer().id;
    await world.sleepingTeam({ stripe_customer_id: customer });
    await world.mirror(customer);
    standIn.seed.subscription({ customer, status: 'canceled' });
    await world.sweepAndRun(kind);
    expect(await world.job(kind)).toMatchObject({ state: 'skipped' });
    expect([await world.findings(), inbox.messages]).toEqual([[], []]);
  });

  test('one that was taken back while it was being made', async () => {
    const customer = standIn.seed.customer().id;
    const { teamId } = await world.sleepingTeam({ stripe_customer_id: customer });
    await world.mirror(customer);
    await broken(teamId);
    standIn.seed.subscription({ customer });
    await world.runOnce();
    expect(await world.mark(teamId)).toMatchObject({ state: 'cleared' });
    expect(await world.history(teamId)).toEqual(['team.mark-cleared']);
  });

  test('a paid invoice is reason enough, and is remembered', async () => {
    const customer = standIn.seed.customer().id;
    const { teamId } = await world.sleepingTeam({ stripe_customer_id: customer });
    await world.mirror(customer);
    standIn.seed.invoice({ customer });
    await world.sweepAndRun(kind);
    expect(await world.job(kind)).toMatchObject({
      state: 'skipped',
      reason: `it has paid: ${customer} has a paid invoice`,
    });
    expect([inbox.messages, await world.mark(teamId), await world.findings()]).toEqual([[], undefined, []]);
    await world.runAll();
    expect(await due()).toEqual([]);
  });

  test("a customer with the owner's address that is another team's is no trace of this one", async () => {
    const { teamId, ownerId } = await world.sleepingTeam();
    const customer = standIn.seed.customer({ email: await world.emailOf(ownerId) }).id;
    standIn.seed.subscription({ customer });
    await rows.team(ownerId, { stripe_customer_id: customer, created_at: sixMonthsOld });
    await world.mirror(customer);
    await world.marked(teamId);
  });

  test('a customer that Stripe does not know: another account or mode, so nothing is done', async () => {
    const { teamId } = await world.sleepingTeam({ stripe_customer_id: 'cus_ofAnother' });
    await sql`insert into evenfall.customer (id, livemode, read_at) values ('cus_x', false, now())`;
    await world.sweepAndRun(kind);
    expect(await world.job(kind)).toMatchObject({ state: 'dead', class: 'not_found' });
    expect([inbox.messages, await world.mark(teamId)]).toEqual([[], undefined]);
    expect(await due()).toEqual([]);
  });

  test('Stripe is down: nothing is done', async () => {
    const { teamId } = await world.sleepingTeam();
    standIn.faults.add({ kind: 'server-error', times: 10 });
    await world.sweepAndRun(kind);
    expect(await world.job(kind)).toMatchObject({ state: 'dispatched' });
    expect([inbox.messages, await world.mark(teamId)]).toEqual([[], undefined]);
  });
});

describe('[P3] no full picture, no notice', () => {
  test.for([
    ['no backfill was ever made', () => sql`truncate evenfall.backfill`],
    [
      'the last one is more than a day old',
      () => sql`update evenfall.backfill set finished_at = clock_timestamp() - interval '24 hours 1 second'`,
    ],
    ['one is under way', () => sql`update evenfall.backfill set finished_at = null, phase = 'customers'`],
    [
      'it found nothing, though the app names customers',
      () => sql`update public.teams set stripe_customer_id = 'cus_1'`,
    ],
    [
      "it found nothing, though the app names a person's customer",
      () => sql`update public.users set stripe_customer_id = 'cus_1'`,
    ],
  ] as const)('%s: it waits', async ([, spoil]) => {
    const { teamId } = await world.sleepingTeam();
    await spoil();
    await world.ask(kind, { teamId });
    const before = standIn.requests.length;
    await world.runOnce();
    expect(await world.job(kind)).toMatchObject({ state: 'dispatched', class: null });
    expect([inbox.messages, await world.mark(teamId)]).toEqual([[], undefined]);
    expect(standIn.requests.length).toBe(before);
  });

  test('one that is almost a day old will do', async () => {
    const { teamId } = await world.sleepingTeam();
    await sql`update evenfall.backfill set finished_at = clock_timestamp() - interval '23 hours 59 minutes'`;
    await world.marked(teamId);
  });
});

describe('[P2] the worker dies', () => {
  const points: Failpoint[] = [
    'run.started',
    'transaction.written',
    'transaction.committed',
    'effect.claimed',
    'effect.acted',
    'effect.settled',
    'run.ended',
    'outcome.written',
  ];
  test.for(points)('at %s: one notice at most, and no clock without it', async (point) => {
    const { teamId } = await world.sleepingTeam();
    await world.ask(kind, { teamId });
    await world.dieAt(point);
    await world.runAll();
    const unknown = point === 'effect.claimed' || point === 'effect.acted';
    expect(inbox.messages.length).toBe(point === 'effect.claimed' ? 0 : 1);
    expect(await world.mark(teamId)).toMatchObject({ state: unknown ? 'marking' : 'noticed' });
    expect(await world.job(kind)).toMatchObject(
      unknown
        ? { state: 'dead', class: 'unknown_effect' }
        : { state: expect.stringMatching(/done|skipped/) as string },
    );
  });

  test.for([
    [true, 1],
    [false, 2],
  ] as const)(
    'nobody knows whether it went out; a person says %s: the clock starts then, after %d mails, of which the last prints the date',
    async ([happened, mails]) => {
      const { teamId } = await world.sleepingTeam();
      await world.ask(kind, { teamId });
      await world.dieAt('effect.acted');
      await world.runAll();
      const [effect] = await sql`select id from evenfall.effect where state = 'unknown'`;
      await database.statements.settleUnknown({ id: effect!['id'] as number, happened, who: 'operator' });
      const [dead] = await sql`select id from evenfall.job where kind = ${kind}`;
      const later = afterSixMonths(days(2));
      world.at(later);
      await database.statements.replay({ id: dead!['id'] as number, resolution: 'test' });
      await world.runAll();
      expect(inbox.messages).toHaveLength(mails);
      const mark = await world.mark(teamId);
      expect(mark).toMatchObject({ state: 'noticed' });
      const { announcedDeleteAt, deleteAfter } = mark as Record<string, Date>;
      expect(deleteAfter!.getTime()).toBeGreaterThan(later.getTime() + days(7) - 1_000);
      const printed = happened ? afterSixMonths(days(7)) : new Date(later.getTime() + days(7));
      expect(Math.abs(announcedDeleteAt!.getTime() - printed.getTime())).toBeLessThan(days(1));
    },
  );

  test.for(points)('[P3] at %s, and then it subscribes: the mark is gone or never was', async (point) => {
    const customer = standIn.seed.customer().id;
    const { teamId } = await world.sleepingTeam({ stripe_customer_id: customer });
    await world.mirror(customer);
    await world.ask(kind, { teamId });
    await world.dieAt(point);
    standIn.seed.subscription({ customer });
    await world.mirror(customer);
    await world.runOnce();
    expect((await world.mark(teamId))?.['state'] ?? 'none').toMatch(/cleared|none/);
    expect(await sql`select from evenfall.effect where state = 'claimed'`).toEqual([]);
  });
});

describe('[P3] the fuse', () => {
  const sleeping = async (count: number) => {
    for (let n = 0; n < count; n++) await world.sleepingTeam();
  };

  test('five of five teams are let through, whatever the share', async () => {
    await sleeping(5);
    await world.sweepAndRun(kind);
    expect(inbox.messages).toHaveLength(5);
    expect(await world.findings()).toEqual([]);
  });

  test('six by a sweep: nobody is told, and people are told once', async () => {
    await sleeping(6);
    await world.sweepAndRun(kind);
    expect(inbox.messages).toEqual([]);
    expect(await world.findings()).toMatchObject([{ kind: 'fuse-blown', subject: `fuse:${kind}` }]);
    await world.runOnce();
    expect(inbox.messages).toEqual([]);
    expect(await world.findings()).toHaveLength(1);
  });

  test('one after the other by direct enqueues: the sixth blows it', async () => {
    for (let n = 1; n <= 7; n++) {
      const { teamId } = await world.sleepingTeam();
      await world.ask(kind, { teamId });
      await world.runOnce();
      expect(inbox.messages.length).toBe(Math.min(n, 5));
    }
    expect(await world.findings()).toHaveLength(1);
  });

  test('released and blown once more, people are told once more', async () => {
    await sleeping(6);
    await world.sweepAndRun(kind);
    await sql`update evenfall.fuse set blown_at = null, released_at = clock_timestamp(), released_acts = 1`;
    await world.runOnce();
    expect(await world.findings()).toHaveLength(2);
  });

  test('a notice that is tried often is one act', async () => {
    const { teamId } = await world.sleepingTeam();
    await broken(teamId);
    await world.runOnce();
    expect(inbox.messages).toHaveLength(1);
    expect(await sql`select from evenfall.fuse_act`).toHaveLength(1);
  });

  test('what acts without a job, which nobody sees wait, counts itself', async () => {
    const verdicts = [];
    for (let n = 1; n <= 6; n++) {
      const [row] = await sql`select evenfall.try_fuse(${kind}, ${`team:${n}`}, 'mark', null, 5) as verdict`;
      verdicts.push(row!['verdict']);
    }
    expect(verdicts).toEqual(['holds', 'holds', 'holds', 'holds', 'holds', 'blows']);
  });

  test('a team that was told long ago waits like any other', async () => {
    const { teamId } = await world.sleepingTeam();
    await world.ask(kind, { teamId });
    const waiting = async () =>
      (await sql`select evenfall.waiting_to_act(${kind}) as jobs`)[0]!['jobs'] as number;
    await sql`
      insert into evenfall.fuse_act (kind, subject, occasion, at)
      values (${kind}, ${`team:${teamId}`}, 'mark 0', clock_timestamp() - interval '25 hours')`;
    expect(await waiting()).toBe(1);
    await sql`update evenfall.fuse_act set at = clock_timestamp() - interval '23 hours'`;
    expect(await waiting()).toBe(0);
  });

  test('acts of yesterday do not count', async () => {
    await sleeping(5);
    await world.sweepAndRun(kind);
    await sql`update evenfall.fuse_act set at = clock_timestamp() - interval '24 hours 1 second'`;
    await sleeping(1);
    await world.sweepAndRun(kind);
    expect(inbox.messages).toHaveLength(6);
  });
});
