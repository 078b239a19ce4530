import { afterEach, describe, expect, test, vi } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { connectDatabase } from '../../src/db/connect.ts';
import { readiness, startHealthServer } from '../../src/web/health.ts';
import { createMetrics } from '../../src/web/metrics.ts';
import { createTestDatabase } from '../support/database.ts';
import { api, apiToken, keepLog, openWeb, refusal } from './web.ts';

const { url: databaseUrl, database, sql } = await createTestDatabase();
const web = await openWeb(databaseUrl);

const scrape = async (url: string) => await (await api(url, '/metrics')).text();
const fine = { name: 'fine', check: () => Promise.resolve() };
const broken = { name: 'broken', check: () => Promise.reject(new Error('away')) };

describe('health', () => {
  afterEach(() => vi.useRealTimers());

  test('/healthz and /readyz are open, and say that the process can work', async () => {
    const [health, ready] = [await web.get('/healthz'), await web.get('/readyz')];

    expect([health.status, await health.json()]).toEqual([200, { ok: true }]);
    expect([ready.status, await ready.json()]).toEqual([200, { ready: true, missing: [], degraded: [] }]);
  });

  test('without Postgres the process is healthy but not ready, and names what it misses', async () => {
    const away = connectDatabase('postgres://nobody@127.0.0.1:1/none', { max: 1, name: 'test' });
    const alone = await openWeb(databaseUrl, { database: away });
    const ready = await alone.get('/readyz');

    expect((await alone.get('/healthz')).status).toBe(200);
    expect([ready.status, await ready.json()]).toEqual([
      503,
      { ready: false, missing: ['postgres'], degraded: [] },
    ]);
  });

  test('what is only reported degrades; what is required and away makes it unready', async () => {
    expect(await readiness({ required: [fine], reported: [broken] })()).toEqual({
      ready: true,
      missing: [],
      degraded: ['broken'],
    });
    expect(await readiness({ required: [broken, fine], reported: [fine] })()).toEqual({
      ready: false,
      missing: ['broken'],
      degraded: [],
    });
  });

  test('a dependency that never answers counts as away after two seconds', async () => {
    vi.useFakeTimers();
    const silent = { name: 'silent', check: () => new Promise(() => {}) };
    const state = readiness({ required: [silent], reported: [] })();

    await vi.advanceTimersByTimeAsync(2_000);

    expect(await state).toEqual({ ready: false, missing: ['silent'], degraded: [] });
  });

  test('a worker process serves the same endpoints beside its work', async () => {
    const log = keepLog();
    const server = await startHealthServer({
      port: 0,
      readiness: readiness({ required: [broken], reported: [] }),
      metrics: { source: createMetrics(database, allJobs), apiToken },
      log,
    });

    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(503);
    expect((await fetch(`${server.url}/metrics`)).status).toBe(401);
    expect(await scrape(server.url)).toContain('evenfall_unknown_effects 0');
    await server.stop();
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
  });
});

describe('metrics', () => {
  test('[P5] jobs, their lateness, dead letters, findings and unknown effects can be seen from outside the queue', async () => {
    await sql`select evenfall.enqueue('cancel-subscription', '{"teamId": "1", "when": "now"}',
      run_at => now() - interval '1 hour')`;
    await sql`select evenfall.enqueue('cancel-subscription', '{"teamId": "2", "when": "now"}',
      run_at => now() + interval '1 hour')`;
    await sql`insert into evenfall.dead_letter (job_id, run_no, kind, class, error, attempts, crashes)
      values (1, 1, 'cancel-subscription', 'stripe_refused', '{}', 1, 0)`;
    await sql`insert into evenfall.finding (kind, subject, occasion, message, found_at) values
      ('stripe-veto', 'team:1', 'a', '', now()), ('stripe-veto', 'team:2', 'a', '', now())`;
    await sql`insert into evenfall.effect (key, kind, state, claimed_at) values ('k', 'mail', 'unknown', now())`;

    const response = await api(web.url, '/metrics');
    const page = await response.text();

    expect(response.headers.get('content-type')).toContain('text/plain');
    expect(page).toContain('evenfall_jobs{kind="cancel-subscription",state="queued"} 2');
    expect(page).toContain('evenfall_dead_letters{kind="cancel-subscription",class="stripe_refused"} 1');
    expect(page).toContain('evenfall_findings{kind="stripe-veto"} 2');
    expect(page).toContain('evenfall_unknown_effects 1');
    const [, late] = /evenfall_oldest_due_seconds\{kind="cancel-subscription"\} ([\d.]+)/.exec(page) ?? [];
    expect(Number(late)).toBeGreaterThanOrEqual(3_600);
  });

  test('what has come to nothing is there as 0, and what is resolved or acknowledged is gone', async () => {
    await sql`update evenfall.dead_letter set resolved_at = now(), resolution = 'test'`;
    await sql`update evenfall.finding set acknowledged_at = now(), acknowledged_by = 'ann'`;

    const page = await scrape(web.url);

    expect(page).toContain('evenfall_jobs{kind="alert-dead-letter",state="running"} 0');
    expect(page).toContain('evenfall_oldest_due_seconds{kind="alert-dead-letter"} 0');
    expect(page).not.toContain('evenfall_dead_letters{');
    expect(page).toContain('evenfall_findings{kind="stripe-veto"} 0');
    expect(page).toContain('evenfall_findings{kind="fuse-blown"} 0');
  });

  test('the breaker of Stripe: closed, and open for how long', async () => {
    const closed = await scrape(web.url);
    expect(closed).toContain('evenfall_stripe_breaker_open 0');
    expect(closed).toContain('evenfall_stripe_breaker_open_seconds 0');
    await sql`update evenfall.stripe_gate set failures = 5, opened_at = clock_timestamp() - interval '1 hour'`;
    const open = await scrape(web.url);
    expect(open).toContain('evenfall_stripe_breaker_open 1');
    const [, seconds] = /evenfall_stripe_breaker_open_seconds ([\d.]+)/.exec(open) ?? [];
    expect(Number(seconds)).toBeGreaterThanOrEqual(3_600);
  });

  test('[P7] requests are counted by the template of their path, never by the address', async () => {
    await web.get('/v1/jobs/4711?token=secret');
    await web.get('/nowhere/4711');

    const page = await scrape(web.url);

    expect(page).toContain('evenfall_http_requests_total{method="GET",route="/v1/jobs/:id",status="401"} 1');
    expect(page).toContain('evenfall_http_requests_total{method="GET",route="unmatched",status="404"} 1');
    expect(page).not.toMatch(/4711|secret/);
  });

  test('scrapes at once each get a whole page', async () => {
    const pages = await Promise.all(Array.from({ length: 8 }, () => scrape(web.url)));

    for (const page of pages) {
      expect(page).toContain('evenfall_jobs{kind="cancel-subscription",state="queued"} 2');
      expect(page).toContain('evenfall_unknown_effects 1');
    }
  });

  test('without the database a scrape fails, and does not report zeros', async () => {
    const away = connectDatabase('postgres://nobody@127.0.0.1:1/none', { max: 1, name: 'test' });
    const alone = await openWeb(databaseUrl, { database: away });

    expect(await refusal(await api(alone.url, '/metrics'))).toMatchObject({
      status: 503,
      code: 'database_away',
    });
  });
});
