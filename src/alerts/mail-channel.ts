import { messageId } from '../mail/message-id.ts';
import type { MailTransport } from '../mail/transport.ts';
import type { Channel } from './channel.ts';

/** Tells the operators' mailbox. */
export function mailChannel(transport: MailTransport, to: string): Channel {
  return {
    name: 'mail',
    about: {},
    async tell({ id, mail }) {
      await transport.send({
        to,
        ...(await mail()),
        messageId: messageId(`alert:${id}`, transport.domain),
        headers: { 'X-Evenfall-Alert': id },
      });
    },
  };
}
