import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { deleteInactiveTeam } from '../../jobs/delete-inactive-team.ts';
import { markTeamForDeletion } from '../../jobs/mark-team-for-deletion.ts';
import { WrongCall } from '../../src/cli/exit.ts';
import { findingsAckCommand } from '../../src/cli/commands/findings.ts';
import { protectCommand } from '../../src/cli/commands/protections.ts';
import { timelineCommand } from '../../src/cli/commands/timeline.ts';
import { createTestDatabase } from '../support/database.ts';
import { startEndings } from '../support/endings.ts';
import { runCommand } from '../support/printed.ts';

const { url, database, sql } = await createTestDatabase();
const world = await startEndings(database, sql);
const { standIn, rows } = world;

beforeEach(async () => {
  vi.stubEnv('DATABASE_URL', url);
  await world.clear();
});
afterEach(() => vi.unstubAllEnvs());

interface Event {
  at: string;
  what: string;
  subject: string;
  detail: Record<string, unknown>;
  source: string;
}

async function timeline(teamId: string, limit = '100'): Promise<Event[]> {
  const { out } = await runCommand(() => timelineCommand(`team:${teamId}`, { limit, json: true }));
  return JSON.parse(out) as Event[];
}
/** What happened, without regard to the order: the tests' clock is years ahead of the database's. */
const whats = async (teamId: string) => (await timeline(teamId)).map(({ what }) => what).toSorted();
const find = async (teamId: string, what: string) =>
  (await timeline(teamId)).find((one) => one.what === what);
const cancel = 'cancel-subscription';

describe('[P8] what happened to a team, and why', () => {
  test('marked, told, deleted, and its owner with it', async () => {
    const { teamId } = await world.sleepingTeam();
    const date = await world.marked(teamId);
    world.at(new Date(date.getTime() + 1_000));
    await world.sweepAndRun(deleteInactiveTeam.name);
    expect(await whats(teamId)).toEqual([
      'job.done',
      'job.done',
      'mark.ended',
      'mark.opened',
      'notice.sent',
      'team.deleted',
      'team.marked',
      'user.deleted',
    ]);
    const events = await timeline(teamId);
    expect(events.map(({ at }) => at)).toEqual(events.map(({ at }) => at).toSorted());
    const ours = events.filter(({ source }) => source.startsWith('job:') || source === 'mark');
    expect(ours.map(({ what }) => what)).toEqual([
      'mark.opened',
      'notice.sent',
      'team.marked',
      'mark.ended',
      'team.deleted',
      'user.deleted',
    ]);
    expect(await find(teamId, 'mark.ended')).toMatchObject({ detail: { owner: 'deleted' } });
    expect(await find(teamId, 'team.marked')).toMatchObject({ detail: { deleteAfter: date.toISOString() } });
  });

  test('why the owner stayed', async () => {
    const { teamId, ownerId } = await world.sleepingTeam();
    const date = await world.marked(teamId);
    await rows.team(ownerId);
    world.at(new Date(date.getTime() + 1_000));
    await world.sweepAndRun(deleteInactiveTeam.name);
    expect(await find(teamId, 'mark.ended')).toMatchObject({ detail: { owner: 'owns another team' } });
  });

  test('a decision not to act, with its reason; and what was decided by people', async () => {
    const { teamId } = await world.sleepingTeam();
    await world.marked(teamId);
    await runCommand(() => protectCommand('exempt', `team:${teamId}`, { why: 'a partner of ours' }));
    await world.ask(markTeamForDeletion.name, { teamId });
    await world.runAll();
    expect(await find(teamId, 'job.skipped')).toMatchObject({
      subject: expect.stringMatching(/^job:\d+$/),
      detail: { kind: markTeamForDeletion.name, why: 'it is exempt' },
    });
    expect(await find(teamId, 'team.exempted')).toMatchObject({
      source: 'cli',
      detail: { why: 'a partner of ours' },
    });
    expect(await find(teamId, 'team.mark-cleared')).toMatchObject({
      detail: { why: 'exempted by an operator' },
    });
  });

  test('a job that waits, when it runs next and what it waits for; one that was withdrawn', async () => {
    const { teamId } = await world.sleepingTeam();
    await sql`update evenfall.backfill set finished_at = null`;
    const id = await world.ask(markTeamForDeletion.name, { teamId });
    await sql`
      update evenfall.job set run_at = '2099-01-01T00:00:00Z', due = false,
        last_error = '{"class": "fuse_blown", "message": "the fuse has blown"}'`;
    expect(await find(teamId, 'job.waiting')).toEqual({
      at: '2099-01-01T00:00:00.000Z',
      what: 'job.waiting',
      subject: `job:${id}`,
      detail: {
        kind: markTeamForDeletion.name,
        state: 'queued',
        class: 'fuse_blown',
        why: 'the fuse has blown',
        attempts: 0,
        runAt: '2099-01-01T00:00:00.000Z',
      },
      source: 'sql',
    });
    await sql`select evenfall.cancel(${markTeamForDeletion.name}, ${`teamId=${teamId}`})`;
    expect(await whats(teamId)).toEqual(['job.cancelled']);
    expect(await find(teamId, 'job.cancelled')).toMatchObject({
      detail: { why: 'cancelled by who asked for it' },
    });
  });

  test('a job that is dead, with class and message; replayed, it has died all the same', async () => {
    const customer = standIn.seed.customer().id;
    standIn.seed.subscription({ customer });
    const { teamId } = await world.sleepingTeam({ stripe_customer_id: customer });
    standIn.faults.add({
      kind: 'refused',
      status: 400,
      error: { type: 'invalid_request_error', code: 'x', message: 'Not this one.' },
      match: { method: 'DELETE' },
    });
    const id = await world.ask(cancel, { teamId, when: 'now' });
    await world.runOnce();
    const dead = await find(teamId, 'job.dead');
    expect(dead).toMatchObject({
      subject: `job:${id}`,
      detail: { kind: cancel, class: 'stripe_refused', why: expect.any(String), attempts: 1 },
    });
    expect(await whats(teamId)).toEqual(['job.dead']);

    await database.statements.replay({ id, resolution: 'replayed by ann' });
    expect(await whats(teamId)).toEqual(['dead-letter.resolved', 'job.dead', 'job.waiting']);
    await world.runAll();
    expect(await whats(teamId)).toEqual([
      'dead-letter.resolved',
      'job.dead',
      'job.done',
      'subscription.cancelled',
    ]);
    expect(await find(teamId, 'job.dead')).toMatchObject({ detail: dead!.detail });
    expect(await find(teamId, 'dead-letter.resolved')).toMatchObject({
      subject: `job:${id}`,
      detail: { why: 'replayed by ann', class: 'stripe_refused' },
    });
  });

  test('a mail of which nobody knows is no dead job', async () => {
    const { teamId } = await world.sleepingTeam();
    const id = await world.ask(markTeamForDeletion.name, { teamId });
    await world.runAll();
    await sql`
      insert into evenfall.dead_letter (job_id, run_no, kind, team_id, class, error, attempts, crashes)
      select id, run_no, kind, team_id, 'unknown_effect', '{"message": "perhaps sent"}', 0, 0
      from evenfall.job where id = ${id}`;
    expect(await whats(teamId)).toEqual([
      'effect.unknown',
      'job.done',
      'mark.opened',
      'notice.sent',
      'team.marked',
    ]);
  });

  test('a finding, and who has seen to it', async () => {
    const { teamId, ownerId } = await world.sleepingTeam();
    await sql`update public.users set is_active = false where id = ${ownerId}`;
    await world.ask(markTeamForDeletion.name, { teamId });
    await world.runAll();
    expect(await find(teamId, 'finding.found')).toMatchObject({
      subject: `team:${teamId}`,
      detail: { kind: 'nobody-to-notify', why: expect.stringContaining('is due to be marked') },
    });
    const [finding] = await sql`select id from evenfall.finding`;
    await runCommand(() => findingsAckCommand(String(finding!['id']), { why: 'it may go' }));
    expect(await find(teamId, 'finding.acknowledged')).toMatchObject({ detail: { why: 'it may go' } });
  });

  test('of this team alone', async () => {
    const one = await world.sleepingTeam();
    const other = await world.sleepingTeam();
    await world.marked(one.teamId);
    expect(await timeline(other.teamId)).toEqual([]);
  });
});

test('[P7] without personal data', async () => {
  const { teamId } = await world.sleepingTeam({ name: 'Quiet Orchard' });
  await world.marked(teamId);
  const text = JSON.stringify(await timeline(teamId));
  expect(text).not.toMatch(/people\.example|Person|Orchard/);
});

describe('the command', () => {
  const event = (teamId: string, at: string, what: string, detail: object) =>
    sql`insert into evenfall.history (at, what, team_id, subject, detail, source)
      values (${at}, ${what}, ${teamId}, ${`team:${teamId}`}, ${detail as never}, 'test')`;

  test('the latest, oldest first; those of one instant in the order in which they were written', async () => {
    const { teamId } = await world.sleepingTeam();
    for (const what of ['c', 'a', 'b']) await event(teamId, '2026-12-02T09:00:00Z', what, {});
    await event(teamId, '2026-12-01T09:00:00Z', 'z', {});
    expect((await timeline(teamId)).map(({ what }) => what)).toEqual(['z', 'c', 'a', 'b']);
    expect((await timeline(teamId, '2')).map(({ what }) => what)).toEqual(['a', 'b']);
  });

  test('prints lines that can be read: when, what, to whom, why', async () => {
    const { teamId } = await world.sleepingTeam();
    await event(teamId, '2026-12-01T09:00:00Z', 'team.held', {
      why: 'a court order',
      until: null,
      who: 'ann',
    });
    await event(teamId, '2026-12-02T09:00:00Z', 'team.marked', { mark: 3 });
    const { out } = await runCommand(() => timelineCommand(`team:${teamId}`, { limit: '100' }));
    const subject = `team:${teamId}`;
    expect(out.split('\n').slice(1, 3)).toEqual([
      `2026-12-01T09:00:00.000Z  team.held    ${subject}  a court order · who ann`,
      `2026-12-02T09:00:00.000Z  team.marked  ${subject}  mark 3`,
    ]);
  });

  test('a team to which nothing has happened, one that nobody knows, and a wrong limit', async () => {
    const { teamId } = await world.sleepingTeam();
    const { out } = await runCommand(() => timelineCommand(`team:${teamId}`, { limit: '1' }));
    expect(out).toBe(`nothing has happened to team ${teamId} yet\n`);
    await expect(timeline('4711')).rejects.toThrow(new WrongCall('there is no team 4711'));
    await expect(timeline('x')).rejects.toThrow(WrongCall);
    await expect(timeline(teamId, 'all')).rejects.toThrow(WrongCall);
  });

  test('a team that is gone has its timeline still', async () => {
    const { teamId } = await world.sleepingTeam();
    await event(teamId, '2026-12-01T09:00:00Z', 'team.deleted', {});
    await sql`select evenfall.app_delete_team(${teamId})`;
    expect(await whats(teamId)).toEqual(['team.deleted']);
  });
});

test('each part of the view rides an index: no table is read from end to end', async () => {
  const plan = await sql.begin(async (tx) => {
    await tx`set local enable_seqscan = off`;
    const lines = await tx`explain (costs off) select * from evenfall.team_timeline where team_id = '7'`;
    return lines.map((line) => String(line['queryPlan'] ?? line['QUERY PLAN'])).join('\n');
  });
  expect(plan).not.toContain('Seq Scan');
  for (const index of [
    'history_team',
    'job_team',
    'dead_letter_once',
    'finding_team',
    'team_deletion_team',
  ]) {
    expect(plan).toContain(index);
  }
  // an index that is read whole is no better than the table
  const conditions = plan.split('\n').filter((line) => /Index Cond/.test(line));
  expect(
    conditions.every((line) => /team_id = '7'|job_id = /.test(line)),
    plan,
  ).toBe(true);
});
