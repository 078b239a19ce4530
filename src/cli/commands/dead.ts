import { replay } from '../../queue/replay.ts';
import { operator, readCount } from '../arguments.ts';
import { buildBackend } from '../queue-backend.ts';
import { WrongCall, exitCodes } from '../exit.ts';
import { print, printObject, printRows } from '../output.ts';
import { withParts } from '../parts.ts';

interface Printed {
  json?: boolean;
}

/** `evenfall dead list` */
export async function deadListCommand(options: Printed & { all?: boolean; limit: string }) {
  await withParts(async ({ database }) => {
    const limit = readCount(options.limit, '--limit');
    const rows = await database.statements.listDeadLetters({ all: options.all ?? false, limit });
    printRows(rows, { ...options, empty: 'no dead letters are open' });
  });
}

/** `evenfall dead show N` */
export async function deadShowCommand(id: string, options: Printed) {
  await withParts(async ({ database }) => {
    const [letter] = await database.statements.findDeadLetter({ id: readCount(id, 'the number') });
    if (!letter) throw new WrongCall(`there is no dead letter ${id}`);
    printObject(letter, options);
  });
}

/** `evenfall dead replay N`: once, whoever else tries at the same time. */
export async function deadReplayCommand(id: string, options: Printed) {
  return await withParts(async ({ database, config, log }) => {
    const [letter] = await database.statements.findDeadLetter({ id: readCount(id, 'the number') });
    if (!letter) throw new WrongCall(`there is no dead letter ${id}`);
    const backend = buildBackend(config, log);
    try {
      const who = operator();
      const result = await replay(
        { database, openQueue: (name) => backend.openQueue(name) },
        letter.jobId,
        who,
      );
      if (options.json) print(JSON.stringify(result));
      else print(result.replayed ? `job ${result.jobId} runs again` : `not replayed: ${result.reason}`);
      return exitCodes.done;
    } finally {
      await backend.close();
    }
  });
}

/** `evenfall effect settle ID --happened | --did-not`: a person has looked. */
export async function effectSettleCommand(id: string, options: { happened?: boolean; didNot?: boolean }) {
  if (options.happened === options.didNot) throw new WrongCall('say either --happened or --did-not');
  await withParts(async ({ database }) => {
    const happened = options.happened ?? false;
    const number = readCount(id, 'the id');
    const [row] = await database.statements.settleUnknown({ id: number, happened, who: operator() });
    if (!row) throw new WrongCall(`effect ${id} does not exist, or is not unknown`);
    print(`${row.key} is ${row.state}; replay its dead letter to go on`);
  });
}
