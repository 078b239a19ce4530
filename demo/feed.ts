import { setTimeout as delay } from 'node:timers/promises';
import type postgres from 'postgres';
import type { Inbox } from '../src/stand-ins/inbox/index.ts';
import type { RequestRecord, StripeStandIn } from '../src/stand-ins/stripe/index.ts';
import type { EventPost } from './events.ts';
import type { Paste } from './fuses.ts';
import {
  deadLetterLine,
  deliveryLine,
  eventLine,
  findingLines,
  historyLine,
  jobLines,
  keptOwnerLine,
  mailLine,
  noticeLine,
  postLine,
  requestLine,
  scheduleLines,
} from './lines.ts';
import type {
  DeadLetterRow,
  EventRow,
  FindingRow,
  HistoryRow,
  JobRow,
  KeptOwnerRow,
  Line,
  NoticeRow,
  ScheduleRunRow,
} from './lines.ts';
import type { Receiver } from './receiver.ts';

export interface FeedOptions {
  readonly sql: postgres.Sql;
  readonly stripe: StripeStandIn;
  readonly inbox: Inbox;
  readonly receiver: Receiver;
  readonly events: EventPost;
  readonly tell: (line: Line) => void;
  readonly paste: Paste;
}

/** Tells what happens, from wherever it can be seen. */
export interface Feed {
  /** Tells everything that has happened up to now. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}

const pollMs = 150;

/** Begins with what happens from now on. */
export async function startFeed(options: FeedOptions): Promise<Feed> {
  const { sql, tell } = options;
  const looks = [
    await lookAtJobs(sql),
    await lookAtHistory(sql),
    await lookAtDeadLetters(sql),
    await lookAtFindings(options),
    await lookAtKeptOwners(sql),
    await lookAtNotices(sql),
    await lookAtEvents(sql),
    await lookAtSchedules(sql),
    await lookAtOutside(options),
  ];
  const stopping = new AbortController();
  let knock = new AbortController();
  // new jobs are announced; everything else is found by looking
  const listening = await sql.listen('evenfall_job', () => knock.abort());

  let last: Promise<void> = Promise.resolve();
  const flush = (): Promise<void> =>
    (last = last.then(async () => {
      const lines = (await Promise.all(looks.map((look) => look()))).flat();
      for (const line of lines.toSorted((a, b) => a.at.getTime() - b.at.getTime())) tell(line);
    }));
  const loop = (async () => {
    for (let away = false; !stopping.signal.aborted;) {
      try {
        await flush();
        away = false;
      } catch {
        last = Promise.resolve();
        const why = 'the demo cannot look into Postgres';
        if (!away && !stopping.signal.aborted)
          tell({ at: new Date(), what: 'Postgres away', who: '', why, tone: 'bad' });
        away = true;
      }
      knock = new AbortController();
      const woken = AbortSignal.any([knock.signal, stopping.signal]);
      await delay(pollMs, undefined, { signal: woken }).catch(() => {});
    }
  })();
  return {
    flush,
    async stop() {
      stopping.abort();
      await loop;
      await listening.unlisten().catch(() => {});
    },
  };
}

type Look = () => Promise<Line[]>;

async function lookAtJobs(sql: postgres.Sql): Promise<Look> {
  const known = new Map<number, JobRow>();
  let newest = await newestOf(sql, 'job');
  return async () => {
    const rows = await sql<JobRow[]>`
      select j.id::int, j.kind, j.payload, ${who(sql, sql`j.team_id`)} as team, j.state, j.attempts, j.crashes, j.source,
        j.run_at as "runAt", j.waiting_since as "waitingSince", j.created_at as "createdAt", j.started_at as "startedAt", j.finished_at as "finishedAt", j.outcome,
        j.last_error as "lastError"
      from evenfall.job j
      where j.id > ${newest} or j.id = any (${[...known.values()].filter(isLive).map(({ id }) => id)}::bigint[])
        or j.state in ('queued', 'dispatched', 'running', 'parked')
      order by j.id`;
    const seenAt = new Date();
    const lines: Line[] = [];
    for (const row of rows) {
      // one of an earlier demo was told of then: here only what becomes of it
      if (known.has(row.id) || row.id > newest) lines.push(...jobLines(known.get(row.id), row, seenAt));
      known.set(row.id, row);
    }
    newest = Math.max(newest, ...rows.map(({ id }) => id));
    return lines;
  };
}

function isLive(job: JobRow): boolean {
  return job.finishedAt === null;
}

async function lookAtHistory(sql: postgres.Sql): Promise<Look> {
  let newest = await newestOf(sql, 'history');
  return async () => {
    const rows = await sql<(HistoryRow & { id: number })[]>`
      select h.id::int, h.what, ${who(sql, sql`h.team_id`)} as team, h.subject, h.detail
      from evenfall.history h
      -- the ledger of mails tells more of those
      where h.id > ${newest} and h.what not like 'notice.%' order by h.id`;
    newest = rows.at(-1)?.id ?? newest;
    return rows.map((row) => historyLine(row, new Date()));
  };
}

async function lookAtDeadLetters(sql: postgres.Sql): Promise<Look> {
  let newest = await newestOf(sql, 'dead_letter');
  return async () => {
    const rows = await sql<DeadLetterRow[]>`
      select d.id::int, d.job_id::int as "jobId", ${who(sql, sql`d.team_id`)} as team, d.created_at as at, d.class, d.code,
        d.error
      from evenfall.dead_letter d where d.id > ${newest} order by d.id`;
    newest = rows.at(-1)?.id ?? newest;
    return rows.map((row) => deadLetterLine(row));
  };
}

async function lookAtFindings({ sql, paste }: FeedOptions): Promise<Look> {
  let newest = await newestOf(sql, 'finding');
  return async () => {
    const rows = await sql<FindingRow[]>`
      select f.id::int, f.kind, f.subject, ${who(sql, sql`f.team_id`)} as team, f.message
      from evenfall.finding f where f.id > ${newest} order by f.id`;
    newest = rows.at(-1)?.id ?? newest;
    return rows.flatMap((row) => findingLines(row, paste, new Date()));
  };
}

/** Deleted owners have their line in the history. */
async function lookAtKeptOwners(sql: postgres.Sql): Promise<Look> {
  const added = await newRows(
    () => sql<KeptOwnerRow[]>`
      select d.id::int, ${who(sql, sql`d.team_id`)} as team, d.owner_id as "ownerId",
        d.owner_outcome as why
      from evenfall.team_deletion d
      where d.deleted_at > clock_timestamp() - interval '1 minute' and d.owner_outcome <> 'deleted'
      order by d.deleted_at`,
    ({ id }) => String(id),
  );
  return async () => (await added()).map((row) => keptOwnerLine(row, new Date()));
}

async function lookAtNotices(sql: postgres.Sql): Promise<Look> {
  let newest = await newestOf(sql, 'notice');
  return async () => {
    const rows = await sql<(NoticeRow & { id: number })[]>`
      select n.id::int, n.kind, n.subject, ${who(sql, sql`n.team_id`)} as team, n.state, n.reason
      from evenfall.notice n where n.id > ${newest} order by n.id`;
    newest = rows.at(-1)?.id ?? newest;
    return rows.map((row) => noticeLine(row, new Date()));
  };
}

async function lookAtEvents(sql: postgres.Sql): Promise<Look> {
  const added = await newRows(
    () => sql<EventRow[]>`
      select e.id, e.received_at as at, e.type, e.object_id as "objectId", e.ignored, coalesce((
        select 'team ' || t.id || ' ' || t.name from public.teams t
        where t.stripe_customer_id = e.customer_id), '') as team
      from evenfall.stripe_event e
      where e.received_at > clock_timestamp() - interval '1 minute' order by e.received_at`,
    ({ id }) => id,
  );
  return async () => (await added()).map(eventLine);
}

async function lookAtSchedules(sql: postgres.Sql): Promise<Look> {
  const added = await newRows(
    () => sql<ScheduleRunRow[]>`
      select recorded_at as at, schedule, due_at as "dueAt", outcome, reason from evenfall.schedule_run
      where recorded_at > clock_timestamp() - interval '1 minute' order by schedule, due_at`,
    ({ schedule, dueAt }) => `${schedule} ${dueAt.getTime()}`,
  );
  return async () => scheduleLines(await added());
}

/** Rows that no counter numbers: those of the last minute that were not there a look before. */
async function newRows<T>(
  read: () => PromiseLike<readonly T[]>,
  keyOf: (row: T) => string,
): Promise<() => Promise<T[]>> {
  let seen = new Set((await read()).map(keyOf));
  return async () => {
    const rows = await read();
    const added = rows.filter((row) => !seen.has(keyOf(row)));
    seen = new Set(rows.map(keyOf));
    return added;
  };
}

/** Requests to Stripe, deliveries, mails and posts: lists that only grow. */
async function lookAtOutside({ sql, stripe, inbox, receiver, events }: FeedOptions): Promise<Look> {
  const mails = newOf(() => inbox.messages);
  const posts = newOf(() => receiver.posts);
  const requests = newOf(() => stripe.requests);
  const deliveries = newOf(() => events.deliveries);
  const delivered = new Set<string>();
  let open: RequestRecord[] = [];
  let teams = new Map<string, string>();
  const ownerOf = ({ path, params }: RequestRecord): string | undefined => {
    const [, id = ''] = /\/(sub_\w+|cus_\w+)/.exec(path) ?? [];
    const named = (params as { customer?: unknown } | null)?.customer;
    return (
      stripe.store.subscriptions.get(id)?.customer ?? (id || (typeof named === 'string' ? named : undefined))
    );
  };
  return async () => {
    open.push(...requests());
    const settled = open.filter(isSettled);
    open = open.filter((request) => !isSettled(request));
    const owners = settled.map(ownerOf);
    if (owners.some((owner) => owner !== undefined && !teams.has(owner))) {
      const rows = await sql<{ customer: string; name: string }[]>`
        select stripe_customer_id as customer, 'team ' || id || ' ' || name as name from public.teams
        where stripe_customer_id is not null`;
      teams = new Map(rows.map(({ customer, name }) => [customer, name]));
    }
    const ahead = stripe.clock.now().getTime() - Date.now();
    const told = settled.map((request, index) => {
      const owner = owners[index] ?? '';
      return requestLine(request, teams.get(owner) ?? owner, new Date(Date.parse(request.time) - ahead));
    });
    const posted = deliveries().map((delivery) => {
      const again = delivered.has(delivery.event);
      delivered.add(delivery.event);
      return deliveryLine(delivery, again, new Date());
    });
    return [
      ...[...told, ...posted].filter((line) => line !== undefined),
      ...mails().map(mailLine),
      ...posts().map(postLine),
    ];
  };
}

/** Answered, or one that never will be. */
function isSettled({ status, fault }: RequestRecord): boolean {
  return status !== null || fault === 'hang' || fault === 'reset-before' || fault === 'reset-after';
}

/** What was added to a list since the last call; a list that shrank was begun anew. */
function newOf<T>(list: () => readonly T[]): () => T[] {
  let seen = list().length;
  return () => {
    const now = list();
    const added = now.slice(now.length < seen ? 0 : seen);
    seen = now.length;
    return added;
  };
}

/** `team 7 Amber Anchor`, or nothing where there is no team. */
function who(sql: postgres.Sql, teamId: postgres.PendingQuery<postgres.Row[]>) {
  return sql`coalesce((select 'team ' || t.id || ' ' || t.name from public.teams t where t.id::text = ${teamId}),
    'team ' || ${teamId}, '')`;
}

async function newestOf(
  sql: postgres.Sql,
  table: 'job' | 'history' | 'dead_letter' | 'finding' | 'notice',
): Promise<number> {
  const [row] = await sql<
    { id: number }[]
  >`select coalesce(max(id), 0)::int as id from evenfall.${sql(table)}`;
  return row?.id ?? 0;
}
