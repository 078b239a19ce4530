import type { FindingKind } from '../core/finding.ts';
import type { Statements } from '../db/connect.ts';
import type { LongWaitsRow } from '../../sql/queries.gen.ts';

/** How long jobs may wait for something that is down before people are told. */
const longerThan = 'PT30M';
/** When nobody has waited for longer than that, it is over; the next time is told anew. */
const shorterThan = 'PT5M';

const kind: FindingKind = 'jobs-waiting';

/** Tells people of what has been waited for too long: once a cause while it lasts, whichever worker looks. */
export async function tellOfWaiting(statements: Statements): Promise<void> {
  await statements.closeWaits({ kind, shorterThan });
  for (const wait of await statements.longWaits({ longerThan })) {
    const { cause, since, jobs, kinds, classes } = wait;
    await statements.recordWait({
      kind,
      subject: `waiting:${cause}`,
      since,
      message: sentence(wait),
      detail: { jobs, kinds, classes, since: since.toISOString() },
    });
  }
}

function sentence({ cause, jobs, kinds, classes, since }: LongWaitsRow): string {
  const who = jobs === 1 ? '1 job waits' : `${jobs} jobs wait`;
  return (
    `${who} for ${cause}, the first since ${since.toISOString()} (${kinds.join(', ')}; ${classes.join(', ')}). ` +
    `They go on by themselves when it works again, and are dead letters when their time is up.`
  );
}
