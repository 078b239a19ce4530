import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { cancelSubscription } from '../../jobs/cancel-subscription.ts';
import { expiringCardEmail } from '../../jobs/expiring-card-email.ts';
import { trialEndingEmail } from '../../jobs/trial-ending-email.ts';
import { deadListCommand, deadReplayCommand, deadShowCommand } from '../../src/cli/commands/dead.ts';
import { jobsCommand } from '../../src/cli/commands/jobs.ts';
import { timelineCommand } from '../../src/cli/commands/timeline.ts';
import { keepToken } from '../../src/core/keep-token.ts';
import { daysOf, defaultPolicy } from '../../src/core/policy.ts';
import { createTestDatabase } from '../support/database.ts';
import { days, startEndings } from '../support/endings.ts';
import { seconds } from '../support/mailing.ts';
import { runCommand } from '../support/printed.ts';
import { retentionWorld } from '../support/retention.ts';
import { apiToken, openWeb } from '../web/web.ts';

const { url, database, sql } = await createTestDatabase();
const world = await startEndings(database, sql);
const { inbox, standIn } = world;
const retention = retentionWorld(database, sql);
const web = await openWeb(url, { config: { SECRET_KEY: 'the key that signs the links' } });

/** A year that the database's clock has seen. */
const cardExpiresAt = new Date('2024-03-01T00:00:00Z');
const trialEndsAt = new Date('2024-03-31T18:00:00Z');
const later = (at: Date, ms: number) => new Date(at.getTime() + ms);

beforeEach(async () => {
  vi.stubEnv('DATABASE_URL', url);
  await world.clear();
  await retention.clear();
});
afterEach(() => vi.unstubAllEnvs());

/** What bears the database's own time was written at the time of the tests. */
async function restamp(): Promise<void> {
  const at = world.now();
  await sql`update evenfall.job set finished_at = ${at} where finished_at is not null`;
  await sql`update evenfall.effect set claimed_at = ${at}, settled_at = ${at} where state = 'settled'`;
}

async function forgetAt(at: Date) {
  world.at(at);
  return await retention.forget({ now: at });
}

function customer() {
  const { id } = standIn.seed.customer({ email: 'books@harbour.example' });
  const card = standIn.seed.paymentMethod({ customer: id, card: { exp_month: 2, exp_year: 2024 } });
  const price = standIn.seed.price({ unit_amount: 2900, currency: 'eur' });
  return { customer: id, default_payment_method: card.id, price: price.id };
}

const askTwice = async (kind: string, payload: object) => {
  await world.sweep(kind);
  await world.runAll();
  await world.ask(kind, payload);
  await world.runAll();
};

describe('[P2] what is forgotten is not done again', () => {
  // the shortest time that boot lets the ledger be kept: the window has passed by then
  const keepEffects = 'P90D';
  const policy = { ...defaultPolicy, keepEffects };
  const passed = days(daysOf(keepEffects).least) + 1_000;

  async function forgotten(at: Date, kept = { ...policy, keepJobs: 'P31D' }) {
    await restamp();
    world.at(at);
    await retention.forget({ now: at, policy: kept });
    expect([await retention.keys('effect'), await retention.keys('notice')]).toEqual([[], []]);
  }

  test.for([
    ['is not sent again', passed, 1, { ...policy, keepJobs: 'P31D' }],
    // with what boot refuses: it is the window's end that keeps it from being sent again
    [
      'would be, had it been forgotten too soon',
      days(6),
      2,
      { ...policy, keepJobs: 'P5D', keepEffects: 'P5D' },
    ],
  ] as const)('the mail about a card %s', async ([, wait, mails, kept]) => {
    const at = later(cardExpiresAt, -days(19));
    world.at(at);
    const own = customer();
    standIn.seed.subscription({ ...own, status: 'active' });
    await world.mirror(own.customer);
    const payload = { cardId: own.default_payment_method };
    await askTwice(expiringCardEmail.name, payload);
    expect(inbox.messages).toHaveLength(1);
    await forgotten(later(at, wait), kept);
    await askTwice(expiringCardEmail.name, payload);
    expect(inbox.messages).toHaveLength(mails);
  });

  test('the mail before a trial ends, though Stripe had not ended it', async () => {
    const at = later(trialEndsAt, -days(2));
    world.at(at);
    const own = customer();
    const trial = { trial_start: seconds(later(at, -days(28))), trial_end: seconds(trialEndsAt) };
    const { id } = standIn.seed.subscription({ ...own, status: 'trialing', ...trial });
    await world.mirror(own.customer);
    const payload = { subscriptionId: id, offset: 'P3D' };
    await askTwice(trialEndingEmail.name, payload);
    expect(inbox.messages).toHaveLength(1);
    await forgotten(later(at, passed));
    standIn.store.subscriptions.get(id)!.status = 'trialing';
    await askTwice(trialEndingEmail.name, payload);
    expect(inbox.messages).toHaveLength(1);
  });

  test('a cancellation: it is over in Stripe', async () => {
    world.at(later(trialEndsAt, 0));
    const own = customer();
    const { id } = standIn.seed.subscription({ ...own, status: 'active' });
    const cancel = async () => {
      await world.ask(cancelSubscription.name, { subscriptionId: id, when: 'now' });
      await world.runAll();
    };
    await cancel();
    await forgotten(later(trialEndsAt, passed));
    const asked = standIn.requests.length;
    await cancel();
    expect(await world.job(cancelSubscription.name)).toMatchObject({ state: 'done' });
    expect(standIn.requests.slice(asked).map(({ method }) => method)).toEqual(['GET']);
  });
});

describe('[P8] what is left stands without it', () => {
  test('the timeline of a team, whose jobs and dead letters are gone and whose history is not', async () => {
    const { teamId } = await world.sleepingTeam();
    const at = '2023-06-01T09:00:00Z';
    const [job] = await sql`
      insert into evenfall.job (kind, queue, payload, payload_version, team_id, state, due, run_at, deadline_at, finished_at, source)
      values ('cancel-subscription', 'stripe', '{}', 1, ${teamId}, 'done', false, ${at}, ${at}, ${at}, 'test') returning id::int`;
    const jobId = job!['id'] as number;
    await sql`
      insert into evenfall.dead_letter (job_id, run_no, kind, team_id, class, error, attempts, crashes, created_at, resolved_at, resolution)
      values (${jobId}, 9, 'cancel-subscription', ${teamId}, 'unexpected', '{}', 1, 0, ${at}, ${at}, 'replayed by ann')`;
    await sql`
      insert into evenfall.history (at, what, team_id, subject, job_id, source)
      values (${at}, 'subscription.cancelled', ${teamId}, 'subscription:sub_1', ${jobId}, 'job:cancel-subscription')`;
    const whats = async () => {
      const { out } = await runCommand(() => timelineCommand(`team:${teamId}`, { limit: '100', json: true }));
      return (JSON.parse(out) as { what: string }[]).map(({ what }) => what).toSorted();
    };
    expect(await whats()).toEqual(['dead-letter.resolved', 'job.dead', 'job.done', 'subscription.cancelled']);
    await forgetAt(new Date('2024-06-01'));
    expect(await whats()).toEqual(['subscription.cancelled']);

    const { out: jobs } = await runCommand(() => jobsCommand({ limit: '10' }));
    expect(jobs).toBe('no jobs yet\n');
    const { out: letters } = await runCommand(() => deadListCommand({ all: true, limit: '10' }));
    expect(letters).toBe('no dead letters are open\n');
    await expect(deadShowCommand('1', {})).rejects.toThrow('there is no dead letter 1');
    await expect(deadReplayCommand('1', {})).rejects.toThrow('there is no dead letter 1');
    const answer = await web.get(`/v1/jobs/${jobId}`, { headers: { Authorization: `Bearer ${apiToken}` } });
    expect(answer.status).toBe(404);
  });

  test('the link of a notice whose mark is forgotten leads to the page for links that are no good', async () => {
    const [mark] = await sql`
      insert into evenfall.team_deletion (team_id, state, marked_at, announced_delete_at, cleared_at, cleared_why)
      values ('7', 'cleared', '2020-01-01', '2020-01-08', '2020-01-02', 'kept') returning id::int`;
    const path = `/keep/${keepToken('the key that signs the links', mark!['id'] as number)}`;
    const before = await web.get(path);
    await forgetAt(new Date('2024-06-01'));
    expect([before.status, (await web.get(path)).status]).toEqual([200, 404]);
    expect((await web.get(path, { method: 'POST' })).status).toBe(404);
  });
});

test('an Idempotency-Key is answered for seven days, and the job that the answer names is there', async () => {
  const { teamId } = await world.sleepingTeam();
  const post = () =>
    fetch(`${web.url}/v1/jobs/cancel-subscription`, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${apiToken}`,
        'Content-Type': 'application/json',
        'Idempotency-Key': 'once',
      },
      body: JSON.stringify({ payload: { teamId, when: 'now' } }),
    });
  const { id } = (await (await post()).json()) as { id: number };
  await sql`
    update evenfall.job set state = 'done', due = false, finished_at = clock_timestamp() - interval '7 days'`;
  await sql`update evenfall.idempotency set created_at = clock_timestamp() - interval '7 days' + interval '1 minute'`;
  const policy = { ...defaultPolicy, keepJobs: 'P31D' };
  expect(await retention.forget({ now: new Date('2099-01-01'), policy })).toMatchObject({
    outcome: 'skipped',
  });
  expect((await post()).headers.get('idempotent-replayed')).toBe('true');
  const found = await web.get(`/v1/jobs/${id}`, { headers: { Authorization: `Bearer ${apiToken}` } });
  expect(found.status).toBe(200);
});
