import { z } from 'zod';
import type { FaultScript, PlannedFault } from './faults.ts';
import type { Effects } from './store.ts';

/** What the control addresses reach. */
interface Controls {
  faults: { add(script: FaultScript): PlannedFault; clear(): void; planned: readonly object[] };
  clock: { now(): Date; advance(seconds: number): void; set(instant: Date): void };
  requests: readonly object[];
  effects(): Record<string, Effects>;
  reset(): void;
}

export const CONTROL_PREFIX = '/_stand-in/';

const clockBody = z.union([
  z.strictObject({ advanceSeconds: z.number() }),
  z.strictObject({ now: z.iso.datetime({ offset: true }).transform((instant) => new Date(instant)) }),
]);

const ADDRESSES: Record<string, (controls: Controls, body: string) => unknown> = {
  'GET requests': ({ requests }) => requests,
  'GET effects': (controls) => controls.effects(),
  'GET faults': ({ faults }) => faults.planned,
  'POST faults': ({ faults }, body) => faults.add(JSON.parse(body) as FaultScript).fault,
  'DELETE faults': ({ faults }) => (faults.clear(), {}),
  'GET clock': ({ clock }) => ({ now: clock.now() }),
  'POST clock': ({ clock }, body) => {
    const wanted = clockBody.parse(JSON.parse(body));
    if ('now' in wanted) clock.set(wanted.now);
    else clock.advance(wanted.advanceSeconds);
    return { now: clock.now() };
  },
  'POST reset': (controls) => (controls.reset(), {}),
};

/** The stand-in's own addresses, for those who drive it from outside. */
export function control(
  controls: Controls,
  method: string,
  path: string,
  body: string,
): { status: number; body: string } {
  const address = ADDRESSES[`${method} ${path.slice(CONTROL_PREFIX.length)}`];
  if (address === undefined) {
    const known = Object.keys(ADDRESSES).map((name) => name.replace(' ', ` ${CONTROL_PREFIX}`));
    return answer(404, { error: `No such address. There are: ${known.join(', ')}` });
  }
  try {
    return answer(200, address(controls, body));
  } catch (error) {
    const message = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message;
    return answer(400, { error: message });
  }
}

function answer(status: number, value: unknown): { status: number; body: string } {
  return { status, body: JSON.stringify(value, null, 2) };
}
