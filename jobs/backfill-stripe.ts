/**
 * Reads all of Stripe into the mirror: every subscription in every status, then every customer. Nightly, and
 * once when a worker finds that it was never done. What it does not find any more is marked gone.
 *
 * Safe to run twice: where it is stands in `evenfall.backfill`, written together with each page's rows, so
 * that a run goes on where another was killed. Of two at once one writes a page and the other steps aside. A
 * row that was read later, because of an event, stays as it is.
 *
 * When it is dead: Stripe did not answer for two days, or refused the key, which must be able to read
 * subscriptions, customers and payment methods. The mirror is then as old as its last events. Mend the cause,
 * then replay: it goes on where it stopped.
 */
import { mirrorRows } from '../src/billing/mirror.ts';
import type { BeginBackfillRow } from '../sql/queries.gen.ts';
import type { Context } from '../src/core/context.ts';
import { Retryable, Terminal } from '../src/core/errors.ts';
import { defineJob } from '../src/core/job.ts';
import { done, snoozed } from '../src/core/outcome.ts';
import { payload } from '../src/core/payload.ts';
import { hours, minutes, seconds } from '../src/core/retry.ts';
import type { StripePage } from '../src/core/stripe.ts';

export const backfillStripe = defineJob({
  name: 'backfill-stripe',
  summary: 'Reads all subscriptions, customers and cards from Stripe into the mirror.',
  queue: 'stripe',
  payload: payload({}),
  key: [],
  schedule: { cron: '17 2 * * *', catchUp: 'once', windowHours: 48 },
  retry: {
    attempts: 100,
    firstDelayMs: seconds(5),
    maxDelayMs: hours(1),
    giveUpAfter: 'P2D',
    crashBudget: 20,
  },
  timeoutMs: minutes(10),

  async run(ctx) {
    let at = await begin(ctx);
    for (let pages = 0; at.phase !== 'finished'; pages++) {
      ctx.signal.throwIfAborted();
      // a run is kept short, so that other jobs have their turn
      if (pages === pagesOfARun) return snoozed(ctx.now, `goes on after page ${at.pages}`);
      at = await readPage(ctx, at);
    }
    const { id, pages, objects } = at;
    return done({ backfill: id, pages, objects }, async (tx) => {
      await tx.finishBackfill({ id, pages });
    });
  },
});

const pagesOfARun = 100;

type Position = BeginBackfillRow;

async function begin(ctx: Context): Promise<Position> {
  const [position] = await ctx.sql.beginBackfill();
  return position ?? stepAside();
}

async function readPage(ctx: Context, at: Position): Promise<Position> {
  const [clock] = await ctx.sql.readBegins();
  const page = await pageAt(ctx, at);
  const [moved] = await ctx.sql.mirrorPage({
    id: at.id,
    pages: at.pages,
    ...behind(at, page),
    count: page.subscriptions.length + page.customers.length + page.cards.length,
    readAt: clock?.readAt ?? '',
    now: ctx.now,
    seen: mirrorRows(page, ctx.hash),
  });
  return moved ?? stepAside();
}

async function pageAt({ stripe }: Context, { phase, cursor }: Position): Promise<StripePage> {
  const list = (after?: string) =>
    phase === 'subscriptions' ? stripe.listSubscriptionsPage(after) : stripe.listCustomersPage(after);
  if (cursor === null) return await list();
  try {
    return await list(cursor);
  } catch (error) {
    // what the cursor names may have been deleted meanwhile: this phase then begins anew
    if (error instanceof Terminal && error.facts.param === 'starting_after') return await list();
    throw error;
  }
}

/** Where to go on when this page is in. */
function behind({ phase }: Position, { next }: StripePage): { phase: string; cursor: string | null } {
  if (next !== undefined) return { phase, cursor: next };
  return { phase: phase === 'subscriptions' ? 'customers' : 'finished', cursor: null };
}

/** Another run has begun it or written this page: a little later this one goes on from there. */
function stepAside(): never {
  throw new Retryable('another run of the backfill is a page ahead', {
    facts: { class: 'backfill_held' },
    waiting: true,
    afterMs: seconds(5),
  });
}
