import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { cancelSubscription } from '../../jobs/cancel-subscription.ts';
import { connectDatabase } from '../../src/db/connect.ts';
import { createStripeGate } from '../../src/db/stripe-gate.ts';
import { startStripeStandIn } from '../../src/stand-ins/stripe/index.ts';
import type { RequestRecord } from '../../src/stand-ins/stripe/index.ts';
import { createStripeGateway } from '../../src/stripe/gateway.ts';
import { createTestDatabase } from '../support/database.ts';
import { createRunner, silentLog } from '../support/machine.ts';

const { url, database, sql } = await createTestDatabase();
const { statements } = database;

/** What happens elsewhere when a request was carried out and its answer has not left yet. */
let meanwhile: (request: RequestRecord) => void | Promise<void> = () => {};
const standIn = await startStripeStandIn({ onActed: (request) => meanwhile(request) });

/** Each with a pool, a gate, a gateway and a runner of its own. */
const pools = Array.from({ length: 3 }, (_, n) => connectDatabase(url, { max: 8, name: `worker ${n}` }));
const stripes = pools.map((pool) => {
  const gate = createStripeGate({
    database: pool,
    requestsPerSecond: 100,
    log: silentLog,
    random: () => 0.5,
  });
  return createStripeGateway({
    secretKey: 'sk_test_outage',
    apiBase: standIn.url,
    log: silentLog,
    deadlineMs: 1_500,
    gate,
  });
});
afterAll(() => Promise.all([standIn.close(), ...pools.map((pool) => pool.close())]));

beforeEach(async () => {
  await sql`truncate evenfall.job, evenfall.effect, evenfall.history, evenfall.worker`;
  await sql`update evenfall.stripe_gate set next_at = '-infinity', failures = 0, opened_at = null`;
});
afterEach(() => {
  standIn.faults.clear();
  meanwhile = () => {};
});

async function ask(payload: object): Promise<number> {
  const asked = { kind: cancelSubscription.name, payload, key: null, runAt: null, teamId: null, priority: 0 };
  const [row] = await statements.enqueue(asked);
  return row!.id;
}

/** Everything that lives runs once, on whichever worker, as if its time had come. */
async function runOnce(): Promise<void> {
  await sql`
    update evenfall.job set state = 'queued', due = true, run_at = clock_timestamp() where state = 'dispatched'`;
  const rows = await statements.claim({
    queue: 'stripe',
    slots: 100,
    after: '',
    kinds: [cancelSubscription.name],
  });
  const runners = await Promise.all(
    pools.map((pool, n) => createRunner(pool, allJobs, { stripe: stripes[n]! })),
  );
  await Promise.all(
    rows.map((row, n) => runners[n % runners.length]!.runner.run(row, new AbortController().signal)),
  );
}

const gate = async () => (await sql`select * from evenfall.stripe_gate`)[0]!;
const passSecond = () => sql`update evenfall.stripe_gate set next_at = next_at - interval '1 second'`;
const open = async () => {
  for (let n = 0; n < 5; n++) await statements.reportStripe({ worked: false, threshold: 5 });
};
const states = () =>
  sql`select state, attempts, count(*)::int as jobs from evenfall.job group by 1, 2 order by 1, 2`;
const job = async (id: number) => (await sql`select * from evenfall.job where id = ${id}`)[0]!;
const effects = () => sql`select state, evidence->>'class' as class from evenfall.effect`;
const subscribe = () => standIn.seed.subscription({ customer: standIn.seed.customer().id }).id;
const writes = () => standIn.requests.filter(({ method }) => method === 'DELETE').length;

test('[P2] [P4] [P6] fifty cancellations come through an outage of Stripe: no attempt used, each done once, Stripe left alone', async () => {
  const subs = Array.from({ length: 50 }, subscribe);
  await Promise.all(subs.map((subscriptionId) => ask({ subscriptionId, when: 'now' })));
  standIn.faults.add({ kind: 'server-error', shouldRetry: 'false', times: 'forever' });

  // whatever was under way when it began fails; with the last of it the breaker is open
  await runOnce();
  const atFirst = standIn.requests.length;
  expect(await gate()).toMatchObject({ openedAt: expect.any(Date) as Date });
  for (let second = 1; second <= 10; second++) {
    await passSecond();
    const before = standIn.requests.length;
    await runOnce();
    expect(standIn.requests.length).toBeGreaterThan(before);
  }
  // one a second: those that have passed here, and those that this test took
  const [took] = await sql`
    select ceil(extract(epoch from clock_timestamp() - opened_at))::int as seconds from evenfall.stripe_gate`;
  expect(standIn.requests.length - atFirst).toBeLessThanOrEqual(10 + Number(took!['seconds']));
  expect(await states()).toEqual([{ state: 'dispatched', attempts: 0, jobs: 50 }]);
  expect(await effects()).toEqual([]);

  standIn.faults.clear();
  await passSecond();
  const from = (await gate())['nextAt'] as Date;
  const before = standIn.requests.length;
  for (let rounds = 0; rounds < 20 && (await states())[0]?.['state'] !== 'done'; rounds++) await runOnce();
  expect(await states()).toEqual([{ state: 'done', attempts: 0, jobs: 50 }]);
  expect(subs.map((id) => standIn.effects()[id]?.canceled)).toEqual(subs.map(() => 1));
  // the whole backlog came in turn: as many turns of 10 ms have gone by as there were requests
  const turns = (((await gate())['nextAt'] as Date).getTime() - from.getTime()) / 10;
  expect(standIn.requests.length - before).toBeLessThanOrEqual(turns);
});

describe('[P2] a claim and the breaker', () => {
  test('turned away before the act: the claim is given back, for certainly nothing has happened', async () => {
    const id = await ask({ subscriptionId: subscribe(), when: 'now' });
    const deletes = writes();
    // it opens between the look and the act
    meanwhile = async ({ method }) => void (method === 'GET' && (await open()));
    await runOnce();
    meanwhile = () => {};
    expect(writes()).toBe(deletes);
    expect(await effects()).toEqual([{ state: 'released', class: 'stripe_down' }]);
    expect(await job(id)).toMatchObject({
      state: 'dispatched',
      attempts: 0,
      lastError: { class: 'stripe_down' },
    });

    await passSecond();
    await runOnce();
    expect([(await job(id))['state'], writes() - deletes]).toEqual(['done', 1]);
  });

  test('an act of which nobody knows keeps its claim while the breaker is open; then Stripe is asked, and it is not done again', async () => {
    const sub = subscribe();
    const id = await ask({ subscriptionId: sub, when: 'now' });
    const deletes = writes();
    standIn.faults.add({
      kind: 'server-error',
      act: true,
      shouldRetry: 'false',
      match: { method: 'DELETE' },
    });
    meanwhile = async ({ method }) => void (method === 'DELETE' && (await open()));
    await runOnce();
    meanwhile = () => {};
    expect(await effects()).toEqual([{ state: 'claimed', class: null }]);
    expect(await job(id)).toMatchObject({
      state: 'dispatched',
      attempts: 0,
      lastError: { class: 'stripe_down' },
    });

    await passSecond();
    await runOnce();
    expect(await job(id)).toMatchObject({ state: 'done', attempts: 0 });
    expect([standIn.effects()[sub]?.canceled, writes() - deletes]).toEqual([1, 1]);
    expect(await effects()).toMatchObject([{ state: 'settled' }]);
  });
});
