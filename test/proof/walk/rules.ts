import type { Customer, Ledger, Subscription, Team } from './ledger.ts';

/*
 * What may be done to whom, by the promises alone: written from what the product says of itself, not from its SQL.
 */

export const dayMs = 86_400_000;

/** The same instant some months later, in the calendar; a day that the month does not have is its last. */
export function monthsLater(at: Date, months: number): Date {
  const later = new Date(at);
  later.setUTCDate(1);
  later.setUTCMonth(later.getUTCMonth() + months);
  const lastDay = new Date(Date.UTC(later.getUTCFullYear(), later.getUTCMonth() + 1, 0)).getUTCDate();
  later.setUTCDate(Math.min(at.getUTCDate(), lastDay));
  return later;
}

/** How Stripe's own book has a subscription by now. */
export type StatusOf = (subscriptionId: string) => string;

export interface Look {
  readonly at: Date;
  /** When Stripe was asked, or later: what began before must have been seen, where Stripe was asked about it. */
  readonly askedAt: Date;
  readonly statusOf: StatusOf;
}

/** A complete picture of Stripe may be this old. */
export const pictureMs = 24 * 3_600_000;

/** Why the team must not be told or deleted at this instant; undefined where nothing that had to be seen speaks for it. */
export function speaksFor(ledger: Ledger, team: Team, look: Look): string | undefined {
  const shield = protectionOf(team, look.at);
  if (shield) return shield;
  for (const { customer, how, byId } of customersOf(ledger, team, look)) {
    const begun = ledger
      .subscriptionsOf(customer.id)
      .find((one) => counts(one, look.statusOf) && wasSeen(customer, one, look));
    if (begun) return `${how} ${customer.id} has subscribed: ${begun.id} (${look.statusOf(begun.id)})`;
    // a customer that is deleted is still known by its id, and its invoices with it
    const paid = customer.paidAt && customer.paidAt < look.askedAt && (!customer.deleted || byId);
    if (paid) return `${how} ${customer.id} has paid`;
  }
  return undefined;
}

/** Whether anything at all might speak for it, seen or not: such a team may be left alone for as long as it likes. */
export function mightSpeakFor(ledger: Ledger, team: Team, look: Look): boolean {
  if (protectionOf(team, look.at)) return true;
  const people = [...team.owners].flatMap((id) => ledger.people.get(id) ?? []);
  const emails = new Set(people.map(({ email }) => email));
  const ids = new Set([team.customer, ...people.map(({ customer }) => customer)]);
  return [...ledger.customers.values()].some(
    (customer) =>
      (ids.has(customer.id) ||
        customer.teamId === team.id ||
        (customer.email !== null && emails.has(customer.email))) &&
      (customer.paidAt !== undefined ||
        ledger.subscriptionsOf(customer.id).some((one) => counts(one, look.statusOf))),
  );
}

export function protectionOf(team: Team, at: Date): string | undefined {
  for (const [kind, { from, until }] of team.protections) {
    if (from <= at && (until === null || at < until)) return `${kind} since ${from.toISOString()}`;
  }
  return undefined;
}

/** Whether somebody can be written to about the team: an active owner with a verified address. */
export function reachableOwner(ledger: Ledger, team: Team): string | undefined {
  const owner = ledger.person(team.ownerId);
  return owner?.active && owner.verified && !owner.gone ? owner.email : undefined;
}

/** All but one that never began. */
function counts({ id }: Subscription, statusOf: StatusOf): boolean {
  return statusOf(id) !== 'incomplete_expired';
}

/**
 * Whether Evenfall must know what began then: Stripe tells it of a living customer when it is asked, and what it has
 * read once it does not forget.
 */
function wasSeen(customer: Customer, { bornAt, raced }: Subscription, { askedAt }: Look): boolean {
  if (bornAt < askedAt && !customer.deleted) return true;
  if (bornAt >= askedAt && raced) return false;
  return customer.readAt !== undefined && bornAt <= customer.readAt;
}

interface Known {
  readonly customer: Customer;
  readonly how: string;
  /** By its own id, and not by an address. */
  readonly byId: boolean;
}

/** The customers whose subscriptions are the team's, as far as Evenfall has to know that they are. */
function customersOf(ledger: Ledger, team: Team, look: Look): Known[] {
  const customers = [...ledger.customers.values()];
  const column = team.customer === null ? undefined : ledger.customers.get(team.customer);
  const named = customers.filter((one) => one.teamId === team.id && namingKnown(one, look));
  const known: Known[] = named.map((customer) => ({ customer, how: 'by its metadata', byId: true }));
  if (column) known.push({ customer: column, how: 'its customer', byId: true });

  const owner = ledger.person(team.ownerId);
  const own = owner?.customer == null ? undefined : ledger.customers.get(owner.customer);
  const hasNone = !column && !customers.some((one) => one.teamId === team.id);
  if (own && hasNone && !isElsewhere(ledger, own, team)) {
    known.push({ customer: own, how: "its owner's customer", byId: true });
  }
  for (const customer of customers) {
    const isTheirs = owner !== undefined && customer.email === owner.email && !customer.deleted;
    if (isTheirs && !isElsewhere(ledger, customer, team)) {
      known.push({ customer, how: "with its owner's address", byId: false });
    }
  }
  return known;
}

/**
 * That a customer's metadata name a team only Stripe's own lists say: a read since has told, or the full picture that
 * every ending needs must have.
 */
function namingKnown({ namedAt, readAt, deleted }: Customer, { at }: Look): boolean {
  if (readAt !== undefined && namedAt <= readAt) return true;
  return !deleted && at.getTime() - namedAt.getTime() > pictureMs + dayMs / 12;
}

/** Perhaps another team's, whether or not that one is still there. */
function isElsewhere(ledger: Ledger, customer: Customer, team: Team): boolean {
  if (customer.teamId !== null && customer.teamId !== team.id) return true;
  return [...ledger.teams.values()].some((other) => other !== team && other.customer === customer.id);
}
