import type { Inbox } from '../../../src/stand-ins/inbox/index.ts';
import type { Chance } from './chance.ts';
import type { WalkClock } from './clock.ts';
import type { Customer, Ledger, Person, Team } from './ledger.ts';
import { keepPath } from './mails.ts';
import { dayMs, monthsLater } from './rules.ts';
import type { StripeBook } from './stripe-book.ts';
import type { Beginning, CustomerLinks, World } from './world.ts';

/** What people may do of themselves, and how often each is done. */
const doings = {
  subscribe: 3,
  'cancel a subscription': 3,
  'a payment fails': 1,
  'pay an invoice': 1,
  'forget a customer': 2,
  'link a customer': 1,
  'change the card': 1,
  'close the team': 2,
  'keep the team': 2,
  'keep it once more': 1,
  'protect a team': 1.5,
  'lift a protection': 1,
  'give a team away': 2,
  'leave a team without owner': 0.5,
  'join another team': 2,
  'leave another team': 1,
  'log in': 2,
  verify: 1,
  'change the address': 1,
  'be shut out': 0.5,
  'sign up': 2,
};

type Doing = keyof typeof doings;

export interface Reach {
  /** Presses the button behind a "keep my team" link; the id of the team that is kept now. */
  keep(path: string): Promise<string | undefined>;
  /** An operator's word; false where it came too late. */
  protect(kind: Protection, team: Team, until: Date | null): Promise<boolean>;
  lift(kind: Protection, team: Team): Promise<void>;
}

export type Protection = 'snooze' | 'exempt' | 'hold';

/** What owners, members, operators and Stripe's customers do from day to day. */
export class Doings {
  readonly done = new Map<Doing, number>();

  private readonly world: World;
  private readonly book: StripeBook;
  private readonly inbox: Inbox;
  private readonly clock: WalkClock;
  private readonly chance: Chance;
  private readonly reach: Reach;

  constructor(world: World, book: StripeBook, inbox: Inbox, clock: WalkClock, chance: Chance, reach: Reach) {
    this.world = world;
    this.book = book;
    this.inbox = inbox;
    this.clock = clock;
    this.chance = chance;
    this.reach = reach;
  }

  private get ledger(): Ledger {
    return this.world.ledger;
  }

  /** One of them, by chance. While Stripe is down nobody can do there what needs it. */
  async happen(stripeIsDown: boolean): Promise<void> {
    const doing = this.chance.weighted(doings);
    const team = this.chance.among(this.ledger.livingTeams);
    if (!team || (stripeIsDown && needsStripe.has(doing))) return;
    await this.do(doing, team);
    this.done.set(doing, (this.done.get(doing) ?? 0) + 1);
  }

  /** Somebody comes with a team of their own, as teams do. */
  async teamBegins(createdAt = this.clock.now()): Promise<Team> {
    const { chance } = this;
    const stranger = () =>
      this.world.person({
        createdAt,
        verified: chance.happens(0.85),
        active: chance.happens(0.96),
        seen: chance.happens(0.85),
      });
    const known = chance.happens(0.2) ? chance.among(this.ledger.livingPeople) : undefined;
    const owner = chance.happens(0.04) ? undefined : (known ?? (await stranger()));
    const team = await this.world.team(owner, createdAt);
    if (chance.happens(0.25)) {
      const member = chance.happens(0.5) ? chance.among(this.ledger.livingPeople) : await stranger();
      if (member) await this.world.join(team, member);
    }
    return team;
  }

  /** Some teams come with a customer, and some of these with a subscription. */
  async teamMeetsStripe(team: Team): Promise<void> {
    if (!this.chance.happens(0.4)) return;
    const customer = await this.customerOf(team);
    if (this.chance.happens(0.5)) await this.begin(customer);
  }

  private async customerOf(team: Team): Promise<Customer> {
    const owner = this.ledger.person(team.ownerId);
    const by = this.chance.weighted({ column: 6, metadata: 4, "the owner's column": 1, nothing: 0.7 });
    const own = by === 'nothing' || this.chance.happens(0.4) ? owner?.email : undefined;
    const links: CustomerLinks = {
      by,
      email: own ?? `billing-${team.id}-${this.ledger.customers.size}@firms.example`,
    };
    return await this.world.customer(team, links);
  }

  private async begin(customer: Customer): Promise<void> {
    const beginning = this.chance.weighted<Beginning>({ trial: 5, paid: 3, incomplete: 1 });
    await this.world.subscribe(customer, beginning);
  }

  private livingCustomers(): Customer[] {
    return [...this.ledger.customers.values()].filter((customer) => !customer.deleted);
  }

  private aLiveSubscription() {
    const live = [...this.ledger.subscriptions.values()].filter(({ id }) =>
      ['active', 'trialing', 'past_due'].includes(this.book.status(id)),
    );
    return this.chance.among(live);
  }

  private aPerson(): Person | undefined {
    return this.chance.among(this.ledger.livingPeople);
  }

  private async do(doing: Doing, team: Team): Promise<void> {
    const { chance, world } = this;
    switch (doing) {
      case 'subscribe': {
        const known = this.livingCustomers().find(
          ({ id, teamId }) => id === team.customer || teamId === team.id,
        );
        return await this.begin(known ?? (await this.customerOf(team)));
      }
      case 'cancel a subscription': {
        const one = this.aLiveSubscription();
        if (one && !this.book.subscription(one.id).ending)
          await world.cancel(one, chance.pick(['now', 'at period end']));
        return;
      }
      case 'a payment fails': {
        const one = this.aLiveSubscription();
        if (one && this.book.status(one.id) === 'active')
          world.rewrite(one.id, chance.pick(['past_due', 'unpaid']));
        return;
      }
      case 'pay an invoice': {
        const customer = chance.among(this.livingCustomers());
        if (customer) world.pay(customer);
        return;
      }
      case 'forget a customer': {
        const customer = chance.among(this.livingCustomers());
        if (customer) await world.forget(customer);
        return;
      }
      case 'link a customer': {
        const customer = chance.among(this.livingCustomers().filter(({ teamId }) => teamId === null));
        const isLinked = this.ledger.livingTeams.some((one) => one.customer === customer?.id);
        if (!customer || isLinked) return;
        if (chance.happens(0.5)) await world.name(customer, team);
        else if (team.customer === null) await world.link(team, customer);
        return;
      }
      case 'change the card': {
        const customer = chance.among(this.livingCustomers());
        if (customer) await world.card(customer);
        return;
      }
      default:
        return await this.doHere(doing, team);
    }
  }

  /** What needs no Stripe. */
  private async doHere(doing: Doing, team: Team): Promise<void> {
    const { chance, world } = this;
    const person = this.aPerson();
    switch (doing) {
      case 'keep the team':
      case 'keep it once more':
        return await this.keep(doing === 'keep it once more');
      case 'close the team':
        return await world.close(team);
      case 'protect a team':
        return await this.protect(team);
      case 'lift a protection': {
        const one = chance.among(this.ledger.livingTeams.filter(({ protections }) => protections.size > 0));
        const kind = one && chance.among([...one.protections.keys()]);
        if (!one || !kind) return;
        await this.reach.lift(kind as Protection, one);
        one.protections.delete(kind);
        return;
      }
      case 'give a team away':
        return await world.giveTo(
          team,
          chance.happens(0.6) ? await world.person() : chance.among(this.ledger.livingPeople),
        );
      case 'leave a team without owner':
        return await world.giveTo(team, undefined);
      case 'join another team':
        if (person) await world.join(team, person);
        return;
      case 'leave another team': {
        const member = chance.among([...team.members].filter((id) => id !== team.ownerId));
        const leaver = member === undefined ? undefined : this.ledger.person(member);
        if (leaver && !leaver.gone) await world.leave(team, leaver);
        return;
      }
      case 'log in':
        if (person) await world.change(person, { seen: true });
        return;
      case 'verify':
        if (person) await world.change(person, { verified: true });
        return;
      case 'change the address':
        if (person)
          await world.change(person, { email: `again-${person.id}-${chance.int(1, 1e6)}@people.example` });
        return;
      case 'be shut out':
        if (person) await world.change(person, { active: !person.active });
        return;
      case 'sign up':
        await world.person({ verified: chance.happens(0.3), seen: chance.happens(0.3) });
        return;
      default:
        throw new Error(`nobody knows how to ${doing}`);
    }
  }

  /** An owner presses the button in a notice: the newest of a team that bears a mark, or an old one. */
  private async keep(old: boolean): Promise<void> {
    const links = this.inbox.messages.flatMap((message) => keepPath(message) ?? []);
    const marked = this.ledger.livingTeams.flatMap((team) => this.ledger.standing(team) ?? []);
    const markId = this.chance.among(marked)?.markId;
    const path = old ? this.chance.among(links) : links.find((link) => link.startsWith(`/keep/${markId}-`));
    const kept = path === undefined ? undefined : await this.reach.keep(path);
    if (kept === undefined) return;
    const from = this.clock.now();
    const team = this.ledger.team(kept);
    team.protections.set('snooze', { from, until: monthsLater(from, 6) });
    this.ledger.takeBack(team, 'kept by its link');
  }

  /** An operator keeps it, for some time or for good. */
  async protect(team: Team): Promise<void> {
    const kind = this.chance.weighted<Protection>({ snooze: 3, exempt: 1, hold: 1 });
    const from = this.clock.now();
    const days = this.chance.int(1, 60);
    const until = this.chance.happens(0.6) ? new Date(from.getTime() + days * dayMs) : null;
    if (!(await this.reach.protect(kind, team, until))) return;
    const end = until ?? (kind === 'snooze' ? monthsLater(from, 6) : null);
    team.protections.set(kind, { from, until: end });
    this.ledger.takeBack(team, `${kind} by an operator`);
  }
}

const needsStripe: ReadonlySet<Doing> = new Set([
  'subscribe',
  'cancel a subscription',
  'forget a customer',
  'link a customer',
  'change the card',
]);
