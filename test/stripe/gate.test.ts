import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Retryable } from '../../src/core/errors.ts';
import type { StripeGate } from '../../src/core/stripe-gate.ts';
import { connectDatabase } from '../../src/db/connect.ts';
import { createStripeGate } from '../../src/db/stripe-gate.ts';
import { isPassingTrouble } from '../../src/db/trouble.ts';
import { startStripeStandIn } from '../../src/stand-ins/stripe/index.ts';
import type { FaultScript, RequestRecord } from '../../src/stand-ins/stripe/index.ts';
import { createStripeGateway } from '../../src/stripe/gateway.ts';
import type { StripeGateway } from '../../src/stripe/gateway.ts';
import { createTestDatabase } from '../support/database.ts';
import { silentLog } from '../support/machine.ts';

const { url, database, sql } = await createTestDatabase();

/** What happens elsewhere when a request was carried out and its answer has not left yet. */
let meanwhile: (request: RequestRecord) => void | Promise<void> = () => {};
const standIn = await startStripeStandIn({ onActed: (request) => meanwhile(request) });
standIn.seed.customer({ id: 'cus_1' });
for (let n = 0; n < 5; n++) standIn.seed.subscription({ id: `sub_${n}`, customer: 'cus_1' });

const spacing = 10;
const settings = { secretKey: 'sk_test_gate', apiBase: standIn.url, log: silentLog, deadlineMs: 1_500 };

/** A process has a pool, a gate and a gateway of its own; the database is all that they share. */
const pools = Array.from({ length: 3 }, (_, n) => connectDatabase(url, { max: 5, name: `process ${n}` }));
const gateOver = (statements: (typeof database)['statements']): StripeGate =>
  createStripeGate({
    database: { statements },
    requestsPerSecond: 1_000 / spacing,
    log: silentLog,
    random: () => 0.5,
  });
const processes = pools.map(({ statements }) =>
  createStripeGateway({ ...settings, gate: gateOver(statements) }),
);
const [one, two, three] = processes as [StripeGateway, StripeGateway, StripeGateway];
afterAll(() => Promise.all([standIn.close(), ...pools.map((pool) => pool.close())]));

let before = 0;
beforeEach(async () => {
  await sql`update evenfall.stripe_gate set next_at = '-infinity', failures = 0, opened_at = null`;
  before = standIn.requests.length;
});
afterEach(() => {
  standIn.faults.clear();
  meanwhile = () => {};
});

const sent = () => standIn.requests.slice(before);
const read = (stripe: StripeGateway, id = 'sub_0') => stripe.retrieveSubscription(id);
const gate = async () => (await sql`select * from evenfall.stripe_gate`)[0]!;
const isOpen = async () => (await gate())['openedAt'] !== null;

/** What a call rejects with. */
const failureOf = (call: Promise<unknown>) =>
  call.then(
    () => expect.unreachable('the call succeeded'),
    (failure: unknown) => failure as Retryable,
  );

const down: FaultScript = { kind: 'server-error', shouldRetry: 'false', times: 'forever' };

/** As another process does it, which has met what it takes. */
async function open(): Promise<void> {
  for (let n = 0; n < 5; n++) await database.statements.reportStripe({ worked: false, threshold: 5 });
}

/** As if that second were over. */
const passSecond = () =>
  sql`update evenfall.stripe_gate set next_at = next_at - interval '1 second', opened_at = opened_at - interval '1 second'`;

describe('the breaker, over real HTTP and for three processes', () => {
  test('closed, open, probe, closed: what one has met keeps the others away, and one answer lets all in', async () => {
    standIn.faults.add(down);
    for (const stripe of [one, two, three, one, two]) {
      expect(await failureOf(read(stripe))).toMatchObject({
        waiting: true,
        facts: { class: 'stripe_unavailable', httpStatus: 500 },
      });
    }
    expect([await isOpen(), sent().length]).toEqual([true, 5]);

    const refused = await Promise.all(processes.map((stripe) => failureOf(read(stripe))));
    for (const failure of refused) {
      expect(failure).toBeInstanceOf(Retryable);
      expect(failure).toMatchObject({
        waiting: true,
        outcomeUnknown: false,
        afterMs: expect.any(Number) as number,
        facts: { class: 'stripe_down', subject: 'sub_0' },
        message: expect.stringMatching(
          /^Stripe has not worked since \S+Z: it was not asked to retrieve sub_0$/,
        ) as string,
      });
    }
    expect(sent()).toHaveLength(5);

    // a second later one of three that come at once may look; it fails, and nothing has changed
    await passSecond();
    const classes = await Promise.all(
      processes.map(async (stripe) => (await failureOf(read(stripe))).facts.class),
    );
    expect(classes.toSorted()).toEqual(['stripe_down', 'stripe_down', 'stripe_unavailable']);
    expect([await isOpen(), sent().length]).toEqual([true, 6]);

    standIn.faults.clear();
    await passSecond();
    await read(two);
    expect([await isOpen(), sent().length]).toEqual([false, 7]);
    await Promise.all(processes.map((stripe) => read(stripe)));
    expect(sent()).toHaveLength(10);
  });

  test('the longer it is open, the later those that it turns away come back: a minute at most', async () => {
    await open();
    const delays = [];
    for (const ago of ['1 second', '20 seconds', '10 hours']) {
      await sql`update evenfall.stripe_gate set opened_at = clock_timestamp() - ${ago}::text::interval,
        next_at = clock_timestamp() + interval '5 seconds'`;
      delays.push((await failureOf(read(one))).afterMs!);
    }
    // half of it, and half of the other half: the jitter of this test
    expect(delays).toEqual([1_500, expect.closeTo(15_000, -3), 45_000]);
    expect(sent()).toEqual([]);
  });

  test('a probe whose process dies keeps nobody out: the next second has another', async () => {
    await open();
    await passSecond();
    const dying = gateOver(database.statements);
    await dying.enter({ operation: 'retrieve', subject: 'sub_0' });
    expect(await failureOf(read(one))).toMatchObject({ facts: { class: 'stripe_down' } });
    await passSecond();
    await read(one);
    expect(await isOpen()).toBe(false);
  });

  test.each<[string, FaultScript]>([
    ['a 500', { kind: 'server-error', shouldRetry: 'false' }],
    ['a 503 without a word', { kind: 'unavailable-empty' }],
    ["a gateway's page", { kind: 'bad-gateway-html' }],
    ["a gateway's JSON", { kind: 'bad-gateway-json' }],
    ['a connection that is reset', { kind: 'reset-before' }],
    ['an answer cut in the middle', { kind: 'reset-mid-body' }],
    ['an answer that cannot be read', { kind: 'invalid-json' }],
    ['silence', { kind: 'hang' }],
  ])('%s counts as Stripe that does not work', async (_what, fault) => {
    standIn.faults.add({ ...fault, times: 2 });
    await failureOf(read(one));
    expect(await gate()).toMatchObject({ failures: 1 });
    standIn.faults.clear();
    await read(two);
    expect(await gate()).toMatchObject({ failures: 0 });
  });

  test.each<[string, FaultScript]>([
    ['a refusal', { kind: 'refused', status: 400, error: { type: 'invalid_request_error', message: 'no' } }],
    [
      'a key that is refused',
      { kind: 'refused', status: 401, error: { type: 'invalid_request_error', message: 'no' } },
    ],
  ])('%s is an answer: it never opens the breaker, and it closes it', async (_what, fault) => {
    standIn.faults.add({ ...fault, times: 'forever' });
    for (let n = 0; n < 6; n++) await failureOf(one.cancelSubscription('sub_4'));
    expect(await gate()).toMatchObject({ failures: 0, openedAt: null });
    await open();
    await passSecond();
    await failureOf(one.cancelSubscription('sub_4'));
    expect(await isOpen()).toBe(false);
  });

  test.each<[string, FaultScript]>([
    ['a lock', { kind: 'lock-timeout' }],
    ['a conflict', { kind: 'conflict' }],
  ])('%s that lasts is an answer too: it opens nothing', async (_what, fault) => {
    standIn.faults.add({ ...fault, times: 'forever' });
    await Promise.all(Array.from({ length: 6 }, () => failureOf(one.cancelSubscription('sub_4'))));
    expect(sent()).toHaveLength(12);
    expect(await gate()).toMatchObject({ failures: 0, openedAt: null });
  });

  test('a rate limit is neither: it opens nothing and closes nothing', async () => {
    standIn.faults.add({ kind: 'rate-limit', times: 'forever' });
    for (let n = 0; n < 6; n++) await failureOf(read(one));
    expect(await gate()).toMatchObject({ failures: 0, openedAt: null });
    await open();
    await passSecond();
    await failureOf(read(one));
    expect(await isOpen()).toBe(true);
  });

  test('one object that Stripe always fails on does not stop the work on the others', async () => {
    standIn.faults.add({ ...down, match: { subscription: 'sub_3' } });
    for (let n = 0; n < 8; n++) {
      await failureOf(read(one, 'sub_3'));
      await read(two);
    }
    expect(await gate()).toMatchObject({ openedAt: null });
  });

  test('ping goes past it: it looks while the breaker is open, takes no turn and decides nothing', async () => {
    await open();
    const { nextAt } = await gate();
    await one.ping();
    expect(await gate()).toMatchObject({ nextAt, openedAt: expect.any(Date) as Date });
    expect(sent()).toHaveLength(1);
  });
});

describe('[P2] what is not known stays unknown', () => {
  test('a cancel that the breaker turns away was certainly not made', async () => {
    await open();
    expect(await failureOf(one.cancelSubscription('sub_1'))).toMatchObject({
      outcomeUnknown: false,
      waiting: true,
      facts: { class: 'stripe_down' },
    });
    expect(sent()).toEqual([]);
  });

  test('a cancel whose answer was lost, and for whose retry there is no turn: it may have happened, and it has', async () => {
    standIn.faults.add({ kind: 'reset-after', match: { method: 'DELETE' } });
    meanwhile = () => open();
    expect(await failureOf(one.cancelSubscription('sub_1'))).toMatchObject({
      outcomeUnknown: true,
      waiting: true,
      facts: { class: 'stripe_unavailable' },
    });
    expect(sent().map(({ method }) => method)).toEqual(['DELETE']);
    expect(standIn.effects()['sub_1']?.canceled).toBe(1);
    // it says nothing more of Stripe than the others have
    expect(await gate()).toMatchObject({ failures: 5 });
  });
});

describe('the budget', () => {
  /** Turns that were taken since `from`, by how far they have moved the gate. */
  async function turnsSince(from: Date): Promise<number> {
    return Math.round((((await gate())['nextAt'] as Date).getTime() - from.getTime()) / spacing);
  }

  test('every request has a turn, of whichever process, the pages of a list and the retry of the SDK too', async () => {
    // the line begins ahead of the clock, and no turn in it is lost to a pause
    const [row] = await sql`
      update evenfall.stripe_gate set next_at = clock_timestamp() + interval '1 second' returning next_at`;
    const from = row!['nextAt'] as Date;
    standIn.faults.add({ kind: 'server-error', match: { subscription: 'sub_2' } });
    await Promise.all([
      ...Array.from({ length: 12 }, (_, n) => read(processes[n % 3]!)),
      read(two, 'sub_2'),
      three.readCustomer('cus_1'),
    ]);
    expect(sent()).toHaveLength(16);
    // the retry and the second page came after the line had passed: each at its own time, no sooner
    expect(await turnsSince(from)).toBeGreaterThanOrEqual(16);
  });

  test('a turn that is far off is not waited for: the job comes later, and nothing was sent', async () => {
    await sql`update evenfall.stripe_gate set next_at = clock_timestamp() + interval '25 seconds'`;
    const { nextAt } = await gate();
    expect(await failureOf(read(one))).toMatchObject({
      waiting: true,
      outcomeUnknown: false,
      afterMs: undefined,
      facts: { class: 'stripe_budget', subject: 'sub_0' },
    });
    expect([await gate(), sent()]).toMatchObject([{ nextAt }, []]);
  });

  test('whoever waits for a turn while the breaker opens does not send when it comes', async () => {
    await sql`update evenfall.stripe_gate set next_at = clock_timestamp() + interval '1500 milliseconds'`;
    const { nextAt } = await gate();
    const waiting = failureOf(read(one));
    await expect.poll(async () => (await gate())['nextAt']).not.toEqual(nextAt);
    await open();
    expect(await waiting).toMatchObject({ outcomeUnknown: false, facts: { class: 'stripe_down' } });
    expect(sent()).toEqual([]);
  });
});

describe('Postgres away', () => {
  test('while a turn is asked for: its trouble passes through, and nothing is sent', async () => {
    const away = connectDatabase('postgres://nobody@127.0.0.1:1/none', { max: 1, name: 'test' });
    const stripe = createStripeGateway({ ...settings, gate: gateOver(away.statements) });
    expect(isPassingTrouble(await failureOf(read(stripe)))).toBe(true);
    expect(sent()).toEqual([]);
    await away.close();
  });

  test('[P2] while an answer is told of: the answer is not lost, nor is what a failure was', async () => {
    await database.statements.reportStripe({ worked: false, threshold: 5 });
    const reportStripe = () => Promise.reject(Object.assign(new Error('away'), { code: 'ECONNREFUSED' }));
    const mute = createStripeGateway({
      ...settings,
      gate: gateOver({ ...database.statements, reportStripe }),
    });
    expect(await mute.cancelSubscription('sub_2')).toMatchObject({ id: 'sub_2', over: true });
    standIn.faults.add(down);
    expect(await failureOf(mute.cancelSubscription('sub_3'))).toMatchObject({
      outcomeUnknown: true,
      facts: { class: 'stripe_unavailable' },
    });
  });
});
