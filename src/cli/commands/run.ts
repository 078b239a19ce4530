import { readConfig } from '../../config.ts';
import { runInline } from '../../queue/inline.ts';
import { findKind, readInstant, readPayload } from '../arguments.ts';
import { buildAlerts, buildApp, buildHash, buildKeepLink, buildMailer, buildStripe } from '../assemble.ts';
import { WrongCall, exitCodes } from '../exit.ts';
import { printObject } from '../output.ts';
import { buildParts, buildPolicy } from '../parts.ts';

/** `evenfall run KIND JSON`: here and now; touches no job row. */
export async function runCommand(
  kind: string,
  text: string,
  options: { now?: string; dryRun?: boolean; json?: boolean },
) {
  const job = findKind(kind);
  const payload = readPayload(job, text);
  const config = readConfig('worker');
  const now = options.now === undefined ? undefined : readInstant(options.now, '--now');
  if (now && config.production && !options.dryRun) {
    throw new WrongCall('--now is refused in production without --dry-run');
  }
  const parts = buildParts({ ...config, LOG_LEVEL: 'error' }, 'run', 2);
  const { alerts, mail } = buildAlerts(config, parts.log);
  try {
    const inline = {
      ...parts,
      alerts,
      app: buildApp(config),
      // nothing comes back by itself here, so nothing has to be spread
      stripe: buildStripe(config, { ...parts, random: () => 1 }),
      mail: buildMailer(config, mail),
      policy: buildPolicy(config),
      hash: buildHash(config),
      keepLink: buildKeepLink(config),
      now,
      dryRun: options.dryRun ?? false,
    };
    const result = await runInline(job, payload, inline);
    printObject(result, options);
    return result.outcome === 'failed' ? exitCodes.failed : exitCodes.done;
  } finally {
    mail?.close();
    await parts.database.close();
  }
}
