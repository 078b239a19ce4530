import type postgres from 'postgres';

/** A command of Evenfall's as a person can paste it into another terminal. */
export type Paste = (args: string) => string;

/** More than there are teams to end. */
const acts = 100;

export function releaseCommand(kind: string, paste: Paste): string {
  return paste(`fuse release ${kind} --acts ${acts} --why 'seen in the demo'`);
}

/** Each blown fuse in a sentence, with the command that releases it. */
export async function blownFuses(sql: postgres.Sql, paste: Paste): Promise<string[]> {
  const fuses = await sql<{ kind: string; why: string }[]>`
    select kind, blown_by as why from evenfall.fuse where blown_at is not null order by kind`;
  return fuses.map(
    ({ kind, why }) =>
      `The fuse of ${kind} has blown: ${why}. To release it:\n${releaseCommand(kind, paste)}`,
  );
}
