import type { Database } from '../../db/connect.ts';
import type { Diagnosis } from '../../db/contract.ts';
import { lease } from '../../queue/heartbeat.ts';

/** What waits for a person, each with what to look at, and whether anybody works. */
export async function workDiagnoses({ statements }: Database): Promise<Diagnosis[]> {
  const [troubles] = await statements.openTroubles({ lease });
  if (!troubles) return [];
  const { workers, deadLetters, untoldDeadLetters, unknownEffects, findings, untoldFindings } = troubles;
  const strangers = await statements.kindsNobodyKnows({ lease });
  const blown = await statements.blownFuses();
  const paused = await statements.pausedKinds();
  const [gate] = await statements.stripeGate();
  const found: Diagnosis[] = [];
  const warn = (about: string, message: string, fix: string) =>
    found.push({ level: 'warning', about, message, fix });
  if (workers === 0) warn('workers', 'none is running: what is asked for waits', 'run `evenfall worker`');
  for (const { kind, jobs } of strangers) {
    const message = `${jobs} wait, and no worker that is alive knows this kind`;
    warn(kind, message, 'restart the workers with the code that has it');
  }
  if (deadLetters > 0) {
    const { message, fix } = open(deadLetters, untoldDeadLetters, 'evenfall dead list');
    warn('dead letters', message, fix);
  }
  if (unknownEffects > 0) {
    const fix = 'look what became of each, then `evenfall effect settle ID --happened` or `--did-not`';
    warn('unknown effects', `${unknownEffects} open`, fix);
  }
  if (findings > 0) {
    const { message, fix } = open(findings, untoldFindings, 'evenfall findings list');
    warn('findings', message, fix);
  }
  for (const { kind } of blown) {
    const fix = `see why, then \`evenfall fuse release ${kind} --why TEXT\``;
    warn('fuse', `that of ${kind} has blown: nothing of it happens`, fix);
  }
  if (gate && gate.openedAt !== null) {
    const message = `has not worked since ${gate.openedAt.toISOString()}: it is asked once a second, and jobs wait`;
    warn(
      'Stripe',
      message,
      'look at status.stripe.com and at the way out; it closes with the first good answer',
    );
  }
  for (const { kind } of paused) warn(kind, 'is paused', `\`evenfall resume ${kind}\` lets it go on`);
  if (found.length === 0) found.push({ level: 'ok', about: 'work', message: 'nothing waits for a person' });
  return found;
}

/** Of what people are told, and of how much of it nobody was: then look, and see that somebody is the next time. */
function open(count: number, untold: number, list: string): { message: string; fix: string } {
  const look = `look at them: \`${list}\``;
  if (untold === 0) return { message: `${count} open`, fix: look };
  return {
    message: `${count} open, ${untold} of which nobody was told`,
    fix: `${look}; people are told where the workers have ALERT_EMAIL or ALERT_WEBHOOK_URL`,
  };
}
