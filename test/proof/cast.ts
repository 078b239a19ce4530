import { createHash } from 'node:crypto';
import type postgres from 'postgres';
import type { StripeStandIn } from '../../src/stand-ins/stripe/index.ts';

const day = 86_400_000;
const ago = (ms: number) => new Date(Date.now() - ms);

/** Somebody whose name and addresses are in nothing else. */
export interface Person {
  /** In the name, in the address, in all that Stripe knows: of this person alone. */
  readonly mark: string;
  readonly name: string;
  readonly email: string;
  /** That Stripe has, where it is another one. */
  readonly billing: string;
  readonly userId: string;
  readonly customerId: string | null;
}

interface Wanted {
  readonly user?: Record<string, unknown>;
  /** Stripe has a customer with this address: the user's own, or another. */
  readonly customer?: 'same address' | 'another address';
  /** The app says that it is the user's. */
  readonly isLinked?: boolean;
}

/** People of the app and of Stripe, unmistakable by the seed. */
export function openCast(seed: number, sql: postgres.Sql, stripe: StripeStandIn) {
  const root = `zq${createHash('sha256').update(String(seed)).digest('hex').slice(0, 8)}`;
  const people: Person[] = [];
  return {
    /** In whatever is about any of them. */
    root,
    people,

    async person({ user = {}, customer, isLinked = true }: Wanted = {}): Promise<Person> {
      const mark = `${root}p${people.length + 1}z`;
      const name = `Vrenka ${mark} Oostvogel`;
      const email = `vrenka.${mark}@mail.${root}.example`;
      const billing = customer === 'another address' ? `books.${mark}@office.${root}.example` : email;
      const customerId = customer === undefined ? null : seedCustomer(stripe, { mark, name, email: billing });
      const row = {
        email,
        name,
        email_verified_at: ago(300 * day),
        last_seen_at: ago(290 * day),
        created_at: ago(300 * day),
        stripe_customer_id: isLinked ? customerId : null,
        ...user,
      };
      const [created] = await sql`insert into public.users ${sql(row as never)} returning id::text`;
      const person = { mark, name, email, billing, customerId, userId: String(created!['id']) };
      people.push(person);
      return person;
    },

    async team({ userId, mark }: Person, changes: Record<string, unknown> = {}): Promise<string> {
      const row = { name: `Team of ${mark}`, owner_id: userId, created_at: ago(300 * day), ...changes };
      const [team] = await sql`insert into public.teams ${sql(row as never)} returning id::text`;
      const id = String(team!['id']);
      await sql`insert into public.memberships (team_id, user_id, role) values (${id}, ${userId}, 'owner')`;
      return id;
    },

    subscribe(customerId: string | null, changes: object = {}): string {
      return stripe.seed.subscription({ customer: customerId ?? '', ...changes }).id;
    },

    /** Ends in two days; the reminder is due. */
    trial(customerId: string | null): string {
      const [start, end] = [ago(12 * day), ago(-2 * day)].map((at) => Math.floor(at.getTime() / 1_000));
      return stripe.seed.subscription({
        customer: customerId ?? '',
        status: 'trialing',
        trial_start: start!,
        trial_end: end!,
        current_period_start: start!,
        current_period_end: end!,
      }).id;
    },

    /** The card that pays for the customer's subscription expires with this month. */
    card(customerId: string | null, name: string): string {
      const now = new Date();
      const { id } = stripe.seed.paymentMethod({
        customer: customerId ?? '',
        billing_details: { name },
        card: {
          brand: 'visa',
          last4: '4242',
          exp_month: now.getUTCMonth() + 1,
          exp_year: now.getUTCFullYear(),
        },
      });
      this.subscribe(customerId, { default_payment_method: id });
      return id;
    },

    /** Told that it goes, eight days ago. */
    async marked(person: Person, { daysLeft = -1 } = {}): Promise<string> {
      const date = ago(-daysLeft * day);
      const teamId = await this.team(person);
      await sql`
        insert into evenfall.team_deletion
          (team_id, state, owner_id, marked_at, announced_delete_at, notice_sent_at, delete_after)
        values (${teamId}, 'noticed', ${person.userId}, ${ago(8 * day)}, ${date}, ${ago(8 * day)}, ${date})`;
      return teamId;
    },
  };
}

/** As much as Stripe can know of somebody. */
function seedCustomer(
  stripe: StripeStandIn,
  { mark, name, email }: { mark: string; name: string; email: string },
) {
  const address = {
    city: null,
    country: 'NL',
    line1: `${mark} street 1`,
    line2: null,
    postal_code: null,
    state: null,
  };
  return stripe.seed.customer({ email, name, phone: null, description: `known as ${mark}`, address }).id;
}
