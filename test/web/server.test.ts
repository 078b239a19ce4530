import { describe, expect, test } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import type { Database } from '../../src/db/connect.ts';
import { createTestDatabase } from '../support/database.ts';
import { api, apiToken, openWeb, refusal } from './web.ts';

const { url: databaseUrl, database } = await createTestDatabase();
const web = await openWeb(databaseUrl);

describe('every answer', () => {
  test.each(['/', '/healthz', '/openapi.json', '/v1/jobs/1', '/queues', '/nowhere'])(
    '%s carries the headers that keep a browser safe',
    async (path) => {
      const { headers } = await web.get(path);

      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    },
  );

  test('an address that is not there is answered in JSON', async () => {
    expect(await refusal(await web.get('/nowhere'))).toMatchObject({ status: 404, code: 'not_found' });
  });

  test('[P7] one log line a request: the template of its path, no query, no body, no ids', async () => {
    const before = web.lines.length;
    await api(web.url, '/v1/jobs/cancel-subscription?why=secret', {
      payload: { teamId: '4711', when: 'now' },
    });
    await api(web.url, '/v1/jobs/815?why=secret');

    const lines = web.lines.slice(before);
    expect(lines).toMatchObject([
      {
        level: 'info',
        fields: { method: 'POST', route: '/v1/jobs/:kind', status: 202, ms: expect.any(Number) },
      },
      { level: 'debug', fields: { method: 'GET', route: '/v1/jobs/:id', status: 404 } },
    ]);
    expect(JSON.stringify(lines)).not.toMatch(/secret|4711|815/);
  });

  test('a fault of ours says nothing of its cause to the caller, and all of it to the log', async () => {
    const fault = new Error('relation "secrets" has a password in it');
    const statements = { ...database.statements, findJob: () => Promise.reject(fault) };
    const broken: Pick<Database, 'statements' | 'transaction'> = {
      statements,
      transaction: database.transaction,
    };
    const faulty = await openWeb(databaseUrl, { database: broken });

    const response = await api(faulty.url, '/v1/jobs/1');

    const answer = await refusal(response);
    expect(answer).toMatchObject({ status: 500, code: 'internal' });
    expect(answer.message).not.toContain('secret');
    expect(faulty.lines.filter(({ level }) => level === 'error')).toMatchObject([{ fields: { err: fault } }]);
  });
});

test('the front page links to everything and needs no script', async () => {
  const response = await web.get('/');
  const html = await response.text();

  expect(response.headers.get('content-type')).toContain('text/html');
  for (const path of ['/queues', '/openapi.json', '/readyz']) expect(html).toContain(`href="${path}"`);
  expect(html).not.toContain('<script');
  expect(html).toContain('color-scheme: light dark');
});

test('the OpenAPI document is public and has every kind with its own payload', async () => {
  const response = await web.get('/openapi.json');
  const document = (await response.json()) as OpenApi;

  expect(response.status).toBe(200);
  expect(document.openapi).toBe('3.1.0');
  for (const job of allJobs) {
    const operation = document.paths[`/v1/jobs/${job.name}`]?.post;
    expect(operation?.summary).toBe(job.summary);
    const schema = operation?.requestBody.content['application/json'].schema;
    expect(schema?.properties['payload']).toEqual(job.payload.json);
    expect(schema?.required).toEqual(['payload']);
    expect(schema?.additionalProperties).toBe(false);
  }
  expect(document.webhooks).toHaveProperty('beforeDeletion.post.requestBody');
  for (const [, name = ''] of JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g)) {
    expect(document.components.schemas).toHaveProperty(name);
  }
});

interface OpenApi {
  openapi: string;
  webhooks: Record<string, unknown>;
  paths: Record<
    string,
    {
      post?: {
        summary: string;
        requestBody: {
          content: {
            'application/json': {
              schema: {
                properties: Record<string, unknown>;
                required: string[];
                additionalProperties: boolean;
              };
            };
          };
        };
      };
    }
  >;
  components: { schemas: object };
}

describe('stopping', () => {
  test('[P6] a request that has begun is answered; then nobody listens', async () => {
    const gate = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const statements = {
      ...database.statements,
      findJob: async (parameters: { id: number }) => {
        begun.resolve();
        await gate.promise;
        return await database.statements.findJob(parameters);
      },
    };
    const busy = await openWeb(databaseUrl, { database: { ...database, statements } });
    const answer = api(busy.url, '/v1/jobs/999999');
    await begun.promise;

    // the client would keep its connection open; a stop that waited for that would not end in time
    const stopped = busy.stop(3_600_000);
    await expect(fetch(`${busy.url}/healthz`)).rejects.toThrow();
    gate.resolve();

    expect(await refusal(await answer)).toMatchObject({ status: 404 });
    await stopped;
  });

  test('a request that does not end is cut at the deadline', async () => {
    const begun = Promise.withResolvers<void>();
    const statements = {
      ...database.statements,
      findJob: () => {
        begun.resolve();
        return new Promise<never>(() => {});
      },
    };
    const stuck = await openWeb(databaseUrl, { database: { ...database, statements } });
    const answer = api(stuck.url, '/v1/jobs/1');
    await begun.promise;

    const [cut] = await Promise.allSettled([answer, stuck.stop(0)]);

    expect(cut.status).toBe('rejected');
  });

  test('a port that is taken is said in one sentence', async () => {
    await expect(openWeb(databaseUrl, { config: { PORT: web.port } })).rejects.toThrow(
      `PORT: ${web.port} is in use by another process`,
    );
  });

  test('stopping twice is as good as once', async () => {
    const other = await openWeb(databaseUrl);
    await Promise.all([other.stop(), other.stop()]);
    await expect(fetch(other.url, { headers: { authorization: apiToken } })).rejects.toThrow();
  });
});
