import { beforeEach, describe, expect, test } from 'vitest';
import type { ForeignApp, Link } from './app.ts';
import { foreignApps } from './apps.ts';
import { seconds } from '../support/mailing.ts';
import { startForeign } from './world.ts';

for (const app of foreignApps) await story(app);

/** The whole story of endings on a schema that is not ours. */
async function story(app: ForeignApp): Promise<void> {
  const world = await startForeign(app);
  const { sql, rows, standIn, inbox } = world;
  const links = Object.entries(rows.links);
  const cancels = (id: string) => standIn.effects()[id]?.canceled;
  const subscribe = (customer: string, more: object = {}) =>
    standIn.seed.subscription({ customer, status: 'active', ...more }).id;

  /** A sleeping team that is linked to this customer in this way. */
  async function linked({ of, link }: Link, customerId: string) {
    const team = await world.sleeping();
    await link(of === 'team' ? team.teamId : team.owner.id, customerId);
    return team;
  }

  const outcomeOf = async (id: number) =>
    (await sql`select state, outcome, last_error from evenfall.job where id = ${id}`)[0]!;

  describe(app.name, () => {
    beforeEach(() => world.clear());

    describe.for(links)('%s', ([, how]) => {
      test('[P4] a cancellation ends what is live', async () => {
        const customerId = await world.customer();
        const sub = subscribe(customerId);
        const { teamId } = await linked(how, customerId);
        // a person's customer is nobody else's: the app names it itself
        const whose = how.of === 'team' ? { teamId } : { customerId };
        await world.ask('cancel-subscription', { ...whose, when: 'now' });
        await world.runAll();
        expect(cancels(sub)).toBe(1);
        expect(await sql`select what, subject from evenfall.history`).toMatchObject([
          { what: 'subscription.cancelled', subject: `subscription:${sub}` },
        ]);
      });

      test('0.1: deactivated in order: Stripe, then the user and the sessions, then the mail', async () => {
        const customerId = await world.customer();
        const sub = subscribe(customerId);
        const { owner } = await linked(how, customerId);
        const before = (await rows.account(owner.id))!;
        expect(before).toEqual({ isActive: true, doors: expect.any(Number) as number });
        expect(before.doors).toBeGreaterThan(0);
        await world.ask('deactivate-account', { userId: owner.id });
        const steps: unknown[] = [];
        await world.runOnce({
          async failpoint(at) {
            if (at !== 'effect.acted' && at !== 'transaction.committed') return;
            steps.push([cancels(sub), await rows.account(owner.id), inbox.messages.length]);
          },
        });
        const after = { isActive: false, doors: 0 };
        expect(steps).toEqual([
          [1, before, 0],
          [1, after, 0],
          [1, after, 1],
        ]);
        expect(inbox.messages[0]!.envelope.to).toEqual([owner.email]);
        expect(await world.job('deactivate-account')).toMatchObject({ state: 'done' });
      });

      test('[P3] it has subscribed: neither marked nor deleted, whether the mirror knows or Stripe alone', async () => {
        const customerId = await world.customer();
        const sub = subscribe(customerId);
        const { teamId } = await linked(how, customerId);
        const asked = await world.ask('mark-team-for-deletion', { teamId });
        await world.runOnce();
        expect((await outcomeOf(asked))['outcome']).toMatchObject({
          reason: `Stripe knows ${sub} (active)`,
        });
        // the veto has asked to read the customer anew
        await world.runAll();
        expect(await world.list('mark-team-for-deletion')).toEqual([]);
        const again = await world.ask('mark-team-for-deletion', { teamId });
        await world.runAll();
        expect((await outcomeOf(again))['outcome']).toMatchObject({
          reason: `it has subscribed: ${sub} is active`,
        });
        expect(await world.mark(teamId)).toBeUndefined();
      });

      test('[P3] a marked team subscribes: the mark is taken back, and after the date it is there', async () => {
        const customerId = await world.customer();
        const { owner, teamId } = await linked(how, customerId);
        const date = await world.marked(teamId);
        subscribe(customerId);
        await world.mirror(customerId);
        expect(await world.mark(teamId)).toMatchObject({ state: 'cleared', clearedWhy: 'it has subscribed' });
        world.at(new Date(date.getTime() + 1));
        expect(await world.list('delete-inactive-team')).toEqual([]);
        await world.ask('delete-inactive-team', { teamId });
        await world.runAll();
        expect([await rows.hasTeam(teamId), (await rows.account(owner.id))?.isActive]).toEqual([true, true]);
      });

      test('0.9, 2.4: the mails about a trial and a card reach the owner', async () => {
        const billed = 'books@harbour.example';
        const { id: customer } = standIn.seed.customer({ email: billed });
        const { owner } = await linked(how, customer);
        const at = (date: string) => seconds(new Date(date));
        subscribe(customer, {
          status: 'trialing',
          trial_start: at('2028-02-01T10:00:00Z'),
          trial_end: at('2028-03-02T10:00:00Z'),
        });
        const { id: card } = standIn.seed.paymentMethod({ customer, card: { exp_month: 3, exp_year: 2028 } });
        subscribe(customer, { default_payment_method: card, current_period_end: at('2028-04-09T10:00:00Z') });
        await world.mirror(customer);
        await world.sweepAndRun('trial-ending-email');
        world.at('2028-03-20T10:00:00Z');
        await world.sweepAndRun('expiring-card-email');
        // of a person's customer Stripe has the address, which the framework wrote there
        const reached = how.of === 'team' ? owner.email : billed;
        expect(inbox.messages.map(({ subject, envelope }) => [subject, envelope.to])).toEqual([
          [expect.stringContaining('trial'), [reached]],
          [expect.stringContaining('card'), [reached]],
        ]);
      });
    });

    test('4.3-4.8: a sleeping team is marked, its owner told, and after the date both are gone without a trace', async () => {
      const { owner, teamId } = await world.sleeping();
      const other = await rows.user();
      await rows.member(teamId, other);
      await rows.invite(teamId, owner, 'guest@elsewhere.example');
      const others = await world.rowsLeft();
      expect((await world.list('mark-team-for-deletion')).map(({ subject }) => subject)).toEqual([teamId]);
      await world.sweepAndRun('mark-team-for-deletion');
      expect(inbox.messages.map(({ envelope }) => envelope.to)).toEqual([[owner.email]]);
      const date = (await world.mark(teamId))!['deleteAfter'] as Date;
      world.at(date);
      expect(await world.list('delete-inactive-team')).toEqual([]);
      world.at(new Date(date.getTime() + 60_000));
      await world.sweepAndRun('delete-inactive-team');
      expect(await world.mark(teamId)).toMatchObject({ state: 'deleted', ownerOutcome: 'deleted' });
      expect([await rows.hasTeam(teamId), await rows.account(owner.id)]).toEqual([false, undefined]);
      // nothing is left but what the other person signed up with
      const left = await world.rowsLeft();
      expect(left).not.toEqual(others);
      await world.clear();
      await rows.user();
      const alone = await world.rowsLeft();
      const sessions = app.name === 'django' ? { 'public.django_session': 1 } : {};
      expect(left).toEqual({ ...alone, ...sessions });
    });

    test('[P3] 4.8: an invitation to another team keeps the owner', async () => {
      const { owner, teamId } = await world.sleeping();
      const host = await rows.user();
      const elsewhere = await rows.team(host, world.now());
      await rows.invite(elsewhere, host, owner.email);
      world.at(new Date((await world.marked(teamId)).getTime() + 60_000));
      await world.sweepAndRun('delete-inactive-team');
      expect(await world.mark(teamId)).toMatchObject({
        state: 'deleted',
        ownerOutcome: 'is a member of another team',
      });
      expect([await rows.hasTeam(teamId), (await rows.account(owner.id))?.isActive]).toEqual([false, true]);
      expect(await rows.hasTeam(elsewhere)).toBe(true);
    });

    test.for([['a member'], ['an invitation of somebody who has no account yet']] as const)(
      '[P3] %s: the owner of the team is not deactivated',
      async ([what]) => {
        const { owner, teamId } = await world.sleeping();
        if (what === 'a member') await rows.member(teamId, await rows.user());
        else await rows.invite(teamId, owner, 'guest@elsewhere.example');
        await world.ask('deactivate-account', { userId: owner.id });
        await world.runAll();
        expect(await world.job('deactivate-account')).toMatchObject({
          state: 'dead',
          class: 'team_has_members',
        });
        expect((await rows.account(owner.id))?.isActive).toBe(true);
      },
    );

    test('4.2: users who never verified are deleted; who verified, logged in, owns, belongs or pays is not', async () => {
      const stranger = () => rows.user({ verified: false, seen: false });
      const doomed = await stranger();
      const host = await rows.user();
      const team = await rows.team(host, world.now());
      const [invited, member, owner] = [await stranger(), await stranger(), await stranger()];
      await rows.invite(team, host, invited.email);
      await rows.member(team, member);
      await rows.team(owner, world.now());
      const kept = [invited, member, owner, await rows.user({ seen: false })];
      kept.push(await rows.user({ verified: false, seen: true }));
      kept.push(await rows.user({ verified: false, seen: false, createdAt: world.now() }));
      for (const [, { of, link }] of links) {
        if (of === 'team') continue;
        const payer = await stranger();
        await link(payer.id, await world.customer());
        kept.push(payer);
      }
      expect((await world.list('delete-unverified-users')).map(({ subject }) => subject)).toEqual([
        doomed.id,
      ]);
      await world.sweepAndRun('delete-unverified-users');
      expect(await world.job('delete-unverified-users')).toMatchObject({ state: 'done' });
      expect(await rows.account(doomed.id)).toBeUndefined();
      for (const { id } of kept) expect((await rows.account(id))?.isActive).toBe(true);
    });
  });
}
