import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { addCustomer, addPaymentMethod, addPrice, addProduct, addSubscription } from './complete.ts';
import { SUBSCRIPTION_STATUSES } from './objects.ts';
import type { CustomerInput, PaymentMethodInput, PriceInput, SubscriptionInput } from './complete.ts';
import type { WireProduct } from './objects.ts';
import type { StripeStore } from './store.ts';

const time = z.number().int();
const born = { created: time.optional(), livemode: z.boolean().optional() };
const metadata = z.record(z.string(), z.string()).optional();

/** A reference, expanded or not: Stripe returns either. */
const reference = z.union([
  z.string(),
  z.looseObject({ id: z.string() }).transform((expanded) => expanded.id),
]);

function id(prefix: string) {
  return z.string().regex(new RegExp(`^${prefix}_\\w+$`), `must look like '${prefix}_…'`);
}

const customer = z.looseObject({
  object: z.literal('customer'),
  id: id('cus'),
  ...born,
  deleted: z.boolean().optional(),
  email: z.string().nullish(),
  metadata,
  default_source: reference.nullish(),
  invoice_settings: z.looseObject({ default_payment_method: reference.nullish() }).optional(),
});

const paymentMethod = z.looseObject({
  object: z.literal('payment_method'),
  id: z.string().regex(/^(pm|card|src|ba)_\w+$/, "must look like 'pm_…'"),
  ...born,
  type: z.string(),
  customer: reference.nullish(),
  card: z
    .looseObject({ exp_month: z.number().int().min(1).max(12), exp_year: z.number().int().min(1970) })
    .optional(),
});

const product = z.looseObject({
  object: z.literal('product'),
  id: z.string().min(1),
  ...born,
  name: z.string(),
});

const price = z.looseObject({
  object: z.literal('price'),
  id: z.string().min(1),
  ...born,
  currency: z.string(),
  product: reference.optional(),
  unit_amount: z.number().int().nullish(),
  recurring: z
    .looseObject({
      interval: z.enum(['day', 'week', 'month', 'year']),
      interval_count: z.number().int().positive(),
    })
    .nullish(),
});

const subscription = z.looseObject({
  object: z.literal('subscription'),
  id: id('sub'),
  ...born,
  customer: reference,
  status: z.enum(SUBSCRIPTION_STATUSES),
  current_period_end: z.never('lives on the items, not on the subscription, since basil').optional(),
  default_payment_method: reference.nullish(),
  default_source: reference.nullish(),
  latest_invoice: reference.nullish(),
  schedule: reference.nullish(),
  metadata,
  trial_end: time.nullish(),
  cancel_at: time.nullish(),
  canceled_at: time.nullish(),
  ended_at: time.nullish(),
  items: z.looseObject({
    data: z
      .array(
        z.looseObject({
          price: z.union([z.string(), price]),
          current_period_start: time.optional(),
          current_period_end: time,
        }),
      )
      .min(1),
  }),
});

const fixture = z.discriminatedUnion('object', [customer, paymentMethod, product, price, subscription], {
  error: () => "'object' must be customer, payment_method, product, price or subscription",
});
type Fixture = z.output<typeof fixture>;

/** Fixtures that cannot be used; each problem names its entry. */
export class FixtureError extends Error {
  constructor(problems: string[]) {
    super(`The Stripe fixtures cannot be used:\n${problems.map((problem) => `- ${problem}`).join('\n')}`);
    this.name = 'FixtureError';
  }
}

/** Reads a file of fixtures: a JSON list of objects as Stripe returns them. */
export async function readFixtures(file: string | URL): Promise<unknown> {
  const content = await readFile(file, 'utf8');
  try {
    return JSON.parse(content);
  } catch (cause) {
    throw new FixtureError([`${String(file)} is not JSON: ${(cause as Error).message}`]);
  }
}

/** Checks everything first and names every problem at once; then fills the store. */
export function loadFixtures(store: StripeStore, given: unknown, now: number): void {
  if (!Array.isArray(given)) throw new FixtureError(['they must be a JSON list of Stripe objects']);
  const problems: string[] = [];
  const fixtures: Fixture[] = [];
  for (const [index, entry] of given.entries()) {
    const read = fixture.safeParse(entry);
    if (read.success) fixtures.push(read.data);
    else
      problems.push(
        ...read.error.issues.map((issue) => `${nameOf(entry, index)}: ${place(issue)}${issue.message}`),
      );
  }
  if (problems.length === 0) problems.push(...brokenReferences(fixtures));
  if (problems.length > 0) throw new FixtureError(problems);
  // Prices before the subscriptions that name them.
  for (const kind of ['product', 'price', 'customer', 'payment_method', 'subscription']) {
    for (const entry of fixtures) if (entry.object === kind) add(store, entry, now);
  }
}

function add(store: StripeStore, entry: Fixture, now: number): void {
  // Checked above where it matters; the rest is Stripe's own shape and is passed through.
  switch (entry.object) {
    case 'customer':
      if (entry.deleted === true)
        store.deletedCustomers.set(entry.id, { id: entry.id, object: 'customer', deleted: true });
      else addCustomer(store, now, entry as unknown as CustomerInput);
      return;
    case 'payment_method':
      addPaymentMethod(store, now, entry as unknown as PaymentMethodInput);
      return;
    case 'product':
      addProduct(store, now, entry as unknown as Partial<WireProduct>);
      return;
    case 'price':
      addPrice(store, now, entry as unknown as PriceInput);
      return;
    case 'subscription':
      addSubscription(store, now, entry as unknown as SubscriptionInput);
  }
}

function brokenReferences(fixtures: Fixture[]): string[] {
  const ids = new Map<string, number>();
  for (const { id: own } of fixtures) ids.set(own, (ids.get(own) ?? 0) + 1);
  return fixtures.flatMap((entry, index) => {
    const name = nameOf(entry, index);
    const needed =
      entry.object === 'subscription' || entry.object === 'payment_method'
        ? [['customer', entry.customer]]
        : [];
    if (entry.object === 'subscription') {
      for (const item of entry.items.data)
        if (typeof item.price === 'string') needed.push(['price', item.price]);
    }
    const absent = needed.filter(([, target]) => typeof target === 'string' && !ids.has(target));
    return [
      ...(ids.get(entry.id) === 1 ? [] : [`${name}: its id occurs more than once`]),
      ...absent.map(([kind, target]) => `${name}: ${kind} '${target}' is not among the fixtures`),
    ];
  });
}

function nameOf(entry: unknown, index: number): string {
  const { object, id: own } = (entry ?? {}) as { object?: unknown; id?: unknown };
  const what = [object, own].filter((part) => typeof part === 'string').join(' ');
  return `entry ${index + 1}${what === '' ? '' : ` (${what})`}`;
}

function place(issue: { path: PropertyKey[] }): string {
  return issue.path.length === 0 ? '' : `${issue.path.map(String).join('.')} `;
}
