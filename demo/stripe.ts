import { setTimeout as delay } from 'node:timers/promises';
import type postgres from 'postgres';
import { objectsOf, passEvent, startStripeStandIn } from '../src/stand-ins/stripe/index.ts';
import type { RequestRecord, StripeStandIn } from '../src/stand-ins/stripe/index.ts';
import { insertTeams, seedPlans, seedTeams } from './app-data.ts';
import { makeTeams } from './people.ts';

type OnActed = (request: RequestRecord) => void;

/** The stand-in, which remembers over restarts of the demo what it was told. */
export interface DemoStripe {
  readonly standIn: StripeStandIn;
  /** What the clock, which was moved, has made due happens now: trials end, invoices are paid, events are sent. */
  settle(): void;
  /** Calls back when a request was carried out, before its answer leaves; returns how to stop that. */
  onActed(listener: OnActed): () => void;
  close(): Promise<void>;
}

/** How soon after a change it is on the disk: a burst is written once. */
const saveAfterMs = 250;

/**
 * Starts the stand-in: from what was kept of the last demo, or else with made-up teams, which go into the
 * app's tables in the same moment.
 */
export async function startStripe(sql: postgres.Sql, now: () => Date): Promise<DemoStripe> {
  const [kept] = await sql<{ objects: string }[]>`select objects from demo.stripe`;
  const listeners = new Set<OnActed>();
  let changed: () => void = () => {};
  const standIn = await startStripeStandIn({
    now,
    ...(kept && { fixtures: JSON.parse(kept.objects) as unknown }),
    onActed(request) {
      if (request.method !== 'GET') changed();
      for (const listener of listeners) listener(request);
    },
  });
  const save = (on: postgres.Sql | postgres.TransactionSql) => {
    const objects = JSON.stringify(objectsOf(standIn));
    return on`insert into demo.stripe (objects) values (${objects})
      on conflict (only_row) do update set objects = excluded.objects`;
  };
  if (!kept) {
    const teams = makeTeams();
    seedPlans(standIn);
    seedTeams(standIn, teams);
    await sql.begin(async (tx) => {
      await insertTeams(tx, teams);
      await save(tx);
    });
  }

  // the ids of events begin anew with it
  const [last] = await sql<{ id: string }[]>`
    select max(id collate "C") as id from evenfall.stripe_event having count(*) > 0`;
  if (last) passEvent(standIn, last.id);

  const closing = new AbortController();
  let saving: Promise<unknown> | undefined;
  changed = () => {
    saving ??= delay(saveAfterMs, undefined, { signal: closing.signal })
      .catch(() => {})
      .then(() => {
        saving = undefined;
        return save(sql);
      })
      // the database may be on its way out with us; it then keeps what was saved before
      .catch(() => {});
  };
  return {
    standIn,
    settle() {
      standIn.clock.advance(0);
      changed();
    },
    onActed(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async close() {
      await standIn.close();
      closing.abort();
      await saving;
    },
  };
}
