/**
 * What the operator decides; durations in ISO 8601 (docs/protocol.md). A sweep asks for a policy by a parameter
 * of its name: `@trial_reminders` is `trialReminders`.
 */
export interface Policy {
  /** How long before a trial ends its mails are due, one duration a mail. */
  readonly trialReminders: string[];
  /** How long before a card's expiry its mail is due. */
  readonly cardWindow: string;
  /** How long a user may stay unverified. */
  readonly unverifiedUserAge: string;
  /** How old a team that never subscribed may become; also how long a snooze lasts. */
  readonly inactiveTeamAge: string;
  /** From a team's notice to its deletion. */
  readonly deletionNotice: string;
  /** Who gets a deletion notice whose owner cannot be written to; null when nobody does. */
  readonly noticeFallbackEmail: string | null;
  /** How long before its deletion a marked team's owner is told once more; null is not at all. */
  readonly deletionReminder: string | null;
  /** Destructive acts on teams of one kind in 24 hours, at most: this many, and this share of the teams. */
  readonly fuseMax: number;
  readonly fuseShare: number;
  /** Unverified users deleted in 24 hours, at most. */
  readonly fuseUsers: number;
  /** For how long what is over is kept: jobs and the machine's other records; what stops repeats; what explains. */
  readonly keepJobs: string;
  readonly keepEffects: string;
  readonly keepHistory: string;
  /** Whether erasing a person deletes the customer in Stripe, where nothing speaks for keeping it. */
  readonly eraseStripeCustomer: 'keep' | 'delete';
}

export const defaultPolicy: Policy = {
  trialReminders: ['P3D'],
  cardWindow: 'P20D',
  unverifiedUserAge: 'P10D',
  inactiveTeamAge: 'P6M',
  deletionNotice: 'P7D',
  noticeFallbackEmail: null,
  deletionReminder: null,
  fuseMax: 50,
  fuseShare: 0.05,
  fuseUsers: 2_000,
  keepJobs: 'P90D',
  keepEffects: 'P400D',
  keepHistory: 'P3Y',
  eraseStripeCustomer: 'keep',
};

/** An ISO 8601 duration: whole numbers, no sign. JavaScript's and Postgres' regular expressions read it alike. */
export const isoDuration =
  /^P(?=[0-9]|T[0-9])([0-9]+Y)?([0-9]+M)?([0-9]+W)?([0-9]+D)?(T(?=[0-9])([0-9]+H)?([0-9]+M)?([0-9]+S)?)?$/;

/**
 * How many days an ISO 8601 duration has at least and at most, whenever it begins: a month has 28 to 31, a year 365 or
 * 366. To compare durations by, never to count with: that is done in SQL.
 */
export function daysOf(duration: string): { readonly least: number; readonly most: number } {
  const [date = '', time = ''] = duration.split('T');
  const count = (part: string, unit: string) => Number(new RegExp(`([0-9]+)${unit}`).exec(part)?.[1] ?? 0);
  const years = count(date, 'Y') + Math.floor(count(date, 'M') / 12);
  const months = count(date, 'M') % 12;
  const exact =
    count(date, 'W') * 7 +
    count(date, 'D') +
    count(time, 'H') / 24 +
    count(time, 'M') / 1_440 +
    count(time, 'S') / 86_400;
  return { least: years * 365 + months * 28 + exact, most: years * 366 + months * 31 + exact };
}
