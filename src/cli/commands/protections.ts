import type { Statements } from '../../db/connect.ts';
import { operator, readInstant, readWhy } from '../arguments.ts';
import { WrongCall, exitCodes } from '../exit.ts';
import { printError, printObject } from '../output.ts';
import { buildPolicy, withParts } from '../parts.ts';

/** What keeps a team, and the word for its having been done. */
export const protections = { snooze: 'snoozed', exempt: 'exempted', hold: 'held' } as const;

export type Protection = keyof typeof protections;

/**
 * `evenfall snooze|exempt|hold team:ID`: keeps a team from being marked and deleted, and takes its mark back; with
 * `--lift` no longer. Where the deletion has begun it is too late, but a hold still keeps the owner.
 */
export async function protectCommand(
  kind: Protection,
  team: string,
  options: { why: string; until?: string; lift?: boolean; json?: boolean },
) {
  const teamId = readTeam(team);
  const why = readWhy(options.why);
  const until = options.until === undefined ? null : readInstant(options.until, '--until');
  if (until && options.lift) throw new WrongCall('--lift ends it now: leave out --until');
  return await withParts(async ({ database, config }) => {
    const order = { kind, teamId, why, who: operator() };
    if (options.lift) {
      printObject(await database.transaction((tx) => lift(tx, order)), options);
      return exitCodes.done;
    }
    const { inactiveTeamAge } = buildPolicy(config);
    const [end] = await database.statements.endOfProtection({ until, kind, inactiveTeamAge });
    if (!end) throw new Error('the database has no clock');
    if (end.until && end.until <= end.now) {
      throw new WrongCall(
        `--until must be in the future: the database's clock says ${end.now.toISOString()}`,
      );
    }
    const protectedNow = await database.transaction((tx) => protect(tx, { ...order, ...end }));
    // a mark may have been opened meanwhile, by a job that could not see the protection yet
    const late = await database.transaction((tx) => takeBack(tx, { ...order, ...end }));
    printObject({ ...protectedNow, markCleared: protectedNow.markCleared ?? late }, options);
    if (!protectedNow.tooLate) return exitCodes.done;
    printError(
      protectedNow.recorded
        ? `The deletion of team ${teamId} has begun: it is gone from the app. The hold keeps its owner.`
        : `The deletion of team ${teamId} has begun: it is gone from the app, and nothing was recorded.`,
    );
    return exitCodes.failed;
  });
}

interface Order {
  readonly kind: Protection;
  readonly teamId: string;
  readonly why: string;
  readonly who: string;
}

/** Locks the mark first: a deletion that waits for it finds it taken back; one that holds it has begun. */
async function protect(tx: Statements, order: Order & { now: Date; until: Date | null }) {
  const { kind, teamId, why, who, now, until } = order;
  const [live] = await tx.lockMarkOfTeam({ teamId });
  const { isGone } = await findTeam(tx, teamId);
  const tooLate = isGone || live?.state === 'deleting';
  const recorded = !tooLate || (live?.state === 'deleting' && kind === 'hold');
  if (recorded) {
    await tx.protectTeam({ teamId, kind, until, why, who, now });
    await record(tx, teamId, now, `team.${protections[kind]}`, { why, until, who });
  }
  const markCleared = tooLate ? null : await takeBack(tx, order);
  return { team: `team:${teamId}`, protection: kind, recorded, until, why, who, tooLate, markCleared };
}

/** Takes back the team's mark, where it bears one that can be; its id. */
async function takeBack(
  tx: Statements,
  { kind, teamId, now }: Order & { now: Date },
): Promise<number | null> {
  const why = `${protections[kind]} by an operator`;
  const [cleared] = await tx.clearMarkOfTeam({ teamId, now, why });
  if (!cleared) return null;
  await record(tx, teamId, now, 'team.mark-cleared', { mark: cleared.id, why });
  return cleared.id;
}

async function lift(tx: Statements, { kind, teamId, why, who }: Order) {
  const [lifted] = await tx.liftProtection({ teamId, kind });
  if (!lifted) throw new WrongCall(`team ${teamId} was not ${protections[kind]}: there is nothing to lift`);
  await record(tx, teamId, lifted.now, `team.${kind}-lifted`, { why, until: lifted.until, who });
  return { team: `team:${teamId}`, protection: kind, lifted: true, why, who };
}

async function record(tx: Statements, teamId: string, at: Date, what: string, detail: object): Promise<void> {
  await tx.recordHistory({
    at,
    what,
    teamId,
    subject: `team:${teamId}`,
    detail,
    jobId: null,
    source: 'cli',
  });
}

/** The id of `team:ID`. */
export function readTeam(text: string): string {
  const [, id] = /^team:(.+)$/.exec(text) ?? [];
  if (id === undefined) throw new WrongCall('say which team, as in team:7');
  return id;
}

/**
 * Whether the app has the team, or Evenfall has deleted it.
 *
 * @throws WrongCall when neither is known of it, or the app can have no such id
 */
export async function findTeam(sql: Statements, teamId: string): Promise<{ isGone: boolean }> {
  const [team] = await sql.teamToProtect({ teamId });
  if (team?.problem) throw new WrongCall(team.problem);
  const [app] = await sql.appHasTeam({ teamId });
  if (app?.hasTeam) return { isGone: false };
  if (team?.mark === 'deleting' || team?.mark === 'deleted') return { isGone: true };
  throw new WrongCall(`there is no team ${teamId}`);
}
