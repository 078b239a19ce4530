/** What the app asks for in a story, and what must have come of it in the end. */
export interface Errand {
  readonly kind: string;
  readonly payload: Readonly<Record<string, string | number>>;
  /** Set when it was enqueued. */
  jobId?: string;
  /** Subscriptions that must have been cancelled, exactly once each. */
  readonly cancels?: readonly string[];
  /** Addresses that must have had exactly one mail, unless it is known that nobody can know. */
  readonly mails?: readonly string[];
  /** Teams that must be gone, and recorded as deleted exactly once. */
  readonly deletes?: readonly string[];
  /** Its transaction was rolled back: nothing of it may ever happen. */
  readonly ghost?: true;
  /** The app's process died right after its commit. */
  readonly appDies?: true;
  /** How it must end; `done` unless said otherwise. */
  readonly ends?: 'done' | 'dead';
  /** A failure of Stripe's own was played to it: attempts are its to use. */
  readonly mayFail?: true;
}
