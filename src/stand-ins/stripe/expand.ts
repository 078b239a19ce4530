import { invalid } from './errors.ts';
import type { StripeRefusal } from './errors.ts';
import type { StripeStore } from './store.ts';

const MAX_DEPTH = 4;

/** References that are ids until asked for. */
const REFERENCES = new Set([
  'application',
  'customer',
  'default_payment_method',
  'default_price',
  'default_source',
  'discounts',
  'latest_invoice',
  'on_behalf_of',
  'pending_setup_intent',
  'product',
  'schedule',
  'subscription',
  'test_clock',
]);

/** Parts that Stripe leaves out until asked for; they are not built here, so asking changes nothing. */
const PARTS = new Set([
  'cash_balance',
  'confirmation_secret',
  'discount',
  'invoice_credit_balance',
  'payments',
  'sources',
  'tax',
  'tax_ids',
  'tiers',
  'total_discount_amounts',
]);

type Json = Record<string, unknown>;

/**
 * Replaces ids by their objects along each path, at most four levels deep
 * (docs.stripe.com/api/expanding_objects). What is not in the store, such as a schedule known only by its id,
 * stays an id.
 */
export function expand(store: StripeStore, answer: object, paths: readonly string[]): object {
  if (paths.length === 0) return answer;
  const copy = structuredClone(answer) as Json;
  for (const path of paths) {
    follow(store, copy, path.split('.'), path);
  }
  return copy;
}

/** Refuses what can never be expanded, before the request is carried out. */
export function checkPaths(paths: readonly string[]): void {
  for (const path of paths) {
    const steps = path.split('.');
    if (steps.length > MAX_DEPTH) {
      throw invalid(`You cannot expand more than 4 levels of a property. Property: ${path}.`, 'expand');
    }
    if (!isExpandable(steps.at(-1) ?? '')) throw notExpandable(path);
  }
}

function follow(store: StripeStore, target: unknown, steps: readonly string[], path: string): void {
  const [step, ...rest] = steps;
  if (step === undefined || target === null || typeof target !== 'object') return;
  if (Array.isArray(target)) {
    for (const item of target) follow(store, item, steps, path);
    return;
  }
  const record = target as Json;
  if (step === 'subscriptions' && record['object'] === 'customer') {
    record[step] ??= subscriptionsOf(store, String(record['id']));
  }
  const value = record[step];
  if (value === undefined && !PARTS.has(step)) throw notExpandable(path);
  if (typeof value === 'string' && REFERENCES.has(step)) record[step] = resolve(store, value);
  follow(store, record[step], rest, path);
}

function isExpandable(step: string): boolean {
  return REFERENCES.has(step) || PARTS.has(step) || step === 'subscriptions';
}

function notExpandable(path: string): StripeRefusal {
  return invalid(`This property cannot be expanded (${path}).`, 'expand');
}

function resolve(store: StripeStore, id: string): unknown {
  const found =
    store.customers.get(id) ??
    store.deletedCustomers.get(id) ??
    store.paymentMethods.get(id) ??
    store.subscriptions.get(id) ??
    store.invoices.get(id) ??
    store.products.get(id) ??
    store.prices.get(id);
  return found === undefined ? id : structuredClone(found);
}

/** The subscriptions embedded in a customer are those that are not cancelled. */
function subscriptionsOf(store: StripeStore, customer: string): object {
  const data = store.subscriptions
    .newestFirst()
    .filter((subscription) => subscription.customer === customer && subscription.status !== 'canceled');
  return {
    object: 'list',
    data: structuredClone(data.slice(0, 10)),
    has_more: data.length > 10,
    total_count: data.length,
    url: `/v1/customers/${customer}/subscriptions`,
  };
}
