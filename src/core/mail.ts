import type { Evidence } from './effects.ts';

/** What each mail tells, as a job knows it. How it looks and reads is the business of `emails/`. */
export interface MailProps {
  'trial-ending': TrialEnding;
  'expiring-card': ExpiringCard;
  'deletion-notice': DeletionNotice;
  'deletion-reminder': DeletionReminder;
  'account-deactivated': AccountDeactivated;
}

export type MailName = keyof MailProps;

/** A trial is about to become a paid subscription. */
export interface TrialEnding {
  /** When it is written: what "in 3 days" is counted from. */
  readonly now: Date;
  readonly endsAt: Date;
  /** Whose calendar the dates are in; an unknown one counts as UTC. */
  readonly timeZone: string;
  readonly teamName: string | null;
  /** What the plan costs, before discounts and taxes; null when it cannot be told beforehand. */
  readonly price: Money | null;
  /** The card that will be charged, where it is a card and known. */
  readonly card: CardName | null;
}

/** A card is about to expire and something will be charged to it. */
export interface ExpiringCard {
  readonly timeZone: string;
  readonly teamName: string | null;
  readonly card: CardName;
  /** 1 to 12: the last month in which it is good. */
  readonly expMonth: number;
  readonly expYear: number;
  /** The next charge to it, where its time is known. */
  readonly nextCharge: { readonly at: Date; readonly price: Money | null } | null;
}

/** A team that never subscribed is about to be deleted, with all that is in it. */
export interface DeletionNotice {
  readonly timeZone: string;
  readonly teamName: string | null;
  readonly createdAt: Date;
  /** It is deleted after this and never before. */
  readonly deleteAfter: Date;
  /** A page with a button that keeps the team; null when it is not known where this service is reached. */
  readonly keepUrl: string | null;
}

/** The same, and it was announced before. */
export interface DeletionReminder extends DeletionNotice {
  /** When it is written: what "in 2 days" is counted from. */
  readonly now: Date;
}

/** An account was deactivated, as its user has asked. */
export interface AccountDeactivated {
  /** How many subscriptions were cancelled with it. */
  readonly cancelled: number;
}

/** In the currency's smallest unit, as Stripe counts. */
export interface Money {
  readonly amount: number;
  readonly currency: string;
}

export interface CardName {
  /** As Stripe calls it: `visa`. */
  readonly brand: string | null;
  readonly last4: string | null;
}

/** To whom, and as which mail: the same key is the same mail, whoever sends it again. */
export interface Envelope {
  readonly to: string;
  readonly key: string;
}

/** Sends mails to customers. */
export interface MailPort {
  /**
   * Resolves when the mail server has taken it, with what proves that, without any address.
   * Throws `Terminal` when it never will, `Retryable` when it may later, with `outcomeUnknown` when nobody can
   * tell whether it has.
   */
  send<Name extends MailName>(name: Name, props: MailProps[Name], envelope: Envelope): Promise<Evidence>;
}
