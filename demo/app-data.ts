import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type postgres from 'postgres';
import { packageRoot } from '../src/package-root.ts';
import type { StripeStandIn } from '../src/stand-ins/stripe/index.ts';
import { plans } from './people.ts';
import type { Person, Team } from './people.ts';

/** The id by which Stripe knows a team that ever paid. */
function customerOf(team: Pick<Team, 'id' | 'billing'>): string | null {
  return team.billing === 'never' ? null : stripeIdsOf(team).customerId;
}

/** By which Stripe knows everything of a team that ever paid. */
export function stripeIdsOf(team: Pick<Team, 'id'>) {
  const number = `Demo${String(team.id).padStart(4, '0')}`;
  return { customerId: `cus_${number}`, cardId: `pm_${number}`, subscriptionId: `sub_${number}` };
}

/** Creates the tables of the example app, and the demo's own. */
export async function createAppSchema(sql: postgres.Sql): Promise<void> {
  await sql.unsafe(readFileSync(join(packageRoot, 'sql', 'example-app.sql'), 'utf8'));
  await sql.unsafe(`
    create schema if not exists demo;
    -- which scenes have been played on these data
    create table if not exists demo.scene (name text primary key, played_at timestamptz not null default now());
    -- what the Stripe stand-in, which lives in memory, knew last: one row
    create table if not exists demo.stripe (only_row boolean primary key default true check (only_row), objects text not null)
  `);
}

/** Fills the tables of the example app. */
export async function insertTeams(sql: postgres.TransactionSql, teams: readonly Team[]): Promise<void> {
  const now = Date.now();
  const ago = (days: number): Date => new Date(now - days * 86_400_000);
  const users = teams.flatMap(({ owner, members }) => [owner, ...members]);
  const userRow = (person: Person) => ({
    id: person.id,
    email: person.email,
    name: person.name,
    email_verified_at: person.verified ? ago(person.joinedDaysAgo) : null,
    created_at: ago(person.joinedDaysAgo),
    last_seen_at: person.verified ? ago(Math.min(2, person.joinedDaysAgo)) : null,
    locale: 'en',
  });
  const teamRow = (team: Team) => ({
    id: team.id,
    name: team.name,
    owner_id: team.owner.id,
    created_at: ago(team.createdDaysAgo),
    stripe_customer_id: customerOf(team),
    time_zone: team.timeZone,
    trial_ends_at: team.billing === 'trialing' ? ago(team.createdDaysAgo - 14) : null,
  });
  const memberships = teams.flatMap((team) => [
    { team_id: team.id, user_id: team.owner.id, role: 'owner' },
    ...team.members.map((member) => ({ team_id: team.id, user_id: member.id, role: 'member' })),
  ]);
  await sql`insert into public.users ${sql(users.map(userRow))}`;
  await sql`insert into public.teams ${sql(teams.map(teamRow))}`;
  await sql`insert into public.memberships ${sql(memberships)}`;
  // the next ones of the app's own come after ours
  await sql`select setval(pg_get_serial_sequence('public.users', 'id'), (select max(id) from public.users)),
    setval(pg_get_serial_sequence('public.teams', 'id'), (select max(id) from public.teams))`;
}

/** Tells the Stripe stand-in what can be subscribed to. */
export function seedPlans({ seed }: StripeStandIn): void {
  for (const plan of plans) {
    const product = seed.product({ id: plan.id.replace('price', 'prod'), name: plan.name });
    seed.price({ id: plan.id, product: product.id, unit_amount: plan.cents, currency: 'eur' });
  }
}

/** Tells the Stripe stand-in of the same teams: customers, cards, subscriptions. */
export function seedTeams({ seed, clock }: StripeStandIn, teams: readonly Team[]): void {
  const now = clock.seconds();
  const today = new Date(now * 1_000);
  for (const team of teams) {
    if (team.billing === 'never') continue;
    const { customerId: customer, cardId, subscriptionId } = stripeIdsOf(team);
    const created = now - team.createdDaysAgo * 86_400;
    seed.customer({ id: customer, created, email: team.owner.email, name: team.name });
    const expiry = new Date(Date.UTC(today.getUTCFullYear(), today.getUTCMonth() + team.cardMonthsLeft));
    const card = seed.paymentMethod({
      id: cardId,
      created,
      customer,
      card: { exp_month: expiry.getUTCMonth() + 1, exp_year: expiry.getUTCFullYear() },
    });
    seed.subscription({
      id: subscriptionId,
      customer,
      created,
      start_date: created,
      price: team.plan.id,
      default_payment_method: card.id,
      ...statusOf(team, now),
    });
  }
}

function statusOf(team: Team, now: number) {
  const began = now - team.createdDaysAgo * 86_400;
  switch (team.billing) {
    case 'trialing':
      return { status: 'trialing', trial_start: began, trial_end: began + 14 * 86_400 } as const;
    case 'left': {
      const ended = now - Math.floor(team.createdDaysAgo / 2) * 86_400;
      return { status: 'canceled', canceled_at: ended, ended_at: ended } as const;
    }
    default:
      return { status: 'active' } as const;
  }
}
