import { defineJob } from '../../src/core/job.ts';
import type { Context } from '../../src/core/context.ts';
import { done } from '../../src/core/outcome.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { count, payload } from '../../src/core/payload.ts';
import { seconds } from '../../src/core/retry.ts';
import type { RetryPolicy } from '../../src/core/retry.ts';

export type TestPayload = { n: number };
type Run = (context: Context, payload: TestPayload) => Promise<Outcome>;

/** A kind for tests, whose `run` each test sets. */
export function testKind(
  options: Partial<RetryPolicy> & { payloadVersion?: number; timeoutMs?: number } = {},
) {
  const { payloadVersion = 1, timeoutMs = seconds(30), ...retry } = options;
  let run: Run = () => Promise.resolve(done());
  const kind = defineJob({
    name: 'test-kind',
    summary: 'Does what the test says.',
    queue: 'lifecycle',
    payload: payload({ n: count() }),
    payloadVersion,
    key: ['n'],
    retry: { attempts: 3, firstDelayMs: 20, maxDelayMs: 100, giveUpAfter: 'PT1H', crashBudget: 3, ...retry },
    timeoutMs,
    publicMessages: { retrying: 'We are still at it.', dead: 'We hit a problem, please contact support.' },
    run: (context, given) => run(context, given),
  });
  return { kind, runs: (next: Run) => (run = next) };
}
