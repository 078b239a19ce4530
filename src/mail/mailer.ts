import type { App } from '../../emails/app.ts';
import { Retryable, Terminal } from '../core/errors.ts';
import type { MailName, MailPort, MailProps } from '../core/mail.ts';
import { messageId } from './message-id.ts';
import type { RenderedMail } from './render.ts';
import type { MailTransport } from './transport.ts';

export interface MailerOptions {
  /** Absent: SMTP is not configured, and every mail ends as `mail_not_configured`. */
  readonly transport?: MailTransport | undefined;
  readonly app: App;
}

/** Renders mails to customers when they are sent, and sends them; nothing of them is kept. */
export function createMailer({ transport, app }: MailerOptions): MailPort {
  return {
    async send(name, props, { to, key }) {
      if (!transport) {
        throw new Terminal('no mail can be sent: SMTP_URL is not set', {
          facts: { class: 'mail_not_configured' },
        });
      }
      const id = messageId(key, transport.domain);
      const mail = await rendered(name, props, app);
      const { accepted, response } = await transport.send({ ...mail, to, messageId: id });
      if (!accepted) {
        throw new Terminal('the mail server took the mail for nobody', { facts: { class: 'mail_refused' } });
      }
      return { messageId: id, response };
    },
  };
}

/** A fault in a template leaves no doubt: nothing was sent. */
async function rendered<Name extends MailName>(
  name: Name,
  props: MailProps[Name],
  app: App,
): Promise<RenderedMail> {
  try {
    // with the first mail, for it brings all of React, and a worker is to start soon
    const [{ mails }, { renderMail }] = await Promise.all([
      import('../../emails/index.ts'),
      import('./render.ts'),
    ]);
    return await renderMail(mails[name], { ...props, app });
  } catch (cause) {
    throw new Retryable(`the mail ${name} could not be rendered`, {
      cause,
      facts: { class: 'mail_not_rendered', code: name },
    });
  }
}
