import { readCount } from '../arguments.ts';
import { print, printRows } from '../output.ts';
import { withParts } from '../parts.ts';
import { findTeam, readTeam } from './protections.ts';

/** `evenfall timeline team:ID`: what happened to a team and why, the latest at the end. */
export async function timelineCommand(team: string, options: { limit: string; json?: boolean }) {
  const teamId = readTeam(team);
  const limit = readCount(options.limit, '--limit');
  await withParts(async ({ database }) => {
    const events = await database.statements.teamTimeline({ teamId, limit });
    if (events.length === 0) await findTeam(database.statements, teamId);
    if (options.json) return printRows(events, { json: true, empty: '' });
    const rows = events.map(({ at, what, subject, detail }) => ({ at, what, subject, why: tell(detail) }));
    printRows(rows, { empty: `nothing has happened to team ${teamId} yet` });
    if (events.length === limit) print(`(the latest ${limit}; --limit shows more)`);
  });
}

/** The reason, in words, then the rest of the detail. */
function tell(detail: unknown): string {
  const { why, reason, ...rest } = detail as Record<string, unknown>;
  const facts = Object.entries(rest)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`);
  return [why ?? reason, ...facts].filter((part) => part !== undefined && part !== null).join(' · ');
}
