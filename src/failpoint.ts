import type { AtFailpoint, Failpoint } from './core/failpoints.ts';
import { noFailpoints } from './core/failpoints.ts';

export interface FailpointSpec {
  readonly point: Failpoint;
  /** Only runs of this kind; undefined: whoever gets there. */
  readonly kind: string | undefined;
  readonly action: 'kill' | 'pause';
  readonly nth: number;
}

/**
 * What `EVENFALL_FAILPOINT` asks for: at the Nth time a point is reached, die as if by kill -9, or stay there
 * for ever. Without it nothing happens. `say` gets one line when a pause begins, for whoever waits for it.
 */
export function failpointOf(spec: FailpointSpec | undefined, say: (line: string) => void): AtFailpoint {
  if (!spec) return noFailpoints;
  let times = 0;
  return async (point, kind) => {
    if (point !== spec.point || (spec.kind !== undefined && kind !== spec.kind)) return;
    if (++times !== spec.nth) return;
    if (spec.action === 'kill') process.kill(process.pid, 'SIGKILL');
    say(`failpoint ${point}`);
    await new Promise(() => {});
  };
}
