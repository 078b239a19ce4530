/** What became of a heartbeat: the HTTP status, as far as there was an answer. Never the URL, which is a secret. */
export interface Beat {
  readonly taken: boolean;
  readonly status: number | 'no answer';
}

/** Tells monitors outside that schedules are alive: when it falls silent, they notice (product promise P5). */
export interface ScheduleHeartbeatPort {
  /** The schedules that a monitor waits for. */
  readonly schedules: readonly string[];
  /** Tells the schedule's monitor once. Never throws; ends early, not taken, when `signal` is aborted. */
  beat(schedule: string, signal: AbortSignal): Promise<Beat>;
}
