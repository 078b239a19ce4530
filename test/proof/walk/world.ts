import type postgres from 'postgres';
import Stripe from 'stripe';
import type { StripeStandIn } from '../../../src/stand-ins/stripe/index.ts';
import type { Chance } from './chance.ts';
import type { WalkClock } from './clock.ts';
import type { Customer, Ledger, Person, Subscription, Team } from './ledger.ts';
import { monthsLater } from './rules.ts';

/** How a subscription begins. */
export type Beginning = 'trial' | 'paid' | 'incomplete';

export interface CustomerLinks {
  /** The customer's own address; the owner's, or somebody else's. */
  readonly email: string | null;
  readonly by: 'column' | 'metadata' | "the owner's column" | 'nothing';
}

/** Acts in the app and in Stripe as people do, and writes into the ledger what it did. */
export class World {
  private people = 0;
  private prices = 1_000;
  private digits = 1_000;
  private readonly stripe: Stripe;

  private readonly sql: postgres.Sql;
  private readonly standIn: StripeStandIn;
  private readonly clock: WalkClock;
  readonly ledger: Ledger;
  private readonly chance: Chance;

  constructor(sql: postgres.Sql, standIn: StripeStandIn, clock: WalkClock, ledger: Ledger, chance: Chance) {
    this.sql = sql;
    this.standIn = standIn;
    this.clock = clock;
    this.ledger = ledger;
    this.chance = chance;
    const { host, port } = standIn;
    this.stripe = new Stripe('sk_test_walk', { host, port, protocol: 'http', maxNetworkRetries: 0 });
  }

  async person(
    given: Partial<Pick<Person, 'verified' | 'active' | 'seen' | 'createdAt'>> = {},
  ): Promise<Person> {
    const email = `person-${++this.people}@people.example`;
    const facts = { verified: true, active: true, seen: true, createdAt: this.clock.now(), ...given };
    const row = {
      email,
      name: `Person ${this.people}`,
      created_at: facts.createdAt,
      email_verified_at: facts.verified ? facts.createdAt : null,
      last_seen_at: facts.seen ? facts.createdAt : null,
      is_active: facts.active,
    };
    const [made] = await this.sql`insert into public.users ${this.sql(row as never)} returning id`;
    const person = { id: String(made!['id']), email, customer: null, gone: false, ...facts };
    this.ledger.people.set(person.id, person);
    return person;
  }

  async team(owner: Person | undefined, createdAt = this.clock.now()): Promise<Team> {
    const name = `Team of ${owner?.id ?? 'nobody'} since ${this.ledger.teams.size + 1}`;
    const row = { name, owner_id: owner?.id ?? null, created_at: createdAt };
    const [made] = await this.sql`insert into public.teams ${this.sql(row as never)} returning id`;
    const team: Team = {
      id: String(made!['id']),
      name,
      createdAt,
      ownerId: owner?.id ?? null,
      owners: new Set(owner ? [owner.id] : []),
      members: new Set(),
      customer: null,
      protections: new Map(),
      notices: [],
      gone: undefined,
      closed: false,
    };
    this.ledger.teams.set(team.id, team);
    if (owner) await this.join(team, owner, 'owner');
    return team;
  }

  /** The app itself deletes it, as its owner wished. */
  async close(team: Team): Promise<void> {
    await this.sql`delete from public.memberships where team_id = ${team.id}`;
    await this.sql`delete from public.teams where id = ${team.id}`;
    team.gone = this.clock.now();
    team.closed = true;
  }

  async join(team: Team, person: Person, role = 'member'): Promise<void> {
    await this.sql`
      insert into public.memberships (team_id, user_id, role) values (${team.id}, ${person.id}, ${role})
      on conflict do nothing`;
    team.members.add(person.id);
  }

  async leave(team: Team, person: Person): Promise<void> {
    await this.sql`delete from public.memberships where team_id = ${team.id} and user_id = ${person.id}`;
    team.members.delete(person.id);
  }

  async giveTo(team: Team, owner: Person | undefined): Promise<void> {
    await this.sql`update public.teams set owner_id = ${owner?.id ?? null} where id = ${team.id}`;
    team.ownerId = owner?.id ?? null;
    if (owner) {
      team.owners.add(owner.id);
      await this.join(team, owner, 'owner');
    }
    this.ledger.shake([team]);
  }

  async change(
    person: Person,
    to: Partial<Pick<Person, 'email' | 'verified' | 'active' | 'seen'>>,
  ): Promise<void> {
    Object.assign(person, to);
    const now = this.clock.now();
    await this.sql`
      update public.users set email = ${person.email}, is_active = ${person.active},
        email_verified_at = ${person.verified ? now : null}, last_seen_at = ${person.seen ? now : null}
      where id = ${person.id}`;
    this.ledger.shake(this.ledger.livingTeams.filter(({ ownerId }) => ownerId === person.id));
  }

  /** A customer in Stripe, with a card. */
  async customer(team: Team, { email, by }: CustomerLinks): Promise<Customer> {
    const metadata = by === 'metadata' ? { team_id: team.id } : {};
    const made = await this.stripe.customers.create({ ...(email === null ? {} : { email }), metadata });
    const now = this.clock.now();
    const customer: Customer = {
      id: made.id,
      email,
      createdAt: now,
      teamId: by === 'metadata' ? team.id : null,
      namedAt: now,
      paidAt: undefined,
      deleted: false,
      readAt: undefined,
    };
    this.ledger.customers.set(customer.id, customer);
    await this.card(customer);
    const owner = this.ledger.person(team.ownerId);
    if (by === 'column') await this.link(team, customer);
    else if (by === "the owner's column" && owner) {
      await this.sql`update public.users set stripe_customer_id = ${customer.id} where id = ${owner.id}`;
      owner.customer = customer.id;
    }
    return customer;
  }

  async link(team: Team, customer: Customer): Promise<void> {
    await this.sql`update public.teams set stripe_customer_id = ${customer.id} where id = ${team.id}`;
    team.customer = customer.id;
    this.ledger.shake([team]);
  }

  /** Somebody writes into the customer's metadata whose it is. */
  async name(customer: Customer, team: Team): Promise<void> {
    await this.stripe.customers.update(customer.id, { metadata: { team_id: team.id } });
    customer.teamId = team.id;
    customer.namedAt = this.clock.now();
    this.ledger.shake([team]);
  }

  /** A new card that pays for everything the customer has. */
  async card(customer: Customer): Promise<void> {
    const last4 = String(++this.digits);
    const expiry = monthsLater(this.clock.now(), this.chance.int(1, 30));
    const card = await this.stripe.paymentMethods.create({
      type: 'card',
      card: {
        number: `424242424242${last4}`,
        exp_month: expiry.getUTCMonth() + 1,
        exp_year: expiry.getUTCFullYear(),
      },
    });
    await this.stripe.paymentMethods.attach(card.id, { customer: customer.id });
    await this.stripe.customers.update(customer.id, {
      invoice_settings: { default_payment_method: card.id },
    });
    this.ledger.cards.set(card.id, { id: card.id, customerId: customer.id, last4 });
  }

  async subscribe(customer: Customer, beginning: Beginning, raced = false): Promise<Subscription> {
    const cents = ++this.prices;
    const price = this.standIn.seed.price({ unit_amount: cents, currency: 'usd' });
    const before = this.clock.now();
    if (beginning === 'incomplete') {
      // without a card its first invoice stays open, and it expires after a day
      await this.stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: '' } });
    }
    const made = await this.stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: price.id }],
      payment_behavior: 'default_incomplete',
      ...(beginning === 'trial' ? { trial_period_days: this.chance.pick([2, 7, 14, 30]) } : {}),
    });
    const subscription = { id: made.id, customerId: customer.id, cents, bornAt: before, raced };
    this.ledger.subscribed(subscription);
    this.ledger.shake(this.ledger.teamsAround(customer));
    return subscription;
  }

  /** An invoice without a subscription, paid with money. */
  pay(customer: Customer): void {
    this.standIn.seed.invoice({ customer: customer.id, total: 4_200, status: 'paid' });
    customer.paidAt = this.clock.now();
    this.ledger.shake(this.ledger.teamsAround(customer));
  }

  async cancel({ id }: Subscription, when: 'now' | 'at period end'): Promise<void> {
    if (when === 'now') await this.stripe.subscriptions.cancel(id);
    else await this.stripe.subscriptions.update(id, { cancel_at_period_end: true });
  }

  /** What Stripe does by itself when a payment fails: the stand-in's cards never do. */
  rewrite(subscriptionId: string, status: 'past_due' | 'unpaid'): void {
    const { store } = this.standIn;
    const found = store.subscriptions.get(subscriptionId);
    if (!found) return;
    const before = structuredClone(found);
    found.status = status;
    const at = this.standIn.clock.seconds();
    store.events.emit({ type: 'customer.subscription.updated', at, object: found, before, cause: null });
  }

  /** Stripe forgets the customer, and what it had is cancelled. */
  async forget(customer: Customer): Promise<void> {
    await this.stripe.customers.del(customer.id);
    customer.deleted = true;
  }
}
