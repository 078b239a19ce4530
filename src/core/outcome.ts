import type { Queries } from '../../sql/queries.gen.ts';

/** Values that a job stores with its outcome: ids, counts, codes. */
export type Detail = Record<string, string | number | boolean | null | string[]>;

/** The job's last domain write, done in the transaction that records the outcome. */
export type LastWrite = (tx: Queries) => Promise<void>;

/** How a run ends when nothing failed. */
export type Outcome =
  | { readonly kind: 'done'; readonly detail: Detail; readonly write?: LastWrite }
  | { readonly kind: 'skipped'; readonly reason: string; readonly detail: Detail; readonly write?: LastWrite }
  | { readonly kind: 'snoozed'; readonly until: Date; readonly reason: string };

/** It did what was asked. */
export function done(detail: Detail = {}, write?: LastWrite): Outcome {
  return { kind: 'done', detail, ...(write ? { write } : {}) };
}

/** There was nothing to do, for this reason; as good as done, and explained. */
export function skipped(reason: string, detail: Detail = {}, write?: LastWrite): Outcome {
  return { kind: 'skipped', reason, detail, ...(write ? { write } : {}) };
}

/** Not now; the same job runs again at `until`. Uses no attempt. */
export function snoozed(until: Date, reason: string): Outcome {
  return { kind: 'snoozed', until, reason };
}
