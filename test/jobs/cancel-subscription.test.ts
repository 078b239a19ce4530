import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { cancelSubscription } from '../../jobs/cancel-subscription.ts';
import type { Failpoint } from '../../src/core/failpoints.ts';
import { noFailpoints } from '../../src/core/failpoints.ts';
import { startStripeStandIn } from '../../src/stand-ins/stripe/index.ts';
import type { FaultScript, RequestRecord, SubscriptionSeed } from '../../src/stand-ins/stripe/index.ts';
import { createStripeGateway } from '../../src/stripe/gateway.ts';
import type { RunnerOptions } from '../../src/queue/runner.ts';
import { createTestDatabase } from '../support/database.ts';
import { createRunner, forgetHeartbeat, silentLog } from '../support/machine.ts';

const { database, sql } = await createTestDatabase();
const { statements } = database;

/** What somebody does at Stripe when a request was carried out and its answer has not left yet. */
let meanwhile: (request: RequestRecord) => void | Promise<void> = () => {};
const standIn = await startStripeStandIn({ onActed: (request) => meanwhile(request) });
afterAll(() => standIn.close());
const settings = { secretKey: 'sk_test_cancel', apiBase: standIn.url, log: silentLog };
// for a Stripe that hangs; the SDK's own retry still fits into it
const stripe = createStripeGateway({ ...settings, deadlineMs: 1_500 });

const person = { name: 'Philippa Featherstonehaugh', email: 'pippa@example.org', phone: '+44 1632 960961' };
const street = '11 Sycamore Mews';

beforeEach(() => {
  meanwhile = () => {};
});
afterEach(() => standIn.faults.clear());

const customer = () => standIn.seed.customer({ ...person, address: { line1: street } as never }).id;
const subscribe = (customerId: string, more: Partial<SubscriptionSeed> = {}) =>
  standIn.seed.subscription({ customer: customerId, ...more }).id;

type Asked = {
  teamId?: string;
  customerId?: string;
  subscriptionId?: string;
  when?: 'now' | 'at_period_end';
};

async function ask({ when = 'now', ...whom }: Asked): Promise<number> {
  const payload = { ...whom, when };
  const wanted = {
    kind: cancelSubscription.name,
    payload,
    key: null,
    runAt: null,
    teamId: null,
    priority: 0,
  };
  const [row] = await statements.enqueue(wanted);
  return row!.id;
}

/** Runs all that is due, side by side, and what waits for a retry at once, until nothing lives any more. */
async function runAll(options: Partial<RunnerOptions> = {}): Promise<void> {
  const { runner } = await createRunner(database, allJobs, { stripe, ...options });
  for (let rounds = 0; rounds < 20; rounds++) {
    const rows = await dueNow();
    if (rows.length === 0) return;
    await Promise.all(rows.map((row) => runner.run(row, new AbortController().signal)));
  }
  throw new Error('jobs still live after 20 rounds');
}

async function dueNow() {
  await sql`
    update evenfall.job set state = 'queued', due = true, run_at = clock_timestamp() where state = 'dispatched'`;
  return await statements.claim({ queue: 'stripe', slots: 100, after: '', kinds: [cancelSubscription.name] });
}

/** One run of the one job that is due. */
async function runOnce(options: Partial<RunnerOptions> = {}) {
  const { runner, workerId } = await createRunner(database, allJobs, { stripe, ...options });
  const [row] = await dueNow();
  return { workerId, running: runner.run(row!, new AbortController().signal) };
}

async function job(id: number) {
  const [row] = await sql`select * from evenfall.job where id = ${id}`;
  return row!;
}

async function outcome(id: number) {
  const { state, outcome: stored } = await job(id);
  return { state, ...(stored as object) };
}

const history = (...subscriptions: string[]) => sql`
  select what, team_id, subject, detail, source from evenfall.history
  where subject = any(${subscriptions.map((id) => `subscription:${id}`)}) order by id`;

const cancels = (id: string) => standIn.effects()[id]?.canceled;
const endsSet = (id: string) => standIn.effects()[id]?.setToCancelAtPeriodEnd;

async function team(customerId: string | null): Promise<string> {
  const [row] = await sql`
    insert into public.teams (name, stripe_customer_id) values ('a team', ${customerId}) returning id::text`;
  return row!['id'] as string;
}

/** As a customer or an operator does it, outside of us. */
async function cancelAtStripe(id: string): Promise<void> {
  const headers = { authorization: `Bearer ${settings.secretKey}` };
  await fetch(`${standIn.url}/v1/subscriptions/${id}`, { method: 'DELETE', headers });
}

describe('what is cancelled', () => {
  test('[P4] every live subscription of a customer, whatever its status; what is over is left alone', async () => {
    const cus = customer();
    const live = (['active', 'trialing', 'past_due', 'unpaid', 'paused', 'incomplete'] as const).map(
      (status) => subscribe(cus, { status }),
    );
    const over = (['canceled', 'incomplete_expired'] as const).map((status) => subscribe(cus, { status }));
    const other = subscribe(customer());
    const id = await ask({ customerId: cus });
    await runAll();
    expect(await outcome(id)).toMatchObject({ state: 'done', detail: { alreadyOver: [] } });
    const { detail } = (await outcome(id)) as unknown as { detail: { cancelled: string[] } };
    expect(detail.cancelled.toSorted()).toEqual(live.toSorted());
    expect(live.map(cancels)).toEqual(live.map(() => 1));
    expect([...over, other].map(cancels)).toEqual([0, 0, 0]);
    const rows = await history(...live, ...over, other);
    expect(rows.map((row) => (row['detail'] as { statusBefore: string }).statusBefore).toSorted()).toEqual(
      ['active', 'trialing', 'past_due', 'unpaid', 'paused', 'incomplete'].toSorted(),
    );
    expect(rows.at(-1)).toMatchObject({
      what: 'subscription.cancelled',
      detail: { customerId: cus, status: 'canceled', requestId: expect.stringMatching(/^req_/) },
      source: 'job:cancel-subscription',
    });
  });

  test('[P4] more than a page of them: each once, each with its line of history', async () => {
    const cus = customer();
    const ids = Array.from({ length: 130 }, () => subscribe(cus));
    await ask({ customerId: cus });
    await runAll();
    expect(ids.every((id) => cancels(id) === 1)).toBe(true);
    expect(await history(...ids)).toHaveLength(130);
  });

  test("a team's, through the contract, and the history names the team", async () => {
    const cus = customer();
    const sub = subscribe(cus);
    const teamId = await team(cus);
    const id = await ask({ teamId });
    await runAll();
    expect(await outcome(id)).toMatchObject({ state: 'done', detail: { cancelled: [sub] } });
    expect(await history(sub)).toMatchObject([{ teamId }]);
    expect(await job(id)).toMatchObject({ teamId });
  });

  test('a team without a customer: skipped, with the reason', async () => {
    const id = await ask({ teamId: await team(null) });
    await runAll();
    expect(await outcome(id)).toMatchObject({ state: 'skipped', reason: 'the team has no Stripe customer' });
  });

  test('[P4] a team that the app does not know: dead, not skipped', async () => {
    const id = await ask({ teamId: '987654321' });
    await runAll();
    expect(await job(id)).toMatchObject({
      state: 'dead',
      lastError: { class: 'not_found', subject: 'team:987654321' },
    });
  });

  test('[P4] a customer that Stripe does not know: dead; one that was deleted has nothing left', async () => {
    const unknown = await ask({ customerId: 'cus_unknown' });
    const gone = customer();
    const headers = { authorization: `Bearer ${settings.secretKey}` };
    await fetch(`${standIn.url}/v1/customers/${gone}`, { method: 'DELETE', headers });
    const deleted = await ask({ customerId: gone });
    await runAll();
    expect(await job(unknown)).toMatchObject({ state: 'dead', lastError: { class: 'not_found' } });
    expect(await outcome(deleted)).toMatchObject({ state: 'done', detail: { cancelled: [] } });
  });

  test('one subscription, and no other of the same customer', async () => {
    const cus = customer();
    const [wanted, other] = [subscribe(cus), subscribe(cus)];
    const id = await ask({ subscriptionId: wanted });
    await runAll();
    expect(await outcome(id)).toMatchObject({ state: 'done', detail: { cancelled: [wanted] } });
    expect([cancels(wanted), cancels(other)]).toEqual([1, 0]);
    expect(await history(wanted, other)).toHaveLength(1);
  });

  test('one subscription that is over already: success, nothing is done and nothing is told', async () => {
    const sub = subscribe(customer(), { status: 'canceled' });
    const id = await ask({ subscriptionId: sub });
    await runAll();
    expect(await outcome(id)).toMatchObject({ state: 'done', detail: { cancelled: [], alreadyOver: [sub] } });
    expect([cancels(sub), (await history(sub)).length]).toEqual([0, 0]);
  });

  test('[P4] one subscription that Stripe does not know: dead', async () => {
    const id = await ask({ subscriptionId: 'sub_unknown' });
    await runAll();
    expect(await job(id)).toMatchObject({
      state: 'dead',
      lastError: { class: 'not_found', subject: 'sub_unknown' },
    });
  });

  test('[P2] asked for twice, once after the other: the second finds nothing to do', async () => {
    const cus = customer();
    const sub = subscribe(cus);
    await ask({ customerId: cus });
    await runAll();
    const second = await ask({ customerId: cus });
    await runAll();
    expect(await outcome(second)).toMatchObject({ state: 'done', detail: { cancelled: [] } });
    expect([cancels(sub), (await history(sub)).length]).toEqual([1, 1]);
  });

  test('[P2] by team, by customer and by id at the same time: one cancellation, one line of history', async () => {
    const cus = customer();
    const sub = subscribe(cus);
    const ids = [
      await ask({ teamId: await team(cus) }),
      await ask({ customerId: cus }),
      await ask({ subscriptionId: sub }),
    ];
    await runAll();
    for (const id of ids) expect(await job(id)).toMatchObject({ state: 'done', attempts: 0 });
    expect([cancels(sub), (await history(sub)).length]).toEqual([1, 1]);
  });
});

describe('at period end', () => {
  test('the subscription is set to end, stays live, and the history says so', async () => {
    const sub = subscribe(customer());
    const id = await ask({ subscriptionId: sub, when: 'at_period_end' });
    await runAll();
    expect(await outcome(id)).toMatchObject({ state: 'done', detail: { cancelled: [sub] } });
    expect([cancels(sub), endsSet(sub)]).toEqual([0, 1]);
    expect(await history(sub)).toMatchObject([
      {
        what: 'subscription.cancelled-at-period-end',
        detail: { status: 'active', cancelAt: expect.any(String) },
      },
    ]);
  });

  test('what ends already, by flag or by date, is left as it is', async () => {
    const cus = customer();
    const later = Math.floor(Date.now() / 1_000) + 900_000;
    const subs = [subscribe(cus, { cancel_at_period_end: true }), subscribe(cus, { cancel_at: later })];
    const id = await ask({ customerId: cus, when: 'at_period_end' });
    await runAll();
    expect(await outcome(id)).toMatchObject({ state: 'done', detail: { cancelled: [] } });
    expect(subs.map(endsSet)).toEqual([0, 0]);
    expect(await history(...subs)).toEqual([]);
  });

  test('taken back by the customer and asked for anew: it is set again, and told again', async () => {
    const cus = customer();
    const sub = subscribe(cus);
    await ask({ customerId: cus, when: 'at_period_end' });
    await runAll();
    Object.assign(standIn.store.subscriptions.get(sub)!, { cancel_at_period_end: false, cancel_at: null });
    await ask({ customerId: cus, when: 'at_period_end' });
    await runAll();
    expect(endsSet(sub)).toBe(2);
    expect(await history(sub)).toHaveLength(2);
  });

  test('then now: what was set to end is cancelled at once', async () => {
    const cus = customer();
    const sub = subscribe(cus);
    await ask({ customerId: cus, when: 'at_period_end' });
    await runAll();
    await ask({ customerId: cus, when: 'now' });
    await runAll();
    expect([endsSet(sub), cancels(sub)]).toEqual([1, 1]);
    expect((await history(sub)).map((row) => row['what'])).toEqual([
      'subscription.cancelled-at-period-end',
      'subscription.cancelled',
    ]);
  });

  test('[P4] managed by a schedule: Stripe refuses for good, and it is dead', async () => {
    const sub = subscribe(customer(), { schedule: 'sub_sched_1' });
    const id = await ask({ subscriptionId: sub, when: 'at_period_end' });
    await runAll();
    expect(await job(id)).toMatchObject({
      state: 'dead',
      attempts: 1,
      lastError: { class: 'stripe_refused', httpStatus: 400 },
    });
  });
});

describe('what others do meanwhile', () => {
  test('[P2] somebody cancels between our look and our act: the 404 is success, after asking', async () => {
    const cus = customer();
    const sub = subscribe(cus);
    meanwhile = async ({ method, path }) => {
      if (method !== 'GET' || path !== '/v1/subscriptions') return;
      meanwhile = () => {};
      await cancelAtStripe(sub);
    };
    const id = await ask({ customerId: cus });
    await runAll();
    expect(await job(id)).toMatchObject({ state: 'done', attempts: 0 });
    expect([cancels(sub), (await history(sub)).length]).toEqual([1, 1]);
  });

  test('[P4] 404 to the cancel and 404 to the asking: dead, and the key is free again', async () => {
    const cus = customer();
    const sub = subscribe(cus);
    const missing = {
      type: 'invalid_request_error',
      code: 'resource_missing',
      param: 'id',
      message: 'No such thing',
    };
    standIn.faults.add({
      kind: 'refused',
      status: 404,
      error: missing,
      match: { subscription: sub },
      times: 'forever',
    });
    const id = await ask({ customerId: cus });
    await runAll();
    expect(await job(id)).toMatchObject({ state: 'dead', lastError: { class: 'not_found', subject: sub } });
    expect(await sql`select state from evenfall.effect where key = ${`stripe:cancel:${sub}`}`).toEqual([
      { state: 'released' },
    ]);
    expect([cancels(sub), (await history(sub)).length]).toEqual([0, 0]);
  });

  test('[P4] a subscription that begins while others are cancelled is cancelled too', async () => {
    const cus = customer();
    const first = subscribe(cus);
    let second = '';
    meanwhile = ({ method }) => {
      if (method === 'DELETE' && second === '') second = subscribe(cus);
    };
    const id = await ask({ customerId: cus });
    await runAll();
    expect(await outcome(id)).toMatchObject({ state: 'done', detail: { cancelled: [first, second] } });
    expect([cancels(first), cancels(second)]).toEqual([1, 1]);
    expect(await history(first, second)).toHaveLength(2);
  });

  test('[P4] as long as new ones keep coming it is tried again, never done', async () => {
    const cus = customer();
    const subs = [subscribe(cus)];
    meanwhile = ({ method }) => {
      if (method === 'DELETE' && subs.length < 5) subs.push(subscribe(cus));
    };
    const id = await ask({ customerId: cus });
    const { running } = await runOnce();
    expect(await running).toMatchObject({ as: 'later' });
    expect(await job(id)).toMatchObject({ attempts: 1, lastError: { class: 'still_live' } });
    await runAll();
    expect(await job(id)).toMatchObject({ state: 'done' });
    expect(subs.map(cancels)).toEqual([1, 1, 1, 1, 1]);
    expect(await history(...subs)).toHaveLength(5);
  });
});

describe('a run that died after Stripe had acted', () => {
  for (const by of ['teamId', 'customerId', 'subscriptionId'] as const) {
    for (const when of ['now', 'at_period_end'] as const) {
      test(`[P2] by ${by}, ${when}: the next run records it, though a search no longer finds it`, async () => {
        const cus = customer();
        const [first, second] = [subscribe(cus), subscribe(cus)];
        const whom = { teamId: await team(cus), customerId: cus, subscriptionId: first };
        const id = await ask({ [by]: whom[by], when });
        const reached = Promise.withResolvers<void>();
        const failpoint = (at: Failpoint) =>
          at === 'effect.acted' ? (reached.resolve(), new Promise<void>(() => {})) : noFailpoints(at);
        const { workerId } = await runOnce({ failpoint });
        await reached.promise;
        await forgetHeartbeat(database, workerId);
        await statements.rescue({ lease: 'PT5S' });

        await runAll();
        const expected = by === 'subscriptionId' ? [first] : [first, second];
        expect(await job(id)).toMatchObject({ state: 'done', attempts: 0, crashes: 1 });
        const counts = when === 'now' ? expected.map(cancels) : expected.map(endsSet);
        expect(counts).toEqual(expected.map(() => 1));
        expect(await history(first, second)).toMatchObject(
          expected.map(() => ({ detail: { customerId: cus, statusBefore: 'active' } })),
        );
        const { detail } = (await outcome(id)) as unknown as { detail: { cancelled: string[] } };
        expect(detail.cancelled.toSorted()).toEqual(expected.toSorted());
      });
    }
  }
});

/** Twice, so that a fault outlives the SDK's own retry and our run fails. */
const faults: Record<string, FaultScript> = {
  '429': { kind: 'rate-limit', retryAfter: 0 },
  '429 without Retry-After': { kind: 'rate-limit' },
  '429 lock_timeout': { kind: 'lock-timeout' },
  '409': { kind: 'conflict' },
  'a connection reset before it acted': { kind: 'reset-before' },
  'a connection reset after it acted': { kind: 'reset-after' },
  'an answer cut in the middle': { kind: 'reset-mid-body' },
  'an answer that is no JSON': { kind: 'invalid-json' },
  'an answer that trickles': { kind: 'trickle', ms: 1 },
  'a slow answer': { kind: 'slow', ms: 50 },
  'a 500 kept under its idempotency key': { kind: 'server-error', saved: true, act: true },
};
for (const act of [false, true]) {
  const acted = act ? 'after it acted' : 'before it acted';
  for (const shouldRetry of [undefined, 'true', 'false'] as const) {
    const retry = shouldRetry === undefined ? {} : { shouldRetry };
    faults[`a 500 with should-retry ${shouldRetry ?? 'left out'}, ${acted}`] = {
      kind: 'server-error',
      act,
      ...retry,
    };
  }
  faults[`503 {} ${acted}`] = { kind: 'unavailable-empty', act };
  faults[`a gateway's page ${acted}`] = { kind: 'bad-gateway-html', act };
  faults[`a gateway's JSON ${acted}`] = { kind: 'bad-gateway-json', act };
  faults[`silence ${acted}`] = { kind: 'hang', act };
}

describe.each(['now', 'at_period_end'] as const)('[P1] [P2] [P4] faults on the way, %s', (when) => {
  const targets = new Map<string, { sub: string; id: number }>();

  beforeAll(async () => {
    for (const [name, fault] of Object.entries(faults)) {
      const cus = customer();
      const sub = subscribe(cus);
      standIn.faults.add({
        times: 2,
        ...fault,
        match: { subscription: sub, method: when === 'now' ? 'DELETE' : 'POST' },
      });
      targets.set(name, { sub, id: await ask({ customerId: cus, when }) });
    }
    await runAll();
  });

  test.each(Object.keys(faults))('%s: exactly one cancellation and one line of history', async (name) => {
    const { sub, id } = targets.get(name)!;
    expect(await job(id)).toMatchObject({ state: 'done' });
    expect(when === 'now' ? cancels(sub) : endsSet(sub)).toBe(1);
    expect(await history(sub)).toHaveLength(1);
  });

  test('[P6] a rate limit uses no attempt', async () => {
    expect(await job(targets.get('429')!.id)).toMatchObject({ attempts: 0 });
  });
});

test('[P4] while Stripe fails, which uses no attempt, the person who asked can read that we are at it', async () => {
  const sub = subscribe(customer());
  standIn.faults.add({ kind: 'server-error', match: { subscription: sub }, times: 2 });
  const id = await ask({ subscriptionId: sub });
  await (
    await runOnce()
  ).running;
  expect(await job(id)).toMatchObject({
    state: 'dispatched',
    attempts: 0,
    publicMessage: 'We are still working on cancelling your subscription.',
    lastError: { class: 'stripe_unavailable', httpStatus: 500, requestId: expect.stringMatching(/^req_/) },
  });
  await runAll();
  expect(await job(id)).toMatchObject({ state: 'done', publicMessage: null });
});

describe('[P4] refusals for good', () => {
  const says = `${person.name} of ${street} (${person.email}) is not allowed`;
  test.each([
    [
      400,
      'stripe_refused',
      { type: 'invalid_request_error', code: 'parameter_invalid_empty', param: 'items[0][price]' },
    ],
    [401, 'stripe_auth', { type: 'invalid_request_error', code: 'api_key_expired' }],
    [403, 'stripe_auth', { type: 'invalid_request_error', code: 'more_permissions_required' }],
    [402, 'stripe_card', { type: 'card_error', code: 'card_declined', param: 'payment_method' }],
  ] as const)(
    '%i: dead at once, and the letter has all that Stripe said in codes',
    async (status, failure, error) => {
      const cus = customer();
      const sub = subscribe(cus);
      const match = { subscription: sub, method: 'DELETE' } as const;
      standIn.faults.add({ kind: 'refused', status, error: { ...error, message: says }, match });
      const id = await ask({ customerId: cus });
      await runAll();
      expect(await job(id)).toMatchObject({
        state: 'dead',
        attempts: 1,
        publicMessage: 'We hit a problem cancelling your subscription, please contact support.',
      });
      const letters =
        await sql`select class, code, error, attempts from evenfall.dead_letter where job_id = ${id}`;
      const refused = standIn.requests.find(
        (request) => request.method === 'DELETE' && request.path.endsWith(sub),
      );
      expect(letters).toMatchObject([
        {
          class: failure,
          code: error.code,
          attempts: 1,
          error: { ...error, class: failure, httpStatus: status, requestId: refused!.id, subject: sub },
        },
      ]);
      expect((letters[0]!['error'] as { url: string }).url).toContain(refused!.id);
      expect([cancels(sub), (await history(sub)).length]).toEqual([0, 0]);

      // mended and replayed
      await statements.replay({ id, resolution: 'replayed by test' });
      await runAll();
      expect(await job(id)).toMatchObject({ state: 'done' });
      expect([cancels(sub), (await history(sub)).length]).toEqual([1, 1]);
    },
  );
});

test('[P7] after all of the above nothing personal is in any table of ours', async () => {
  const tables = await sql`
    select format('%I.%I', table_schema, table_name) as name from information_schema.tables
    where table_schema in ('evenfall', 'bullmq') and table_type = 'BASE TABLE'`;
  expect(tables.map((table) => table['name'])).toEqual(
    expect.arrayContaining(['evenfall.job', 'evenfall.dead_letter', 'evenfall.effect', 'evenfall.history']),
  );
  expect((await sql`select from evenfall.history`).length).toBeGreaterThan(200);
  for (const table of tables) {
    const rows = await sql.unsafe(`select to_jsonb(t)::text as row from ${table['name']} t`);
    const all = rows.map((row) => row['row']).join('\n');
    for (const personal of ['Philippa', 'pippa', 'example.org', '1632 960961', 'Sycamore']) {
      expect(all.includes(personal), `${table['name']} holds ${personal}`).toBe(false);
    }
  }
});

describe('[P4] of several subscriptions, one that fails does not keep its siblings alive', () => {
  test('refused for good: the others are cancelled all the same, then the job is dead with an alert', async () => {
    const whom = customer();
    const [first, second, third] = [subscribe(whom), subscribe(whom), subscribe(whom)];
    const error = { type: 'invalid_request_error', message: 'no' };
    standIn.faults.add({
      kind: 'refused',
      status: 400,
      error,
      times: 'forever',
      match: { method: 'DELETE', subscription: second },
    });
    const id = await ask({ customerId: whom });
    await (
      await runOnce()
    ).running;
    expect(await job(id)).toMatchObject({ state: 'dead', lastError: { subject: second } });
    expect([cancels(first), cancels(second), cancels(third)]).toEqual([1, 0, 1]);
  });

  test('one that fails for now is tried again, although another was refused for good', async () => {
    const whom = customer();
    const [first, second] = [subscribe(whom), subscribe(whom)];
    const match = (subscription: string) => ({ method: 'DELETE' as const, subscription });
    const error = { type: 'invalid_request_error', message: 'no' };
    standIn.faults.add({ kind: 'refused', status: 400, error, times: 'forever', match: match(second) });
    standIn.faults.add({ kind: 'server-error', times: 2, match: match(first) });
    const id = await ask({ customerId: whom });
    await (
      await runOnce()
    ).running;
    expect(await job(id)).toMatchObject({ state: 'dispatched', attempts: 0 });
    await runAll();
    expect(await job(id)).toMatchObject({ state: 'dead', lastError: { subject: second } });
    expect([cancels(first), cancels(second)]).toEqual([1, 0]);
  });
});
