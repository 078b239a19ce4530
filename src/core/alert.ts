import type { FailureFacts } from './errors.ts';

/** A dead letter, as it is told to people: ids and codes, never personal data. */
export interface DeadLetterAlert {
  /** Stable: a receiver can collapse repeats by it. */
  readonly id: string;
  readonly deadLetterId: number;
  readonly jobId: number;
  readonly kind: string;
  readonly teamId: string | null;
  readonly attempts: number;
  readonly at: Date;
  readonly error: FailureFacts & { message: string };
}

/** Tells people. Channels that are not configured are left out; resolves to those that took it. */
export interface AlertPort {
  deadLetter(alert: DeadLetterAlert): Promise<string[]>;
}
