import { userInfo } from 'node:os';
import { allJobs } from '../../jobs/index.ts';
import type { AnyJob } from '../core/job.ts';
import { payloadProblem } from '../core/payload.ts';
import { withoutAddresses } from '../core/redact.ts';
import { WrongCall } from './exit.ts';

/* What commands are called with, read and checked. */

/**
 * @param name of the argument, for the message
 * @throws WrongCall unless it is a whole number from 1
 */
export function readCount(text: string, name: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new WrongCall(`${name} must be a whole number from 1`);
  return number;
}

/** @throws WrongCall naming the kinds that there are */
export function findKind(kind: string): AnyJob {
  const job = allJobs.find((candidate) => candidate.name === kind);
  if (job) return job;
  throw new WrongCall(
    `there is no job kind ${kind}. Kinds: ${allJobs.map((known) => known.name).join(', ')}`,
  );
}

/** @throws WrongCall when it is no JSON, or not what the kind takes */
export function readPayload(job: AnyJob, text: string): unknown {
  let payload: unknown;
  try {
    payload = JSON.parse(text);
  } catch {
    throw new WrongCall(`the payload is not JSON: quote it, as in '{"teamId":"7","when":"now"}'`);
  }
  const problem = payloadProblem(job.payload, payload);
  if (problem !== undefined) throw new WrongCall(`payload of ${job.name}: ${problem}`);
  return payload;
}

/**
 * @param name of the argument, for the message
 * @throws WrongCall unless it is an ISO 8601 instant with its offset
 */
export function readInstant(text: string, name: string): Date {
  const at = new Date(text);
  if (!/^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:?\d{2})$/.test(text) || Number.isNaN(at.getTime())) {
    throw new WrongCall(`${name} must be an ISO 8601 instant with its offset, as in 2026-12-01T09:00:00Z`);
  }
  return at;
}

/**
 * A reason, which is kept for years where nobody looks for a person.
 *
 * @throws WrongCall when it holds an address
 */
export function readWhy(text: string): string {
  if (withoutAddresses(text) === text) return text;
  throw new WrongCall('--why is kept for years: name nobody in it, least of all by an address');
}

/** Who calls, for the ledgers. */
export function operator(): string {
  return `${userInfo().username}, by the command line`;
}
