import type Stripe from 'stripe';
import { Terminal } from '../core/errors.ts';
import type { StripeCall } from '../core/stripe-gate.ts';
import { succeeded, withDeadline } from './answer.ts';
import type { Origin } from './answer.ts';
import { classifyStripeFailure } from './classify.ts';
import { toPage } from './mapping.ts';
import type { Turns } from './turns.ts';

/** How one request is made: what it is about is checked, then it is sent, judged and read, or classified. */

export interface About extends StripeCall {
  readonly readOnly?: boolean;
  /** What a success is. */
  readonly object: string;
}

export type Ask = <T extends { object: string }, R>(
  about: About,
  request: () => Promise<Stripe.Response<T>>,
  read: (answer: Stripe.Response<T>) => R,
) => Promise<R>;

export interface AskSettings {
  readonly deadlineMs: number;
  readonly livemode: boolean;
  readonly turns: Turns;
}

/** One request in its turn, of which the deadline covers the SDK's own retry too. */
export function createAsk({ deadlineMs, livemode, turns }: AskSettings): Ask {
  return (about, request, read) =>
    turns.take(
      about,
      async () => read(succeeded(await withDeadline(deadlineMs, request()), about.object)),
      (error) => classifyStripeFailure(error, { ...about, livemode }),
    );
}

/** A list to its end, page by page; whoever has seen enough stops asking. */
export async function* pages<T extends { id: string }, R>(
  ask: Ask,
  about: Omit<About, 'object' | 'readOnly'>,
  list: (page: PageAfter) => Promise<Stripe.Response<Stripe.ApiList<T>>>,
  read: (wire: T, origin: Origin) => R,
): AsyncGenerator<R[]> {
  let after: string | undefined;
  do {
    const page = await ask(
      { ...about, readOnly: true, object: 'list' },
      () => list(pageAfter(after)),
      (answer) => {
        const { items, next } = toPage(answer, answer.lastResponse);
        return { next, items: items.map((wire) => read(wire, answer.lastResponse)) };
      },
    );
    yield page.items;
    after = page.next;
  } while (after !== undefined);
}

/** All of them together. */
export async function collect<R>(found: AsyncIterable<R[]>): Promise<R[]> {
  const all: R[] = [];
  for await (const items of found) all.push(...items);
  return all;
}

interface PageAfter {
  readonly limit: number;
  readonly starting_after?: string;
}

/** The largest page there is (docs.stripe.com/api/pagination). */
export function pageAfter(after: string | undefined): PageAfter {
  return { limit: 100, ...(after === undefined ? {} : { starting_after: after }) };
}

/**
 * Asked before every call, for the SDK does not: `cancel('')` would send `DELETE /v1/subscriptions/`. What is
 * not an id may be anything, an address even, so it is not repeated.
 */
export function requireId(
  prefix: 'sub' | 'cus',
  { operation, subject }: { operation: string; subject: string },
): void {
  if (typeof subject === 'string' && subject.length <= 255 && ID[prefix].test(subject)) return;
  throw new Terminal(`Stripe was not asked to ${operation} what is no id of the form ${prefix}_…`, {
    facts: { class: 'bad_id' },
  });
}

const ID = { sub: /^sub_[A-Za-z0-9]+$/, cus: /^cus_[A-Za-z0-9]+$/ };

/** Likewise of an address: a filter that is empty is none, and the answer would be everybody. */
export function requireEmail(
  email: string,
  { operation, subject }: { operation: string; subject: string },
): void {
  if (typeof email === 'string' && email.length <= LONGEST_EMAIL && EMAIL.test(email)) return;
  throw new Terminal(`Stripe was not asked to ${operation} ${subject}, for the e-mail is no address`, {
    facts: { class: 'bad_id' },
  });
}

/** Whatever Stripe might have stored, so hardly a rule; half a surrogate pair cannot be sent. */
const EMAIL = /^[^\s\p{Cc}\p{Cs}]+@[^\s\p{Cc}\p{Cs}]+$/u;

/** Of the parameter (docs.stripe.com/api/customers/list). */
const LONGEST_EMAIL = 512;
