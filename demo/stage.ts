import type postgres from 'postgres';
import type { Evenfall } from '../src/client/index.ts';
import type { Inbox } from '../src/stand-ins/inbox/index.ts';
import type { StripeStandIn } from '../src/stand-ins/stripe/index.ts';
import { insertTeams, seedTeams, stripeIdsOf } from './app-data.ts';
import type { Company } from './company.ts';
import type { EventPost } from './events.ts';
import type { Line } from './lines.ts';
import { newcomer } from './people.ts';
import type { Newcomer, Team } from './people.ts';
import type { Receiver } from './receiver.ts';
import type { DemoStripe } from './stripe.ts';
import { until } from './until.ts';

/** A team that pays, with the one subscription it pays for. */
export interface PayingTeam {
  readonly id: string;
  readonly name: string;
  readonly customerId: string;
  readonly subscriptionId: string;
}

/** How a job ended. */
export interface EndedJob {
  readonly id: number;
  readonly state: string;
  readonly attempts: number;
  readonly crashes: number;
  readonly startedAt: Date;
}

/** A team of the app's, with its owner. */
export interface OwnedTeam {
  readonly id: string;
  readonly name: string;
  readonly ownerId: string;
  readonly email: string;
}

/** A team with the card that it pays with, or will when its trial is over. */
export interface NewTeam extends PayingTeam, OwnedTeam {
  readonly cardId: string;
}

/** A job about something: how it ended, and why nothing was done. */
export interface JobAbout {
  readonly state: string;
  readonly reason: string | null;
}

/** What has become of the occurrences of a schedule that were missed. */
export interface MissedTicks {
  /** Those that the schedule had while nobody worked. */
  readonly missed: number;
  /** Those of them that have their row in the ledger. */
  readonly accounted: number;
  /** Those that ran, until all were caught up. */
  readonly ran: number;
  /** Why the others did not. */
  readonly reasons: readonly string[];
  /** The job of the one that ran. */
  readonly job: EndedJob;
}

export interface StageParts {
  readonly sql: postgres.Sql;
  readonly stripe: DemoStripe;
  readonly inbox: Inbox;
  readonly receiver: Receiver;
  readonly events: EventPost;
  readonly company: Company;
  readonly client: Evenfall;
  /** Aborted when the demo is to stop. */
  readonly signal: AbortSignal;
  readonly tell: (line: Line) => void;
  /** Tells everything that has happened up to now. */
  readonly flush: () => Promise<void>;
}

/** Everything waited for has come within this time, or something is wrong. */
const patienceMs = 30_000;

/** What a scene acts with: the app, the people at their desks, and the outside world. */
export class Stage {
  /** The app's own database. */
  readonly sql: postgres.Sql;
  /** `evenfall` as a Node app imports it. */
  readonly client: Evenfall;
  readonly inbox: Inbox;
  readonly events: EventPost;
  readonly signal: AbortSignal;
  private readonly parts: StageParts;
  private readonly taken = new Set<string>();

  constructor(parts: StageParts) {
    this.parts = parts;
    this.sql = parts.sql;
    this.client = parts.client;
    this.inbox = parts.inbox;
    this.events = parts.events;
    this.signal = parts.signal;
  }

  get stripe(): StripeStandIn {
    return this.parts.stripe.standIn;
  }

  /** Waits until `look` sees something. */
  async until<T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
    return await until(what, look, { withinMs: patienceMs, signal: this.signal });
  }

  /** Teams that pay and that nobody has asked anything about; each is handed out once. */
  async payingTeams(count: number): Promise<PayingTeam[]> {
    const rows = await this.sql<{ id: string; name: string; customerId: string }[]>`
      select t.id::text, t.name, t.stripe_customer_id as "customerId" from public.teams t
      where t.stripe_customer_id is not null
        and not exists (select from evenfall.job j where j.team_id = t.id::text)
      order by t.id`;
    const { subscriptions } = this.stripe.store;
    const chosen: PayingTeam[] = [];
    for (const row of rows) {
      if (chosen.length === count) break;
      const paid = subscriptions.all().filter(({ customer, status }) => {
        return customer === row.customerId && status === 'active';
      });
      const [subscription] = paid;
      if (!subscription || paid.length > 1 || subscription.cancel_at_period_end || this.taken.has(row.id))
        continue;
      this.taken.add(row.id);
      chosen.push({ ...row, subscriptionId: subscription.id });
    }
    if (chosen.length < count) throw new Error('all teams have been used up: npm run demo -- --fresh');
    return chosen;
  }

  async payingTeam(): Promise<PayingTeam> {
    const [team] = await this.payingTeams(1);
    return team as PayingTeam;
  }

  /** The first of these that no scene was given before. */
  take<T extends { readonly id: string }>(teams: readonly T[]): T | undefined {
    const team = teams.find(({ id }) => !this.taken.has(id));
    if (team) this.taken.add(team.id);
    return team;
  }

  /** A team that has just come, to the app and to Stripe; Stripe's event has brought it into the mirror. */
  async newTeam(comes: Newcomer): Promise<NewTeam> {
    const [team] = await this.addTeams([comes]);
    if (!team) throw new Error('no team has come');
    const { customerId, cardId, subscriptionId } = stripeIdsOf(team);
    // a seed makes no event, a change does
    await this.atStripe('POST', `/v1/subscriptions/${subscriptionId}`, { 'metadata[plan]': team.plan.name });
    await this.until(`${subscriptionId} to be in the mirror`, () => this.mirrored(subscriptionId));
    return { ...owned(team), customerId, subscriptionId, cardId };
  }

  /** Teams that never subscribed and have grown old: all at once. */
  async sleepingTeams(names: readonly string[]): Promise<OwnedTeam[]> {
    const teams = names.map((name) => ({ name, billing: 'never', createdDaysAgo: 200 }) as const);
    return (await this.addTeams(teams)).map(owned);
  }

  private async addTeams(newcomers: readonly Newcomer[]): Promise<Team[]> {
    const [last] = await this.sql<{ team: number; person: number }[]>`
      select (select max(id)::int from public.teams) as team, (select max(id)::int from public.users) as person`;
    const teams = newcomers.map((each, index) =>
      newcomer(each, { team: (last?.team ?? 0) + 1 + index, person: (last?.person ?? 0) + 1 + index }),
    );
    await this.sql.begin((tx) => insertTeams(tx, teams));
    for (const { id } of teams) this.taken.add(String(id));
    seedTeams(this.stripe, teams);
    return teams;
  }

  /** Somebody else does something at Stripe: the customer, or a person at the dashboard. */
  async atStripe(
    method: 'POST' | 'DELETE',
    path: string,
    form: Record<string, string> = {},
  ): Promise<{ readonly id: string }> {
    const answer = await fetch(`${this.stripe.url}${path}`, {
      method,
      headers: { authorization: 'Bearer sk_test_dashboard' },
      ...(method === 'POST' && { body: new URLSearchParams(form) }),
      signal: this.signal,
    });
    if (!answer.ok) throw new Error(`Stripe answers ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as { id: string };
  }

  /** How the mirror knows a subscription: its status, and whether it ends with its period. */
  async mirrored(subscriptionId: string): Promise<string | undefined> {
    const [row] = await this.sql<{ status: string; ending: boolean }[]>`
      select status, cancel_at_period_end as ending from evenfall.subscription where id = ${subscriptionId}`;
    return row && standing(row.status, row.ending);
  }

  /** The same as Stripe has it. */
  atStripeNow(subscriptionId: string): string | undefined {
    const known = this.stripe.store.subscriptions.get(subscriptionId);
    return known && standing(known.status, known.cancel_at_period_end);
  }

  /** Has what is due of a kind searched for, as the schedule would; resolves when that is over. */
  async sweep(kind: string): Promise<EndedJob> {
    const [row] = await this.sql<{ id: number }[]>`
      select evenfall.enqueue('sweep', ${JSON.stringify({ sweep: kind })}::text::jsonb)::int as id`;
    return await this.ended(row?.id ?? 0);
  }

  /** The jobs of a kind that were asked for about something, when all of them are over. */
  async jobsAbout(kind: string, about: Record<string, string>): Promise<JobAbout[]> {
    return await this.until(`the ${kind} to end`, async () => {
      const jobs = await this.sql<(JobAbout & { over: boolean })[]>`
        select state, outcome->>'reason' as reason, finished_at is not null as over from evenfall.job
        where kind = ${kind} and payload @> ${JSON.stringify(about)}::text::jsonb order by id`;
      return jobs.length > 0 && jobs.every(({ over }) => over) ? jobs : undefined;
    });
  }

  /** What the inbox has for a team. */
  mailsTo(team: Pick<OwnedTeam, 'email'>) {
    return this.inbox.messages.filter(({ envelope }) => envelope.to.includes(team.email));
  }

  /** The ledger of mails on a subject: `sent`, or `suppressed` with its reason. */
  async noticesAbout(subject: string): Promise<string> {
    const rows = await this.sql<{ state: string; reason: string | null }[]>`
      select state, reason from evenfall.notice where subject = ${subject} order by id`;
    return rows.map(({ state, reason }) => (reason === null ? state : `${state}: ${reason}`)).join(', ');
  }

  /** Resolves when all that Stripe's events about an object have asked for is over; how often each is stored. */
  async eventsOf(objectId: string, types: readonly string[]): Promise<Record<string, number>> {
    const rows = await this.until(`the events of ${objectId}`, async () => {
      const stored = await this.sql<{ type: string; over: boolean }[]>`
        select e.type, coalesce(j.finished_at is not null, false) as over
        from evenfall.stripe_event e left join evenfall.job j on j.id = e.job_id
        where e.object_id = ${objectId}`;
      const all = types.every((type) => stored.some((row) => row.type === type));
      return all && stored.every(({ over }) => over) ? stored : undefined;
    });
    return Object.fromEntries(types.map((type) => [type, rows.filter((row) => row.type === type).length]));
  }

  /**
   * Stops both workers and makes the ledger of a schedule that of a longer absence: nothing of the last hours
   * was accounted for. Starts them again, and resolves when everything is.
   */
  async missTicks(
    schedule: string,
    { everyMinutes, hours }: { readonly everyMinutes: number; readonly hours: number },
  ): Promise<MissedTicks> {
    const { company } = this.parts;
    await company.stopWorkers();
    await this.note('both workers stopped', '', `as if they had been away for ${hours} hours`, 'bad');
    let absence: { since: string; back: string };
    try {
      absence = await this.backdate(schedule, hours);
    } finally {
      await company.makeWhole();
    }
    const { since, back } = absence;
    const run = await this.until(`${schedule} to catch up`, async () => {
      const [first] = await this.sql<{ jobId: number; due: string }[]>`
        select job_id::int as "jobId", due_at::text as due from evenfall.schedule_run
        where schedule = ${schedule} and due_at > ${since}::timestamptz and outcome <> 'skipped'
        order by due_at limit 1`;
      return first;
    });
    const [slots] = await this.sql<{ missed: number }[]>`
      select count(*)::int as missed from generate_series(
        date_trunc('day', ${since}::timestamptz), ${back}::timestamptz, make_interval(mins => ${everyMinutes})
      ) as slot
      where slot > ${since}::timestamptz`;
    // the one that ran for all of them may have become due while the workers started
    const [ledger] = await this.sql<{ accounted: number; ran: number; reasons: string[] }[]>`
      select count(*) filter (where due_at <= ${back}::timestamptz)::int as accounted,
        count(*) filter (where outcome <> 'skipped')::int as ran,
        array_agg(distinct regexp_replace(reason, ' due at .*', '')) filter (where outcome = 'skipped') as reasons
      from evenfall.schedule_run
      where schedule = ${schedule} and due_at > ${since}::timestamptz
        and due_at <= greatest(${back}::timestamptz, ${run.due}::timestamptz)`;
    if (!slots || !ledger) throw new Error('Postgres returned no row');
    return { ...slots, ...ledger, job: await this.ended(run.jobId) };
  }

  /** Nothing of the last hours was accounted for; resolves to when they began and ended, to the microsecond. */
  private async backdate(schedule: string, hours: number): Promise<{ since: string; back: string }> {
    return await this.sql.begin(async (tx) => {
      await tx`delete from evenfall.schedule_run where schedule = ${schedule}`;
      const [absence] = await tx<{ since: string; back: string }[]>`
        update evenfall.schedule set since = now() - make_interval(hours => ${hours})
        where name = ${schedule} returning since::text, now()::text as back`;
      if (!absence) throw new Error(`there is no schedule ${schedule}`);
      return absence;
    });
  }

  /** What any app does, whatever it is written in: `enqueue` in its own transaction, which commits. */
  async cancelFromSql(team: PayingTeam): Promise<number> {
    return await this.sql.begin(async (tx) => {
      await tx`update public.users set last_seen_at = now()
        where id = (select owner_id from public.teams where id = ${team.id})`;
      return await enqueueCancellation(tx, team);
    });
  }

  /** The same, but the transaction rolls back. Resolves to the id that the job would have had. */
  async cancelAndRollBack(team: PayingTeam): Promise<number> {
    const rollback = new Error('the app rolls back');
    let id = 0;
    await this.sql
      .begin(async (tx) => {
        id = await enqueueCancellation(tx, team);
        throw rollback;
      })
      .catch((error: unknown) => {
        if (error !== rollback) throw error;
      });
    return id;
  }

  /** Resolves when the job is over. */
  async ended(jobId: number): Promise<EndedJob> {
    return await this.until(`job ${jobId} to end`, async () => {
      const [job] = await this.sql<EndedJob[]>`
        select id::int, state, attempts, crashes, started_at as "startedAt"
        from evenfall.job where id = ${jobId} and finished_at is not null`;
      return job;
    });
  }

  /** How often the team's subscription was really cancelled at Stripe. */
  cancellations(team: PayingTeam): number {
    return this.stripe.effects()[team.subscriptionId]?.canceled ?? 0;
  }

  /** Requests that change something, or would, and name the team's subscription. */
  writes(team: PayingTeam) {
    return this.stripe.requests.filter(
      ({ method, path }) => method !== 'GET' && path.includes(team.subscriptionId),
    );
  }

  /** Requests of any kind about the team's customer or subscription. */
  requestsAbout(team: PayingTeam) {
    return this.stripe.requests.filter((request) => {
      // where a page of a list begins says nothing about the object that is named there
      const { starting_after: _page, ...params } = request.params as Record<string, unknown>;
      const text = `${request.path} ${JSON.stringify(params)}`;
      return text.includes(team.customerId) || text.includes(team.subscriptionId);
    });
  }

  /** What the history says of the team. */
  async historyOf(team: PayingTeam): Promise<string[]> {
    const rows = await this.sql<{ what: string }[]>`
      select what from evenfall.history where team_id = ${team.id} order by id`;
    return rows.map(({ what }) => what);
  }

  /** Calls the HTTP API with its token. */
  async api(
    method: 'GET' | 'POST',
    path: string,
    options: { body?: unknown; idempotencyKey?: string } = {},
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    const { url, apiToken } = this.parts.company;
    const { body, idempotencyKey } = options;
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${apiToken}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: this.signal,
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  }

  /** The alert with this id, as it was posted to the webhook. */
  async posted(id: string): Promise<Readonly<Record<string, unknown>>> {
    return await this.until(`the webhook to be told of ${id}`, () => {
      return this.parts.receiver.posts.find((post) => post.id === id)?.body;
    });
  }

  /** The alert with this id, as it was mailed. */
  async mailed(id: string) {
    return await this.until(`the mail about ${id}`, () =>
      this.inbox.messages.find(({ headers }) =>
        headers.some(({ name, value }) => name.toLowerCase() === 'x-evenfall-alert' && value === id),
      ),
    );
  }

  /** Cancels from SQL. Resolves to the milliseconds from the commit until Stripe had cancelled. */
  async timedCancellation(team: PayingTeam): Promise<number> {
    let cancelledAt = Infinity;
    const end = this.parts.stripe.onActed(({ method, path }) => {
      if (method === 'DELETE' && path.includes(team.subscriptionId)) cancelledAt = performance.now();
    });
    try {
      const jobId = await this.cancelFromSql(team);
      const committedAt = performance.now();
      await this.ended(jobId);
      // Stripe may have been faster than the news of our commit
      return Math.max(0, cancelledAt - committedAt);
    } finally {
      end();
    }
  }

  /** Kills the worker that runs the job, as a crash would. Resolves to its name and when that was. */
  async killWorkerOf(jobId: number): Promise<{ name: string; at: Date }> {
    const [row] = await this.sql<{ workerId: string }[]>`
      select worker_id as "workerId" from evenfall.job where id = ${jobId} and state = 'running'`;
    const pid = Number(/-(\d+)-[0-9a-f]+$/.exec(row?.workerId ?? '')?.[1]);
    const worker = this.parts.company.workers.find((each) => each.pid === pid);
    if (!worker) throw new Error(`job ${jobId} is run by none of our workers (${row?.workerId ?? 'nobody'})`);
    await worker.kill();
    const at = new Date();
    const why = `kill -9 of process ${pid}, while it waits for Stripe's answer to job ${jobId}`;
    await this.note(`${worker.name} killed`, '', why, 'bad');
    return { name: worker.name, at };
  }

  /** Types a command as an operator does; resolves to what it prints. */
  async evenfall(...args: string[]): Promise<string> {
    const shown = args.map((word) => (/^[\w:.-]+$/.test(word) ? word : `"${word}"`));
    await this.note('an operator types', '', `evenfall ${shown.join(' ')}`);
    return await this.parts.company.evenfall(args);
  }

  /** Tells of something that the story itself does, behind everything that has happened up to now. */
  async note(what: string, who: string, why: string, tone: Line['tone'] = 'plain'): Promise<void> {
    const at = new Date();
    await this.parts.flush();
    this.parts.tell({ at, what, who, why, tone });
  }

  /** Starts again whatever was killed. */
  async makeWhole(): Promise<void> {
    await this.parts.company.makeWhole();
  }
}

function owned({ id, name, owner }: Team): OwnedTeam {
  return { id: String(id), name, ownerId: String(owner.id), email: owner.email };
}

function standing(status: string, ending: boolean): string {
  return ending ? `${status}, ends with its period` : status;
}

async function enqueueCancellation(tx: postgres.TransactionSql, team: PayingTeam): Promise<number> {
  const payload = JSON.stringify({ teamId: team.id, when: 'now' });
  const [row] = await tx<{ id: number }[]>`
    select evenfall.enqueue('cancel-subscription', ${payload}::text::jsonb)::int as id`;
  if (!row) throw new Error('evenfall.enqueue returned nothing');
  return row.id;
}
