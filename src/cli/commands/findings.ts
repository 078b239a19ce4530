import { operator, readCount, readWhy } from '../arguments.ts';
import { WrongCall } from '../exit.ts';
import { print, printRows } from '../output.ts';
import { withParts } from '../parts.ts';

/** `evenfall findings list` */
export async function findingsListCommand(options: { all?: boolean; limit: string; json?: boolean }) {
  await withParts(async ({ database }) => {
    const limit = readCount(options.limit, '--limit');
    const rows = await database.statements.listFindings({ all: options.all ?? false, limit });
    printRows(rows, { ...options, empty: options.all ? 'no findings yet' : 'no findings are open' });
  });
}

/** `evenfall findings ack N`: once; a second person is told who was first. */
export async function findingsAckCommand(id: string, options: { why: string }) {
  await withParts(async ({ database }) => {
    const number = readCount(id, 'the number');
    const acknowledgement = { id: number, who: operator(), why: readWhy(options.why) };
    const [finding] = await database.statements.acknowledgeFinding(acknowledgement);
    if (finding) {
      print(`finding ${number} (${finding.kind}, ${finding.subject}) is acknowledged`);
      return;
    }
    const [before] = await database.statements.findAcknowledgement({ id: number });
    if (!before) throw new WrongCall(`there is no finding ${number}`);
    const { acknowledgedBy: who, acknowledgedAt: at, note } = before;
    throw new WrongCall(`finding ${number} was acknowledged by ${who} at ${at?.toISOString()}: ${note}`);
  });
}
