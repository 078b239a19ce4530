import { mail } from '../../emails/finding-alert.tsx';
import type { FindingAlert } from '../core/alert.ts';
import { isSpreadable } from '../core/fuse.ts';
import { withoutAddresses } from '../core/redact.ts';
import { renderMail } from '../mail/render.ts';
import type { Notice } from './channel.ts';

/** A finding with what a person needs to act on it. */
export function findingNotice(alert: FindingAlert): Notice {
  const { id, findingId, kind, subject, teamId, at } = alert;
  // messages are ours and hold no personal data; should one slip through, it ends here
  const message = withoutAddresses(alert.message);
  const commands = commandsFor(alert);
  return {
    id,
    mail: () => renderMail(mail, { ...alert, message, commands }),
    post: { id, type: 'finding', findingId, kind, subject, teamId, message, at: at.toISOString(), commands },
  };
}

function commandsFor({ findingId, kind, subject, teamId }: FindingAlert) {
  const fusedKind = subject.replace(/^fuse:/, '');
  const fused = kind === 'fuse-blown' ? quoted(fusedKind) : null;
  return {
    acknowledge: `npx evenfall findings ack ${findingId} --why TEXT`,
    timeline: teamId === null ? null : `npx evenfall timeline ${quoted(`team:${teamId}`)}`,
    fuseStatus: fused && 'npx evenfall fuse status',
    fuseRelease: fused && `npx evenfall fuse release ${fused} --acts N --why TEXT`,
    fuseSpread:
      fused && isSpreadable(fusedKind) ? `npx evenfall fuse release ${fused} --spread --why TEXT` : null,
  };
}

/** For a shell: a team's id is the app's own text, and a person copies the command. */
function quoted(word: string): string {
  return /^[\w:.-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
