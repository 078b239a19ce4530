import { allJobs } from '../../../jobs/index.ts';
import { wouldBlow } from '../../core/fuse.ts';
import { reportSchedules } from '../../queue/schedules.ts';
import { sweepNow } from '../../queue/sweep.ts';
import type { SweepReport } from '../../queue/sweep.ts';
import { readInstant } from '../arguments.ts';
import { WrongCall } from '../exit.ts';
import { print, printObject, printRows } from '../output.ts';
import { buildPolicy, withParts } from '../parts.ts';

interface Printed {
  json?: boolean;
}

/** `evenfall schedules` */
export async function schedulesCommand(options: Printed) {
  await withParts(async ({ database }) => {
    const reports = await reportSchedules(database, allJobs);
    const rows = options.json
      ? reports
      : reports.map(({ name, pattern, last, next, late, finished }) => ({
          name,
          pattern,
          last: last?.dueAt,
          outcome: last?.outcome,
          next,
          late,
          finished,
        }));
    printRows(rows, { ...options, empty: 'nothing is scheduled' });
  });
}

/** `evenfall sweep NAME`: what a scheduled sweep does, here and now. */
export async function sweepCommand(name: string, options: Printed & { now?: string; dryRun?: boolean }) {
  await withParts(async ({ database, config }) => {
    if (!database.sweeps.has(name)) {
      const names = [...database.sweeps.keys()].join(', ');
      throw new WrongCall(`there is no sweep ${name}. Sweeps: ${names}`);
    }
    const dryRun = options.dryRun ?? false;
    const now = options.now === undefined ? undefined : readInstant(options.now, '--now');
    if (now && config.production && !dryRun)
      throw new WrongCall('--now is refused in production without --dry-run');
    const report = await sweepNow(database, name, { now, policy: buildPolicy(config), dryRun });
    if (options.json) return printObject(report, options);
    const { targets, fuse, ...totals } = report;
    printObject(totals, options);
    if (fuse) print(describeFuse(fuse, report.due));
    print('');
    printRows(targets, { empty: 'nobody is due' });
  });
}

function describeFuse(fuse: NonNullable<SweepReport['fuse']>, due: number): string {
  const state = fuse.blown ? 'has blown' : wouldBlow(fuse, due) ? 'would blow' : 'holds';
  const spread = fuse.spread === 0 ? '' : `, ${fuse.spread} spread over days`;
  return `fuse  ${state}: ${fuse.allowed} acts allowed, ${fuse.acts} in 24 hours, ${fuse.waiting} waiting${spread}`;
}
