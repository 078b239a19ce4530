/** Who may ask Stripe, and when. One for all processes, so that together they are one polite caller. */
export interface StripeGate {
  /**
   * Waits for the turn of one request.
   *
   * @throws Retryable `waiting`, class `stripe_down` while Stripe does not work, or `stripe_budget` where the turn is
   * too far off: then nothing was sent
   */
  enter(asked: StripeCall): Promise<StripeTurn>;
}

/** What a request is about, for the sentence that says why it failed or was not sent. */
export interface StripeCall {
  /** As it continues "Stripe refused to …": `cancel`. */
  readonly operation: string;
  /** The id it is about; stored, logged and mailed with a failure, so never an address. */
  readonly subject: string;
}

/** Leave to send one request. What became of it is told afterwards; telling never fails. */
export interface StripeTurn {
  /** Stripe answered, be it with a refusal. */
  worked(): Promise<void>;
  /** It did not: no connection, a time-out, 5xx, nothing that can be read. */
  failed(): Promise<void>;
}
