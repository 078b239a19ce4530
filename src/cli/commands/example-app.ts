import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import postgres from 'postgres';
import { packageRoot } from '../../package-root.ts';
import { objectsOf, passEvent, startStripeStandIn } from '../../stand-ins/stripe/index.ts';
import type { StripeStandIn } from '../../stand-ins/stripe/index.ts';

/** What the stand-in knew last. */
interface Kept {
  readonly objects: readonly object[];
  readonly lastEvent?: string | undefined;
}

interface Customer {
  readonly id: string;
  readonly name: string;
  readonly email: string;
}

/**
 * An app for Evenfall to stand beside: its tables, with a few rows where they are empty, and a Stripe that knows its
 * customers and remembers in `file`, over restarts, what became of them.
 */
export async function startExampleApp(databaseUrl: string, file: string): Promise<StripeStandIn> {
  const customers = await fillTables(databaseUrl);
  const kept = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Kept) : undefined;
  const keep = () => {
    const lastEvent = standIn.store.events.all()[0]?.id ?? kept?.lastEvent;
    // whole at every moment, were we killed in the middle
    writeFileSync(`${file}.new`, JSON.stringify({ objects: objectsOf(standIn), lastEvent } satisfies Kept));
    renameSync(`${file}.new`, file);
  };
  const standIn = await startStripeStandIn({
    ...(kept && { fixtures: kept.objects }),
    onActed: ({ method }) => void (method !== 'GET' && keep()),
  });
  if (kept?.lastEvent !== undefined) passEvent(standIn, kept.lastEvent);
  seedStripe(standIn, customers);
  keep();
  return standIn;
}

/** Resolves to whom Stripe has to know. */
async function fillTables(databaseUrl: string): Promise<Customer[]> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  try {
    for (const file of ['example-app.sql', 'example-rows.sql'])
      await sql.unsafe(readFileSync(join(packageRoot, 'sql', file), 'utf8'));
    return await sql<Customer[]>`
      select t.stripe_customer_id as id, t.name, u.email
      from public.teams t join public.users u on u.id = t.owner_id
      where t.stripe_customer_id like 'cus\_Example%' order by t.id`;
  } finally {
    await sql.end();
  }
}

/** A subscription for each customer that it does not know yet. */
function seedStripe({ seed, store }: StripeStandIn, customers: readonly Customer[]): void {
  const known = new Set([...store.customers.all().map(({ id }) => id), ...store.deletedCustomers.keys()]);
  for (const { id: customer, name, email } of customers.filter(({ id }) => !known.has(id))) {
    const price = store.prices.get('price_Example')?.id ?? seed.price({ id: 'price_Example' }).id;
    seed.customer({ id: customer, name, email });
    const card = seed.paymentMethod({ id: customer.replace('cus', 'pm'), customer });
    const id = customer.replace('cus', 'sub');
    seed.subscription({ id, customer, price, default_payment_method: card.id, status: 'active' });
  }
}
