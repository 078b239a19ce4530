import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { createTransport, type SendMailOptions, type Transporter } from 'nodemailer';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Inbox, type Message, startInbox } from '../../../src/stand-ins/inbox/index.ts';

const mail: SendMailOptions = {
  from: 'Evenfall <billing@evenfall.test>',
  to: ['Ada <ada@example.test>', 'bo@example.test'],
  subject: 'Your trial ends on 3 May – Grüße <b>',
  text: 'Dear Ada & Bo,\nyour trial <ends>.',
  html: '<html><head><title>x</title></head><body><p style="color:red">Your trial "ends"</p></body></html>',
  headers: { 'X-Notice': 'trial-ending' },
};
const any = (): boolean => true;

let inbox: Inbox;
let transport: Transporter;

beforeEach(async () => {
  inbox = await startInbox({ now: () => new Date('2026-05-01T08:09:10Z') });
  transport = createTransport(inbox.smtpUrl);
});
afterEach(async () => {
  transport.close();
  await inbox.close();
});

async function get(path: string): Promise<{ status: number; text: string; headers: Headers }> {
  const response = await fetch(inbox.url + path);
  return { status: response.status, text: await response.text(), headers: response.headers };
}

describe('receiving', () => {
  test('a mail is kept with its envelope, its parts and its headers', async () => {
    const [message] = await Promise.all([inbox.waitFor(any), transport.sendMail(mail)]);
    expect(message).toMatchObject({
      id: '1',
      receivedAt: new Date('2026-05-01T08:09:10Z'),
      envelope: { from: 'billing@evenfall.test', to: ['ada@example.test', 'bo@example.test'] },
      from: 'Evenfall <billing@evenfall.test>',
      to: ['Ada <ada@example.test>', 'bo@example.test'],
      subject: mail.subject,
    });
    expect(message.html.trim()).toBe(mail.html);
    expect(message.text.trim()).toBe(mail.text);
    expect(message.headers).toContainEqual({ name: 'X-Notice', value: 'trial-ending' });
    expect(inbox.messages).toEqual([message]);
  });

  test('a client that logs in is taken whatever it says', async () => {
    const withLogin = createTransport(inbox.smtpUrl.replace('smtp://', 'smtp://someone:secret@'));
    await withLogin.sendMail(mail);
    withLogin.close();
    expect(inbox.messages).toHaveLength(1);
  });

  test('attachments are named with their size', async () => {
    await transport.sendMail({ ...mail, attachments: [{ filename: 'a.csv', content: 'x,y\n' }] });
    expect(inbox.messages[0]?.attachments).toEqual([{ name: 'a.csv', type: 'text/csv', bytes: 4 }]);
  });

  test('clear() throws mails away and never gives an id twice', async () => {
    await transport.sendMail(mail);
    inbox.clear();
    expect(inbox.messages).toEqual([]);
    await transport.sendMail(mail);
    expect(inbox.messages.map(({ id }) => id)).toEqual(['2']);
  });
});

describe('waiting', () => {
  const subjectIs =
    (subject: string) =>
    (message: Message): boolean =>
      message.subject === subject;

  test('a mail that is there already satisfies at once', async () => {
    await transport.sendMail({ ...mail, subject: 'one' });
    await expect(inbox.waitFor(subjectIs('one'))).resolves.toMatchObject({ subject: 'one' });
  });

  test('each waits for its own mail', async () => {
    const both = Promise.all([inbox.waitFor(subjectIs('two')), inbox.waitFor(subjectIs('one'))]);
    await transport.sendMail({ ...mail, subject: 'one' });
    await transport.sendMail({ ...mail, subject: 'two' });
    expect((await both).map(({ subject }) => subject)).toEqual(['two', 'one']);
  });

  test('an abort ends it, before and during', async () => {
    const reason = new Error('enough');
    await expect(inbox.waitFor(any, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const waiting = inbox.waitFor(any, { signal: controller.signal });
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });

  test('close() ends it', async () => {
    const waiting = expect(inbox.waitFor(any)).rejects.toThrow('The inbox was closed.');
    await inbox.close();
    await waiting;
  });

  test('a predicate that throws rejects the one who gave it', async () => {
    const broken = new Error('broken predicate');
    const waiting = expect(
      inbox.waitFor(() => {
        throw broken;
      }),
    ).rejects.toBe(broken);
    await transport.sendMail(mail);
    await waiting;
    expect(inbox.messages).toHaveLength(1);
  });
});

describe('faults', () => {
  test.each([
    { code: 550, at: 'rcpt', command: 'RCPT TO' },
    { code: 451, at: 'rcpt', command: 'RCPT TO' },
    { code: 550, at: 'data', command: 'DATA' },
    { code: 451, at: 'data', command: 'DATA' },
  ] as const)('refuse $code at $at, as often as told', async ({ code, at, command }) => {
    inbox.faults.add({ kind: 'refuse', code, at, times: 2 });
    const toOne = { ...mail, to: 'ada@example.test' };
    for (const _ of [1, 2]) {
      await expect(transport.sendMail(toOne)).rejects.toMatchObject({ responseCode: code, command });
    }
    expect(inbox.messages).toEqual([]);
    await transport.sendMail(toOne);
    expect(inbox.messages).toHaveLength(1);
  });

  test('drop-after-accept: the mail is kept and the sender is never told', async () => {
    inbox.faults.add({ kind: 'drop-after-accept' });
    await expect(transport.sendMail(mail)).rejects.toMatchObject({ code: 'ECONNECTION' });
    expect(inbox.messages).toHaveLength(1);
    await transport.sendMail(mail);
    expect(inbox.messages).toHaveLength(2);
  });

  test.each(['data', 'connect'] as const)('drop-before at %s: nothing is kept', async (at) => {
    inbox.faults.add({ kind: 'drop-before', at });
    await expect(transport.sendMail(mail)).rejects.toThrow();
    expect(inbox.messages).toEqual([]);
    await transport.sendMail(mail);
    expect(inbox.messages).toHaveLength(1);
  });

  test.each([
    { at: 'data', impatience: { socketTimeout: 200 } },
    { at: 'connect', impatience: { greetingTimeout: 200 } },
  ] as const)('hang at $at: no answer until the sender gives up', async ({ at, impatience }) => {
    inbox.faults.add({ kind: 'hang', at });
    const impatient = createTransport({ url: inbox.smtpUrl, ...impatience });
    await expect(impatient.sendMail(mail)).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    impatient.close();
    expect(inbox.messages).toEqual([]);
  });

  test('close() does not wait for a hanging client', async () => {
    inbox.faults.add({ kind: 'hang' });
    const sending = expect(transport.sendMail(mail)).rejects.toThrow();
    const taken = inbox.waitFor(any).catch(() => 'closed');
    await fetch(inbox.url);
    await inbox.close();
    await sending;
    expect(await taken).toBe('closed');
  });

  test('clear() forgets them', async () => {
    inbox.faults.add({ kind: 'refuse', code: 550, at: 'rcpt', times: Infinity });
    await expect(transport.sendMail(mail)).rejects.toThrow();
    inbox.faults.clear();
    await transport.sendMail(mail);
    expect(inbox.messages).toHaveLength(1);
  });
});

describe('looking', () => {
  test('the empty list says where to send', async () => {
    const { text } = await get('/');
    expect(text).toContain(inbox.smtpUrl);
    expect(text).toContain('No mail yet');
  });

  test('the list names sender, receiver, subject and time, newest first, all escaped', async () => {
    await transport.sendMail({ ...mail, subject: 'older' });
    await transport.sendMail(mail);
    const { text } = await get('/');
    expect(text).toContain('Evenfall &lt;billing@evenfall.test&gt;');
    expect(text).toContain('Ada &lt;ada@example.test&gt;');
    expect(text).toContain('Grüße &lt;b&gt;');
    expect(text).toContain('08:09:10');
    expect(text.indexOf('Grüße')).toBeLessThan(text.indexOf('older'));
    expect(text).toMatch(/<meta http-equiv="refresh"/);
  });

  test('a mail is shown in a frame without scripts, as text and with its headers', async () => {
    await transport.sendMail(mail);
    const { text } = await get('/messages/1');
    const frame = /<iframe[^]*?><\/iframe>/.exec(text)?.[0] ?? '';
    expect(frame).toContain('sandbox="allow-popups allow-popups-to-escape-sandbox"');
    expect(frame).toContain('&lt;head&gt;&lt;base target=&quot;_blank&quot;');
    expect(frame).toContain('Your trial &quot;ends&quot;');
    expect(text).toContain('your trial &lt;ends&gt;.');
    expect(text).toContain('trial-ending');
  });

  test('no page lets a script run or anything be fetched', async () => {
    await transport.sendMail({
      ...mail,
      html: '<script>alert(1)</script>',
      text: '<script>alert(2)</script>',
    });
    for (const path of ['/', '/messages/1', '/messages/9', '/nowhere']) {
      const { text, headers } = await get(path);
      expect(text).not.toContain('<script');
      expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src /);
      expect(headers.get('content-security-policy')).not.toContain('script-src');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
    }
  });

  test('the policy of the list allows its own style and no other', async () => {
    const { text, headers } = await get('/');
    const own = /<style>([^]*?)<\/style>/.exec(text)?.[1] ?? '';
    const hash = createHash('sha256').update(own).digest('base64');
    expect(headers.get('content-security-policy')).toContain(`style-src 'sha256-${hash}';`);
  });

  test('a mail that is not there is a 404', async () => {
    expect((await get('/messages/7')).status).toBe(404);
    expect((await get('/api/messages/7')).status).toBe(404);
  });

  test('JSON: a list without bodies, and the whole mail', async () => {
    await transport.sendMail(mail);
    const list = JSON.parse((await get('/api/messages')).text) as unknown[];
    expect(list).toEqual([
      {
        id: '1',
        receivedAt: '2026-05-01T08:09:10.000Z',
        envelope: { from: 'billing@evenfall.test', to: ['ada@example.test', 'bo@example.test'] },
        from: 'Evenfall <billing@evenfall.test>',
        to: ['Ada <ada@example.test>', 'bo@example.test'],
        subject: mail.subject,
      },
    ]);
    expect(JSON.parse((await get('/api/messages/1')).text)).toMatchObject({
      id: '1',
      html: expect.stringContaining('Your trial "ends"') as string,
    });
  });
});

test('a taken port is named', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  await expect(startInbox({ smtpPort: port })).rejects.toThrow(`SMTP on port ${port}: the port is taken`);
  await expect(startInbox({ httpPort: port })).rejects.toThrow(`pages on port ${port}: the port is taken`);
  await new Promise((resolve) => other.close(resolve));
});
