import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { defineJob } from '../../src/core/job.ts';
import { done } from '../../src/core/outcome.ts';
import { payload } from '../../src/core/payload.ts';
import { connectDatabase } from '../../src/db/connect.ts';
import { createTestDatabase } from '../support/database.ts';
import { api, apiToken, openWeb, refusal } from './web.ts';

/** Nothing but the Idempotency-Key keeps a second one out: it has no key of its own. */
const keyless = defineJob({
  name: 'keyless',
  summary: 'A job without a key.',
  queue: 'lifecycle',
  payload: payload({}),
  key: [],
  retry: { attempts: 1, firstDelayMs: 1, maxDelayMs: 1, giveUpAfter: 'P1D', crashBudget: 1 },
  timeoutMs: 1_000,
  run: () => Promise.resolve(done()),
});

const { url: databaseUrl, database, sql } = await createTestDatabase([keyless]);
const web = await openWeb(databaseUrl);

const path = '/v1/jobs/cancel-subscription';
const cancelTeam = (teamId: string, when = 'now') => ({ payload: { teamId, when } });
const post = (body: unknown, headers?: Record<string, string>) => api(web.url, path, body, headers);
const countOf = async (teamId: string) => {
  const [row] = await sql`select count(*)::int as jobs from evenfall.job where team_id = ${teamId}`;
  return row?.['jobs'] as number;
};

describe('the door', () => {
  test('[P1] a job posted to the API is in Postgres when 202 is answered', async () => {
    const response = await post(cancelTeam('1'));

    expect(response.status).toBe(202);
    const { id, url } = (await response.json()) as { id: number; url: string };
    expect(url).toBe(`/v1/jobs/${id}`);
    expect(response.headers.get('location')).toBe(url);
    const [row] = await sql`select kind, state, payload, source from evenfall.job where id = ${id}`;
    expect(row).toMatchObject({
      source: 'http',
      kind: 'cancel-subscription',
      state: 'queued',
      payload: { teamId: '1', when: 'now' },
    });
  });

  test('everything a caller may say about a job reaches its row', async () => {
    const response = await post({
      payload: { customerId: 'cus_1', when: 'at_period_end' },
      key: 'späte Kündigung',
      runAt: '2031-05-06T07:08:09+02:00',
      teamId: '77',
      priority: -3,
    });

    const { url } = (await response.json()) as { url: string };
    const job = await (await api(web.url, url)).json();
    expect(job).toMatchObject({
      kind: 'cancel-subscription',
      key: 'späte Kündigung',
      teamId: '77',
      state: 'queued',
      attempts: 0,
      runAt: '2031-05-06T05:08:09.000Z',
      startedAt: null,
      finishedAt: null,
      outcome: null,
      publicMessage: null,
    });
    const [row] = await sql`select priority from evenfall.job where key = 'späte Kündigung'`;
    expect(row?.['priority']).toBe(-3);
  });

  test('[P7] what a job is about is not told to who asks for its state', async () => {
    const { url } = (await (await post(cancelTeam('2'))).json()) as { url: string };

    const job = (await (await api(web.url, url)).json()) as object;

    expect(Object.keys(job)).not.toEqual(expect.arrayContaining(['payload']));
    expect(Object.keys(job).filter((name) => /payload|error/i.test(name))).toEqual([]);
  });

  test.each([
    ['no token', {}],
    ['a wrong token', { authorization: `Bearer ${apiToken}x` }],
    ['a token as Basic', { authorization: `Basic ${apiToken}` }],
  ])('%s opens nothing', async (_, headers) => {
    for (const [method, target] of [
      ['POST', path],
      ['POST', `${path}/cancel`],
      ['GET', '/v1/jobs/1'],
      ['GET', '/metrics'],
    ] as const) {
      const response = await web.get(target, { method, headers });
      expect(response.headers.get('www-authenticate')).toContain('Bearer');
      expect(await refusal(response)).toMatchObject({ status: 401, code: 'unauthorized' });
    }
  });

  test('without API_TOKEN the API and the metrics are closed, whatever is sent, and say what opens them', async () => {
    const closed = await openWeb(databaseUrl, { config: { API_TOKEN: undefined } });

    for (const headers of [{}, { authorization: 'Bearer ' }, { authorization: 'Bearer undefined' }]) {
      for (const target of ['/v1/jobs/1', '/metrics']) {
        const answer = await refusal(await closed.get(target, { headers }));
        expect(answer).toMatchObject({ status: 503, code: 'api_closed' });
        expect(answer.message).toContain('set API_TOKEN');
      }
    }
  });

  test.each([
    ['not JSON', '{"payload":', 400, 'malformed_json', undefined],
    ['a list', '[]', 422, 'wrong_request', 'body'],
    ['no payload', {}, 422, 'wrong_request', 'payload'],
    ['a payload that is text', { payload: 'x' }, 422, 'wrong_request', 'payload'],
    ['an unknown field beside the payload', { ...cancelTeam('3'), dealy: 5 }, 422, 'wrong_request', 'dealy'],
    [
      'a date without its offset',
      { ...cancelTeam('3'), runAt: '2031-01-01T00:00:00' },
      422,
      'wrong_request',
      'runAt',
    ],
    [
      'a date that does not exist',
      { ...cancelTeam('3'), runAt: '2031-02-30T00:00:00Z' },
      422,
      'wrong_request',
      'runAt',
    ],
    ['half a priority', { ...cancelTeam('3'), priority: 0.5 }, 422, 'wrong_request', 'priority'],
    ['an empty key', { ...cancelTeam('3'), key: '' }, 422, 'wrong_request', 'key'],
    ['a key with a NUL', { ...cancelTeam('3'), key: 'a\u0000' }, 422, 'wrong_request', 'key'],
    ['a wrong choice', { payload: { teamId: '3', when: 'soon' } }, 422, 'wrong_payload', 'when'],
    ['a payload that is a list', { payload: [] }, 422, 'wrong_request', 'payload'],
    [
      'a field of JavaScript itself',
      '{"payload":{"__proto__":1,"teamId":"3","when":"now"}}',
      422,
      'wrong_payload',
      '__proto__',
    ],
    [
      'an unknown field of the payload',
      { payload: { teamId: '3', when: 'now', x: 1 } },
      422,
      'wrong_payload',
      'x',
    ],
    [
      'an id that the app cannot have',
      { payload: { teamId: 'acme', when: 'now' } },
      422,
      'wrong_payload',
      'teamId',
    ],
  ])('%s is refused, and the answer names what is wrong', async (_, body, status, code, field) => {
    const answer = await refusal(await post(body));

    expect(answer).toMatchObject({ status, code });
    expect(answer.field).toBe(field);
    expect(await countOf('3')).toBe(0);
  });

  test('a year that Postgres has no date for is refused, not a failure of ours', async () => {
    expect(await refusal(await post({ ...cancelTeam('3'), runAt: '0000-01-01T00:00:00Z' }))).toMatchObject({
      status: 422,
      code: 'wrong_request',
    });
  });

  test('bytes that are not UTF-8 are refused', async () => {
    const response = await web.get(path, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiToken}`, 'content-type': 'application/json' },
      body: Buffer.from('{"payload":{"teamId":"3","when":"now"},"key":"\xff"}', 'latin1'),
    });

    expect(await refusal(response)).toMatchObject({ status: 400, code: 'malformed_json' });
  });

  test('a body that is not said to be JSON is refused', async () => {
    for (const type of ['text/plain', 'application/jsonp', 'application/x-www-form-urlencoded']) {
      const response = await post(JSON.stringify(cancelTeam('3')), { 'content-type': type });
      expect(await refusal(response)).toMatchObject({ status: 415, code: 'wrong_content_type' });
    }
    expect((await post(cancelTeam('4'), { 'content-type': 'application/json; charset=utf-8' })).status).toBe(
      202,
    );
  });

  test('a body over 64 KiB is refused, whether its length is said or not', async () => {
    const body = JSON.stringify({ ...cancelTeam('3'), key: 'x'.repeat(65_536) });
    const chunked = await web.get(path, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiToken}`, 'content-type': 'application/json' },
      body: new Blob([body]).stream(),
      duplex: 'half',
    });

    expect(await refusal(await post(body))).toMatchObject({ status: 413, code: 'too_large' });
    expect(await refusal(chunked)).toMatchObject({ status: 413, code: 'too_large' });
  });

  test('a kind that nobody knows is 404, whatever the body', async () => {
    for (const body of [{ payload: {} }, {}, [], null]) {
      const answer = await refusal(await api(web.url, '/v1/jobs/no-such-kind', body));

      expect(answer).toMatchObject({ status: 404, code: 'unknown_kind' });
    }
  });

  test('a kind that only a newer release knows is left to the database', async () => {
    await sql`insert into evenfall.job_kind
      select (jsonb_populate_record(k, '{"kind": "of-tomorrow"}')).* from evenfall.job_kind k where kind = 'sync-customer'`;

    const asked = await api(web.url, '/v1/jobs/of-tomorrow', { payload: { customerId: 'cus_1' } });

    expect(asked.status).toBe(202);
    expect(await refusal(await api(web.url, '/v1/jobs/of-tomorrow', {}))).toMatchObject({ status: 422 });
  });

  test('a live key with another payload is 409, and says what to do', async () => {
    await post({ payload: { subscriptionId: 'sub_1', when: 'now' }, key: 'taken' });

    const answer = await refusal(
      await post({ payload: { subscriptionId: 'sub_2', when: 'now' }, key: 'taken' }),
    );

    expect(answer).toMatchObject({ status: 409, code: 'key_conflict', field: 'key' });
    expect(answer.message).toMatch(/cancel/i);
  });

  test('a key that an open transaction holds is 503 with Retry-After, not a hanging request', async () => {
    await sql.begin(async (tx) => {
      await tx`select evenfall.enqueue('cancel-subscription', '{"customerId": "cus_held", "when": "now"}')`;

      const response = await post({ payload: { customerId: 'cus_held', when: 'now' } });

      expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
      expect(await refusal(response)).toMatchObject({ status: 503, code: 'busy' });
    });
  });

  test('a job that does not exist is 404', async () => {
    for (const id of ['999999999', '0', 'abc', '1e3', '-1', '99999999999999999999']) {
      expect(await refusal(await api(web.url, `/v1/jobs/${id}`))).toMatchObject({
        status: 404,
        code: 'unknown_job',
      });
    }
  });

  test('a job that has not begun can be cancelled by its key, once', async () => {
    const { url } = (await (await post({ ...cancelTeam('5'), key: 'five' })).json()) as { url: string };
    const cancel = async () => await (await api(web.url, `${path}/cancel`, { key: 'five' })).json();

    expect(await cancel()).toEqual({ cancelled: true });
    expect(await cancel()).toEqual({ cancelled: false });
    expect(await (await api(web.url, url)).json()).toMatchObject({ state: 'cancelled' });
  });

  test('with the database away the API answers 503 and when to come again', async () => {
    const away = connectDatabase(`postgres://nobody@127.0.0.1:${await closedPort()}/none`, {
      max: 1,
      name: 'test',
    });
    const alone = await openWeb(databaseUrl, { database: away });

    for (const answer of [api(alone.url, path, cancelTeam('6')), api(alone.url, '/v1/jobs/1')]) {
      const response = await answer;
      expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
      expect(await refusal(response)).toMatchObject({ status: 503, code: 'database_away' });
    }
  });
});

describe('Idempotency-Key', () => {
  test('[P2] the same key and body give the same job again, even when that job is long over', async () => {
    const headers = { 'idempotency-key': 'again' };
    const first = await post(cancelTeam('10'), headers);
    const { id } = (await first.json()) as { id: number };
    await sql`update evenfall.job set state = 'done', due = false, finished_at = now() where id = ${id}`;

    const second = await post(cancelTeam('10'), headers);

    expect(first.headers.has('idempotent-replayed')).toBe(false);
    expect(second.status).toBe(202);
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect(second.headers.get('location')).toBe(`/v1/jobs/${id}`);
    expect(await second.json()).toEqual({ id, url: `/v1/jobs/${id}` });
    expect(await countOf('10')).toBe(1);
  });

  test('the same key with another body, or for another kind, is refused and enqueues nothing', async () => {
    const headers = { 'idempotency-key': 'reused' };
    await post(cancelTeam('11'), headers);

    expect(await refusal(await post(cancelTeam('12'), headers))).toMatchObject({
      status: 422,
      code: 'idempotency_key_reused',
    });
    const elsewhere = await api(web.url, '/v1/jobs/alert-dead-letter', cancelTeam('11'), headers);
    expect(await refusal(elsewhere)).toMatchObject({ status: 422, code: 'idempotency_key_reused' });
    expect(await countOf('12')).toBe(0);
  });

  test('[P2] of several first uses at once one enqueues, and all get its job', async () => {
    const uses = 6;
    let recalls = 0;
    const allHaveAsked = Promise.withResolvers<void>();
    const statements = {
      ...database.statements,
      // nobody goes on before each has seen that the key is new
      recallIdempotencyKey: async (parameters: { tokenHash: string; key: string; plainKey: string }) => {
        const answer = await database.statements.recallIdempotencyKey(parameters);
        if (++recalls === uses) allHaveAsked.resolve();
        await allHaveAsked.promise;
        return answer;
      },
    };
    const racing = await openWeb(databaseUrl, { database: { ...database, statements } });

    const responses = await Promise.all(
      Array.from({ length: uses }, () =>
        api(racing.url, '/v1/jobs/keyless', { payload: {} }, { 'idempotency-key': 'race' }),
      ),
    );

    expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: uses }, () => 202));
    const ids = await Promise.all(responses.map(async (r) => ((await r.json()) as { id: number }).id));
    expect(new Set(ids).size).toBe(1);
    expect(responses.filter((r) => !r.headers.has('idempotent-replayed'))).toHaveLength(1);
    expect(await sql`select id from evenfall.job where kind = 'keyless'`).toHaveLength(1);
    expect(recalls).toBe(2 * uses - 1);
  });

  test('[P1] a refused request keeps no key: mended, it can be sent again under the same one', async () => {
    const headers = { 'idempotency-key': 'mended' };

    expect((await post({ payload: { teamId: 'acme', when: 'now' } }, headers)).status).toBe(422);
    expect((await post(cancelTeam('13'), headers)).status).toBe(202);
    expect(await countOf('13')).toBe(1);
  });

  test('after seven days a key is new again', async () => {
    const headers = { 'idempotency-key': 'old' };
    const { id } = (await (await post(cancelTeam('14'), headers)).json()) as { id: number };
    await sql`update evenfall.idempotency set created_at = now() - interval '7 days 1 second' where job_id = ${id}`;
    await sql`select evenfall.cancel('cancel-subscription', 'teamId=14')`;

    const later = await post(cancelTeam('14'), headers);

    expect(later.headers.has('idempotent-replayed')).toBe(false);
    expect(((await later.json()) as { id: number }).id).not.toBe(id);
  });

  test('[P7] neither the token nor the key is stored: whom it is about stays with the caller', async () => {
    const headers = { 'idempotency-key': 'leaves ann@example.org' };
    const { id } = (await (await post(cancelTeam('15'), headers)).json()) as { id: number };

    const [row] = await sql`select i::text as text from evenfall.idempotency i where job_id = ${id}`;
    expect(row?.['text']).not.toMatch(/ann|example/);
    expect(row?.['text']).not.toContain(apiToken);
    expect((await post(cancelTeam('15'), headers)).headers.get('idempotent-replayed')).toBe('true');
  });

  test('[P2] a key that an older release has stored as it came is answered, too', async () => {
    const headers = { 'idempotency-key': 'of before' };
    const { id } = (await (await post(cancelTeam('17'), headers)).json()) as { id: number };
    await sql`update evenfall.idempotency set key = 'of before' where job_id = ${id}`;
    expect(await (await post(cancelTeam('17'), headers)).json()).toMatchObject({ id });
    expect(await countOf('17')).toBe(1);
  });

  test.each(['', 'x'.repeat(256), 'schlüssel'])(
    'a key that is not 1 to 255 printable characters is refused',
    async (key) => {
      expect(await refusal(await post(cancelTeam('16'), { 'idempotency-key': key }))).toMatchObject({
        status: 400,
        code: 'wrong_idempotency_key',
      });
    },
  );
});

/** A port on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
