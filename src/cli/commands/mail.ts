import { address } from '../../billing/recipient.ts';
import { keyedHash } from '../../core/hash.ts';
import { operator } from '../arguments.ts';
import { WrongCall } from '../exit.ts';
import { printObject } from '../output.ts';
import { withParts } from '../parts.ts';

/**
 * `evenfall mail allow ADDRESS`: lets an address be written to again after its mail bounced, or its owner complained. The
 * address itself is kept nowhere.
 */
export async function mailAllowCommand(text: string, options: { why: string; json?: boolean }) {
  const to = address(text);
  if (to === undefined) throw new WrongCall('say one address, as in jane@example.org');
  await withParts(async ({ database, config }) => {
    // absent where only the database is needed
    const secretKey = config.SECRET_KEY as string | undefined;
    if (secretKey === undefined)
      throw new WrongCall('set SECRET_KEY to that of the worker: recipients are kept as hashes');
    const recipientHash = keyedHash(secretKey, to);
    const { why } = options;
    const who = operator();
    const allowed = await database.transaction(async (tx) => {
      const [before] = await tx.allowRecipient({ recipientHash });
      if (!before) throw new WrongCall('this address is not suppressed: there is nothing to allow');
      const was = { was: before.why, since: before.at };
      await tx.recordHistory({
        at: before.now,
        what: 'recipient.allowed',
        teamId: null,
        subject: `recipient:${recipientHash}`,
        detail: { why, who, ...was },
        jobId: null,
        source: 'cli',
      });
      return was;
    });
    printObject({ allowed: true, ...allowed, why, who }, options);
  });
}
