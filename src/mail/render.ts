import { render } from '@react-email/render';
import { createElement } from 'react';
import type { Mail } from '../../emails/mail.ts';

/** A mail that is ready to be sent to somebody. */
export interface RenderedMail {
  readonly subject: string;
  readonly html: string;
  readonly text: string;
}

/** Fills a mail with its data. The text part is the one that the mail has written itself. */
export async function renderMail<Props extends object>(
  mail: Mail<Props>,
  props: Props,
): Promise<RenderedMail> {
  return {
    subject: mail.subject(props),
    html: await render(createElement(mail.Body, props)),
    text: mail.text(props),
  };
}
