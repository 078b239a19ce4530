import { afterSixMonths, days } from '../../support/endings.ts';
import { Player } from './conductor.ts';
import { mirrorsSubscription } from './conducted.ts';
import type { Did } from './conducted.ts';
import { seat } from './stage.ts';
import type { Stage, Ticket } from './stage.ts';

/** What happened, in its order: transactions as they were committed, and what was done and asked outside. */
export interface Entry {
  /** The player; of a job its kind and which run it was. */
  readonly who: string;
  readonly what:
    | 'committed'
    | 'asked Stripe'
    | 'subscribed'
    | 'mailed'
    | 'changed owner'
    | 'linked'
    | 'joined'
    | 'said'
    | 'failed';
  readonly did?: readonly Did[];
  /** Whom or what it is about. */
  readonly subject?: string;
  /** Stripe is asked about a customer: what it must say, by the stand-in's own book. */
  readonly truth?: { readonly live: boolean; readonly ever: boolean };
  /** What an operator's command has printed, or how an inline run has ended. */
  readonly answer?: Readonly<Record<string, unknown>>;
  /** Of the story's time. */
  readonly minutes?: number;
  /** The database's, just before the commit, in microseconds. */
  readonly at?: number | undefined;
}

/**
 * How a story begins. `asleep`: the team is due to be marked, since a minute. `due`: it was marked and its owner told,
 * and since a second it is due to be deleted.
 */
export type Situation = 'asleep' | 'due';

/** One story's team, and the ledger of all that becomes of it. */
export interface Scene {
  readonly situation: Situation;
  readonly teamId: string;
  readonly ownerId: string;
  /** The team's, in Stripe and in the mirror; it has never subscribed. */
  readonly customer: string;
  /** The mark that it begins with, of which everybody was told. */
  readonly given: number | undefined;
  readonly ledger: Entry[];
  /** What was wrong on the way. */
  readonly wrong: string[];
  /** How many have passed. */
  minutes: number;
  note(entry: Entry): void;
  noteAsking(who: string, customerId: string): void;
  subscribe(): void;
  /** Looks how the marks stand; resolves to those that live. */
  look(): Promise<number[]>;
  /** When everything had run, and before more time passed: how much of the ledger there was, and which marks lived. */
  midway: { readonly entries: number; readonly marks: readonly number[] } | undefined;
}

const marked = afterSixMonths(60_000);

/** What may be seen of a mark that was seen so before. */
const later: Record<string, readonly string[]> = {
  marking: ['marking', 'noticed', 'deleting', 'deleted', 'cleared'],
  noticed: ['noticed', 'deleting', 'deleted', 'cleared'],
  deleting: ['deleting', 'deleted'],
  deleted: ['deleted'],
  cleared: ['cleared'],
};

export async function openScene({ sql, world }: Stage, situation: Situation): Promise<Scene> {
  await sql.unsafe(empty);
  world.standIn.reset();
  world.inbox.clear();
  world.inbox.faults.clear();
  world.at(situation === 'asleep' ? marked : new Date(marked.getTime() + days(7) + 1_000));

  const customer = world.standIn.seed.customer().id;
  const { teamId, ownerId } = await world.sleepingTeam({ stripe_customer_id: customer });
  await sql`insert into evenfall.customer (id, livemode, read_at) values (${customer}, false, '2026-01-01')`;
  const date = new Date(marked.getTime() + days(7));
  const [given] =
    situation === 'asleep'
      ? []
      : await sql<{ id: number }[]>`
          insert into evenfall.team_deletion
            (team_id, owner_id, state, marked_at, announced_delete_at, notice_sent_at, delete_after)
          values (${teamId}, ${ownerId}, 'noticed', ${marked}, ${date}, ${marked}, ${date}) returning id`;

  const seen = new Map<number, string>(given ? [[given.id, 'noticed']] : []);
  const scene: Scene = {
    situation,
    teamId,
    ownerId,
    customer,
    given: given?.id,
    ledger: [],
    wrong: [],
    minutes: 0,
    note(entry) {
      // whoever waited for this commit may have been heard of before it
      const { ledger, minutes } = scene;
      const { at = Infinity } = entry;
      const next = ledger.findIndex((other) => (other.at ?? 0) > at);
      ledger.splice(next < 0 ? ledger.length : next, 0, { ...entry, minutes });
    },
    noteAsking(who, customerId) {
      const { subscriptions } = world.standIn.store;
      const own = subscriptions.all().filter((one) => one.customer === customerId);
      const truth = { live: own.some(({ status }) => status !== 'canceled'), ever: own.length > 0 };
      scene.note({ who, what: 'asked Stripe', subject: customerId, truth });
    },
    subscribe() {
      world.standIn.seed.subscription({ customer });
      scene.note({ who: 'the customer', what: 'subscribed', subject: customer });
    },
    midway: undefined,
    async look() {
      const marks = await sql<{ id: number; state: string }[]>`
        select id, state from evenfall.team_deletion order by id`;
      for (const { id, state } of marks) {
        const before = seen.get(id);
        if (before !== undefined && !later[before]?.includes(state)) {
          scene.wrong.push(`the mark was ${before}, and is ${state}`);
        }
        seen.set(id, state);
      }
      const live = marks.filter(({ state }) => !['cleared', 'deleted'].includes(state));
      if (live.length > 1) scene.wrong.push(`the team bears ${live.length} marks`);
      return live.map(({ id }) => id);
    },
  };
  return scene;
}

/** Row by row, for the tables are small and stories are many. */
const empty = [
  'job',
  'effect',
  'history',
  'dead_letter',
  'notice',
  'subscription',
  'customer',
  'card',
  'worker',
  'team_deletion',
  'team_protection',
  'fuse',
  'fuse_act',
  'finding',
  'backfill',
]
  .map((table) => `delete from evenfall.${table};`)
  .concat(['sessions', 'memberships', 'teams', 'users'].map((table) => `delete from public.${table};`))
  .concat("insert into evenfall.backfill (phase, finished_at) values ('finished', clock_timestamp())")
  .join('\n');

/** What waits comes back until nothing lives any more; then the sweeps find what is due, now and after its date. */
export async function settle(stage: Stage, scene: Scene): Promise<void> {
  const { sql, database, world } = stage;
  world.inbox.faults.clear();
  // whoever acted here is gone; what runs still has no worker
  await sql`delete from evenfall.worker`;
  await database.statements.rescue({ lease: 'PT5S' });
  const slot = stage.take(0, scene, new Player('settling', seat(0), () => false));

  async function runAll(): Promise<void> {
    for (let rounds = 0; rounds < 12; rounds++) {
      const alive = await sql<Ticket[]>`
        update evenfall.job
        set state = 'dispatched', due = false, dispatch_no = nextval('evenfall.dispatch_no'),
          run_at = clock_timestamp(), dispatched_at = clock_timestamp()
        where state in ('queued', 'dispatched') and queue in ('lifecycle', 'stripe', 'mail')
        returning id, kind, dispatch_no`;
      if (alive.length === 0) return;
      for (const ticket of alive.toSorted((a, b) => a.id - b.id)) {
        await slot.run(ticket);
        await scene.look();
      }
    }
    scene.wrong.push('jobs still live');
  }

  await runAll();
  const isMirrored = scene.ledger.some(({ did = [] }) => did.some(mirrorsSubscription));
  if (!isMirrored && scene.ledger.some(({ what }) => what === 'subscribed')) {
    await world.ask('sync-customer', { customerId: scene.customer });
    await runAll();
  }
  scene.midway = { entries: scene.ledger.length, marks: await scene.look() };
  // with a new owner the first mark is taken back, and another one takes its time
  for (const later of [60_000, days(8), 60_000, days(8)]) {
    if (!(await world.rows.exists('teams', scene.teamId))) return;
    world.at(new Date(world.now().getTime() + later));
    await world.sweep('mark-team-for-deletion');
    await world.sweep('delete-inactive-team');
    await runAll();
  }
}
