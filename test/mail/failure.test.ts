import { describe, expect, it } from 'vitest';
import { Retryable, Terminal } from '../../src/core/errors.ts';
import { mailFailure } from '../../src/mail/failure.ts';

const smtpError = (fields: object) => Object.assign(new Error('550 <ann@example.org> unknown'), fields);

describe('before the message was sent', () => {
  it.each([
    ['a recipient refused for good', { code: 'EENVELOPE', responseCode: 550, command: 'RCPT TO' }],
    ['a sender refused for good', { code: 'EENVELOPE', responseCode: 553, command: 'MAIL FROM' }],
    ['a recipient that is no address', { code: 'EENVELOPE', command: 'API' }],
    ['a message over the size that the server allows', { code: 'EMESSAGE', command: 'MAIL FROM' }],
  ])('%s is final', (_what, fields) => {
    const failure = mailFailure(smtpError(fields), false);
    expect(failure).toBeInstanceOf(Terminal);
    expect(failure.facts.class).toBe('mail_refused');
  });

  it.each([
    ['a recipient refused for now', { code: 'EENVELOPE', responseCode: 450, command: 'RCPT TO' }],
    ['a session out of step', { code: 'EENVELOPE', responseCode: 503, command: 'MAIL FROM' }],
    ['a log-in that is asked for', { code: 'EENVELOPE', responseCode: 530, command: 'MAIL FROM' }],
    ['a wrong password', { code: 'EAUTH', responseCode: 535, command: 'AUTH PLAIN' }],
    ['a server that wants nobody', { code: 'EPROTOCOL', responseCode: 554, command: 'CONN' }],
    ['a connection refused', { code: 'ESOCKET', originalCode: 'ECONNREFUSED', command: 'CONN' }],
    ['a name that is not found', { code: 'EDNS', command: 'CONN' }],
    ['a broken TLS', { code: 'ETLS', command: 'CONN' }],
    ['a time-out', { code: 'ETIMEDOUT', command: 'CONN' }],
    ['our own patience at its end', { code: 'EABORT' }],
    ['a pool that is closed', {}],
  ])('%s is for later, and certainly not sent', (_what, fields) => {
    const failure = mailFailure(smtpError(fields), false);
    expect(failure).toMatchObject({ facts: { class: 'mail_unavailable' }, outcomeUnknown: false });
    expect(failure).toBeInstanceOf(Retryable);
  });
});

describe('after the message was sent', () => {
  it.each([
    ['a lost connection', { code: 'ECONNECTION', command: 'CONN' }],
    ['a time-out', { code: 'ETIMEDOUT', command: 'CONN' }],
    ['our own patience at its end', { code: 'EABORT' }],
  ])('[P2] %s leaves it unknown', (_what, fields) => {
    const failure = mailFailure(smtpError(fields), true);
    expect(failure).toMatchObject({ facts: { class: 'mail_unclear' }, outcomeUnknown: true });
    expect(failure).toBeInstanceOf(Retryable);
  });

  it('an answer is a plain no', () => {
    expect(
      mailFailure(smtpError({ code: 'EMESSAGE', responseCode: 554, command: 'DATA' }), true),
    ).toMatchObject({
      name: 'Terminal',
      facts: { class: 'mail_refused', code: '554' },
    });
    expect(
      mailFailure(smtpError({ code: 'EMESSAGE', responseCode: 451, command: 'DATA' }), true),
    ).toMatchObject({
      outcomeUnknown: false,
      facts: { class: 'mail_unavailable', code: '451' },
    });
  });
});

it('[P7] passes on codes, and none of the words of a server that quotes addresses', () => {
  const response = '550 5.1.1 <ann@example.org>: user unknown';
  const failure = mailFailure(
    smtpError({ code: 'EENVELOPE', responseCode: 550, command: 'RCPT TO', response }),
    false,
  );
  expect(failure.message).toBe('the mail server refused the mail for good (550 5.1.1 at RCPT TO)');
  expect(failure.facts.code).toBe('550');
  expect(failure.cause).toBeUndefined();
});
