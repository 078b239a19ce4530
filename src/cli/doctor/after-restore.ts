import { backfillStripe } from '../../../jobs/backfill-stripe.ts';
import { createLog } from '../../log.ts';
import { QueuesSilent, lookAtInstallation, signs } from '../../queue/installation.ts';
import type { RestoreSign } from '../../queue/installation.ts';
import { answerRestore, describeRestore } from '../../queue/restored.ts';
import type { Consequences } from '../../queue/restored.ts';
import { operator, readWhy } from '../arguments.ts';
import { WrongCall, exitCodes } from '../exit.ts';
import { print, printError, printObject } from '../output.ts';
import { withParts } from '../parts.ts';
import { buildBackend } from '../queue-backend.ts';

interface Options {
  readonly afterRestore?: boolean;
  readonly why?: string;
  readonly unnoticed?: boolean;
  readonly json?: boolean;
}

const mails = (kind: string, since: string) =>
  `restored from a backup: see what was sent since ${since}, then \`evenfall resume ${kind}\``;
const deletes = (kind: string, since: string) =>
  `restored from a backup: snoozes and keep links since ${since} are forgotten; see who is due, then \`evenfall resume ${kind}\``;
const erases = (kind: string, since: string) =>
  `restored from a backup: who was erased since ${since} is back, and what was taken back since is forgotten; ask again for those, then \`evenfall resume ${kind}\``;

/** Nobody can be asked what these did, nor what people asked for, in the time that is lost. With the reason that each gets. */
export const pausedByRestore: Consequences['pauses'] = {
  'deactivate-account': mails,
  'expiring-card-email': mails,
  'mark-team-for-deletion': mails,
  'deletion-reminder-email': mails,
  'trial-ending-email': mails,
  'delete-inactive-team': deletes,
  'delete-unverified-users': deletes,
  'erase-person': erases,
};

const consequences: Consequences = { backfillKind: backfillStripe.name, pauses: pausedByRestore };

const nothing =
  'No worker is held: nothing says that this database was restored or copied. Nothing was changed.\n' +
  'If you know better (a physical copy bears no sign), answer with --unnoticed --why TEXT.';

const willDo = `
Look what happened since: the mail server's log, Stripe's dashboard, the app. Then answer:

  evenfall doctor --after-restore --why "restored the backup of last night"

That takes this database for the one to work on. Jobs that were dispatched or running are queued again, without an
attempt or a crash; Stripe is read anew, and nothing is marked or deleted before that; and paused are, until you
resume each:
${Object.keys(pausedByRestore)
  .map((kind) => `  ${kind}`)
  .join('\n')}
Is this a copy that must reach nobody? Do not answer: take its Stripe key, its SMTP_URL and its alerts away first.`;

/**
 * `evenfall doctor --after-restore`: what holds the workers, and with `--why` the answer that lets them go on.
 *
 * @returns 1 while an answer is missing, or Redis does not say; 0 when nothing is held or it was answered
 */
export async function afterRestoreCommand(options: Options): Promise<number> {
  const { why, unnoticed = false } = options;
  if (!options.afterRestore) throw new WrongCall('--why and --unnoticed go with --after-restore');
  if (why?.trim() === '') throw new WrongCall('--why wants a reason, for whoever reads the history');
  if (unnoticed && why === undefined) throw new WrongCall('--unnoticed goes with --why');
  if (why !== undefined) readWhy(why);
  return await withParts(async ({ database, config }) => {
    const backend = buildBackend(config, createLog('silent', 'doctor'));
    try {
      if (why !== undefined) {
        const done = await answerRestore(
          database,
          backend,
          { who: operator(), why, unnoticed },
          consequences,
        );
        return done ? printDone(done, options) : printNothing(options);
      }
      const found = await lookAtInstallation(database.statements, backend);
      if (!found?.hold) return printNothing(options);
      return printKnown(found.hold.sign, await describeRestore(database), options);
    } catch (error) {
      if (!(error instanceof QueuesSilent)) throw error;
      printError(`${error.message}: set REDIS_URL to a Redis that runs.`);
      return exitCodes.failed;
    } finally {
      await backend.close();
    }
  });
}

function printNothing(options: Options): number {
  if (options.json) print(JSON.stringify({ held: false }));
  else print(nothing);
  return exitCodes.done;
}

type Known = Awaited<ReturnType<typeof describeRestore>>;

function printKnown(sign: RestoreSign, known: Known, options: Options): number {
  if (options.json) print(JSON.stringify({ held: true, sign, ...known }, null, 2));
  else {
    print(`Held: ${signs[sign]}.`);
    if (known.workersAtWork > 0)
      print(`Workers that started before still run (${known.workersAtWork}): stop them.`);
    print('');
    const { workersAtWork: _, ...rest } = known;
    printObject(rest, {});
    print(willDo);
  }
  return exitCodes.failed;
}

function printDone(done: NonNullable<Awaited<ReturnType<typeof answerRestore>>>, options: Options): number {
  printObject(done, options);
  if (!options.json) print('\nAnswered: workers go on by themselves within a second.');
  return exitCodes.done;
}
