import type { Context } from 'hono';
import type { z } from 'zod';
import { Problem } from './problem.ts';

/**
 * The body of a request as sent.
 *
 * @throws Problem 415 when it is not said to be JSON
 */
export async function readBody(c: Context): Promise<Uint8Array> {
  if (!/^application\/json\s*(;|$)/i.test(c.req.header('content-type') ?? '')) {
    throw new Problem(415, 'wrong_content_type', 'Send JSON, with `Content-Type: application/json`.');
  }
  return new Uint8Array(await c.req.arrayBuffer());
}

/**
 * A body checked against what an endpoint takes.
 *
 * @throws Problem 400 when it is not JSON in UTF-8; 422 naming the field when it is not what was expected
 */
export function parseBody<T>(body: Uint8Array, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw new Problem(400, 'malformed_json', 'The body is not JSON in UTF-8.');
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue?.code === 'unrecognized_keys' ? issue.keys[0] : issue?.path.join('.') || 'body';
  throw new Problem(422, 'wrong_request', `${field}: ${issue?.message ?? 'is wrong'}`, { field });
}
