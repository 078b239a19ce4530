import { mail } from '../../emails/dead-letter-alert.tsx';
import type { DeadLetterAlert } from '../core/alert.ts';
import { withoutAddresses } from '../core/redact.ts';
import { renderMail } from '../mail/render.ts';
import type { Notice } from './channel.ts';

/** A dead letter with what a person needs to act on it. */
export function deadLetterNotice(alert: DeadLetterAlert, publicUrl: string | undefined): Notice {
  const { id, deadLetterId, jobId, kind, teamId, attempts, at } = alert;
  // messages are ours and hold no personal data; should one slip through, it ends here
  const error = { ...alert.error, message: withoutAddresses(alert.error.message) };
  const commands = {
    show: `npx evenfall dead show ${deadLetterId}`,
    replay: `npx evenfall dead replay ${deadLetterId}`,
  };
  const boardUrl = publicUrl && `${publicUrl.replace(/\/+$/, '')}/queues`;
  return {
    id,
    mail: () => renderMail(mail, { ...alert, error, commands, ...(boardUrl ? { boardUrl } : {}) }),
    post: {
      id,
      type: 'dead_letter',
      deadLetterId,
      jobId,
      kind,
      teamId,
      attempts,
      at: at.toISOString(),
      error: {
        class: error.class,
        message: error.message,
        subject: error.subject ?? null,
        type: error.type ?? null,
        code: error.code ?? null,
        param: error.param ?? null,
        httpStatus: error.httpStatus ?? null,
        requestId: error.requestId ?? null,
        url: error.url ?? null,
      },
      commands,
      url: boardUrl ?? null,
    },
  };
}
