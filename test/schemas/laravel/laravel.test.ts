import { beforeEach, describe, expect, test } from 'vitest';
import { startForeign } from '../world.ts';
import { laravel } from './rows.ts';

const world = await startForeign(laravel);
const { sql, rows } = world;
beforeEach(() => world.clear());

const listed = async () => (await sql`select id::text from evenfall.app_team`).map(({ id }) => String(id));
const personalTeamOf = async (userId: string) =>
  String((await sql`select id from public.teams where user_id = ${userId} and personal_team`)[0]!['id']);

test('times without a zone are instants of UTC, whatever zone asks', async () => {
  const at = new Date('2028-01-02T03:04:05Z');
  const owner = await rows.user({ createdAt: at });
  const teamId = await rows.team(owner, at);
  await sql`update public.teams set trial_ends_at = created_at where id = ${teamId}`;
  await sql.begin(async (tx) => {
    await tx`set local timezone = 'America/New_York'`;
    expect(
      await tx`select created_at, email_verified_at from evenfall.app_user where id = ${owner.id}`,
    ).toEqual([{ createdAt: at, emailVerifiedAt: at }]);
    expect(await tx`select created_at, trial_ends_at from evenfall.app_team where id = ${teamId}`).toEqual([
      { createdAt: at, trialEndsAt: at },
    ]);
  });
});

test('a team without created_at is never due', async () => {
  const { teamId } = await world.sleeping();
  expect(await world.list('mark-team-for-deletion')).toHaveLength(1);
  await sql`update public.teams set created_at = null where id = ${teamId}`;
  expect(await world.list('mark-team-for-deletion')).toEqual([]);
});

describe('a personal team', () => {
  const ways: Record<string, (teamId: string) => Promise<unknown>> = {
    'a customer': (teamId) => sql`update public.teams set stripe_id = 'cus_personal' where id = ${teamId}`,
    'a member': async (teamId) => rows.member(teamId, await rows.user()),
    'an invitation': async (teamId) =>
      sql`insert into public.team_invitations (team_id, email) values (${teamId}, 'guest@elsewhere.example')`,
  };

  test('is a part of the account while it is bare: it is not marked, and goes with its user', async () => {
    const { id } = await rows.user({ verified: false, seen: false });
    expect(await listed()).toEqual([]);
    await world.sweepAndRun('delete-unverified-users');
    expect([await rows.account(id), await world.rowsLeft()]).toEqual([undefined, {}]);
  });

  test.for(Object.entries(ways))('[P3] with %s it is a team, and keeps its owner', async ([, make]) => {
    const { id } = await rows.user({ verified: false, seen: false });
    const teamId = await personalTeamOf(id);
    await make(teamId);
    expect(await listed()).toEqual([teamId]);
    expect(await world.list('delete-unverified-users')).toEqual([]);
  });

  test('deleted as a team it stays, bare, as long as its user: Jetstream cannot do without', async () => {
    const owner = await rows.user();
    const host = await rows.user();
    await rows.member(await rows.team(host, world.now()), owner);
    const teamId = await personalTeamOf(owner.id);
    await rows.invite(teamId, owner, 'guest@elsewhere.example');
    await rows.links['teams.stripe_id']!.link(teamId, await world.customer());
    world.at(new Date((await world.marked(teamId)).getTime() + 60_000));
    await world.sweepAndRun('delete-inactive-team');
    expect(await world.mark(teamId)).toMatchObject({
      state: 'deleted',
      ownerOutcome: 'is a member of another team',
    });
    expect([await rows.hasTeam(teamId), await listed()]).toEqual([
      true,
      expect.not.arrayContaining([teamId]),
    ]);
  });
});
