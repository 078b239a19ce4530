/**
 * Deletes users who never verified their address and whom nothing ties to the app (seed 4.2): no team, no membership
 * or invitation, no Stripe customer, no log-in. Listed by sql/sweeps/delete-unverified-users.sql. Each is asked about
 * in Stripe by the exact address, then the app is asked, then the user is locked, looked at again and deleted, in a
 * transaction of their own, which also asks for the erasure of their traces. Whom the app refuses to let go is spared,
 * and not asked about again for POLICY_INACTIVE_TEAM_AGE.
 *
 * Safe to run twice: whoever is gone or no longer due is passed by, so a run that was broken off is simply begun
 * again; the app hears the same ids.
 *
 * When it is dead: class `contract_refused` means that the app's own tables hold on to some users; all others are
 * dealt with. The message says who and by which constraint: extend app_delete_user in the contract, `evenfall
 * migrate`, then `evenfall dead replay N`. Class `app_callback_misconfigured`: what answers at APP_CALLBACK_URL is not
 * the app's callback; mend it, then replay. Or Stripe or the app did not answer for two days, or Stripe refused the
 * key: nobody was deleted without their answers, and the next day's job finds the same users.
 */
import type { Queries, UnverifiedUsersRow } from '../sql/queries.gen.ts';
import { vetoOnUnverified } from '../src/billing/app-veto.ts';
import { askErasure } from '../src/billing/erasure.ts';
import { heldByFuse, untilReleased } from '../src/billing/fuse.ts';
import { tooOld, withoutPicture } from '../src/billing/team-ending.ts';
import type { Context } from '../src/core/context.ts';
import { Retryable, Terminal, refusalOf } from '../src/core/errors.ts';
import { defineJob } from '../src/core/job.ts';
import { done } from '../src/core/outcome.ts';
import { payload } from '../src/core/payload.ts';
import { hours, minutes, seconds } from '../src/core/retry.ts';

export const deleteUnverifiedUsers = defineJob({
  name: 'delete-unverified-users',
  summary: 'Deletes users who never verified their address and whom nothing ties to the app.',
  queue: 'lifecycle',
  payload: payload({}),
  key: [],
  schedule: { cron: '37 3 * * *', catchUp: 'once', windowHours: 48 },
  retry: {
    attempts: 100,
    firstDelayMs: seconds(5),
    maxDelayMs: hours(1),
    giveUpAfter: 'P2D',
    crashBudget: 10,
  },
  timeoutMs: minutes(30),

  async run(ctx) {
    const blind = await withoutPicture(ctx);
    if (blind) return blind;

    const [count] = await ctx.sql.countUnverifiedUsers(dueBy(ctx));
    const due = count?.due ?? 0;
    const fates = { deleted: 0, spared: 0, changed: 0 };
    const refusals: Refusal[] = [];
    let unanswered: Retryable | undefined;
    let seen = 0;
    for await (const batch of batchesDue(ctx)) {
      const asked = await ask(ctx, batch);
      let open = 0;
      for (const one of asked) {
        ctx.signal.throwIfAborted();
        try {
          fates[await end(ctx, one, due - seen)]++;
        } catch (error) {
          // that transaction has left everything as it was; the others are no worse for it
          const code = refusalOf(error);
          if (code !== undefined) refusals.push({ id: one.user.id, code });
          else if (error instanceof Retryable && !error.held) {
            unanswered = error;
            open++;
          } else throw error;
        }
        seen++;
      }
      // one who cannot be asked about holds up nobody else; where that is all of them, nobody answers
      if (unanswered && (open === asked.length || asked.length < batch.length)) throw unanswered;
    }
    ctx.log.info({ ...fates, refused: refusals.length }, 'unverified users are dealt with');
    if (unanswered) throw unanswered;
    if (refusals.length > 0) throw refused(refusals);
    return done({ due, ...fates });
  },
});

const pageSize = 500;
/** Who is asked about together: few enough that Stripe's answers are still young when the app has given its own. */
const batchSize = 10;

function dueBy({ now, policy: { unverifiedUserAge, inactiveTeamAge } }: Context) {
  return { now, unverifiedUserAge, inactiveTeamAge };
}

async function* batchesDue(ctx: Context): AsyncGenerator<UnverifiedUsersRow[]> {
  let after: string | null = null;
  do {
    const page: UnverifiedUsersRow[] = await ctx.sql.unverifiedUsers({
      ...dueBy(ctx),
      after,
      batch: pageSize,
    });
    for (let at = 0; at < page.length; at += batchSize) yield page.slice(at, at + batchSize);
    after = page.at(-1)?.id ?? null;
  } while (after !== null);
}

/** What was said of one user; nobody goes without both answers. */
interface Asked {
  readonly user: UnverifiedUsersRow;
  /** When Stripe was asked, by the database's clock. */
  readonly at: string;
  /** What Stripe has against it. */
  readonly why?: string | undefined;
  /** Why the app refuses. */
  readonly veto?: string | undefined;
  /** Why there is no answer. */
  readonly failure: Retryable | undefined;
}

/** Stripe in turn, up to the first that it does not answer about; then the app, about all of them at once. */
async function ask(ctx: Context, batch: readonly UnverifiedUsersRow[]): Promise<Asked[]> {
  await untilReleased(ctx, deleteUnverifiedUsers.name);
  const asked: Asked[] = [];
  for (const user of batch) {
    ctx.signal.throwIfAborted();
    const [clock] = await ctx.sql.readBegins();
    const { said: why, failure } = await answer(speaksForUser(ctx, user));
    asked.push({ user, at: clock?.readAt ?? '', why, failure });
    if (failure) break;
  }
  return await Promise.all(
    asked.map(async (one) => {
      if (one.failure || one.why !== undefined) return one;
      const { said: veto, failure } = await answer(vetoOnUnverified(ctx, one.user.id));
      return { ...one, veto, failure };
    }),
  );
}

/** What may be answered later is that user's alone; any other failure ends the run, before anybody of the batch goes. */
async function answer<T>(asking: Promise<T>): Promise<{ said?: T; failure: Retryable | undefined }> {
  try {
    return { said: await asking, failure: undefined };
  } catch (failure) {
    if (failure instanceof Retryable) return { failure };
    throw failure;
  }
}

/** `spared`: Stripe or the app speaks for the user. `changed`: not due any more. */
type Fate = 'deleted' | 'spared' | 'changed';

/** @param waiting how many are still to be looked at in this run, this one included */
async function end(ctx: Context, asked: Asked, waiting: number): Promise<Fate> {
  const { user, why, veto, failure } = asked;
  if (failure) throw failure;
  if (why !== undefined) {
    await ctx.transaction((tx) => spare(ctx, tx, user, why));
    return 'spared';
  }
  if (veto !== undefined) return await ctx.transaction((tx) => spareForApp(ctx, tx, user, veto));
  const fate = await ctx.transaction((tx) => deleteUnderLock(ctx, tx, user, { askedAt: asked.at, waiting }));
  if (fate instanceof Retryable) throw fate;
  return fate;
}

/** A checkout can make a customer that the app's data do not name yet. Whoever Stripe cannot be asked about is kept. */
async function speaksForUser(
  { stripe }: Context,
  { email }: UnverifiedUsersRow,
): Promise<string | undefined> {
  if (email === null) return 'there is no address by which Stripe could be asked';
  try {
    const [customer] = await stripe.findCustomers(email);
    return customer && `Stripe has a customer with this address: ${customer.id}`;
  } catch (error) {
    if (error instanceof Terminal && error.facts.class === 'bad_id') {
      return 'Stripe cannot be asked by what stands for the address';
    }
    throw error;
  }
}

/** Told once, not each day. */
async function spare(ctx: Context, tx: Queries, { id }: UnverifiedUsersRow, why: string): Promise<void> {
  await tx.lockUser({ userId: id });
  if ((await tx.sparedBefore({ userId: id })).length > 0) return;
  await ctx.history(tx, { what: 'user.spared', subject: `user:${id}`, detail: { why } });
}

/** The history is what keeps the user until the app is asked again (sql/functions/user_spared.sql). */
async function spareForApp(
  ctx: Context,
  tx: Queries,
  { id, email }: UnverifiedUsersRow,
  veto: string,
): Promise<Fate> {
  await tx.lockUser({ userId: id });
  const [user] = await tx.unverifiedUser({ ...dueBy(ctx), userId: id, email });
  if (!user || user.kept !== null) return 'changed';
  await ctx.history(tx, { what: 'user.spared', subject: `user:${id}`, detail: { why: veto, who: 'app' } });
  return 'spared';
}

/** Every condition once more, under lock: user, fuse. A `Retryable` says why nobody is deleted for now. */
async function deleteUnderLock(
  ctx: Context,
  tx: Queries,
  { id, email }: UnverifiedUsersRow,
  { askedAt, waiting }: { askedAt: string; waiting: number },
): Promise<Fate | Retryable> {
  await tx.lockUser({ userId: id });
  const [user] = await tx.unverifiedUser({ ...dueBy(ctx), userId: id, email });
  if (!user || user.kept !== null) return 'changed';
  const old = await tooOld(tx, askedAt);
  if (old) return old;
  const createdAt = user.createdAt.toISOString();
  const blown = await throughFuse(ctx, tx, { userId: id, occasion: `created ${createdAt}`, waiting });
  if (blown) return blown;

  await askErasure(ctx, tx, { userId: id, email });
  await tx.deleteUser({ userId: id });
  const why = `created at ${createdAt}, more than ${ctx.policy.unverifiedUserAge} ago, and never verified`;
  await ctx.history(tx, { what: 'user.deleted', subject: `user:${id}`, detail: { why } });
  return 'deleted';
}

async function throughFuse(
  ctx: Context,
  tx: Queries,
  act: { userId: string; occasion: string; waiting: number },
): Promise<Retryable | undefined> {
  const [fuse] = await tx.tryUserFuse({ ...act, fuseUsers: ctx.policy.fuseUsers });
  return await heldByFuse(ctx, tx, deleteUnverifiedUsers.name, fuse?.verdict);
}

interface Refusal {
  readonly id: string;
  /** As `refusalOf` tells it. */
  readonly code: string;
}

/** For a person to mend; ids and codes, never what Postgres says, which holds values. */
function refused(refusals: readonly Refusal[]): Terminal {
  const first = refusals.slice(0, 10).map(({ id, code }) => `${id} (${code})`);
  const more = refusals.length > first.length ? ', …' : '';
  return new Terminal(
    `the app refused to delete ${refusals.length} of the users: ${first.join(', ')}${more}; all others are dealt ` +
      'with. Extend app_delete_user in the contract, migrate, then replay',
    { facts: { class: 'contract_refused', code: refusals[0]?.code ?? '' } },
  );
}
