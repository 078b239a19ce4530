import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { appRoutes } from '@bull-board/api/dist/routes.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { queueNames } from '../../src/core/job.ts';
import { postgresBackend, redisBackend } from '../../src/queue/backend.ts';
import type { QueueBackend } from '../../src/queue/backend.ts';
import { secondWall } from '../../src/web/board-guard.ts';
import type { DashboardUser } from '../../src/web/dashboard-users.ts';
import { createTestDatabase } from '../support/database.ts';
import { describeWithRedis } from '../support/services.ts';
import { basic, keepLog, openWeb, operator, refusal, viewer } from './web.ts';

const { url: databaseUrl } = await createTestDatabase();
const config = { DASHBOARD_USERS: [viewer, operator] };

/** What an operator may do; Bull Board's own list of routes says what else there is. */
const allowed = [
  'put /api/queues/:queueName/:jobId/retry',
  'put /api/queues/:queueName/pause',
  'put /api/queues/:queueName/resume',
  'put /api/queues/pause',
  'put /api/queues/resume',
];
const routes = appRoutes.api.map(({ method, route }) => `${String(method)} ${String(route)}`);
const changing = routes.filter((route) => !route.startsWith('get '));

type Web = Awaited<ReturnType<typeof openWeb>>;
type As = { name: string; password: string };

const fill = (route: string) =>
  route
    .replace(':queueName', 'lifecycle')
    .replace(':jobId', 'j1-1')
    .replace(':queueStatus', 'failed')
    .replace(':schedulerId', 's1');

/** A request as the dashboard's own page makes it. */
function ask(
  web: Web,
  user: As,
  route: string,
  headers: Record<string, string> = { 'sec-fetch-site': 'same-origin' },
) {
  const [method = '', path = ''] = route.split(' ');
  return web.get(`/queues${fill(path)}`, {
    method: method.toUpperCase(),
    headers: { authorization: basic(user), ...headers },
  });
}

describe('who may come in', () => {
  test('without DASHBOARD_USERS the board is closed to everybody, and both the page and the log say so', async () => {
    const closed = await openWeb(databaseUrl);

    for (const path of ['/queues', '/queues/', '/queues/api/queues', '/queues/static/js/main.js']) {
      for (const method of ['GET', 'PUT']) {
        const answer = await refusal(
          await closed.get(path, { method, headers: { authorization: basic(operator) } }),
        );
        expect(answer).toMatchObject({ status: 503, code: 'board_closed' });
        expect(answer.message).toContain('DASHBOARD_USERS');
      }
    }
    const warnings = closed.lines.filter(
      ({ level, message }) => level === 'warn' && /DASHBOARD_USERS/.test(message),
    );
    expect(warnings).toHaveLength(1);
  });

  test('nothing of the board is shown to who is not one of the users', async () => {
    const web = await openWeb(databaseUrl, { config });
    const wrong = [
      undefined,
      'Basic',
      'Basic !!!',
      basic({ name: '', password: '' }),
      basic({ ...viewer, password: 'sees' }),
      basic({ name: viewer.name, password: operator.password }),
      `Bearer ${Buffer.from(`${operator.name}:${operator.password}`).toString('base64')}`,
    ];

    for (const authorization of wrong) {
      for (const path of ['/queues', '/queues/api/queues', '/queues/static/js/main.js', '/queues/nowhere']) {
        const response = await web.get(path, {
          headers: authorization === undefined ? {} : { authorization },
        });
        expect(response.headers.get('www-authenticate')).toContain('Basic');
        expect(await refusal(response)).toMatchObject({ status: 401, code: 'unauthorized' });
      }
    }
  });
});

function boardTests(makeBackend: () => QueueBackend) {
  let backend: QueueBackend;
  let web: Web;
  let retried: unknown[][];
  let retryAnswer: string | undefined;

  beforeAll(async () => {
    backend = makeBackend();
    retried = [];
    web = await openWeb(databaseUrl, {
      backend,
      config,
      onRetry: (...asked) => {
        retried.push(asked);
        return Promise.resolve(retryAnswer);
      },
    });
    const queue = backend.openQueue('lifecycle');
    await queue.add(
      'some-kind',
      { id: 1, dispatchNo: 1, payload: { teamId: '1' } },
      { jobId: 'j1-1', delay: 3_600_000 },
    );
    await queue.close();
    // after the web process, which is stopped first
    return async () => {
      await web.stop();
      const last = backend.openQueue('lifecycle');
      await last.obliterate({ force: true });
      await last.close();
      await backend.close();
    };
  });

  const queues = async () => {
    const response = await ask(web, viewer, 'get /api/queues');
    const { queues: shown } = (await response.json()) as {
      queues: { name: string; isPaused: boolean; counts: object }[];
    };
    return shown;
  };
  const jobOf = async () => await (await ask(web, viewer, 'get /api/queues/:queueName/:jobId')).json();

  test('a viewer sees the page, all five queues and a job', async () => {
    const page = await web.get('/queues', { headers: { authorization: basic(viewer) } });
    const html = await page.text();

    expect(page.status).toBe(200);
    expect(html).toContain('<title>Evenfall</title>');
    expect(html).toContain('"environment":{"label":"development"');
    const [, script] = /src="(static\/js\/main[^"]+)"/.exec(html) ?? [];
    const asset = await web.get(`/queues/${script}`, { headers: { authorization: basic(viewer) } });
    expect([asset.status, asset.headers.get('content-type')]).toEqual([
      200,
      expect.stringContaining('javascript'),
    ]);
    expect((await queues()).map(({ name }) => name).toSorted()).toEqual([...queueNames].toSorted());
    expect(await jobOf()).toMatchObject({ job: { id: 'j1-1', name: 'some-kind' } });
  });

  test('the page may load nothing from elsewhere, and is not kept by caches', async () => {
    const { headers } = await web.get('/queues', { headers: { authorization: basic(viewer) } });

    const policy = headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("base-uri 'self'");
    expect(policy).not.toContain('http');
    expect(headers.get('cache-control')).toBe('no-store');
  });

  test('/queues/ leads to /queues', async () => {
    const response = await web.get('/queues/', { headers: { authorization: basic(viewer) } });

    expect([response.status, response.headers.get('location')]).toEqual([308, '/queues']);
  });

  test('of all that Bull Board can change, a viewer may change nothing', async () => {
    const before = [await queues(), await jobOf()];

    for (const route of [
      ...changing,
      'put /api/queues/:queueName/a-new-one',
      'delete /api/queues/:queueName',
    ]) {
      expect([route, await refusal(await ask(web, viewer, route))]).toMatchObject([
        route,
        { status: 403, code: 'viewer' },
      ]);
    }
    expect([await queues(), await jobOf()]).toEqual(before);
  });

  test('of all that Bull Board can change, an operator may pause, resume and replay; the rest is refused with the reason', async () => {
    const before = [await queues(), await jobOf()];
    const refused = changing.filter((route) => !allowed.includes(route));
    expect(changing).toEqual(expect.arrayContaining(allowed));
    expect(refused.length).toBeGreaterThan(10);

    for (const route of [
      ...refused,
      'put /api/queues/:queueName/a-new-one',
      'delete /api/queues/:queueName',
    ]) {
      const answer = await refusal(await ask(web, operator, route));
      expect([route, answer]).toMatchObject([route, { status: 403, code: 'not_here' }]);
      expect(answer.message).toContain('Postgres is the truth');
    }
    expect([await queues(), await jobOf()]).toEqual(before);
  });

  test('no other way of writing an address or a method gets past that', async () => {
    const before = [await queues(), await jobOf()];
    const headers = { authorization: basic(operator), 'sec-fetch-site': 'same-origin' };
    const asked: [string, string, Record<string, string>?][] = [
      ['PUT', '/queues/api/queues/lifecycle/%6fbliterate'],
      ['PUT', '/queues/api/queues/lifecycle/obliterate/'],
      ['PUT', '/queues//api/queues/lifecycle/obliterate'],
      ['PUT', '/queues/api/queues/lifecycle/pause/../obliterate'],
      ['PUT', '/queues/api/queues/lifecycle/obliterate?x=/pause'],
      ['POST', '/queues/api/queues/lifecycle/obliterate', { 'x-http-method-override': 'PUT' }],
      ['GET', '/queues/api/queues/lifecycle/obliterate', { 'x-http-method-override': 'PUT' }],
    ];

    for (const [method, path, more] of asked) {
      const response = await web.get(path, { method, headers: { ...headers, ...more } });
      expect([path, response.status]).toEqual([path, expect.toSatisfy((status: number) => status >= 400)]);
    }
    expect([await queues(), await jobOf()]).toEqual(before);
  });

  test('an operator pauses and resumes a queue, and the log says who', async () => {
    const paused = async () => (await queues()).find(({ name }) => name === 'lifecycle')?.isPaused;

    expect((await ask(web, operator, 'put /api/queues/:queueName/pause')).status).toBe(200);
    expect(await paused()).toBe(true);
    expect((await ask(web, operator, 'put /api/queues/:queueName/resume')).status).toBe(200);
    expect(await paused()).toBe(false);

    expect(web.lines).toContainEqual({
      level: 'info',
      fields: {
        user: 'otto',
        method: 'put',
        route: '/api/queues/:queueName/pause',
        params: { queueName: 'lifecycle' },
      },
      message: expect.stringContaining('Bull Board'),
    });
    expect(JSON.stringify(web.lines)).not.toContain(operator.password);
  });

  test('[P7] what stands in the place of an id and is none is not written into the log', async () => {
    for (const path of ['mail/ann@example.org/retry', 'ann@example.org/pause']) {
      const headers = { authorization: basic(operator), 'sec-fetch-site': 'same-origin' };
      await web.get(`/queues/api/queues/${path}`, { method: 'PUT', headers });
    }
    const lines = JSON.stringify(web.lines);
    expect(lines).not.toContain('example.org');
    expect(lines).toContain('(no id)');
  });

  test('[P2] retry is a replay through Postgres, by name; never the retry of BullMQ', async () => {
    const job = await jobOf();
    retried = [];

    expect((await ask(web, operator, 'put /api/queues/:queueName/:jobId/retry')).status).toBe(204);
    expect(retried).toEqual([['lifecycle', 'j1-1', 'otto']]);
    expect(await jobOf()).toEqual(job);

    retryAnswer = 'A newer job holds its key.';
    const answer = await refusal(await ask(web, operator, 'put /api/queues/:queueName/:jobId/retry'));
    expect(answer).toMatchObject({ status: 409, code: 'not_replayed', message: retryAnswer });
  });

  test('a change that another site asks for is refused, whoever is logged in', async () => {
    const pause = (headers: Record<string, string>) =>
      ask(web, operator, 'put /api/queues/:queueName/pause', headers);
    const foreign: Record<string, string>[] = [
      {},
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'none' },
      { 'sec-fetch-site': 'cross-site', origin: web.url },
      { origin: 'null' },
      { origin: 'https://evil.example' },
      { origin: 'https://localhost.evil.example' },
      { referer: 'https://evil.example/?localhost' },
      { origin: 'https://evil.example', referer: `${web.url}/queues` },
    ];

    for (const headers of foreign) {
      expect([headers, await refusal(await pause(headers))]).toMatchObject([
        headers,
        { status: 403, code: 'cross_site' },
      ]);
    }
    expect((await queues()).some(({ isPaused }) => isPaused)).toBe(false);
    for (const headers of [{ origin: web.url }, { referer: `${web.url}/queues` }]) {
      expect((await ask(web, operator, 'put /api/queues/:queueName/resume', headers)).status).toBe(200);
    }
  });
}

describe('the board on Postgres', () => {
  boardTests(() => postgresBackend(databaseUrl, keepLog()));
});

describeWithRedis('the board on Redis', (redisUrl) => {
  // a number of its own: other tests' queues have the same names
  const own = new URL(redisUrl || 'redis://none');
  own.pathname = '/13';
  boardTests(() => redisBackend(own.href, keepLog()));
});

describe('the second wall, in Bull Board itself', () => {
  const before = (user: DashboardUser | undefined, route: string) => {
    const [method = '', path = ''] = route.split(' ');
    const log = keepLog();
    const answer = secondWall(
      () => user,
      log,
    )({
      method: method as 'put',
      route: path,
      request: { params: { queueName: 'mail' } } as never,
    });
    return { answer, lines: log.lines };
  };

  test('refuses every change to a viewer and to nobody, and to an operator all but the allowed ones', () => {
    for (const route of changing) {
      expect(before(viewer, route).answer).toEqual({ allow: false, status: 403 });
      expect(before(undefined, route).answer).toEqual({ allow: false, status: 403 });
      const { answer, lines } = before(operator, route);
      expect([route, answer]).toEqual([
        route,
        allowed.includes(route) ? undefined : { allow: false, status: 403 },
      ]);
      expect(lines).toHaveLength(allowed.includes(route) ? 1 : 0);
    }
  });

  test('lets everybody who got so far read', () => {
    for (const route of routes.filter((each) => !changing.includes(each))) {
      expect(before(viewer, route)).toEqual({ answer: undefined, lines: [] });
    }
  });
});

test('where nobody replays through Postgres, retry is refused and says where it is done', async () => {
  const web = await openWeb(databaseUrl, { config });

  const answer = await refusal(await ask(web, operator, 'put /api/queues/:queueName/:jobId/retry'));

  expect(answer).toMatchObject({ status: 409 });
  expect(answer.message).toContain('use `evenfall dead replay`');
});

describe('with Redis away', () => {
  const silent = createServer();
  afterAll(() => void silent.close());
  const portOf = async () => {
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    return (silent.address() as AddressInfo).port;
  };

  test.each([
    ['nobody listens', () => Promise.resolve(1)],
    ['it takes connections and never answers', portOf],
  ])('the web process starts, works and stops; the board says so (%s)', async (_, port) => {
    const backend = redisBackend(`redis://127.0.0.1:${await port()}`, keepLog());
    const web = await openWeb(databaseUrl, { backend, config });

    for (const path of ['/queues', '/queues/api/queues']) {
      const response = await web.get(path, { headers: { authorization: basic(viewer) } });
      expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
      const answer = await refusal(response);
      expect(answer).toMatchObject({ status: 503, code: 'queues_away' });
      expect(answer.message).toContain('Redis');
    }
    const ready = await web.get('/readyz');
    expect([ready.status, await ready.json()]).toEqual([
      200,
      { ready: true, missing: [], degraded: ['redis'] },
    ]);
    await web.stop();
  });
});

test('with Postgres away the board on Postgres says so too', async () => {
  const backend = postgresBackend('postgres://nobody@127.0.0.1:1/none', keepLog());
  const web = await openWeb(databaseUrl, { backend, config });

  const answer = await refusal(await web.get('/queues', { headers: { authorization: basic(viewer) } }));

  expect(answer).toMatchObject({ status: 503, code: 'queues_away' });
  await web.stop();
});

test('[P7] what a failing queue says is for the log, not for the page', async () => {
  const { url, sql } = await createTestDatabase();
  await sql`drop schema bullmq cascade`;
  const web = await openWeb(url, { config });

  const answer = await refusal(await ask(web, viewer, 'get /api/queues'));

  expect(answer).toMatchObject({ status: 503, code: 'queues_away' });
  expect(answer.message).not.toMatch(/schema|relation|function|bullmq/i);
  const reasons = web.lines
    .filter(({ message }) => message === 'Bull Board failed')
    .map(({ fields }) => fields);
  expect(reasons).toEqual([{ reason: expect.stringMatching(/\w/) }]);
});
