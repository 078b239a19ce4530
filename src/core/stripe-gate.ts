/** Who may ask Stripe, and when. One for all processes, so that together they are one polite caller. */
export interface StripeGate {
  /**
   * Waits for the turn of one request, for a moment at most.
   *
   * @throws Retryable `waiting`, class `stripe_down` while Stripe does not work, or `stripe_budget` where the turn is
   * too far off: then nothing was sent
   */
  enter(asked: Errand): Promise<StripeTurn>;
}

/** What the request is about, for the sentence that says why it was not sent. */
export interface Errand {
  /** As it continues "Stripe was not asked to …": `cancel`. */
  readonly operation: string;
  /** An id, never an address. */
  readonly subject: string;
}

/** Leave to send one request. What became of it is told afterwards; telling never fails. */
export interface StripeTurn {
  /** Stripe answered, be it with a refusal. */
  worked(): Promise<void>;
  /** It did not: no connection, a time-out, 5xx, nothing that can be read. */
  failed(): Promise<void>;
}
