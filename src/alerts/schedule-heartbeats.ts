import type { ScheduleHeartbeatPort } from '../core/schedule-heartbeat.ts';

/** Less than a transaction may stand still: the statement that marks it is committed after the answer. */
const defaultTimeoutMs = 5_000;

/**
 * Heartbeats as Healthchecks, Dead Man's Snitch and Cronitor all take them: a GET of the monitor's URL. The URL is a
 * secret in all its parts, so no error of `fetch` is passed on, for it may quote it.
 *
 * @param urls by schedule, checked by the configuration
 */
export function createScheduleHeartbeats(
  urls: Readonly<Record<string, string>>,
  options: { readonly timeoutMs?: number } = {},
): ScheduleHeartbeatPort {
  const { timeoutMs = defaultTimeoutMs } = options;
  return {
    schedules: Object.keys(urls),
    async beat(schedule, signal) {
      const url = urls[schedule];
      if (url === undefined) return { taken: false, status: 'no answer' };
      try {
        const { ok, status, body } = await fetch(url, {
          // what answers elsewhere, a page to log in for one, is not the monitor
          redirect: 'manual',
          cache: 'no-store',
          signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
        });
        await body?.cancel();
        return { taken: ok, status };
      } catch {
        return { taken: false, status: 'no answer' };
      }
    },
  };
}
