import { openWeb } from '../web/web.ts';
import { testSecretKey } from './machine.ts';

export const mailSecret = 'the-secret-of-the-mail-provider';

/** The web process with its door for what the mail provider tells, hashing as the worker of the tests does. */
export async function openMailDoor(databaseUrl: string) {
  const web = await openWeb(databaseUrl, {
    config: { MAIL_WEBHOOK_SECRET: [mailSecret], SECRET_KEY: testSecretKey },
  });

  /** @throws unless it was taken */
  async function tell(...events: readonly object[]): Promise<unknown> {
    const response = await web.get('/webhooks/mail', {
      method: 'POST',
      headers: { authorization: `Bearer ${mailSecret}` },
      body: JSON.stringify(events),
    });
    const body = await response.json();
    if (response.status !== 200) throw new Error(`${response.status}: ${JSON.stringify(body)}`);
    return body;
  }

  return {
    ...web,
    tell,
    bounced: (mail: { messageId?: string; recipient?: string }) =>
      tell({ type: 'bounce', permanent: true, ...mail }),
    complained: (mail: { messageId?: string; recipient?: string }) => tell({ type: 'complaint', ...mail }),
  };
}
