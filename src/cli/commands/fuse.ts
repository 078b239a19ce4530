import { fusedKinds, isFused, readFuses, wouldBlow } from '../../core/fuse.ts';
import type { FusedKind } from '../../core/fuse.ts';
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
      blownAt,
      blownBy,
      releasedAt: release.releasedAt,
      releasedActs: release.releasedActs,
      releasedBy: release.releasedBy,
    }));
    printRows(rows, { ...options, empty: '' });
  });
}

/**
 * `evenfall fuse release KIND`: makes it whole again, and wakes what waits for it. An intact fuse may be released too:
 * that allows other than the policy's number for a day.
 */
export async function fuseReleaseCommand(
  name: string,
  options: { why: string; acts?: string; json?: boolean },
) {
  const kind = readKind(name);
  const why = readWhy(options.why);
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
        detail: { why, acts, who, blownAt, blownBy },
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
