/**
 * What the operator decides, as ISO 8601 durations (docs/protocol.md). A sweep asks for a policy by a parameter
 * of its name: `@trial_reminders` is `trialReminders`.
 */
export interface Policy {
  /** How long before a trial ends its mails are due, one duration a mail. */
  readonly trialReminders: string[];
  /** How long before a card's expiry its mail is due. */
  readonly cardWindow: string;
}

export const defaultPolicy: Policy = { trialReminders: ['P3D'], cardWindow: 'P20D' };

/** An ISO 8601 duration: whole numbers, no sign. JavaScript's and Postgres' regular expressions read it alike. */
export const isoDuration =
  /^P(?=[0-9]|T[0-9])([0-9]+Y)?([0-9]+M)?([0-9]+W)?([0-9]+D)?(T(?=[0-9])([0-9]+H)?([0-9]+M)?([0-9]+S)?)?$/;
