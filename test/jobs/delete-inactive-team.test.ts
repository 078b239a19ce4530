import type { Sql } from 'postgres';
import { beforeEach, describe, expect, test } from 'vitest';
import { deleteInactiveTeam } from '../../jobs/delete-inactive-team.ts';
import type { Failpoint } from '../../src/core/failpoints.ts';
import { createTestDatabase } from '../support/database.ts';
import { afterSixMonths, days, startEndings } from '../support/endings.ts';
import { bindStatements } from '../support/sql.ts';

const { database, sql } = await createTestDatabase();
const world = await startEndings(database, sql);
const { standIn, rows } = world;
const kind = deleteInactiveTeam.name;

beforeEach(() => world.clear());

interface Doomed {
  readonly teamId: string;
  readonly ownerId: string;
  readonly customer: string;
  readonly date: Date;
}

/** A marked team with a customer that has never subscribed, a second after its date. */
async function doomed(changes: Record<string, unknown> = {}): Promise<Doomed> {
  const customer = standIn.seed.customer().id;
  const { teamId, ownerId } = await world.sleepingTeam({ stripe_customer_id: customer, ...changes });
  await world.mirror(customer);
  const date = await world.marked(teamId);
  world.at(new Date(date.getTime() + 1_000));
  return { teamId, ownerId, customer, date };
}

const teamLives = ({ teamId }: Doomed) => rows.exists('teams', teamId);
const ownerLives = ({ ownerId }: Doomed) => rows.exists('users', ownerId);

describe('4.5, 4.7: when', () => {
  test('strictly: at exactly its date it is still there, a second later it is gone, and its owner with it', async () => {
    const team = await doomed();
    world.at(team.date);
    expect(await world.list(kind)).toEqual([]);
    await world.ask(kind, { teamId: team.teamId });
    await world.runAll();
    expect(await world.job(kind)).toMatchObject({
      state: 'skipped',
      reason: `its date is ${team.date.toISOString()}`,
    });
    expect(await teamLives(team)).toBe(true);

    world.at(new Date(team.date.getTime() + 1_000));
    expect(await world.sweepAndRun(kind)).toEqual({ due: 1, enqueued: 1 });
    expect([await teamLives(team), await ownerLives(team)]).toEqual([false, false]);
    expect(await world.mark(team.teamId)).toMatchObject({ state: 'deleted', ownerOutcome: 'deleted' });
    expect(await world.history(team.teamId)).toEqual([
      'notice.sent',
      'team.marked',
      'team.deleted',
      'user.deleted',
    ]);
    expect(await world.findings()).toEqual([]);
    expect(await world.sweepAndRun(kind)).toEqual({ due: 0, enqueued: 0 });
  });

  test('the job itself is as strict, whoever asks for it', async () => {
    const team = await doomed();
    await asked(team);
    await world.runOnce(world.standingAt(team.date));
    expect(await world.job(kind)).toMatchObject({ reason: `its date is ${team.date.toISOString()}` });
    expect(await teamLives(team)).toBe(true);
    await asked(team);
    await world.runOnce(world.standingAt(new Date(team.date.getTime() + 1)));
    expect(await teamLives(team)).toBe(false);
  });

  test('strictly behind the locks, too: a date that is put off meanwhile counts', async () => {
    const team = await doomed();
    const now = new Date(team.date.getTime() + 1_000);
    const putOff = () => sql`update evenfall.team_deletion set delete_after = ${now}`;
    await world.ask(kind, { teamId: team.teamId });
    await world.runOnce({ ...world.standingAt(now), ...world.afterAsking(putOff) });
    expect(await teamLives(team)).toBe(true);
    expect(await world.mark(team.teamId)).toMatchObject({ state: 'noticed' });
  });

  test('a mark that was taken back is not found, nor one whose job lies dead, until a person resolves it', async () => {
    const team = await doomed();
    await sql`
      insert into evenfall.dead_letter (job_id, run_no, kind, team_id, class, error, attempts, crashes)
      values (1, 1, ${kind}, ${team.teamId}, 'test', '{}', 1, 0)`;
    expect(await world.list(kind)).toEqual([]);
    await sql`update evenfall.dead_letter set kind = 'mark-team-for-deletion'`;
    expect(await world.list(kind)).toHaveLength(1);
    await sql`update evenfall.dead_letter set kind = ${kind}, team_id = '0'`;
    expect(await world.list(kind)).toHaveLength(1);
    await sql`
      update evenfall.dead_letter set team_id = ${team.teamId}, resolved_at = now(), resolution = 'test'`;
    expect(await world.list(kind)).toHaveLength(1);
    await sql`update evenfall.team_deletion set state = 'cleared', cleared_at = now(), cleared_why = 'test'`;
    expect(await world.list(kind)).toEqual([]);
  });

  test('a team without a mark, or whose notice was not sent, is left alone when asked for directly', async () => {
    const { teamId } = await world.sleepingTeam();
    world.at(afterSixMonths(days(400)));
    await world.ask(kind, { teamId });
    await world.runAll();
    expect(await world.job(kind)).toMatchObject({ state: 'skipped', reason: 'it bears no mark' });
    await sql`insert into evenfall.team_deletion (team_id, marked_at, announced_delete_at) values (${teamId}, now(), now())`;
    await world.ask(kind, { teamId });
    await world.runAll();
    expect(await world.job(kind)).toMatchObject({
      state: 'skipped',
      reason: 'its notice was not sent, so no clock runs',
    });
    expect(await rows.exists('teams', teamId)).toBe(true);
  });
});

describe('4.8: the owner', () => {
  test.for([
    ['owns another team', async ({ ownerId }: Doomed): Promise<void> => void (await rows.team(ownerId))],
    [
      'is a member of another team',
      async ({ ownerId }: Doomed): Promise<void> =>
        rows.member(await rows.team(await rows.user()), ownerId, 'invited'),
    ],
    [
      'has a Stripe customer',
      async ({ ownerId }: Doomed): Promise<void> =>
        void (await sql`update public.users set stripe_customer_id = 'cus_own' where id = ${ownerId}`),
    ],
  ] as const)('%s: stays', async ([outcome, tie]) => {
    const team = await doomed();
    await tie(team);
    await world.sweepAndRun(kind);
    expect([await teamLives(team), await ownerLives(team)]).toEqual([false, true]);
    expect(await world.mark(team.teamId)).toMatchObject({ state: 'deleted', ownerOutcome: outcome });
  });

  test('[P3] Stripe knows a customer with the exact address: stays', async () => {
    const team = await doomed();
    const { id } = standIn.seed.customer({ email: await world.emailOf(team.ownerId) });
    await world.sweepAndRun(kind);
    expect([await teamLives(team), await ownerLives(team)]).toEqual([false, true]);
    expect(await world.mark(team.teamId)).toMatchObject({ ownerOutcome: `has a Stripe customer, ${id}` });
  });

  test("a customer with the owner's address that was the team's alone keeps nobody, even after the worker died", async () => {
    for (const point of [undefined, 'transaction.committed'] as const) {
      await world.clear();
      const team = await doomed();
      standIn.store.customers.get(team.customer)!.email = await world.emailOf(team.ownerId);
      await world.ask(kind, { teamId: team.teamId });
      if (point) await world.dieAt(point);
      await world.runAll();
      expect(await world.mark(team.teamId)).toMatchObject({ state: 'deleted', ownerOutcome: 'deleted' });
    }
  });

  test('an invitation elsewhere at this moment is waited for: stays', async () => {
    const team = await doomed();
    const other = await rows.team(await rows.user());
    await asked(team);
    await world.beside(
      (app) =>
        app`insert into public.memberships (team_id, user_id, role) values (${other}, ${team.ownerId}, 'invited')`,
      (open) => world.meanwhileAt('transaction.committed', open),
    );
    expect([await teamLives(team), await ownerLives(team)]).toEqual([false, true]);
    expect(await world.mark(team.teamId)).toMatchObject({ ownerOutcome: 'is a member of another team' });
  });

  test('the app has deleted the owner meanwhile: that is the end of it', async () => {
    const team = await doomed();
    const meanwhile = () => database.statements.deleteUser({ userId: team.ownerId });
    await asked(team);
    await world.meanwhileAt('transaction.committed', meanwhile);
    expect(await world.mark(team.teamId)).toMatchObject({
      state: 'deleted',
      ownerOutcome: 'is gone already',
    });
  });

  test("an answer of Stripe's about the owner that has grown old behind a lock is asked for anew", async () => {
    const team = await doomed();
    await world.ask(kind, { teamId: team.teamId });
    await world.dieAt('transaction.committed');
    await world.runOnce(world.askingSince('61 seconds'));
    expect([await teamLives(team), await ownerLives(team)]).toEqual([false, true]);
    await world.runOnce(world.askingSince('50 seconds'));
    expect(await ownerLives(team)).toBe(false);
  });

  test('other members of the team stay', async () => {
    const team = await doomed();
    const member = await rows.user();
    await rows.member(team.teamId, member);
    await world.sweepAndRun(kind);
    expect(await rows.exists('users', member)).toBe(true);
  });

  test('a team without an owner, told to its customer: the team goes', async () => {
    const customer = standIn.seed.customer({ email: 'books@harbour.example' }).id;
    const teamId = await rows.team(null, {
      created_at: new Date('2027-08-31T10:00:00Z'),
      stripe_customer_id: customer,
    });
    await world.mirror(customer);
    const date = await world.marked(teamId);
    world.at(new Date(date.getTime() + 1_000));
    await world.sweepAndRun(kind);
    expect(await world.mark(teamId)).toMatchObject({ state: 'deleted', ownerOutcome: 'there was none' });
  });

  test.for([
    ['a hold', 'hold', null, 'the team is held'],
    ['a hold that has not ended', 'hold', afterSixMonths(days(400)), 'the team is held'],
    ['a hold that has ended', 'hold', afterSixMonths(0), 'deleted'],
    ['an exemption, which was for the team,', 'exempt', null, 'deleted'],
  ] as const)('%s that comes between the two steps', async ([, protection, until, outcome]) => {
    const team = await doomed();
    const meanwhile = () => world.protect(team.teamId, protection, until);
    await asked(team);
    await world.meanwhileAt('transaction.committed', meanwhile);
    expect([await teamLives(team), await ownerLives(team)]).toEqual([false, outcome !== 'deleted']);
    expect(await world.mark(team.teamId)).toMatchObject({ ownerOutcome: outcome });
  });

  test('a hold that is recorded at this moment is waited for: stays', async () => {
    const team = await doomed();
    await asked(team);
    await world.beside(
      async (operator) => {
        await bindStatements(operator).lockMarkOfTeam({ teamId: team.teamId });
        await world.protect(team.teamId, 'hold', null, operator);
      },
      (open) => world.meanwhileAt('transaction.committed', open),
    );
    expect([await teamLives(team), await ownerLives(team)]).toEqual([false, true]);
    expect(await world.mark(team.teamId)).toMatchObject({ ownerOutcome: 'the team is held' });
  });

  test('Stripe is not asked by what is no address: the owner goes', async () => {
    const team = await doomed();
    await sql`update public.users set email = 'one@people.example, two' where id = ${team.ownerId}`;
    await world.sweepAndRun(kind);
    expect(await world.mark(team.teamId)).toMatchObject({ ownerOutcome: 'deleted' });
  });

  test('to the millisecond of its end, a hold keeps the owner', async () => {
    const team = await doomed();
    const now = new Date(team.date.getTime() + 1_000);
    await asked(team);
    await world.meanwhileAt(
      'transaction.committed',
      () => world.protect(team.teamId, 'hold', now),
      world.standingAt(now),
    );
    expect(await ownerLives(team)).toBe(false);
  });
});

const asked = ({ teamId }: Doomed) => world.ask(kind, { teamId });

describe('[P3] what speaks for it is read again', () => {
  test.for([
    [
      'held',
      async ({ teamId }: Doomed): Promise<void> => void (await world.protect(teamId, 'hold')),
      'it is held',
    ],
    [
      'of another owner, who was told nothing',
      async ({ teamId }: Doomed): Promise<void> =>
        void (await sql`update public.teams set owner_id = ${await rows.user()} where id = ${teamId}`),
      'it has a new owner since its notice',
    ],
    [
      'gone, deleted by the app',
      async ({ teamId }: Doomed): Promise<void> => void (await database.statements.deleteTeam({ teamId })),
      'the app has it no more',
    ],
    [
      'younger than it was',
      async ({ teamId }: Doomed): Promise<void> =>
        void (await sql`update public.teams set created_at = ${afterSixMonths(0)} where id = ${teamId}`),
      'it is not old enough',
    ],
    [
      'one of a customer that has paid',
      async ({ customer }: Doomed): Promise<void> =>
        void (await sql`update evenfall.customer set has_paid = true where id = ${customer}`),
      'it has paid: ',
    ],
  ] as const)('before the job, and behind its locks: %s', async ([, change, why]) => {
    for (const when of ['before', 'between'] as const) {
      await world.clear();
      const team = await doomed();
      if (when === 'before') await change(team);
      await world.ask(kind, { teamId: team.teamId });
      const before = standIn.requests.length;
      await world.runOnce(when === 'before' ? {} : world.afterAsking(() => change(team)));
      expect(standIn.requests.length > before, 'Stripe was asked').toBe(when === 'between');
      expect(await world.history(team.teamId)).not.toContain('team.deleted');
      expect(await world.job(kind)).toMatchObject({
        state: 'skipped',
        reason: expect.stringContaining(why) as string,
      });
      expect(await world.mark(team.teamId)).toMatchObject({ state: 'cleared' });
    }
  });

  test.for([
    [
      'is given to somebody else',
      async (app: Sql, { teamId }: Doomed) => app`
        update public.teams set owner_id = (select min(id) from public.users where email like 'next%') where id = ${teamId}`,
      'it has a new owner since its notice',
    ],
    [
      'has its owner linked to a customer that subscribed',
      async (app: Sql, { ownerId }: Doomed) =>
        app`update public.users set stripe_customer_id = 'cus_owner' where id = ${ownerId}`,
      'it has subscribed: ',
    ],
  ] as const)('it %s at this moment: the deletion waits for that, and spares it', async ([, write, why]) => {
    await rows.user({ email: 'next@people.example' });
    const { teamId, ownerId } = await world.sleepingTeam();
    await sql`insert into evenfall.customer (id, livemode, read_at) values ('cus_owner', false, '2026-01-01')`;
    await world.mirrorSubscription('cus_owner');
    const team = { teamId, ownerId, customer: 'cus_owner', date: await world.marked(teamId) };
    world.at(new Date(team.date.getTime() + 1_000));
    await asked(team);
    await world.beside(
      (app) => write(app, team),
      async (open) => {
        await open();
        await world.runOnce();
      },
    );
    expect(await world.mark(teamId)).toMatchObject({
      state: 'cleared',
      clearedWhy: expect.stringContaining(why) as string,
    });
    expect(await teamLives(team)).toBe(true);
  });

  test('no full picture of Stripe any more: it waits', async () => {
    const team = await doomed();
    await sql`update evenfall.backfill set finished_at = clock_timestamp() - interval '25 hours'`;
    await world.sweepAndRun(kind);
    expect(await teamLives(team)).toBe(true);
    expect(await world.job(kind)).toMatchObject({ state: 'dispatched' });
    await rows.freshPicture();
    await world.runOnce();
    expect(await teamLives(team)).toBe(false);
  });

  test('Stripe is down: it waits', async () => {
    const team = await doomed();
    standIn.faults.add({ kind: 'server-error', times: 4 });
    await world.sweepAndRun(kind);
    expect(await teamLives(team)).toBe(true);
    await world.runAll();
    expect(await teamLives(team)).toBe(false);
  });

  test("an answer of Stripe's that has grown old behind a lock is asked for anew", async () => {
    const team = await doomed();
    await world.ask(kind, { teamId: team.teamId });
    await world.runOnce(world.askingSince('61 seconds'));
    expect(await teamLives(team)).toBe(true);
    expect(await sql`select from evenfall.fuse_act where kind = ${kind}`).toEqual([]);
    await world.runOnce(world.askingSince('50 seconds'));
    expect(await teamLives(team)).toBe(false);
  });
});

describe('[P3] a subscription', () => {
  const subscribe = async ({ customer }: Doomed) => void standIn.seed.subscription({ customer });
  const subscribeAndMirror = async (team: Doomed) => {
    await subscribe(team);
    await world.mirrorSubscription(team.customer);
  };

  test.for([
    ['run.started', subscribe],
    ['run.started', subscribeAndMirror],
  ] as const)('that begins at %s saves the team', async ([point, begins]) => {
    const team = await doomed();
    await asked(team);
    await world.meanwhileAt(point, () => begins(team));
    expect(await teamLives(team)).toBe(true);
    expect(await world.mark(team.teamId)).toMatchObject({ state: 'cleared' });
  });

  test('that is committed here after Stripe has answered saves the team', async () => {
    const team = await doomed();
    await world.ask(kind, { teamId: team.teamId });
    await world.runOnce(world.afterAsking(() => world.mirrorSubscription(team.customer)));
    expect(await teamLives(team)).toBe(true);
    expect(await world.job(kind)).toMatchObject({ reason: 'its mark was taken back meanwhile' });
    expect(await world.mark(team.teamId)).toMatchObject({
      state: 'cleared',
      clearedWhy: 'it has subscribed',
    });
  });

  test('that both Stripe and the mirror tell of meanwhile takes the mark back once', async () => {
    const team = await doomed();
    await world.ask(kind, { teamId: team.teamId });
    await world.runOnce(world.afterAsking(() => subscribeAndMirror(team)));
    expect(await world.history(team.teamId)).toEqual(['notice.sent', 'team.marked', 'team.mark-cleared']);
  });

  test('whose mirroring is not committed yet when the locks are asked for: the deletion waits, and spares it', async () => {
    const team = await doomed();
    await asked(team);
    await world.beside(
      (other) => world.mirrorSubscription(team.customer, other),
      async (open) => {
        await open();
        await world.runOnce();
      },
    );
    expect(await teamLives(team)).toBe(true);
  });

  test('that came unheard is found in Stripe: the mark is taken back, and people are told', async () => {
    const team = await doomed();
    await subscribe(team);
    await world.sweepAndRun(kind);
    expect(await teamLives(team)).toBe(true);
    expect(await world.mark(team.teamId)).toMatchObject({ state: 'cleared' });
    expect(await world.findings()).toMatchObject([{ kind: 'stripe-veto', teamId: team.teamId }]);
    await world.runAll();
    expect(await world.list('mark-team-for-deletion', afterSixMonths(days(400)))).toEqual([]);
  });

  test('that only Stripe knows by the exact address of the owner saves the team', async () => {
    const team = await doomed();
    standIn.seed.subscription({
      customer: standIn.seed.customer({ email: await world.emailOf(team.ownerId) }).id,
    });
    await world.sweepAndRun(kind);
    expect(await teamLives(team)).toBe(true);
  });

  test.for([
    ['that is over', (customer: string) => standIn.seed.subscription({ customer, status: 'canceled' })],
    ['that was never, but an invoice was paid,', (customer: string) => standIn.seed.invoice({ customer })],
  ] as const)('%s and came unheard saves the team, without an alarm', async ([, seed]) => {
    const team = await doomed();
    seed(team.customer);
    await world.sweepAndRun(kind);
    expect(await teamLives(team)).toBe(true);
    expect(await world.mark(team.teamId)).toMatchObject({ state: 'cleared' });
    expect(await world.findings()).toEqual([]);
    await world.runAll();
    expect(await world.list('mark-team-for-deletion')).toEqual([]);
  });

  test.for([
    ['at once', (team: Doomed) => world.meanwhileAt('transaction.committed', () => subscribe(team))],
    [
      'though the worker died',
      async (team: Doomed) => {
        await world.dieAt('transaction.committed');
        await subscribe(team);
        await world.runAll();
      },
    ],
  ] as const)(
    'that begins when the team is gone already is told to people %s, and keeps its owner',
    async ([, during]) => {
      const team = await doomed();
      await asked(team);
      await during(team);
      expect([await teamLives(team), await ownerLives(team)]).toEqual([false, true]);
      expect(await world.findings()).toMatchObject([
        { kind: 'deleted-while-subscribed', teamId: team.teamId },
      ]);
      expect(await world.mark(team.teamId)).toMatchObject({
        state: 'deleted',
        ownerOutcome: 'the team subscribed while it was deleted',
      });
    },
  );

  test('that is mirrored when the deletion has begun, by metadata that name the team, takes nothing back', async () => {
    const team = await doomed();
    const mirrored = async () => {
      await sql`update evenfall.customer set team_id = ${team.teamId} where id = ${team.customer}`;
      await world.mirrorSubscription(team.customer);
    };
    await asked(team);
    await world.meanwhileAt('transaction.committed', mirrored);
    expect(await world.mark(team.teamId)).toMatchObject({ state: 'deleted' });
  });

  const before: Failpoint[] = ['run.started', 'transaction.written'];
  test.for(
    before.flatMap((point) =>
      (['mirrored', 'only in Stripe'] as const).map((how): [Failpoint, typeof how] => [point, how]),
    ),
  )('that begins after the worker died at %s (%s) saves the team', async ([point, how]) => {
    const team = await doomed();
    await world.ask(kind, { teamId: team.teamId });
    await world.dieAt(point);
    await (how === 'mirrored' ? subscribeAndMirror(team) : subscribe(team));
    await world.runAll();
    expect(await teamLives(team)).toBe(true);
  });
});

describe('[P1] [P2] the worker dies', () => {
  const points: Failpoint[] = [
    'run.started',
    'transaction.written',
    'transaction.committed',
    'run.ended',
    'outcome.written',
  ];
  test.for(points)('at %s: the deletion is seen through, once', async (point) => {
    const team = await doomed();
    await world.ask(kind, { teamId: team.teamId });
    await world.dieAt(point);
    await world.runAll();
    expect([await teamLives(team), await ownerLives(team)]).toEqual([false, false]);
    expect(await world.history(team.teamId)).toEqual([
      'notice.sent',
      'team.marked',
      'team.deleted',
      'user.deleted',
    ]);
    expect((await world.job(kind))?.['state']).toMatch(/done|skipped/);
  });

  test('two runs at once (the fence): the stale one writes nothing', async () => {
    const team = await doomed();
    await world.ask(kind, { teamId: team.teamId });
    await world.meanwhileAt('run.started', async () => {
      await sql`update evenfall.job set run_no = run_no + 1 where kind = ${kind}`;
    });
    expect(await teamLives(team)).toBe(true);
    expect(await world.mark(team.teamId)).toMatchObject({ state: 'noticed' });
  });
});

describe("the app's own tables", () => {
  test('hold on to the team: dead with the constraint, nothing half done; mended and replayed, it goes on', async () => {
    const team = await doomed();
    await sql`create table public.invoices (team_id bigint references public.teams)`;
    await sql`insert into public.invoices values (${team.teamId})`;
    try {
      await world.sweepAndRun(kind);
      expect(await world.job(kind)).toMatchObject({ state: 'dead', class: 'contract_refused' });
      expect((await world.job(kind))!['message']).toContain('invoices_team_id_fkey');
      expect(await world.mark(team.teamId)).toMatchObject({ state: 'noticed' });
      const [members] =
        await sql`select count(*)::int as n from public.memberships where team_id = ${team.teamId}`;
      expect(members!['n']).toBe(1);
      expect(await world.list(kind)).toEqual([]);
    } finally {
      await sql`drop table public.invoices`;
    }
    const [dead] = await sql`select id from evenfall.job where kind = ${kind}`;
    await database.statements.replay({ id: dead!['id'] as number, resolution: 'test' });
    await world.runAll();
    expect(await teamLives(team)).toBe(false);
  });

  test('fail for the moment: the job waits, and needs nobody', async () => {
    const team = await doomed();
    await sql.unsafe(`
      create function public.deadlock() returns trigger language plpgsql as $$
      begin raise exception 'deadlock' using errcode = '40P01'; end $$;
      create trigger deadlock before delete on public.teams execute function public.deadlock()`);
    try {
      await world.sweepAndRun(kind);
      expect(await world.job(kind)).toMatchObject({ state: 'dispatched' });
      expect(await world.mark(team.teamId)).toMatchObject({ state: 'noticed' });
    } finally {
      await sql`drop function public.deadlock cascade`;
    }
    await world.runAll();
    expect(await teamLives(team)).toBe(false);
  });

  test('hold on to the owner: the team is gone, the owner waits for a person, and follows', async () => {
    const team = await doomed();
    await sql`create table public.posts (user_id bigint references public.users)`;
    await sql`insert into public.posts values (${team.ownerId})`;
    try {
      await world.sweepAndRun(kind);
      expect(await world.job(kind)).toMatchObject({ state: 'dead', class: 'contract_refused' });
      expect(await world.mark(team.teamId)).toMatchObject({ state: 'deleting' });
    } finally {
      await sql`drop table public.posts`;
    }
    const [dead] = await sql`select id from evenfall.job where kind = ${kind}`;
    await database.statements.replay({ id: dead!['id'] as number, resolution: 'test' });
    await world.runAll();
    expect([await teamLives(team), await ownerLives(team)]).toEqual([false, false]);
    expect(await world.mark(team.teamId)).toMatchObject({ state: 'deleted' });
  });
});

describe('[P3] the fuse', () => {
  test.for([['by a sweep'], ['by direct enqueues']] as const)(
    'six at once %s: none goes, and people are told once; released, they go',
    async ([how]) => {
      const teams: Doomed[] = [];
      for (let n = 0; n < 6; n++) {
        teams.push(await doomed());
        await sql`truncate evenfall.fuse_act`;
        await sql`truncate evenfall.job`;
        world.at(afterSixMonths(60_000));
      }
      world.at(afterSixMonths(days(8)));
      if (how === 'by a sweep') await world.sweep(kind);
      else for (const { teamId } of teams) await world.ask(kind, { teamId });
      await world.runOnce();
      await world.runOnce();
      const left = await sql`select from public.teams`;
      expect(left).toHaveLength(6);
      expect(await world.findings()).toMatchObject([{ kind: 'fuse-blown', subject: `fuse:${kind}` }]);
      await sql`
        update evenfall.fuse set blown_at = null, blown_by = null, released_at = clock_timestamp(),
          released_acts = 6, released_by = 'test' where kind = ${kind}`;
      await world.runAll();
      expect(await sql`select from public.teams`).toHaveLength(0);
    },
  );
});
