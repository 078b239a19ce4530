import type postgres from 'postgres';
import type { Scene } from './scene.ts';
import type { Stage } from './stage.ts';
import type { Row } from './table.ts';

export interface PlayOptions {
  readonly sql: postgres.Sql;
  readonly stage: Stage;
  readonly say: (text: string) => void;
  /** Tells what has happened so far: before the next scene is announced. */
  readonly flush: () => Promise<void>;
}

/**
 * Plays the scenes that have not been played on these data. One that went as expected is remembered; one
 * that did not is played again at the next start.
 */
export async function play(story: readonly Scene[], { sql, stage, say, flush }: PlayOptions): Promise<Row[]> {
  const played = new Set(
    (await sql<{ name: string }[]>`select name from demo.scene`).map(({ name }) => name),
  );
  const rows: Row[] = [];
  for (const scene of story.filter(({ name }) => !played.has(name))) {
    say(`\n── ${scene.title} ${'─'.repeat(Math.max(0, 90 - scene.title.length))}\n${wrapped(scene.tells)}\n`);
    const seen = await scene.perform(stage);
    rows.push(...seen);
    await flush();
    if (seen.every(({ ok }) => ok)) await sql`insert into demo.scene (name) values (${scene.name})`;
  }
  return rows;
}

function wrapped(text: string): string {
  return text.replaceAll(/(.{1,100})(?: |$)/g, '$1\n').trimEnd();
}
