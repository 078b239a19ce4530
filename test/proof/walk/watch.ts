import type postgres from 'postgres';
import type { Judge } from './judge.ts';
import type { Ledger, Team } from './ledger.ts';
import { dayMs, mightSpeakFor, monthsLater, reachableOwner } from './rules.ts';
import type { Look } from './rules.ts';
import type { StripeBook } from './stripe-book.ts';

/** So many days on which nothing hindered Evenfall may pass before somebody counts as forgotten. */
const patienceDays = 10;
const endingKinds = ['mark-team-for-deletion', 'delete-inactive-team', 'delete-unverified-users'];
const mailKinds = ['trial-ending-email', 'expiring-card-email'];

/**
 * Looks for what should have happened and did not, and for what nobody could explain afterwards. Of Evenfall's tables it
 * reads the ones that people are told to look at: history, jobs, findings.
 */
export class Watch {
  private readonly waited = new Map<string, number>();
  /** Trials whose mail came, or was missed once, by what they cost. */
  private readonly told = new Set<number>();
  /** Days in a row, up to now, on which nothing hindered Evenfall. */
  private fairDays = 0;

  private readonly sql: postgres.Sql;
  private readonly ledger: Ledger;
  private readonly book: StripeBook;
  private readonly judge: Judge;

  constructor(sql: postgres.Sql, ledger: Ledger, book: StripeBook, judge: Judge) {
    this.sql = sql;
    this.ledger = ledger;
    this.book = book;
    this.judge = judge;
  }

  trialMail(cents: number): void {
    this.told.add(cents);
  }

  /** At the end of a day. `fair`: nothing was down, nobody died, the picture of Stripe was fresh. */
  endOfDay(look: Look, fair: boolean): void {
    this.fairDays = fair ? this.fairDays + 1 : 0;
    for (const team of this.ledger.livingTeams) this.lookAtTeam(team, look, fair);
    for (const { id, createdAt, verified, seen, customer, email } of this.ledger.livingPeople) {
      const isTied =
        verified ||
        seen ||
        customer !== null ||
        this.isInATeam(id) ||
        this.isCustomer(email) ||
        !reachable(email);
      const due = !isTied && look.at.getTime() > createdAt.getTime() + 10 * dayMs;
      this.wait(`user ${id}`, due, fair, look.at, 'was never verified, and is still there');
    }
    if (fair) this.lookAtTrials(look);
  }

  private lookAtTeam(team: Team, look: Look, fair: boolean): void {
    const { at } = look;
    const isAsleep =
      at > monthsLater(team.createdAt, 6) &&
      reachableOwner(this.ledger, team) !== undefined &&
      !mightSpeakFor(this.ledger, team, look);
    const notice = this.ledger.standing(team);
    const isTold = notice !== undefined && notice.ownerId === team.ownerId;
    this.wait(`team ${team.id} untold`, isAsleep && !isTold, fair, at, 'sleeps, and its owner was not told');
    const due = isAsleep && isTold && at.getTime() > notice.at.getTime() + 7 * dayMs;
    this.wait(`team ${team.id} due`, due, fair, at, 'is past its date, and still there');
  }

  private wait(who: string, isDue: boolean, fair: boolean, at: Date, what: string): void {
    if (!isDue) this.waited.delete(who);
    else if (fair) {
      const days = (this.waited.get(who) ?? 0) + 1;
      this.waited.set(who, days);
      if (days === patienceDays) this.judge.find('forgotten', at, `${who} ${what}`);
    }
  }

  private isInATeam(personId: string): boolean {
    return this.ledger.livingTeams.some((team) => team.ownerId === personId || team.members.has(personId));
  }

  private isCustomer(email: string): boolean {
    return [...this.ledger.customers.values()].some(
      (customer) => customer.email === email && !customer.deleted,
    );
  }

  /** A trial that ends within a day, long known and with nothing in the way for its last five days, has had its mail. */
  private lookAtTrials({ at }: Look): void {
    if (this.fairDays < 5) return;
    for (const { id, customerId, bornAt, cents } of this.ledger.subscriptions.values()) {
      if (this.told.has(cents) || bornAt.getTime() > at.getTime() - 5 * dayMs) continue;
      const { status, trialEnd, ending } = this.book.subscription(id);
      const customer = this.ledger.customers.get(customerId);
      const left = (trialEnd?.getTime() ?? 0) - at.getTime();
      if (status !== 'trialing' || ending || left > dayMs || left < 0 || !customer?.email) continue;
      this.told.add(cents);
      if (customer.readAt === undefined || customer.readAt < bornAt) continue;
      this.judge.find('forgotten', at, `${id}: its trial ends within a day, and nobody was told`);
    }
  }

  /** [P8] Whoever is gone, and whatever was not done, has its line. */
  async explain(at: Date): Promise<void> {
    await this.explainDeletions(at);
    const kinds = [...endingKinds, ...mailKinds];
    const mute = await this.sql`
      select j.id, j.kind, j.state from evenfall.job j
      where j.kind = any (${kinds}) and (
        (j.state in ('done', 'skipped') and j.outcome is null)
        or (j.state = 'skipped' and coalesce(j.outcome->>'reason', '') = '')
        or (j.state = 'dead' and not exists (select from evenfall.dead_letter d where d.job_id = j.id)))`;
    for (const { id, kind, state } of mute)
      this.judge.find('unexplained', at, `job ${id} (${kind}) is ${state}`);
    const silent = await this.sql`
      select d.id, d.team_id from evenfall.team_deletion d
      where d.state = 'cleared' and not exists (
        select from evenfall.history h
        where h.team_id = d.team_id and h.what in ('team.mark-cleared', 'team.kept')
          and h.at between d.cleared_at - interval '1 minute' and d.cleared_at + interval '1 minute')`;
    for (const row of silent)
      this.judge.find(
        'unexplained',
        at,
        `mark ${row['id']} of team ${row['teamId']} was taken back without a word`,
      );
  }

  private async explainDeletions(at: Date): Promise<void> {
    const lines = await this.sql`
      select subject, count(*)::int as n from evenfall.history
      where what in ('team.deleted', 'user.deleted') group by subject`;
    const count = new Map(lines.map((line) => [String(line['subject']), Number(line['n'])]));
    const gone = [
      ...[...this.ledger.teams.values()]
        .filter((team) => team.gone && !team.closed)
        .map(({ id }) => `team:${id}`),
      ...[...this.ledger.people.values()].filter((person) => person.gone).map(({ id }) => `user:${id}`),
    ];
    for (const subject of gone) {
      const n = count.get(subject) ?? 0;
      if (n !== 1) this.judge.find('unexplained', at, `${subject} is gone, with ${n} lines of history`);
      count.delete(subject);
    }
    for (const subject of count.keys())
      this.judge.find('unexplained', at, `${subject} is there, and said to be gone`);

    const findings = await this.sql`
      select team_id from evenfall.finding where kind = 'deleted-while-subscribed'`;
    const told = new Set(findings.map((finding) => String(finding['teamId'])));
    for (const team of this.ledger.teams.values()) {
      const lives = !team.closed && this.judge.livedOn(team, { statusOf: (id) => this.book.status(id) });
      if (lives && !told.has(team.id))
        this.judge.find('unexplained', at, `team ${team.id} pays and is gone, and nobody was told`);
    }
  }
}

/** Stripe cannot be asked by what is no address. */
function reachable(email: string): boolean {
  return email.includes('@');
}
