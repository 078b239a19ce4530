import type { MailName, MailProps } from '../src/core/mail.ts';
import { mail as accountDeactivated } from './account-deactivated.tsx';
import type { App } from './app.ts';
import { mail as deletionNotice } from './deletion-notice.tsx';
import { mail as deletionReminder } from './deletion-reminder.tsx';
import { mail as expiringCard } from './expiring-card.tsx';
import type { Mail } from './mail.ts';
import { mail as trialEnding } from './trial-ending.tsx';

/** Every mail to customers. A new one is a file here, a line here, and its props in `src/core/mail.ts`. */
export const mails: { readonly [Name in MailName]: Mail<MailProps[Name] & { readonly app: App }> } = {
  'trial-ending': trialEnding,
  'expiring-card': expiringCard,
  'deletion-notice': deletionNotice,
  'deletion-reminder': deletionReminder,
  'account-deactivated': accountDeactivated,
};
