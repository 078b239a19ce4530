import type { QueueName } from '../core/job.ts';
import type { Database } from '../db/connect.ts';
import { ticketId } from './backend.ts';
import type { TicketQueue } from './backend.ts';

export type Replayed =
  | { readonly replayed: true; readonly jobId: number }
  | { readonly replayed: false; readonly reason: string };

/**
 * Gives a dead job its attempts and its time anew. The one way to replay, whoever asks: the row decides, so
 * two at once replay once, and a job whose key a newer one holds is left alone.
 *
 * @param who is written to the dead letter: a person, or the command
 */
export async function replay(
  { database, openQueue }: { database: Database; openQueue: (name: QueueName) => TicketQueue },
  jobId: number,
  who: string,
): Promise<Replayed> {
  const [row] = await database.statements.replay({ id: jobId, resolution: `replayed by ${who}` });
  if (!row) return { replayed: false, reason: await whyNot(database, jobId) };
  if (row.dispatchNo !== null) {
    // the failed entry in Bull Board; when Redis is away it stays, and is harmless: its dispatch is not current
    const ticket = { id: jobId, dispatchNo: row.dispatchNo };
    const queue = openQueue(row.queue as QueueName);
    await queue
      .getJob(ticketId(ticket))
      .then((job) => job?.remove())
      .catch(() => {});
  }
  return { replayed: true, jobId };
}

async function whyNot(database: Database, jobId: number): Promise<string> {
  const [job] = await database.statements.findJob({ id: jobId });
  if (!job) return `there is no job ${jobId}`;
  if (job.state !== 'dead') return `job ${jobId} is ${job.state}, not dead`;
  return `a newer ${job.kind} holds the key ${job.key}`;
}
