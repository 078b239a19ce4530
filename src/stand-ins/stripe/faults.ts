import { z } from 'zod';

const seconds = z.number().nonnegative();
const milliseconds = z.number().int().nonnegative();

/** Whether the request is carried out before the failure; by default it is not. */
const act = z.boolean().optional();

const match = z
  .strictObject({
    method: z.enum(['GET', 'POST', 'DELETE']).optional(),
    /** A prefix of the path, or a pattern for it. */
    path: z.union([z.string(), z.instanceof(RegExp)]).optional(),
    /** The id of a subscription in the path. */
    subscription: z.string().optional(),
  })
  .default({});

const common = { match, times: z.union([z.number().int().positive(), z.literal('forever')]).default(1) };

const faultSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    ...common,
    kind: z.literal('rate-limit'),
    retryAfter: seconds.optional(),
    reason: z
      .enum([
        'global-rate',
        'global-concurrency',
        'endpoint-rate',
        'endpoint-concurrency',
        'resource-specific',
      ])
      .default('endpoint-rate'),
  }),
  z.strictObject({ ...common, kind: z.literal('lock-timeout'), retryAfter: seconds.optional() }),
  z.strictObject({
    ...common,
    kind: z.literal('server-error'),
    shouldRetry: z.enum(['true', 'false']).optional(),
    act,
    /** Kept under the idempotency key of a POST, as Stripe keeps a 500 of a request that began. */
    saved: z.boolean().default(false),
  }),
  z.strictObject({ ...common, kind: z.literal('unavailable-empty'), act }),
  z.strictObject({ ...common, kind: z.literal('bad-gateway-html'), act }),
  z.strictObject({ ...common, kind: z.literal('bad-gateway-json'), act }),
  z.strictObject({ ...common, kind: z.literal('conflict') }),
  z.strictObject({
    ...common,
    kind: z.literal('refused'),
    status: z.number().int().min(400).max(499),
    error: z.looseObject({ type: z.string(), message: z.string() }),
  }),
  z.strictObject({ ...common, kind: z.literal('hang'), act }),
  z.strictObject({ ...common, kind: z.literal('reset-before') }),
  z.strictObject({ ...common, kind: z.literal('reset-after') }),
  z.strictObject({ ...common, kind: z.literal('reset-mid-body') }),
  z.strictObject({ ...common, kind: z.literal('trickle'), ms: milliseconds.default(50) }),
  z.strictObject({ ...common, kind: z.literal('slow'), ms: milliseconds }),
  z.strictObject({ ...common, kind: z.literal('invalid-json') }),
]);

/** A failure to be played, and the requests it is meant for. */
export type FaultScript = z.input<typeof faultSchema>;
export type Fault = z.output<typeof faultSchema>;

export interface PlannedFault {
  readonly fault: Fault;
  /** Requests it has met so far. */
  readonly hits: number;
  remove(): void;
}

/** The failures still to come, in the order they were added; the first that matches is played. */
export class FaultBook {
  #planned: { fault: Fault; hits: number }[] = [];

  /** Adds a failure; a script that makes no sense is refused, wherever it came from. */
  add(script: FaultScript): PlannedFault {
    const entry = { fault: faultSchema.parse(script), hits: 0 };
    this.#planned.push(entry);
    return {
      fault: entry.fault,
      get hits() {
        return entry.hits;
      },
      remove: () => void (this.#planned = this.#planned.filter((planned) => planned !== entry)),
    };
  }

  take(method: string, path: string): Fault | undefined {
    const entry = this.#planned.find(({ fault, hits }) => {
      return (fault.times === 'forever' || hits < fault.times) && meets(fault, method, path);
    });
    if (entry === undefined) return undefined;
    entry.hits += 1;
    return entry.fault;
  }

  get planned(): readonly Readonly<{ fault: Fault; hits: number }>[] {
    return this.#planned;
  }

  clear(): void {
    this.#planned = [];
  }
}

function meets({ match: wanted }: Fault, method: string, path: string): boolean {
  if (wanted.method !== undefined && wanted.method !== method) return false;
  if (wanted.subscription !== undefined && !path.split('/').includes(wanted.subscription)) return false;
  if (wanted.path instanceof RegExp) return path.search(wanted.path) >= 0;
  return wanted.path === undefined || path.startsWith(wanted.path);
}
