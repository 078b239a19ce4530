import { beforeEach, describe, expect, test } from 'vitest';
import { startForeign } from '../world.ts';
import { rails } from './rows.ts';

const world = await startForeign(rails);
const { sql, rows } = world;
beforeEach(() => world.clear());

const payCustomer = (ownerType: string, ownerId: string, more: Record<string, unknown>) => {
  const at = new Date('2028-01-01T00:00:00Z');
  const row = { owner_type: ownerType, owner_id: ownerId, created_at: at, updated_at: at, ...more };
  return sql`insert into public.pay_customers ${sql(row)} returning id`;
};
const customerOf = async (teamId: string) =>
  (await sql`select stripe_customer_id from evenfall.app_team where id = ${teamId}`).map(
    (row) => row['stripeCustomerId'],
  );

describe('[P3] a customer of another processor, whom Stripe knows nothing of', () => {
  const paddle = { processor: 'paddle_billing', processor_id: 'ctm_1' };

  test('is an account: it is never due', async () => {
    const { teamId } = await world.sleeping();
    expect(await world.list('mark-team-for-deletion')).toHaveLength(1);
    await payCustomer('Account', teamId, paddle);
    expect(await world.list('mark-team-for-deletion')).toEqual([]);
    await world.ask('mark-team-for-deletion', { teamId });
    await world.runAll();
    expect(await world.mark(teamId)).toBeUndefined();
  });

  test('is a user: Postgres refuses, and a person looks', async () => {
    const { id } = await rows.user({ verified: false, seen: false });
    await payCustomer('User', id, paddle);
    await world.sweepAndRun('delete-unverified-users');
    expect(await world.job('delete-unverified-users')).toMatchObject({
      state: 'dead',
      class: 'contract_refused',
    });
    expect(await rows.account(id)).toBeDefined();
  });
});

test('[P3] an account that was charged, as Pay remembers and Stripe does not, is kept by its foreign key', async () => {
  const { teamId } = await world.sleeping();
  const [customer] = await payCustomer('Account', teamId, {
    processor: 'stripe',
    processor_id: await world.customer(),
  });
  await sql`
    insert into public.pay_charges (customer_id, processor_id, amount, created_at, updated_at)
    values (${customer!['id']}, 'ch_1', 2900, now(), now())`;
  world.at(new Date((await world.marked(teamId)).getTime() + 60_000));
  await world.sweepAndRun('delete-inactive-team');
  expect(await world.job('delete-inactive-team')).toMatchObject({ state: 'dead', class: 'contract_refused' });
  expect([await rows.hasTeam(teamId), await world.mark(teamId)]).toMatchObject([true, { state: 'noticed' }]);
});

test('of several customers the default one counts, and none that is deleted or not made yet', async () => {
  const { teamId } = await world.sleeping();
  const stripe = (processorId: string | null, more = {}) =>
    payCustomer('Account', teamId, { processor: 'stripe', processor_id: processorId, ...more });
  await stripe(null);
  expect(await customerOf(teamId)).toEqual([null]);
  await stripe('cus_old', { deleted_at: new Date('2028-01-01T00:00:00Z'), default: true });
  await stripe('cus_second');
  expect(await customerOf(teamId)).toEqual(['cus_second']);
  await stripe('cus_default', { default: true });
  await stripe('cus_third', { default: false });
  expect(await customerOf(teamId)).toEqual(['cus_default']);
});

describe('a personal account', () => {
  const personalOf = async (userId: string) =>
    String((await sql`select id from public.accounts where owner_id = ${userId} and personal`)[0]!['id']);

  test('is a part of its owner’s while it is bare, and goes with it', async () => {
    const { id } = await rows.user({ verified: false, seen: false });
    expect(await sql`select id from evenfall.app_team`).toEqual([]);
    await payCustomer('Account', await personalOf(id), { processor: 'fake_processor', processor_id: 'fake' });
    await world.sweepAndRun('delete-unverified-users');
    expect([await rows.account(id), await world.rowsLeft()]).toEqual([undefined, {}]);
  });

  test('[P3] with a customer, a member or an invitation it is a team, and keeps its owner', async () => {
    const [paying, shared, inviting] = await Promise.all(
      [1, 2, 3].map(() => rows.user({ verified: false, seen: false })),
    );
    await payCustomer('Account', await personalOf(paying!.id), {
      processor: 'stripe',
      processor_id: 'cus_personal',
    });
    await rows.member(await personalOf(shared!.id), await rows.user());
    await rows.invite(await personalOf(inviting!.id), inviting!, 'guest@elsewhere.example');
    expect(await sql`select id from evenfall.app_team`).toHaveLength(3);
    expect(await world.list('delete-unverified-users')).toEqual([]);
  });

  test('deleted as a team it stays, bare, as long as its owner', async () => {
    const owner = await rows.user();
    const host = await rows.user();
    await rows.member(await rows.team(host, world.now()), owner);
    const teamId = await personalOf(owner.id);
    await rows.invite(teamId, owner, 'guest@elsewhere.example');
    world.at(new Date((await world.marked(teamId)).getTime() + 60_000));
    await world.sweepAndRun('delete-inactive-team');
    expect(await world.mark(teamId)).toMatchObject({ state: 'deleted' });
    expect(await rows.hasTeam(teamId)).toBe(true);
    expect(await sql`select id from evenfall.app_team where id = ${teamId}`).toEqual([]);
  });
});
