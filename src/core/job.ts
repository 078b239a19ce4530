import type { Context } from './context.ts';
import type { Outcome } from './outcome.ts';
import type { Payload } from './payload.ts';
import type { RetryPolicy } from './retry.ts';
import type { Schedule } from './schedule.ts';

/** BullMQ queues, one a domain of failure, so that a Stripe outage does not hold up the mail. */
export const queueNames = ['stripe', 'lifecycle', 'mail', 'schedules', 'dead-letter'] as const;
export type QueueName = (typeof queueNames)[number];

/** A kind of job, declared in one file of `jobs/`. */
export interface JobDefinition<Name extends string = string, P = never> {
  /** The kind, equal to the file's name. */
  readonly name: Name;
  /** One sentence for Bull Board, the README and `evenfall --help`. */
  readonly summary: string;
  readonly queue: QueueName;
  readonly payload: Payload<P>;
  /** Raised when the payload's meaning changes; an older worker then parks the job for a newer one. */
  readonly payloadVersion?: number;
  /** The fields whose values make the default key; two live jobs of one key cannot exist. */
  readonly key: readonly (keyof P & string)[];
  /** The field that names the team. */
  readonly team?: keyof P & string;
  /** What wins when a live key meets another payload, weakest first; without it that is a conflict. */
  readonly precedence?: { readonly field: keyof P & string; readonly weakestFirst: readonly string[] };
  readonly retry: RetryPolicy;
  /**
   * When it is due by itself. With a file sql/sweeps/<kind>.sql each occurrence enqueues a sweep for it; without
   * one the kind itself, with the payload {}.
   */
  readonly schedule?: Schedule;
  /** One run may take this long; then its signal is aborted and the attempt counts as failed. */
  readonly timeoutMs: number;
  /** What the person who asked may read while it is being retried, and when it is dead. */
  readonly publicMessages?: { readonly retrying: string; readonly dead: string };
  readonly run: (ctx: Context, payload: P) => Promise<Outcome>;
}

/** A definition of any payload, for lists. */
// oxlint-disable-next-line typescript/no-explicit-any -- a payload type is both taken and given: only any fits a list
export type AnyJob = JobDefinition<string, any>;

/** Declares a kind; the types of `run` and of every door follow from the payload. */
export function defineJob<const Name extends string, P>(
  definition: JobDefinition<Name, P>,
): JobDefinition<Name, P> {
  return definition;
}
