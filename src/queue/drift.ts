import type { FindDispatchedRow } from '../../sql/queries.gen.ts';
import { queueNames } from '../core/job.ts';
import type { QueueName } from '../core/job.ts';
import type { Statements } from '../db/connect.ts';
import { ticketId } from './backend.ts';
import type { TicketQueue } from './backend.ts';

const pageSize = 500;

/**
 * What BullMQ should know of a queue, page by page.
 *
 * @param settleTime ISO 8601: dispatches younger than this are left out, for their add may be on its way
 */
export async function* dispatchedRows(
  statements: Pick<Statements, 'findDispatched'>,
  queue: string,
  settleTime: string,
): AsyncGenerator<FindDispatchedRow[]> {
  for (let afterId = 0; ;) {
    const rows = await statements.findDispatched({ queue, afterId, settleTime, batch: pageSize });
    yield rows;
    if (rows.length < pageSize) return;
    afterId = rows.at(-1)?.id ?? afterId;
  }
}

/** How BullMQ has each of these rows. */
export async function statesOf(
  queue: Pick<TicketQueue, 'getJobState'>,
  rows: readonly FindDispatchedRow[],
): Promise<string[]> {
  return await Promise.all(rows.map((row) => queue.getJobState(ticketId(row))));
}

/** Not to be found in BullMQ, or over there: the row waits for nobody. */
const lostStates: ReadonlySet<string> = new Set(['unknown', 'completed', 'failed']);

/**
 * How many rows and BullMQ have parted and stayed so: a worker that lives puts them together within a minute.
 */
export async function countDrift(
  statements: Pick<Statements, 'findDispatched'>,
  openQueue: (name: QueueName) => Pick<TicketQueue, 'getJobState' | 'close'>,
): Promise<number> {
  let parted = 0;
  for (const name of queueNames) {
    const queue = openQueue(name);
    try {
      for await (const rows of dispatchedRows(statements, name, 'PT2M')) {
        parted += (await statesOf(queue, rows)).filter((state) => lostStates.has(state)).length;
      }
    } finally {
      await queue.close();
    }
  }
  return parted;
}
