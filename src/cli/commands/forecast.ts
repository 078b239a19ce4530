import { forecast } from '../../queue/forecast.ts';
import { readCount } from '../arguments.ts';
import { WrongCall } from '../exit.ts';
import { print, printObject, printRows } from '../output.ts';
import { buildPolicy, withParts } from '../parts.ts';

const mostDays = 366;

const footnotes = [
  'Each is listed with the first day by which it is due; what is due today comes with now.',
  'Nothing is simulated: teams marked within these days are to be deleted later, and are listed as marked only.',
];

/** `evenfall forecast`: who gets which mail, and which teams go. */
export async function forecastCommand(options: { days: string; json?: boolean }) {
  const days = readCount(options.days, '--days');
  if (days > mostDays) throw new WrongCall(`--days must be ${mostDays} at most`);
  await withParts(async ({ database, config }) => {
    const report = await forecast(database, { days, policy: buildPolicy(config) });
    if (options.json) return printObject({ ...report, footnotes }, options);
    const { perDay, targets } = report;
    printRows(targets, { empty: `nobody will be due within ${days} ${days === 1 ? 'day' : 'days'}` });
    if (perDay.length > 0) {
      print('');
      printRows(
        perDay.map(({ at, sweep, due, fuse }) => ({ at, sweep, due, fuse })),
        { empty: '' },
      );
    }
    print('');
    for (const line of footnotes) print(line);
  });
}
