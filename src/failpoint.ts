import type { AtFailpoint, Failpoint } from './core/failpoints.ts';
import { noFailpoints } from './core/failpoints.ts';

/**
 * What `EVENFALL_FAILPOINT` asks for: at the Nth time a point is reached, die as if by kill -9, or stay there
 * for ever. Without it nothing happens. `say` gets one line when a pause begins, for whoever waits for it.
 */
export function failpointOf(
  spec: { point: Failpoint; action: 'kill' | 'pause'; nth: number } | undefined,
  say: (line: string) => void,
): AtFailpoint {
  if (!spec) return noFailpoints;
  let times = 0;
  return async (point) => {
    if (point !== spec.point || ++times !== spec.nth) return;
    if (spec.action === 'kill') process.kill(process.pid, 'SIGKILL');
    say(`failpoint ${point}`);
    await new Promise(() => {});
  };
}
