import { checkPaths } from './expand.ts';
import type { RawRecord } from './form.ts';
import type { Reader } from './params.ts';
import type { StripeStore } from './store.ts';

/** One request as an endpoint sees it. */
export interface Call {
  store: StripeStore;
  /** Seconds, by the stand-in's clock. */
  now: number;
  /** The mode of the key that asks. */
  livemode: boolean;
  requestId: string;
  idempotencyKey: string | null;
}

export interface Route {
  method: string;
  pattern: RegExp;
  handle: (call: Call, raw: RawRecord, id: string) => { answer: object; expand: string[] };
}

/**
 * An endpoint: parameters are read, and refused, before it begins. `:id` in the path is the third argument.
 */
export function route<P extends { expand?: string[] }>(
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  reader: Reader<P>,
  handle: (call: Call, params: P, id: string) => object,
): Route {
  return {
    method,
    pattern: new RegExp(`^${path.replace(':id', '([^/]+)')}$`),
    handle(call, raw, id) {
      const params = reader(raw, '');
      checkPaths(params.expand ?? []);
      return { answer: handle(call, params, id), expand: params.expand ?? [] };
    },
  };
}
