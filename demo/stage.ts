import type postgres from 'postgres';
import type { Evenfall } from '../src/client/index.ts';
import type { Inbox } from '../src/stand-ins/inbox/index.ts';
import type { StripeStandIn } from '../src/stand-ins/stripe/index.ts';
import type { Company } from './company.ts';
import type { Line } from './lines.ts';
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

export interface StageParts {
  readonly sql: postgres.Sql;
  readonly stripe: DemoStripe;
  readonly inbox: Inbox;
  readonly receiver: Receiver;
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
  readonly signal: AbortSignal;
  private readonly parts: StageParts;
  private readonly taken = new Set<string>();

  constructor(parts: StageParts) {
    this.parts = parts;
    this.sql = parts.sql;
    this.client = parts.client;
    this.inbox = parts.inbox;
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
      const text = `${request.path} ${JSON.stringify(request.params)}`;
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
    await this.parts.flush();
    const why = `kill -9 of process ${pid}, while it waits for Stripe's answer to job ${jobId}`;
    this.parts.tell({ at, what: `${worker.name} killed`, who: '', why, tone: 'bad' });
    return { name: worker.name, at };
  }

  /** Starts again whatever was killed. */
  async makeWhole(): Promise<void> {
    await this.parts.company.makeWhole();
  }
}

async function enqueueCancellation(tx: postgres.TransactionSql, team: PayingTeam): Promise<number> {
  const payload = JSON.stringify({ teamId: team.id, when: 'now' });
  const [row] = await tx<{ id: number }[]>`
    select evenfall.enqueue('cancel-subscription', ${payload}::text::jsonb)::int as id`;
  if (!row) throw new Error('evenfall.enqueue returned nothing');
  return row.id;
}
