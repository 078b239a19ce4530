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
  /** Destructive acts on teams of one kind in 24 hours, at most: this many, and this share of the teams. */
  readonly fuseMax: number;
  readonly fuseShare: number;
  /** Unverified users deleted in 24 hours, at most. */
  readonly fuseUsers: number;
}

export const defaultPolicy: Policy = {
  trialReminders: ['P3D'],
  cardWindow: 'P20D',
  unverifiedUserAge: 'P10D',
  inactiveTeamAge: 'P6M',
  deletionNotice: 'P7D',
  fuseMax: 50,
  fuseShare: 0.05,
  fuseUsers: 2_000,
};

/** An ISO 8601 duration: whole numbers, no sign. JavaScript's and Postgres' regular expressions read it alike. */
export const isoDuration =
  /^P(?=[0-9]|T[0-9])([0-9]+Y)?([0-9]+M)?([0-9]+W)?([0-9]+D)?(T(?=[0-9])([0-9]+H)?([0-9]+M)?([0-9]+S)?)?$/;
