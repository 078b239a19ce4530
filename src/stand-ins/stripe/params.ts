import type { StripeRefusal } from './errors.ts';
import { invalid } from './errors.ts';
import { isRawList } from './form.ts';
import type { Raw } from './form.ts';

/** Turns one raw parameter into a value, or refuses it the way Stripe does. */
export type Reader<T> = (raw: Raw, name: string) => T;
type Value<R> = R extends Reader<infer T> ? T : never;
type Shape = Record<string, Reader<unknown>>;
export type Values<S extends Shape> = { [K in keyof S]?: Value<S[K]> };

export interface RangeQuery {
  gt?: number;
  gte?: number;
  lt?: number;
  lte?: number;
}

export const text: Reader<string> = (raw, name) => {
  if (typeof raw !== 'string') throw invalid(`Invalid string: ${shown(raw)}`, name);
  if (raw === '') {
    throw invalid(
      `You passed an empty string for '${name}'. We assume empty values are an attempt to unset a ` +
        `parameter; however '${name}' cannot be unset. You should remove '${name}' from your request or ` +
        'supply a non-empty value.',
      name,
      'parameter_invalid_empty',
    );
  }
  return raw;
};

export const flag: Reader<boolean> = (raw, name) => {
  if (raw === 'true') return true;
  if (raw === 'false') return false;
  throw invalid(`Invalid boolean: ${shown(raw)}`, name);
};

export const integer: Reader<number> = (raw, name) => {
  if (typeof raw === 'string' && /^-?\d+$/.test(raw)) return Number(raw);
  throw invalid(`Invalid integer: ${shown(raw)}`, name, 'parameter_invalid_integer');
};

/** Key-value pairs; an empty value removes its key, an empty `metadata` removes all (null). */
export const pairs: Reader<Record<string, string> | null> = (raw, name) => {
  if (raw === '') return null;
  if (typeof raw === 'string') throw invalid('Invalid object', name);
  return Object.fromEntries(
    Object.entries(raw).map(([key, value]) => {
      if (typeof value !== 'string') throw invalid('Metadata values must be strings', `${name}[${key}]`);
      return [key, value];
    }),
  );
};

/** A time, or bounds of it (`created[gte]`). */
export const range: Reader<number | RangeQuery> = (raw, name) =>
  typeof raw === 'string'
    ? integer(raw, name)
    : fields({ gt: integer, gte: integer, lt: integer, lte: integer })(raw, name);

/** Real parameters that change nothing that can be seen here, such as `proration_behavior`. */
export const inert: Reader<undefined> = () => undefined;

/** Real parameters whose effect is not built: better refused aloud than swallowed. */
export const unmodelled: Reader<never> = (_raw, name) => {
  throw invalid(`The Stripe stand-in does not model the parameter '${name}'.`, name);
};

export function oneOf<const T extends string>(...values: T[]): Reader<T> {
  return (raw, name) => {
    const found = values.find((value) => value === raw);
    if (found !== undefined) return found;
    const last = values.at(-1);
    const list = values.length > 1 ? `${values.slice(0, -1).join(', ')}, or ${last}` : String(last);
    throw invalid(`Invalid ${name}: must be one of ${list}`, name);
  };
}

/** An empty string unsets the value. */
export function clearable<T>(reader: Reader<T>): Reader<T | null> {
  return (raw, name) => (raw === '' ? null : reader(raw, name));
}

export function either<A, B>(first: Reader<A>, second: Reader<B>): Reader<A | B> {
  return (raw, name) => {
    try {
      return first(raw, name);
    } catch {
      return second(raw, name);
    }
  };
}

export function listOf<T>(reader: Reader<T>): Reader<T[]> {
  return (raw, name) => {
    if (typeof raw === 'string' || !isRawList(raw)) throw invalid('Invalid array', name);
    return Object.entries(raw).map(([index, item]) => reader(item, `${name}[${index}]`));
  };
}

/** A record of known parameters; Stripe refuses any other with 400 `parameter_unknown`. */
export function fields<S extends Shape>(shape: S): Reader<Values<S>> {
  return (raw, name) => {
    if (typeof raw === 'string') throw invalid('Invalid object', name);
    const full = (key: string): string => (name === '' ? key : `${name}[${key}]`);
    const unknown = Object.keys(raw).filter((key) => !Object.hasOwn(shape, key));
    if (unknown.length > 0) throw unknownParameters(unknown.map(full));
    const values = Object.entries(raw).map(([key, value]) => [key, shape[key]?.(value, full(key))] as const);
    return Object.fromEntries(values.filter(([, value]) => value !== undefined)) as Values<S>;
  };
}

/** The parameters of an endpoint; every endpoint takes `expand`. */
export function endpoint<S extends Shape>(shape: S) {
  return fields({ ...shape, expand: listOf(text) });
}

/** The parameters of a list endpoint. */
export function listing<S extends Shape>(shape: S) {
  return endpoint({ ...shape, limit: integer, starting_after: text, ending_before: text });
}

export function required<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw invalid(`Missing required param: ${name}.`, name, 'parameter_missing');
  return value;
}

function unknownParameters(names: string[]): StripeRefusal {
  return invalid(
    `Received unknown parameter${names.length > 1 ? 's' : ''}: ${names.join(', ')}`,
    names[0],
    'parameter_unknown',
  );
}

function shown(raw: Raw): string {
  return typeof raw === 'string' ? raw : JSON.stringify(raw);
}
