import { plans } from './people.ts';
import type { OwnedTeam, Stage } from './stage.ts';

/** A team's latest mark, and what became of it. */
export interface Mark {
  readonly state: string;
  /** Why it was taken back. */
  readonly why: string | null;
  /** How long after its notice the team may be deleted. */
  readonly notice: string | null;
  /** What became of the owner. */
  readonly owner: string | null;
}

/** A team that bears a mark, whose owner has the notice in the inbox: one more where none is left of them. */
export async function markedTeam(stage: Stage): Promise<OwnedTeam> {
  const marked = await stage.sql<OwnedTeam[]>`
    select t.id::text, t.name, o.id::text as "ownerId", o.email
    from evenfall.team_deletion d
    join public.teams t on t.id::text = d.team_id join public.users o on o.id = t.owner_id
    where d.state = 'noticed' order by d.id`;
  // an earlier demo may have been stopped in the middle, and its inbox went with it
  return stage.take(marked.filter((team) => stage.mailsTo(team).length > 0)) ?? (await markAnother(stage));
}

async function markAnother(stage: Stage): Promise<OwnedTeam> {
  const [team] = await stage.sleepingTeams(['Violet Gardeners']);
  if (!team) throw new Error('no team has come');
  await stage.sweep('mark-team-for-deletion');
  await stage.jobsAbout('mark-team-for-deletion', { teamId: team.id });
  return team;
}

export async function markOf({ sql }: Stage, team: OwnedTeam): Promise<Mark> {
  const [mark] = await sql<Mark[]>`
    select state, cleared_why as why, (delete_after - notice_sent_at)::text as notice, owner_outcome as owner
    from evenfall.team_deletion where team_id = ${team.id} order by id desc limit 1`;
  if (!mark) throw new Error(`team ${team.id} bears no mark`);
  return mark;
}

/** The mark as one says it: with the reason, where it was taken back. */
export async function markInWords(stage: Stage, team: OwnedTeam): Promise<string> {
  const { state, why } = await markOf(stage, team);
  return why === null ? state : `${state}: ${why}`;
}

/** As if the team had been marked a week earlier; nobody's clock is touched. */
export async function aWeekPasses(stage: Stage, team: OwnedTeam): Promise<void> {
  await daysPass(stage, team, 7);
}

/** As if the team had been marked so many days earlier. */
export async function daysPass(stage: Stage, team: OwnedTeam, days: number): Promise<void> {
  const time = days === 1 ? '1 day' : `${days} days`;
  await stage.sql`
    update evenfall.team_deletion
    set marked_at = marked_at - ${time}::interval, announced_delete_at = announced_delete_at - ${time}::interval,
      notice_sent_at = notice_sent_at - ${time}::interval, delete_after = delete_after - ${time}::interval
    where team_id = ${team.id}`;
  await stage.note(`${time} later`, `team ${team.id} ${team.name}`, `its mark is moved back by ${time}`);
}

/** Searches for whom to remind; resolves, when that team's reminder is over, to how it ended. */
export async function reminderOf(stage: Stage, team: OwnedTeam) {
  await stage.sweep('deletion-reminder-email');
  return await stage.jobsAbout('deletion-reminder-email', { teamId: team.id });
}

/** Searches for teams whose date has passed; resolves, when that team's deletion is over, to how it ended. */
export async function deletionOf(stage: Stage, team: OwnedTeam) {
  await stage.sweep('delete-inactive-team');
  return await stage.jobsAbout('delete-inactive-team', { teamId: team.id });
}

/** Of these users, those that the app still has. */
export async function usersLeft({ sql }: Stage, ids: readonly string[]): Promise<number> {
  return (await sql`select from public.users where id::text = any (${ids})`).length;
}

/** Whether the app still has the team. */
export async function inTheApp({ sql }: Stage, team: OwnedTeam): Promise<'there' | 'gone'> {
  return (await sql`select from public.teams where id::text = ${team.id}`).length === 1 ? 'there' : 'gone';
}

/** What Stripe has of a new subscriber: a customer with a card, and nothing to pay for yet. */
export async function becomeCustomer(stage: Stage, { email, name }: OwnedTeam): Promise<string> {
  const form = { email, name, payment_method: 'pm_card_visa' };
  return (await stage.atStripe('POST', '/v1/customers', form)).id;
}

/** Resolves to the subscription's id. */
export async function subscribe(stage: Stage, customer: string): Promise<string> {
  const card = stage.stripe.store.paymentMethods.all().find((each) => each.customer === customer);
  const form = {
    customer,
    'items[0][price]': plans[1].id,
    ...(card && { default_payment_method: card.id }),
  };
  return (await stage.atStripe('POST', '/v1/subscriptions', form)).id;
}

/** The app's own note of whom Stripe knows its team as. */
export async function linkCustomer({ sql }: Stage, team: OwnedTeam, customer: string): Promise<void> {
  await sql`update public.teams set stripe_customer_id = ${customer} where id::text = ${team.id}`;
}

/** The findings of a kind about a subject, by their ids, oldest first: waits for the first one. */
export async function findings(stage: Stage, kind: string, subject: string): Promise<number[]> {
  return await stage.until(`a finding about ${subject}`, async () => {
    const rows = await stage.sql<{ id: number }[]>`
      select id::int from evenfall.finding where kind = ${kind} and subject = ${subject} order by id`;
    return rows.length > 0 ? rows.map(({ id }) => id) : undefined;
  });
}
