import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { createLog } from '../src/log.ts';

/** What the log writes of an error. */
function written(error: Error): string {
  const out = new PassThrough();
  createLog('info', 'test', out).error({ err: error }, 'failed');
  return String(out.read());
}

const ofPostgres = (code: string, message: string, more: object = {}) =>
  Object.assign(new Error(message), {
    severity: 'ERROR',
    code,
    detail: 'Key (email)=(ann@example.org)',
    ...more,
  });

describe('[P7] an error in the log', () => {
  test('addresses are taken out of its message, and out of its causes', () => {
    const line = written(new Error('no <ann@example.org>', { cause: new Error('nor bob@example.org') }));
    expect(line).toContain('no (address)');
    expect(line).toContain('nor (address)');
    expect(line).not.toContain('example.org');
  });

  test.for([
    ['of Postgres, about a value', ofPostgres('22P02', 'invalid input syntax for type bigint: "Ann Smith"')],
    ['of Postgres, about a row', ofPostgres('23514', 'Ann Smith violates a constraint')],
    ['of a function of the app', ofPostgres('P0001', 'Ann Smith may not go')],
    [
      'of a function of the app, with a code of its choice',
      ofPostgres('XX001', 'Ann Smith may not go', { routine: 'exec_stmt_raise' }),
    ],
  ] as const)('%s is not repeated, but its code is', ([, error]) => {
    const line = written(error);
    expect(line).not.toMatch(/Ann|example/);
    expect(line).toContain(`"code":"${error.code}"`);
  });

  test.for([
    ['what Postgres says of SQL', ofPostgres('42P01', 'relation "evenfall.job" does not exist')],
    [
      'what our own functions raise',
      ofPostgres('EF404', 'there is no job kind', { routine: 'exec_stmt_raise' }),
    ],
    ['a broken connection', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })],
  ] as const)('%s is', ([, error]) => {
    expect(written(error)).toContain(JSON.stringify(error.message).slice(1, -1));
  });
});
