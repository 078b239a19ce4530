import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { readAnswer } from '../../src/app/answer.ts';
import { createAppCallback } from '../../src/app/callback.ts';
import type { CallbackOptions } from '../../src/app/callback.ts';
import type { Deletion } from '../../src/core/app-callback.ts';
import { Retryable, Terminal } from '../../src/core/errors.ts';
import { agrees, callbackSecret, hangs, startCallbackApp } from '../support/callback-app.ts';
import type { AppSays } from '../support/callback-app.ts';

const app = await startCallbackApp();
beforeEach(() => app.clear());

const team: Deletion = {
  id: 'mark-17-team',
  type: 'team.deleting',
  teamId: '7',
  markId: 17,
  deleteAfter: '2028-03-07T10:00:00.000Z',
  reason: 'inactive-team',
};
const user: Deletion = {
  id: 'job-3.1-user-9',
  type: 'user.deleting',
  userId: '9',
  reason: 'never-verified',
};

const never = new AbortController().signal;
const callback = (options: Partial<CallbackOptions> = {}) =>
  createAppCallback({ url: app.url, secret: callbackSecret, ...options });
const ask = (options: Partial<CallbackOptions> = {}) => callback(options).beforeDeletion(team, never);

/** What asking throws; it tells nothing of the URL or of the answer. */
async function failure(asking: Promise<unknown>): Promise<Retryable | Terminal> {
  const error = await asking.then(
    (said) => expect.fail(`it answered ${JSON.stringify(said)}`),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Retryable || error instanceof Terminal)) throw error;
  expect(JSON.stringify([error.message, error.facts, error.cause])).not.toMatch(
    /s3cret|127\.0\.0\.1|private/,
  );
  return error;
}

describe('the question', () => {
  test('[P7] a signed POST of ids and dates, and nothing else', async () => {
    expect(await ask()).toEqual({});
    await callback().beforeDeletion(user, never);
    expect(app.asked).toMatchObject([
      {
        method: 'POST',
        path: '/hooks/s3cret',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'Evenfall/1',
          'evenfall-id': 'mark-17-team',
        },
      },
      { headers: { 'evenfall-id': 'job-3.1-user-9' } },
    ]);
    expect(app.asked.map(({ body }) => body)).toEqual([team, user]);
  });

  test('[P3] it is signed anew each time, with the time of the asking', async () => {
    const before = Math.floor(Date.now() / 1_000);
    await ask();
    const signature = String(app.asked[0]?.headers['evenfall-signature']);
    const time = Number(/^t=(\d+),/.exec(signature)?.[1]);
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(Date.now() / 1_000);
  });

  test('[P3] with another secret the app refuses the signature, and that is no consent', async () => {
    const error = await failure(ask({ secret: 'another secret than that of the app' }));
    expect(error).toBeInstanceOf(Terminal);
    expect(error.facts).toEqual({ class: 'app_callback_misconfigured', httpStatus: 401, subject: 'team:7' });
    expect(error.message).toContain('APP_CALLBACK_SECRET');
    expect(app.asked).toEqual([]);
  });

  test('a ping is signed like any other, and has no more than its type', async () => {
    await callback().ping();
    expect(app.asked.map(({ body }) => body)).toEqual([{ id: 'ping', type: 'ping' }]);
    app.says({ status: 404 });
    expect(await failure(callback().ping())).toBeInstanceOf(Terminal);
  });
});

describe('[P3] the answer', () => {
  test.for([
    ['204', agrees],
    ['200 without a body', { status: 200 }],
    ['200 with a word', { status: 200, body: 'OK' }],
    ['202 with an object', { status: 202, body: { queued: true } }],
    ['200 with a veto that is null', { status: 200, body: { veto: null } }],
    ['200 with a veto that is false', { status: 200, body: { veto: false } }],
    ['200 with a list', { status: 200, body: [] }],
  ] as [string, AppSays][])('%s: it agrees', async ([, said]) => {
    app.says(said);
    expect(await ask()).toEqual({});
  });

  const unsaid = 'no reason was given';
  test.for([
    ['200 with a veto', { status: 200, body: { veto: 'an open export' } }, 'an open export'],
    ['201 with a veto', { status: 201, body: { veto: 'an open export' } }, 'an open export'],
    ['200 with a veto and no reason', { status: 200, body: { veto: true } }, unsaid],
    ['200 with an empty veto', { status: 200, body: { veto: '' } }, unsaid],
    ['409 with a reason', { status: 409, body: { reason: 'an open export' } }, 'an open export'],
    ['409 with a veto', { status: 409, body: { veto: 'an open export' } }, 'an open export'],
    ['409 without a body', { status: 409 }, unsaid],
    ['409 with a page', { status: 409, body: '<h1>Conflict</h1>' }, unsaid],
    ['409 with null', { status: 409, body: 'null' }, unsaid],
    ['409 with a book', { status: 409, body: 'private '.repeat(10_000) }, unsaid],
  ] as [string, AppSays, string][])('%s: it refuses', async ([, said, veto]) => {
    app.says(said);
    expect(await ask()).toEqual({ veto });
  });

  test.for([408, 425, 429, 500, 502, 503, 504])('%i: it is away, which uses no attempt', async (status) => {
    app.says({ status, body: { veto: 'private' } });
    const error = await failure(ask());
    expect(error).toBeInstanceOf(Retryable);
    expect(error).toMatchObject({
      waiting: true,
      held: false,
      facts: { class: 'app_callback_unavailable', httpStatus: status, subject: 'team:7' },
    });
  });

  test.for([
    [400, 'must agree with 2xx or refuse with 409'],
    [401, 'APP_CALLBACK_SECRET'],
    [403, 'APP_CALLBACK_SECRET'],
    [404, 'APP_CALLBACK_URL'],
    [405, 'must agree with 2xx or refuse with 409'],
    [410, 'APP_CALLBACK_URL'],
    [422, 'must agree with 2xx or refuse with 409'],
  ] as const)('%i: it is not the callback, and the message says what to do', async ([status, advice]) => {
    app.says({ status, body: 'private' });
    const error = await failure(callback().beforeDeletion(user, never));
    expect(error).toBeInstanceOf(Terminal);
    expect(error.facts).toEqual({
      class: 'app_callback_misconfigured',
      httpStatus: status,
      subject: 'user:9',
    });
    expect(error.message).toContain(`answered ${status}`);
    expect(error.message).toContain(advice);
  });

  test.for([
    ['a page', '<!doctype html><title>private</title>'],
    ['a page behind blanks', '\n\n  <html>private</html>'],
    ['broken JSON', '{"veto": "private'],
    ['more than 4 KB of JSON', JSON.stringify({ note: 'x'.repeat(4_096), veto: 'private' })],
  ] as const)('200 with %s is no consent', async ([, body]) => {
    app.says({ status: 200, body });
    const error = await failure(ask());
    expect(error).toBeInstanceOf(Terminal);
    expect(error.facts).toMatchObject({ class: 'app_callback_misconfigured', httpStatus: 200 });
  });

  test('as much as 4 KB is read', async () => {
    const note = 'x'.repeat(4_096 - JSON.stringify({ note: '', veto: 'no' }).length);
    app.says({ status: 200, body: { note, veto: 'no' } });
    expect(await ask()).toEqual({ veto: 'no' });
  });

  test('of an answer without an end no more is taken than that', async () => {
    const closed = Promise.withResolvers<void>();
    app.says((response: ServerResponse) => {
      response.on('close', () => closed.resolve());
      response.writeHead(200);
      const more = () => {
        while (!response.destroyed && response.write('private '.repeat(1_000)));
        response.once('drain', more);
      };
      more();
    });
    expect(await failure(ask())).toBeInstanceOf(Terminal);
    await closed.promise;
  });

  test.for([301, 302, 303, 307, 308])('%i: a redirect is not followed, and is no consent', async (status) => {
    app.decides(({ path }) =>
      path === '/elsewhere' ? agrees : { status, headers: { location: '/elsewhere' } },
    );
    const error = await failure(ask());
    expect(error).toBeInstanceOf(Terminal);
    expect(error.message).toContain('it is not followed');
    expect(app.asked).toHaveLength(1);
  });
});

describe('[P3] no answer', () => {
  const unavailable = (code: unknown) => ({
    waiting: true,
    facts: { class: 'app_callback_unavailable', code, subject: 'team:7' },
  });

  test('it takes the question and says nothing', async () => {
    app.says(hangs);
    expect(await failure(ask({ timeoutMs: 20 }))).toMatchObject(unavailable('TimeoutError'));
  });

  test('it begins to agree, and never ends', async () => {
    app.says((response: ServerResponse) => void response.writeHead(200).write('{'));
    expect(await failure(ask({ timeoutMs: 100 }))).toMatchObject(unavailable('TimeoutError'));
  });

  test('it hangs up in the middle', async () => {
    app.says((response: ServerResponse) => {
      response.writeHead(200, { 'content-length': 100 }).write('{');
      response.destroy();
    });
    expect(await failure(ask())).toMatchObject(unavailable(expect.any(String)));
  });

  test('nobody is there', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const url = `http://127.0.0.1:${port}/hooks/s3cret`;
    expect(await failure(ask({ url }))).toMatchObject(unavailable('ECONNREFUSED'));
  });

  test('the run is over: the question is dropped, with the reason of the run', async () => {
    const run = new AbortController();
    const reason = new Error('the worker shuts down');
    app.decides(() => {
      run.abort(reason);
      return hangs;
    });
    await expect(callback().beforeDeletion(team, run.signal)).rejects.toBe(reason);
  });
});

describe('[P7] the reason', () => {
  const reasonOf = (veto: unknown) => readAnswer({ status: 200, text: JSON.stringify({ veto }) }, team).veto;

  test.for([
    ['is one line', 'two\nlines\tand\u0000more', 'two lines and more'],
    [
      'has no address',
      'ask Ann <ann@people.example> or bob@people.example',
      'ask Ann (address) or (address)',
    ],
    ['is cut at 200 characters', 'x'.repeat(300), 'x'.repeat(200)],
    ['has no half of a character', `x${'🗂'.repeat(300)}`, `x${'🗂'.repeat(99)}\ufffd`],
    ['is a text', { why: 'because' }, 'no reason was given'],
    ['is something', ' \n ', 'no reason was given'],
  ] as const)('%s', ([, said, kept]) => {
    expect(reasonOf(said)).toBe(kept);
  });

  test('whatever it is: one line of at most 200 whole characters', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 400 }),
      fc
        .array(fc.constantFrom('a', '@', '.', '<', ' ', '\n', '\u0000', '\ud83d', '🗂'), { maxLength: 600 })
        .map((all) => all.join('')),
    );
    fc.assert(
      fc.property(text, (said) => {
        const reason = reasonOf(said) ?? '';
        expect(reason).not.toBe('');
        expect(reason.length).toBeLessThanOrEqual(200);
        expect(reason.isWellFormed()).toBe(true);
        expect(reason).not.toMatch(/\p{Cc}/u);
      }),
    );
  });
});
