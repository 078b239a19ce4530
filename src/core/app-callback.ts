/**
 * What is about to be deleted, as the app is told: ids, dates and codes, never personal data. The names are those of
 * the request (docs/callback.md).
 */
export interface Deletion {
  /**
   * The same however often this deletion is asked about: after a crash, an outage, a wait. A team that is marked anew,
   * and an unverified user of another job, has another.
   */
  readonly id: string;
  readonly type: 'team.deleting' | 'user.deleting';
  /** Of a user: the team that went before. */
  readonly teamId?: string;
  readonly userId?: string;
  /** The row of `evenfall.team_deletion`. */
  readonly markId?: number;
  /** The date since when the team may go: ISO 8601. */
  readonly deleteAfter?: string;
  readonly reason: 'inactive-team' | 'last-team-deleted' | 'never-verified';
}

/** What the app has said. */
export interface AppAnswer {
  /** Why it refuses, for operators; absent when it agrees. */
  readonly veto?: string;
}

/** The app's own word before each deletion. */
export interface AppPort {
  /**
   * @param signal aborts the question
   * @throws Retryable `waiting`, class `app_callback_unavailable`, while the app does not answer; Terminal class
   * `app_callback_misconfigured` when what answers is not the app's callback. Neither is consent.
   */
  beforeDeletion(deletion: Deletion, signal: AbortSignal): Promise<AppAnswer>;
}

/** Where nobody is to be asked: no callback is set, or nothing is really deleted. */
export const agreeingApp: AppPort = { beforeDeletion: () => Promise.resolve({}) };
