import type { Queries } from '../../sql/queries.gen.ts';
import type { MailName, MailProps } from './mail.ts';
import { skipped } from './outcome.ts';
import type { Outcome } from './outcome.ts';

/** Which mail, about what, on which occasion: sent once at most, whoever asks for it. */
export interface NoticeKey {
  readonly kind: MailName;
  /** What it is about, as in the history: `subscription:sub_1`. */
  readonly subject: string;
  /** What makes it another one of the same subject: the trial's end, the card's month. In ISO, never in words. */
  readonly occasion: string;
  readonly teamId: string | null;
  /** The user of the app whose address it goes to; absent or null where only Stripe has the address. */
  readonly userId?: string | null;
}

/**
 * Mails of which nobody may guess whether they went out: the job is dead until a person has looked and settled the
 * effect. All others are given up.
 */
export const waitsForPeople: ReadonlySet<MailName> = new Set(['deletion-notice']);

/** `now`: sent by this run. `before`: by an earlier one. `unknown`: perhaps, and never again. */
export type Noticed = 'now' | 'before' | 'unknown';

/** Mails to customers and the ledger of them, `evenfall.notice`. Recipients are in it as a keyed hash only. */
export interface Notices {
  /**
   * Sends a mail as an effect: claimed before, recorded right after, with a line of history. Nobody can be
   * asked whether a mail server took a mail, so a try whose end is not known counts as perhaps sent.
   *
   * Throws what the mail's sending throws when it certainly was not sent, and for a mail on which something
   * irreversible hangs (`waitsForPeople`) `Terminal` when nobody knows.
   */
  notify<Name extends MailName>(
    notice: NoticeKey & {
      readonly kind: Name;
      readonly props: MailProps[Name];
      readonly to: string;
      /** What follows from its having been sent, written in the transaction that records it. */
      readonly onSent?: (tx: Queries, at: Date) => Promise<void>;
    },
  ): Promise<Noticed>;
  /**
   * Records why a mail is not sent, and will not be on this occasion. Does nothing when it was sent already.
   * Call it with the transaction that ends the job.
   */
  suppress(tx: Queries, notice: NoticeKey & { readonly reason: string }): Promise<void>;
  /**
   * Gives up what an earlier run of this job had begun to send and could not see through; whether there was
   * any. First thing in a job: otherwise a later look at the facts could deny a mail that went out.
   */
  giveUpBegun(): Promise<boolean>;
}

/** The outcome of a mail that is not sent, with its row in the ledger, for this reason. */
export function suppressed(notices: Notices, notice: NoticeKey, reason: string): Outcome {
  return skipped(reason, {}, (tx) => notices.suppress(tx, { ...notice, reason }));
}
