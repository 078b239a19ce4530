import type postgres from 'postgres';
import type { Database } from '../../src/db/connect.ts';
import type { RunnerOptions } from '../../src/queue/runner.ts';
import { appRows } from './app.ts';
import { untilBlocked } from './locks.ts';
import { startMailing } from './mailing.ts';

const day = 86_400_000;

/** Everything around marking and deleting, with the clock in the test's hand. Months are those of `created`. */
export async function startEndings(database: Database, sql: postgres.Sql) {
  const mailing = await startMailing(database, sql);
  const rows = appRows(sql);
  const { standIn, inbox } = mailing;

  /** Of a team: its newest mark. */
  async function mark(teamId: string) {
    const [found] = await sql`
      select * from evenfall.team_deletion where team_id = ${teamId} order by id desc limit 1`;
    return found;
  }

  /** How a kind's newest job stands. */
  async function job(kind: string) {
    const [found] = await sql`
      select state, outcome->>'reason' as reason, last_error->>'class' as class, last_error->>'message' as message
      from evenfall.job where kind = ${kind} order by id desc limit 1`;
    return found;
  }

  /** The database as jobs see it, with other answers to some of its statements. */
  function answering(statements: Partial<Database['statements']>): Database {
    return { ...database, statements: { ...database.statements, ...statements } };
  }

  return {
    ...mailing,
    rows,
    mark,
    job,

    /** A run: Stripe has answered; before the locks are taken, this happens. */
    afterAsking(happens: () => Promise<unknown>): Partial<RunnerOptions> {
      let happened = false;
      return {
        stripe: {
          ...mailing.stripe,
          async findCustomers(email) {
            const found = await mailing.stripe.findCustomers(email);
            if (!happened) {
              happened = true;
              await happens();
            }
            return found;
          },
        },
      };
    },

    /** A run whose clock stands at this instant, to the millisecond. */
    standingAt(instant: Date): Partial<RunnerOptions> {
      const start: Database['statements']['start'] = async (ticket) =>
        (await database.statements.start(ticket)).map((row) => ({ ...row, dbNow: instant }));
      return { database: answering({ start }), clockOffsetMs: () => 0 };
    },

    /** A run that has to wait for its locks: it had begun to ask Stripe so long ago. */
    askingSince(ago: string): Partial<RunnerOptions> {
      const readBegins = async () =>
        await sql<{ readAt: string }[]>`
          select (clock_timestamp() - ${ago}::text::interval)::text as read_at`;
      return { database: answering({ readBegins }) };
    },

    /**
     * A transaction of the app or of the mirror, open beside a run: `open` begins it and writes; it commits when a
     * statement waits for it, or else when the run is over. Resolves to whether one waited.
     */
    async beside(
      write: (other: postgres.Sql) => Promise<unknown>,
      run: (open: () => Promise<void>) => Promise<void>,
    ): Promise<boolean> {
      const other = await sql.reserve();
      try {
        let over = false;
        const running = run(async () => {
          await other`begin`;
          await write(other);
        }).finally(() => (over = true));
        const waited = await untilBlocked(sql, () => over);
        await other`commit`;
        await running;
        return waited;
      } finally {
        other.release();
      }
    },

    /** As `sync-customer` writes what it has read: this customer has an active subscription. */
    async mirrorSubscription(customerId: string, on: postgres.Sql = sql): Promise<void> {
      const subscription = {
        id: `sub_of_${customerId}`,
        customer_id: customerId,
        status: 'active',
        cancel_at_period_end: false,
        livemode: false,
        created_at: '2028-03-01T00:00:00Z',
      };
      const seen = { customers: [], cards: [], subscriptions: [subscription] };
      await on`select evenfall.mirror(clock_timestamp(), ${on.json(seen)}, clock_timestamp())`;
    },

    protect: (teamId: string, kind: string, until: Date | null = null, on: postgres.Sql = sql) => on`
      insert into evenfall.team_protection (team_id, kind, until, why, who, at)
      values (${teamId}, ${kind}, ${until}, 'test', 'test', now())`,

    emailOf: async (userId: string) =>
      String((await sql`select email from public.users where id = ${userId}`)[0]!['email']),

    /** An empty world with a full picture of Stripe, a minute after `sleepingTeam` is due to be marked. */
    async clear(): Promise<void> {
      await rows.clear();
      standIn.reset();
      inbox.clear();
      inbox.faults.clear();
      mailing.at(afterSixMonths(60_000));
      await rows.freshPicture();
    },

    /** A team that has never subscribed and nobody protects, six months old at `sixMonthsOld`. */
    async sleepingTeam(changes: Record<string, unknown> = {}): Promise<{ teamId: string; ownerId: string }> {
      const ownerId = await rows.user();
      return { ownerId, teamId: await rows.team(ownerId, { created_at: created, ...changes }) };
    },

    /** The sweep of the kind and its jobs, once. */
    async sweepAndRun(kind: string) {
      const swept = await mailing.sweep(kind);
      await mailing.runOnce();
      return swept;
    },

    /** Marked as the sweep and the job do it; resolves to the date. */
    async marked(teamId: string): Promise<Date> {
      await mailing.ask('mark-team-for-deletion', { teamId });
      await mailing.runAll();
      const found = await mark(teamId);
      if (found?.['state'] !== 'noticed') throw new Error(`team ${teamId} was not marked`);
      return found['deleteAfter'] as Date;
    },

    findings: () => sql`select kind, subject, team_id, message from evenfall.finding order by id`,
    history: async (teamId: string) =>
      (await sql`select what from evenfall.history where team_id = ${teamId} order by id`).map((row) =>
        String(row['what']),
      ),
  };
}

/** When sleeping teams are created: the last day of a long month, half a year before a short one. */
const created = new Date('2027-08-31T10:00:00Z');

/** `created` plus six months, forward, in the calendar: February has 29 days. */
export const sixMonthsOld = new Date('2028-02-29T10:00:00Z');

export const afterSixMonths = (ms: number) => new Date(sixMonthsOld.getTime() + ms);

export const days = (n: number) => n * day;
