import type { Queries } from '../../sql/queries.gen.ts';

/** What proves that an act happened: ids, a request id, a time. */
export type Evidence = Record<string, string | number | boolean | null>;

/** One act on the outside world. */
export interface Act {
  /** The business key: what is done to whom on which occasion. The same key is never done twice. */
  readonly key: string;
  /** `stripe.subscription.cancel`, `mail.deletion-notice`, … */
  readonly kind: string;
  /** What it is done to, kept with the claim: a later run knows by it what an earlier one had begun. */
  readonly about: Evidence;
  /**
   * Does it. Throws `Terminal` when the other side refused for certain, `Retryable` with `outcomeUnknown`
   * when nobody can tell yet.
   */
  readonly act: () => Promise<Evidence>;
  /**
   * Asks the other side whether it happened: evidence, or undefined when it certainly has not. Leave it out
   * where the other side cannot be asked; then `unknown` says what becomes of the job.
   */
  readonly ask?: () => Promise<Evidence | undefined>;
  /** Where nobody can be asked: `give-up` lets the job go on without it, `dead` waits for a person. */
  readonly unknown?: 'give-up' | 'dead';
  /** What is recorded when it is given up, in the transaction that makes it `unknown`. */
  readonly giveUp?: (tx: Queries) => Promise<void>;
  /** The domain fact that the act creates, written in the transaction that settles it, at this (business) time. */
  readonly settle?: (tx: Queries, evidence: Evidence, at: Date) => Promise<void>;
}

/** How an act stands when `perform` returns. */
export interface Performed {
  /** `now`: done by this run. `before`: an earlier run had done it. `unknown`: given up by policy. */
  readonly happened: 'now' | 'before' | 'unknown';
  readonly evidence: Evidence;
}

/** An act that an earlier run of the job claimed and did not see through. */
export interface Begun {
  readonly key: string;
  readonly about: Evidence;
}

export interface Effects {
  /**
   * What earlier runs of this job left open: they died, or could not ask. A job whose search no longer finds
   * what it has already acted on performs these first, so that none stays unrecorded.
   */
  begun(): Promise<Begun[]>;
  /**
   * Claims the key, acts, settles. Resolves only when the act has happened (or is unknown and the policy is
   * to give up). Throws what `act` throws, after releasing a claim that was refused for certain.
   */
  perform(act: Act): Promise<Performed>;
}
