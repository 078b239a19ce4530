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

/** What people must look at, as it is told to them: ids and codes, never personal data. */
export interface FindingAlert {
  /** Stable: a receiver can collapse repeats by it. */
  readonly id: string;
  readonly findingId: number;
  readonly kind: string;
  readonly subject: string;
  readonly teamId: string | null;
  readonly message: string;
  readonly at: Date;
}

/** Why nobody was told: as the outcome of the job that would have. */
export const noChannel = 'no channel: set ALERT_EMAIL or ALERT_WEBHOOK_URL';

/** Tells people. Channels that are not configured are left out; resolves to those that took it, none where none is. */
export interface AlertPort {
  deadLetter(alert: DeadLetterAlert): Promise<string[]>;
  finding(alert: FindingAlert): Promise<string[]>;
}
