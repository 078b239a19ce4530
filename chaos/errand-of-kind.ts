import type { Errand } from './errand.ts';
import type { World } from './world.ts';

const day = 86_400_000;
const seconds = (ms: number) => Math.floor(ms / 1_000);
const address = (id: string) => `${id.replaceAll('_', '-').toLowerCase()}@customers.example`;

type Make = (world: World) => Promise<Errand> | Errand;

/**
 * For each kind of job that Evenfall has, something that it has to do; what must have come of it where it shows outside or
 * in the history (of the others only that the job ended).
 */
export const errandOf: Readonly<Record<string, Make>> = {
  'cancel-subscription': (world) => world.cancellation(),
  'deactivate-account': (world) => world.goodbye(),
  'sync-customer'(world) {
    const customerId = world.lane.stripe.seed.customer().id;
    world.lane.stripe.seed.subscription({ customer: customerId });
    return { kind: 'sync-customer', payload: { customerId } };
  },
  'backfill-stripe': () => ({ kind: 'backfill-stripe', payload: {} }),
  sweep: () => ({ kind: 'sweep', payload: { sweep: 'expiring-card-email' } }),
  'forget-old-records': () => ({ kind: 'forget-old-records', payload: {} }),
  'trial-ending-email': trialEnding,
  'expiring-card-email': expiringCard,
  'mark-team-for-deletion': sleepingTeam,
  'deletion-reminder-email': remindedTeam,
  'delete-inactive-team': markedTeam,
  async 'delete-unverified-users'(world) {
    await world.user({ email_verified_at: null, last_seen_at: null, created_at: ago(11 * day) });
    return { kind: 'delete-unverified-users', payload: {} };
  },
  async 'erase-person'(world) {
    const { id: customer } = world.lane.stripe.seed.customer();
    const { userId } = await world.user({ stripe_customer_id: customer });
    return { kind: 'erase-person', payload: { userId } };
  },
  'alert-dead-letter'(world) {
    const refused = { type: 'invalid_request_error', code: 'resource_locked', message: 'No.' };
    const errand = world.cancellation();
    world.lane.stripe.faults.add({
      kind: 'refused',
      status: 400,
      error: refused,
      match: { subscription: errand.cancels![0]!, method: 'DELETE' },
    });
    return { ...errand, ends: 'dead' };
  },
  async 'alert-finding'(world) {
    const [finding] = await world.sql`
      insert into evenfall.finding (kind, subject, occasion, message, found_at)
      values ('chaos', ${`chaos:${world.errands.length}`}, '', 'Something to look at.', clock_timestamp())
      returning id`;
    return { kind: 'alert-finding', payload: { findingId: Number(finding!['id']) } };
  },
};

function ago(ms: number): Date {
  return new Date(Date.now() - ms);
}

async function trialEnding(world: World): Promise<Errand> {
  const { seed } = world.lane.stripe;
  const { id: customer } = seed.customer();
  const email = address(customer);
  world.lane.stripe.store.customers.get(customer)!.email = email;
  const [start, end] = [ago(12 * day), ago(-2 * day)];
  const { id } = seed.subscription({
    customer,
    status: 'trialing',
    trial_start: seconds(start.getTime()),
    trial_end: seconds(end.getTime()),
    current_period_start: seconds(start.getTime()),
    current_period_end: seconds(end.getTime()),
  });
  const row = {
    id,
    customer_id: customer,
    status: 'trialing',
    cancel_at_period_end: false,
    trial_start: start,
    trial_end: end,
    livemode: false,
    created_at: start,
    read_at: ago(day),
  };
  await world.sql`insert into evenfall.subscription ${world.sql(row)}`;
  return { kind: 'trial-ending-email', payload: { subscriptionId: id, offset: 'P3D' }, mails: [email] };
}

async function expiringCard(world: World): Promise<Errand> {
  const { seed, store } = world.lane.stripe;
  const { id: customer } = seed.customer();
  const email = address(customer);
  store.customers.get(customer)!.email = email;
  const now = new Date();
  const [month, year] = [now.getUTCMonth() + 1, now.getUTCFullYear()];
  const { id } = seed.paymentMethod({
    customer,
    card: { brand: 'visa', last4: '4242', exp_month: month, exp_year: year },
  });
  seed.subscription({ customer, default_payment_method: id });
  const row = {
    id,
    customer_id: customer,
    exp_month: month,
    exp_year: year,
    expires_at: new Date(Date.UTC(year, month, 1)),
    read_at: ago(day),
  };
  await world.sql`insert into evenfall.card ${world.sql(row)}`;
  return { kind: 'expiring-card-email', payload: { cardId: id }, mails: [email] };
}

/** More than six months old, never subscribed. */
async function team(world: World): Promise<{ teamId: string; ownerId: string; email: string }> {
  const { userId: ownerId, email } = await world.user();
  const [row] = await world.sql`
    insert into public.teams (name, owner_id, created_at) values ('a team', ${ownerId}, ${ago(220 * day)})
    returning id::text`;
  const teamId = String(row!['id']);
  await world.sql`insert into public.memberships (team_id, user_id, role) values (${teamId}, ${ownerId}, 'owner')`;
  return { teamId, ownerId, email };
}

async function sleepingTeam(world: World): Promise<Errand> {
  const { teamId, email } = await team(world);
  return { kind: 'mark-team-for-deletion', payload: { teamId }, mails: [email] };
}

/** Its date is two hours away: within the reminder, and not within the last hour. */
async function remindedTeam(world: World): Promise<Errand> {
  const { teamId, ownerId, email } = await team(world);
  await mark(world, teamId, ownerId, ago(-day / 12));
  return { kind: 'deletion-reminder-email', payload: { teamId }, mails: [email] };
}

async function markedTeam(world: World): Promise<Errand> {
  const { teamId, ownerId } = await team(world);
  await mark(world, teamId, ownerId, ago(day));
  return { kind: 'delete-inactive-team', payload: { teamId }, deletes: [teamId] };
}

async function mark(world: World, teamId: string, ownerId: string, due: Date): Promise<void> {
  const sent = ago(8 * day);
  await world.sql`
    insert into evenfall.team_deletion
      (team_id, state, owner_id, marked_at, announced_delete_at, notice_sent_at, delete_after)
    values (${teamId}, 'noticed', ${ownerId}, ${sent}, ${due}, ${sent}, ${due})`;
}
