import { mail as deadLetterMail } from '../../emails/dead-letter-alert.tsx';
import { messageId } from '../mail/message-id.ts';
import { renderMail } from '../mail/render.ts';
import type { MailTransport } from '../mail/transport.ts';
import type { Channel } from './channel.ts';

/** Tells the operators' mailbox. */
export function mailChannel(mail: MailTransport, to: string): Channel {
  return {
    name: 'mail',
    about: {},
    async tell(notice) {
      await mail.send({
        to,
        ...(await renderMail(deadLetterMail, notice)),
        messageId: messageId(`alert:${notice.id}`, mail.domain),
        headers: { 'X-Evenfall-Alert': notice.id },
      });
    },
  };
}
