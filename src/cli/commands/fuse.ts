import { fusedKinds, isFused, isSpreadable, readFuses, wouldBlow } from '../../core/fuse.ts';
import type { FusedKind } from '../../core/fuse.ts';
import { TooMany, spreadBacklog } from '../../queue/spread.ts';
import { operator, readCount, readWhy } from '../arguments.ts';
import { WrongCall } from '../exit.ts';
import { print, printObject, printRows } from '../output.ts';
import { buildPolicy, withParts } from '../parts.ts';

/** `evenfall fuse status` */
export async function fuseStatusCommand(options: { json?: boolean }) {
  await withParts(async ({ database, config }) => {
    const fuses = await readFuses(database.statements, buildPolicy(config));
    const rows = fuses.map(({ kind, allowed, acts, waiting, blownAt, blownBy, ...release }) => ({
      kind,
      allowed,
      acts,
      waiting,
      spread: release.spread,
      spreadActs: release.spreadActs,
      spreadPerDay: release.spreadPerDay,
      spreadUntil: release.spreadUntil,
      blownAt,
      blownBy,
      releasedAt: release.releasedAt,
      releasedActs: release.releasedActs,
      releasedBy: release.releasedBy,
    }));
    printRows(rows, { ...options, empty: '' });
  });
}

interface ReleaseOptions {
  readonly why?: string;
  readonly acts?: string;
  readonly spread?: boolean;
  readonly perDay?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** `evenfall fuse release KIND`: all at once, or with `--spread` so many a day. */
export async function fuseReleaseCommand(name: string, options: ReleaseOptions) {
  const kind = readKind(name);
  const { why, acts, perDay, dryRun = false } = options;
  if (!options.spread) {
    if (perDay !== undefined || dryRun) throw new WrongCall('--per-day and --dry-run go with --spread');
    return await releaseAtOnce(kind, { ...options, why: requireReason(why) });
  }
  if (acts !== undefined) throw new WrongCall('--acts is all at once: leave it out, or leave out --spread');
  if (!isSpreadable(kind)) {
    throw new WrongCall(
      `--spread does not apply to ${kind}: it is one job for all users, so there is nothing to put apart. ` +
        'Release it with --acts.',
    );
  }
  const order = dryRun ? undefined : { why: requireReason(why), who: operator() };
  return await releaseSpread(kind, { ...options, order });
}

function requireReason(why: string | undefined): string {
  if (why !== undefined && why.trim() !== '') return readWhy(why);
  throw new WrongCall('say --why: it is kept in the history');
}

/** Gives what waits its places over the next days; with a dry run only says which. */
async function releaseSpread(
  kind: FusedKind,
  options: ReleaseOptions & { order: { why: string; who: string } | undefined },
) {
  const perDay = options.perDay === undefined ? undefined : readCount(options.perDay, '--per-day');
  await withParts(async ({ database, config }) => {
    const wanted = { kind, perDay, policy: buildPolicy(config), order: options.order };
    const spread = await spreadBacklog(database, wanted).catch((error: unknown) => {
      throw error instanceof TooMany ? new WrongCall(error.message) : error;
    });
    if (options.json) return printObject(spread, options);
    const { days, ...totals } = spread;
    printObject(totals, options);
    if (!spread.dryRun) return;
    print('');
    printRows(days, { empty: 'nothing waits' });
  });
}

/**
 * Makes it whole again, and wakes what waits for it. An intact fuse may be released too: that allows other than the
 * policy's number for a day.
 */
async function releaseAtOnce(
  kind: FusedKind,
  options: { readonly why: string; readonly acts?: string; readonly json?: boolean },
) {
  const wanted = options.acts === undefined ? undefined : readCount(options.acts, '--acts');
  await withParts(async ({ database, config }) => {
    const who = operator();
    const released = await database.transaction(async (tx) => {
      const [before] = await tx.lockFuse({ kind });
      const [fuse] = await readFuses(tx, buildPolicy(config), [kind]);
      const acts = wanted ?? fuse?.policy ?? 0;
      const [release] = await tx.releaseFuse({ kind, acts, who });
      const at = release?.releasedAt ?? new Date(0);
      const { blownAt = null, blownBy = null } = before ?? {};
      await tx.recordHistory({
        at,
        what: 'fuse.released',
        teamId: null,
        subject: `fuse:${kind}`,
        detail: { why: options.why, acts, who, blownAt, blownBy },
        jobId: null,
        source: 'cli',
      });
      const [woken] = await tx.wakeFused({ kind });
      return { kind, at, acts, blownAt, blownBy, waiting: fuse?.waiting ?? 0, woken: woken?.jobs ?? 0 };
    });
    printObject(released, options);
    if (options.json) return;
    const { acts, blownAt, waiting } = released;
    if (blownAt === null) print(`It had not blown: from here on, and for a day, ${acts} acts are allowed.`);
    if (wouldBlow({ allowed: acts, acts: 0, waiting }, waiting)) {
      print(
        `It will blow again at once, for ${waiting} wait to act: --acts ${waiting} would let them through.`,
      );
    }
  });
}

function readKind(name: string): FusedKind {
  if (isFused(name)) return name;
  throw new WrongCall(`${name} has no fuse. Kinds that have one: ${Object.keys(fusedKinds).join(', ')}`);
}
