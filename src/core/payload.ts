import { z } from 'zod';
import { isoDuration } from './policy.ts';

/**
 * Payloads are flat objects of ids, choices and counts: a subset of JSON Schema small enough that zod here
 * and `evenfall.payload_problem` in SQL check exactly the same (a property test compares their verdicts).
 * Patterns use only what JavaScript's and Postgres' regular expressions read alike, anchored, in ASCII.
 */

/** An id of the app's team, as text; SQL also checks that the app's own id type can hold it. */
export const teamId = () => appId('team-id', 'a team id');
/** An id of the app's user, as text; SQL also checks that the app's own id type can hold it. */
export const userId = () => appId('user-id', 'a user id');

/** A Stripe id with this prefix. The SDK does not check ids: `cancel('')` would DELETE the collection. */
export const stripeId = (prefix: string) =>
  z
    .string()
    .max(255)
    .regex(new RegExp(`^${prefix}_[A-Za-z0-9]+$`))
    .meta({ title: `a Stripe id (${prefix}_…)` });

/** The name of a kind. */
export const kindName = () =>
  z
    .string()
    .max(100)
    .regex(/^[a-z][a-z0-9-]*$/)
    .meta({ title: 'the name of a kind' });

/** An ISO 8601 duration. */
export const duration = () => z.string().max(40).regex(isoDuration).meta({ title: 'an ISO 8601 duration' });

/** One of these words. */
export const choice = <const Words extends readonly [string, ...string[]]>(words: Words) => z.enum(words);

/** A whole number within JavaScript's safe range, at least `min`. */
export const count = (min = 0) => z.int().min(min);

function appId(format: 'team-id' | 'user-id', title: string) {
  return z
    .string()
    .max(255)
    .regex(/^[!-~]+$/)
    .meta({ title, format });
}

type Fields = Record<string, z.ZodType>;

/** What a kind takes: a check, its type, and the same as JSON Schema for SQL, OpenAPI and Bull Board's forms. */
export interface Payload<T> {
  readonly schema: z.ZodType<T>;
  readonly json: Record<string, unknown>;
}

/**
 * A flat payload. `exactlyOneOf` names optional fields of which exactly one must be given.
 */
export function payload<F extends Fields>(
  fields: F,
  options: { exactlyOneOf?: readonly (keyof F & string)[] } = {},
): Payload<z.infer<z.ZodObject<F, z.core.$strict>>> {
  const object = z.strictObject(fields);
  const choices = options.exactlyOneOf;
  const json: Record<string, unknown> = z.toJSONSchema(object);
  delete json['$schema'];
  if (!choices) return { schema: object, json };

  const schema = object.check((context) => {
    const value: Record<string, unknown> = context.value;
    // undefined is not given: JSON drops it on the way to SQL
    if (choices.filter((field) => value[field] !== undefined).length === 1) return;
    context.issues.push({
      code: 'custom',
      input: context.value,
      path: [choices[0] ?? ''],
      message: `give exactly one of ${choices.join(', ')}`,
    });
  });
  return { schema, json: { ...json, oneOf: choices.map((field) => ({ required: [field] })) } };
}

/** What is wrong with a value, as `field: problem`, or undefined. */
export function payloadProblem(definition: Payload<unknown>, value: unknown): string | undefined {
  const result = definition.schema.safeParse(value);
  if (result.success) return undefined;
  const issue = result.error.issues[0];
  const field = issue?.code === 'unrecognized_keys' ? issue.keys[0] : issue?.path.join('.');
  return `${field === undefined || field === '' ? 'payload' : field}: ${issue?.message ?? 'is wrong'}`;
}
