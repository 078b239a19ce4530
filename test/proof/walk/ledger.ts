/*
 * What truly happened in the app, in Stripe and in the inbox, as plain objects: written down by whoever does it, and
 * never read from Evenfall. All instants are those of the walk's clock.
 */

export interface Person {
  readonly id: string;
  email: string;
  verified: boolean;
  active: boolean;
  readonly createdAt: Date;
  seen: boolean;
  /** The app's own column. */
  customer: string | null;
  gone: boolean;
}

export interface Team {
  readonly id: string;
  readonly name: string;
  readonly createdAt: Date;
  ownerId: string | null;
  /** Everybody who ever owned it: their customers may speak for it. */
  readonly owners: Set<string>;
  readonly members: Set<string>;
  /** The app's own column. */
  customer: string | null;
  readonly protections: Map<string, { from: Date; until: Date | null }>;
  readonly notices: DeliveredNotice[];
  gone: Date | undefined;
  /** By its owner's wish, and not by Evenfall. */
  closed: boolean;
}

export interface Customer {
  readonly id: string;
  readonly email: string | null;
  readonly createdAt: Date;
  /** The team that its metadata name, and since when. */
  teamId: string | null;
  namedAt: Date;
  /** With money; since when. */
  paidAt: Date | undefined;
  deleted: boolean;
  /** When the read of it began that Evenfall has last seen through, by an event or by a backfill. */
  readAt: Date | undefined;
}

export interface Subscription {
  readonly id: string;
  readonly customerId: string;
  /** What it costs, in cents: no other has the same, so that a mail's price says which it is about. */
  readonly cents: number;
  readonly bornAt: Date;
  /** Mirrored while Evenfall was at its act: which of the two came first nobody can tell. */
  readonly raced: boolean;
}

/** A card; no other has the same four digits. */
export interface Card {
  readonly id: string;
  readonly customerId: string;
  readonly last4: string;
}

/** A deletion notice that lies in the inbox. */
export interface DeliveredNotice {
  readonly markId: string;
  readonly at: Date;
  readonly ownerId: string | null;
  /** What took the mark back since, for certain. */
  takenBack: string | undefined;
  /** Something has happened since that may have taken it back. */
  shaken: boolean;
}

export class Ledger {
  readonly people = new Map<string, Person>();
  readonly teams = new Map<string, Team>();
  readonly customers = new Map<string, Customer>();
  readonly subscriptions = new Map<string, Subscription>();
  readonly cards = new Map<string, Card>();
  /** The last complete read of all of Stripe. */
  picture: { readonly begunAt: Date; readonly finishedAt: Date } | undefined;

  person(id: string | null): Person | undefined {
    return id === null ? undefined : this.people.get(id);
  }

  team(id: string): Team {
    const team = this.teams.get(id);
    if (!team) throw new Error(`the ledger has no team ${id}`);
    return team;
  }

  get livingTeams(): Team[] {
    return [...this.teams.values()].filter((team) => !team.gone);
  }

  get livingPeople(): Person[] {
    return [...this.people.values()].filter((person) => !person.gone);
  }

  private readonly byCustomer = new Map<string, Subscription[]>();

  subscribed(subscription: Subscription): void {
    const { id, customerId } = subscription;
    this.subscriptions.set(id, subscription);
    this.byCustomer.set(customerId, [...this.subscriptionsOf(customerId), subscription]);
  }

  subscriptionsOf(customerId: string): readonly Subscription[] {
    return this.byCustomer.get(customerId) ?? [];
  }

  /** What has happened takes the team's mark back. */
  takeBack(team: Team, why: string): void {
    const last = team.notices.at(-1);
    if (last) last.takenBack ??= why;
  }

  /** What has happened may take the mark of each of these back. */
  shake(teams: Iterable<Team>): void {
    for (const { notices } of teams) {
      const last = notices.at(-1);
      if (last) last.shaken = true;
    }
  }

  /** The mark that it still bears, for all that is certain. */
  standing(team: Team): DeliveredNotice | undefined {
    const last = team.notices.at(-1);
    return last && last.takenBack === undefined && !last.shaken ? last : undefined;
  }

  /** The teams that a customer might be of. */
  teamsAround(customer: Customer): Team[] {
    return this.livingTeams.filter((team) => {
      const owners = [...team.owners].map((id) => this.person(id));
      return (
        team.customer === customer.id ||
        customer.teamId === team.id ||
        owners.some((owner) => owner?.customer === customer.id || owner?.email === customer.email)
      );
    });
  }

  /** Evenfall has read these customers; the read began then. */
  read(customers: Iterable<Customer>, begunAt: Date): void {
    for (const customer of customers) if (!customer.deleted) customer.readAt = begunAt;
  }
}
