import type postgres from 'postgres';
import { erasePerson } from '../../jobs/erase-person.ts';
import type { startEndings } from './endings.ts';
import { testHash } from './machine.ts';
import { everythingKept } from './mailing.ts';

/** People who are to be erased, and what is left of them. */
export function erasures(world: Awaited<ReturnType<typeof startEndings>>, sql: postgres.Sql) {
  const { standIn, rows } = world;
  let people = 0;
  return {
    /** A user with a customer of their own, and its card; mirrored. `billing` is the customer's address. */
    async person({ customer: hasCustomer = true, billing }: { customer?: boolean; billing?: string } = {}) {
      const email = `person-${++people}@erased.example`;
      if (!hasCustomer) return { id: await rows.user({ email }), email, customer: '', card: '' };
      const customer = standIn.seed.customer({ email: billing ?? email, name: `Person ${people}` }).id;
      const card = standIn.seed.paymentMethod({
        customer,
        card: { brand: 'visa', last4: '4242', exp_month: 12, exp_year: 2031 },
      }).id;
      standIn.store.customers.get(customer)!.invoice_settings.default_payment_method = card;
      const id = await rows.user({ email, stripe_customer_id: customer });
      await world.mirror(customer);
      return { id, email, customer, card };
    },

    /** The user gets a mail: the notice about a team that sleeps. */
    async written(userId: string, team: Record<string, unknown> = {}): Promise<void> {
      const created = new Date('2027-08-31T10:00:00Z');
      await world.marked(await rows.team(userId, { created_at: created, ...team }));
    },

    askFor: (userId: string, customerId?: string) =>
      world.ask(erasePerson.name, { userId, ...(customerId === undefined ? {} : { customerId }) }),

    ledger: () => sql`select * from evenfall.erasure order by id`,

    /** Whether any table of ours, or of the queue, holds what stands for the address. */
    isLeft: async (email: string) => (await everythingKept(sql)).includes(testHash(email)),
  };
}
