import type { Act, Begun, Effects, Evidence, Performed } from '../core/effects.ts';
import { Retryable, StaleRun, Terminal, describeFailure } from '../core/errors.ts';
import type { AtFailpoint } from '../core/failpoints.ts';
import type { Database } from '../db/connect.ts';
import { persist } from './persist.ts';

/** Which run asks. `jobId` null: inline, without a job row. */
export interface RunOfJob {
  readonly jobId: number | null;
  readonly runNo: number;
}

interface LedgerOptions {
  readonly database: Database;
  readonly run: RunOfJob;
  /** Aborted: begin nothing new. A claimed act is still seen through to its settling. */
  readonly signal: AbortSignal;
  /** Aborted: the process must go now, even without having written. */
  readonly kill: AbortSignal;
  readonly failpoint: AtFailpoint;
  /** How far business time is ahead of the database's clock. */
  readonly clockOffsetMs: number;
}

/**
 * The ledger in `evenfall.effect`: claimed before the act in a transaction of its own, settled right after it
 * together with the domain fact (docs/protocol.md, "An effect").
 */
export function effectLedger(options: LedgerOptions): Effects {
  const { database, run, signal, kill, failpoint, clockOffsetMs } = options;
  const { statements } = database;

  async function perform(act: Act): Promise<Performed> {
    signal.throwIfAborted();
    const { key, kind, about } = act;
    const [claim] = await statements.claimEffect({ ...run, key, kind, about });
    switch (claim?.verdict) {
      case 'claimed':
        return await doIt(act);
      case 'ask':
        return await askFirst(act);
      case 'settled':
        return { happened: 'before', evidence: (claim.evidence ?? {}) as Evidence };
      case 'unknown':
        return giveUp(act, claim.id);
      case 'held':
        throw new Retryable(`another job is at ${act.key} right now`, {
          facts: { class: 'effect_held' },
          waiting: true,
          afterMs: 2_000,
        });
      default:
        throw new StaleRun(run.jobId, run.runNo);
    }
  }

  /** An earlier run claimed it and died: what became of the act, only the other side knows. */
  async function askFirst(act: Act): Promise<Performed> {
    if (!act.ask) {
      return giveUp(act, await recordUnknown(act));
    }
    const evidence = await act.ask();
    return evidence ? await settle(act, 'before', evidence) : await doIt(act);
  }

  async function doIt(act: Act): Promise<Performed> {
    await failpoint('effect.claimed');
    let evidence: Evidence;
    try {
      evidence = await act.act();
    } catch (error) {
      return await readAgain(act, error);
    }
    await failpoint('effect.acted');
    return await settle(act, 'now', evidence);
  }

  /**
   * The act failed. It may have happened all the same: the answer was lost, or "no such subscription" means
   * that it is over. So ask; release the claim only when it certainly did not happen.
   */
  async function readAgain(act: Act, failure: unknown): Promise<Performed> {
    const refused = failure instanceof Terminal || (failure instanceof Retryable && !failure.outcomeUnknown);
    if (act.ask && !(failure instanceof Retryable && refused)) {
      let evidence: Evidence | undefined;
      try {
        evidence = await act.ask();
      } catch (error) {
        // could not ask: the claim stays open, and the next run asks before it acts
        if (!(error instanceof Terminal)) throw error;
      }
      if (evidence) return await settle(act, 'now', evidence);
    }
    if (refused) {
      const evidence = describeFailure(failure);
      await persist(() => fenced(statements.releaseEffect({ ...run, key: act.key, evidence })), kill);
    }
    throw failure;
  }

  async function settle(act: Act, happened: 'now' | 'before', evidence: Evidence): Promise<Performed> {
    await persist(
      () =>
        database.transaction(async (tx) => {
          const [settled] = await fenced(tx.settleEffect({ ...run, key: act.key, evidence }));
          const at = new Date((settled?.settledAt?.getTime() ?? 0) + clockOffsetMs);
          await act.settle?.(tx, evidence, at);
        }),
      kill,
    );
    await failpoint('effect.settled');
    return { happened, evidence };
  }

  async function recordUnknown(act: Act): Promise<number | undefined> {
    return await database.transaction(async (tx) => {
      const [unknown] = await fenced(tx.giveUpEffect({ ...run, key: act.key }));
      await act.giveUp?.(tx);
      if (act.unknown === 'give-up' && run.jobId !== null) {
        const error = describeFailure(unknownEffect(act, unknown?.id));
        await tx.tellUnknown({ jobId: run.jobId, runNo: run.runNo, code: act.kind, error });
      }
      return unknown?.id;
    });
  }

  function giveUp(act: Act, id: number | null | undefined): Performed {
    if (act.unknown === 'give-up') return { happened: 'unknown', evidence: {} };
    throw unknownEffect(act, id);
  }

  async function fenced<Row>(write: Promise<Row[]>): Promise<Row[]> {
    const rows = await write;
    if (rows.length === 0) throw new StaleRun(run.jobId, run.runNo);
    return rows;
  }

  const begun = async () => (await statements.begunEffects(run)) as Begun[];

  return { begun, perform };
}

function unknownEffect(act: Act, id: number | null | undefined): Terminal {
  const settle = `\`evenfall effect settle ${id} --happened|--did-not\``;
  const then = act.unknown === 'give-up' ? '; the job goes on without it' : ' and replay';
  return new Terminal(`nobody can say whether ${act.key} happened; look, then ${settle}${then}`, {
    facts: { class: 'unknown_effect', code: act.kind },
  });
}
