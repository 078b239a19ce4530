import type { Policy } from '../../../src/core/policy.ts';
import type { Ledger, Person, Team } from './ledger.ts';
import type { Mail } from './mails.ts';
import { dayMs, monthsLater, pictureMs, reachableOwner, speaksFor } from './rules.ts';
import type { Look } from './rules.ts';
import type { StripeBook } from './stripe-book.ts';

export type Rule = 'wrong deletion' | 'wrong notice' | 'forgotten' | 'unexplained';

/** A promise that was broken. */
export interface Verdict {
  readonly rule: Rule;
  readonly at: Date;
  readonly what: string;
}

/** What is true of the moment that is judged. */
export interface Moment extends Look {
  readonly stripeIsDown: boolean;
}

/** Two clocks are read one after the other. */
const slackMs = 5_000;
const noticeMs = 7 * dayMs;
const unverifiedMs = 10 * dayMs;
const trialReminderMs = 3 * dayMs;
const cardWindowMs = 20 * dayMs;

/**
 * Looks at every mail that arrives and at everybody who is gone, and says by the ledger alone whether that was right.
 * Knows nothing of Evenfall's tables.
 */
export class Judge {
  readonly verdicts: Verdict[] = [];
  readonly counts = { deletedTeams: 0, deletedUsers: 0, notices: 0, trialMails: 0, cardMails: 0 };
  private readonly marks = new Set<string>();
  private readonly occasions = new Set<string>();
  private deletions: number[] = [];
  private release: { readonly at: Date; readonly acts: number } | undefined;

  private readonly ledger: Ledger;
  private readonly book: StripeBook;
  private readonly policy: Pick<Policy, 'fuseMax' | 'fuseShare'>;

  constructor(ledger: Ledger, book: StripeBook, policy: Pick<Policy, 'fuseMax' | 'fuseShare'>) {
    this.ledger = ledger;
    this.book = book;
    this.policy = policy;
  }

  find(rule: Rule, at: Date, what: string): void {
    this.verdicts.push({ rule, at, what });
  }

  /** A person has let this many deletions through. */
  fuseReleased(at: Date, acts: number): void {
    this.release = { at, acts };
  }

  mail(mail: Mail, moment: Moment): void {
    const wrong = this.wrongsOfMail(mail, { ...moment, at: mail.at });
    for (const what of wrong) this.find('wrong notice', mail.at, `${mail.kind} to ${mail.to}: ${what}`);
  }

  /** Who the app still has; whoever else lived until now is gone. */
  present(teams: ReadonlySet<string>, people: ReadonlySet<string>, moment: Moment): void {
    for (const team of this.ledger.livingTeams) {
      if (teams.has(team.id)) continue;
      for (const what of this.wrongsOfTeamGone(team, moment)) {
        this.find('wrong deletion', moment.at, `team ${team.id}: ${what}`);
      }
      team.gone = moment.at;
      this.counts.deletedTeams++;
    }
    for (const person of this.ledger.livingPeople) {
      if (people.has(person.id)) continue;
      for (const what of this.wrongsOfPersonGone(person, moment)) {
        this.find('wrong deletion', moment.at, `user ${person.id}: ${what}`);
      }
      person.gone = true;
      this.counts.deletedUsers++;
    }
  }

  private wrongsOfTeamGone(team: Team, moment: Moment): string[] {
    const { at } = moment;
    const notice = team.notices.at(-1);
    const wrongs = this.wrongsOfEnding(team, moment);
    if (at < new Date(monthsLater(team.createdAt, 6).getTime() + noticeMs)) wrongs.push('it was too young');
    if (!notice) wrongs.push('nobody was told');
    else {
      if (at.getTime() < notice.at.getTime() + noticeMs)
        wrongs.push(`its owner was told only at ${notice.at.toISOString()}`);
      if (notice.ownerId !== team.ownerId) wrongs.push('another owner was told');
      if (notice.takenBack !== undefined) wrongs.push(`its mark was taken back: ${notice.takenBack}`);
    }
    this.deletions.push(at.getTime());
    if (this.isOverFuse(at)) wrongs.push('more in a day than the fuse allows');
    return wrongs;
  }

  /** What speaks against a notice as against a deletion. */
  private wrongsOfEnding(team: Team, moment: Moment): string[] {
    const wrongs: string[] = [];
    const why = speaksFor(this.ledger, team, moment);
    if (why !== undefined) wrongs.push(why);
    if (moment.stripeIsDown) wrongs.push('Stripe could not be asked');
    if (!this.hasPicture(moment.at)) wrongs.push('no complete picture of Stripe of the last 24 hours');
    return wrongs;
  }

  private hasPicture(at: Date): boolean {
    const { picture } = this.ledger;
    return picture !== undefined && at.getTime() <= picture.finishedAt.getTime() + pictureMs + slackMs;
  }

  /** For a day after a release its number counts, from there; what it let through does not count afterwards. */
  private isOverFuse(at: Date): boolean {
    const aDayAgo = at.getTime() - dayMs;
    this.deletions = this.deletions.filter((one) => one > aDayAgo);
    const { fuseMax, fuseShare } = this.policy;
    const usual = Math.max(5, Math.min(fuseMax, Math.ceil(this.ledger.livingTeams.length * fuseShare)));
    const released = this.release?.at.getTime() ?? 0;
    const isReleased = this.release !== undefined && released > aDayAgo;
    const since = isReleased ? released : released + dayMs;
    const allowed = isReleased ? (this.release?.acts ?? usual) : usual;
    return this.deletions.filter((one) => one >= since).length > allowed;
  }

  private wrongsOfPersonGone(person: Person, moment: Moment): string[] {
    const { ledger } = this;
    const wrongs: string[] = [];
    const theirs = [...ledger.teams.values()].filter(
      (team) => team.gone && !team.closed && team.ownerId === person.id,
    );
    for (const team of ledger.livingTeams) {
      if (team.ownerId === person.id) wrongs.push(`owns team ${team.id}`);
      else if (team.members.has(person.id)) wrongs.push(`is a member of team ${team.id}`);
    }
    if (person.customer !== null) wrongs.push('has a customer');
    const known = [...ledger.customers.values()].find(
      (one) =>
        one.email === person.email &&
        !one.deleted &&
        one.createdAt < moment.askedAt &&
        !theirs.some((team) => team.customer === one.id || one.teamId === team.id),
    );
    if (known) wrongs.push(`Stripe has ${known.id} with this address`);
    if (theirs.length > 0) {
      const alive = theirs.find((team) => this.livedOn(team, moment));
      if (alive) wrongs.push(`team ${alive.id} had subscribed while it was deleted`);
      return wrongs;
    }
    if (person.verified) wrongs.push('had verified their address');
    if (person.seen) wrongs.push('had logged in');
    if (moment.at.getTime() < person.createdAt.getTime() + unverifiedMs) wrongs.push('was too young');
    if (moment.stripeIsDown) wrongs.push('Stripe could not be asked');
    if (!this.hasPicture(moment.at)) wrongs.push('no complete picture of Stripe of the last 24 hours');
    return wrongs;
  }

  /** Stripe has a live subscription of a deleted team's own customer. */
  livedOn(team: Team, { statusOf }: Pick<Look, 'statusOf'>): boolean {
    const { gone, customer } = team;
    if (customer === null || gone === undefined) return false;
    return this.ledger
      .subscriptionsOf(customer)
      .some(({ id, bornAt }) => bornAt <= gone && !['canceled', 'incomplete_expired'].includes(statusOf(id)));
  }

  private wrongsOfMail(mail: Mail, moment: Moment): string[] {
    switch (mail.kind) {
      case 'deletion-notice':
        return this.wrongsOfNotice(mail, moment);
      case 'trial-ending':
        this.counts.trialMails++;
        return this.wrongsOfTrialMail(mail, moment);
      case 'expiring-card':
        this.counts.cardMails++;
        return this.wrongsOfCardMail(mail, moment);
      default:
        return ['nobody knows this mail'];
    }
  }

  private wrongsOfNotice(mail: Mail & { kind: 'deletion-notice' }, moment: Moment): string[] {
    this.counts.notices++;
    const team = [...this.ledger.teams.values()].find(({ name }) => name === mail.team);
    if (!team) return [`there is no team of the name ${mail.team}`];
    const wrongs = this.wrongsOfEnding(team, moment);
    if (team.gone) wrongs.push('it is gone already');
    if (mail.at.getTime() < monthsLater(team.createdAt, 6).getTime()) wrongs.push('it is too young');
    if (mail.markId === '' || this.marks.has(mail.markId)) wrongs.push('of this mark they were told before');
    this.marks.add(mail.markId);
    const mark = this.ledger.standing(team);
    if (mark) wrongs.push(`it bears mark ${mark.markId} since ${mark.at.toISOString()}`);
    const owner = reachableOwner(this.ledger, team);
    const mayRead = owner === undefined ? this.addressesInStripe(team) : [owner];
    if (!mayRead.includes(mail.to)) wrongs.push(`${owner ?? 'nobody'} decides on it`);
    const { markId, at } = mail;
    team.notices.push({ markId, at, ownerId: team.ownerId, takenBack: undefined, shaken: false });
    return wrongs.map((what) => `team ${team.id}: ${what}`);
  }

  /** Where nobody decides on the team: the addresses that Stripe has of its customers. */
  private addressesInStripe(team: Team): string[] {
    const { ledger } = this;
    return [...ledger.customers.values()].flatMap((customer) =>
      customer.email !== null && ledger.teamsAround(customer).includes(team) ? [customer.email] : [],
    );
  }

  private wrongsOfTrialMail(mail: Mail & { kind: 'trial-ending' }, { at }: Moment): string[] {
    const known = [...this.ledger.subscriptions.values()].find(({ cents }) => cents === mail.cents);
    if (!known) return [`no subscription costs ${mail.cents}`];
    const { status, trialStart, trialEnd, ending } = this.book.subscription(known.id);
    const wrongs: string[] = [];
    if (status !== 'trialing' || !trialEnd || !trialStart) return [`${known.id} is ${status}`];
    if (ending) wrongs.push('it is cancelled');
    const left = trialEnd.getTime() - at.getTime();
    if (left > trialReminderMs + slackMs) wrongs.push('too early');
    if (left < dayMs - slackMs) wrongs.push('too late');
    if (trialEnd.getTime() - trialStart.getTime() <= trialReminderMs) wrongs.push('so short a trial');
    wrongs.push(
      ...this.again(`${known.id} ${trialEnd.toISOString()}`),
      ...this.wrongReader(known.customerId, mail.to),
    );
    return wrongs.map((what) => `${known.id}: ${what}`);
  }

  private wrongsOfCardMail(mail: Mail & { kind: 'expiring-card' }, { at }: Moment): string[] {
    const known = [...this.ledger.cards.values()].find(({ last4 }) => last4 === mail.last4);
    if (!known) return [`nobody has a card ending in ${mail.last4}`];
    const { month, year, charged } = this.book.card(known);
    const expiresAt = Date.UTC(year, month);
    const wrongs: string[] = [];
    if (mail.expires !== `${String(month).padStart(2, '0')}/${year}`)
      wrongs.push(`it expires ${month}/${year}`);
    if (at.getTime() > expiresAt + slackMs) wrongs.push('it has expired');
    if (at.getTime() < expiresAt - cardWindowMs - slackMs) wrongs.push('too early');
    if (!charged) wrongs.push('nothing is charged to it');
    wrongs.push(...this.again(`${known.id} ${mail.expires}`), ...this.wrongReader(known.customerId, mail.to));
    return wrongs.map((what) => `${known.id}: ${what}`);
  }

  private again(occasion: string): string[] {
    if (this.occasions.has(occasion)) return ['they were told before'];
    this.occasions.add(occasion);
    return [];
  }

  /** The owner of a team that the customer is linked to, else the address that Stripe has. */
  private wrongReader(customerId: string, to: string): string[] {
    const customer = this.ledger.customers.get(customerId);
    const teams = this.ledger.livingTeams.filter(
      (team) => team.customer === customerId || customer?.teamId === team.id || this.ownsIt(team, customerId),
    );
    const owners = teams.flatMap((team) => {
      const owner = this.ledger.person(team.ownerId);
      return owner?.active ? [owner.email] : [];
    });
    const linked = teams.some((team) => team.customer === customerId);
    const readers = linked && owners.length > 0 ? owners : [...owners, customer?.email ?? ''];
    return readers.includes(to) ? [] : ['it is not theirs to read'];
  }

  private ownsIt(team: Team, customerId: string): boolean {
    return this.ledger.person(team.ownerId)?.customer === customerId;
  }
}
