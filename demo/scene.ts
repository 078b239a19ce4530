import type { Stage } from './stage.ts';
import type { Row } from './table.ts';

/** What must be seen: exactly this, or a number that is no greater. */
export type Expected = string | number | { readonly atMost: number; readonly unit: string };

/** One thing that must be so when a scene is over. */
export interface Expectation<Played> {
  /** As it reads before a colon: `attempts that failed`. */
  readonly what: string;
  readonly expected: Expected;
  /** Looks at the world: a value, or for `atMost` a number. */
  readonly see: (played: Played, stage: Stage) => Seen | Promise<Seen>;
}

/** `says` is for values that tell more than the number that is compared. */
type Seen = string | number | null | undefined | { readonly value: number; readonly says: string };

/** One scene of the story. `scene({…})` makes it. */
export interface SceneSpec<Played> {
  /** Under this name it is remembered as played: never change it. */
  readonly name: string;
  /** The scene in the table. */
  readonly title: string;
  /** What the reader at the terminal is told before it begins. */
  readonly tells: string;
  /** Does what has to be done, waits for what has to happen, and returns what the expectations look at. */
  play(stage: Stage): Promise<Played>;
  readonly expects: readonly Expectation<Played>[];
}

export interface Scene {
  readonly name: string;
  readonly title: string;
  readonly tells: string;
  /** Plays it and looks at everything that was expected. Throws only when the demo is to stop. */
  perform(stage: Stage): Promise<Row[]>;
}

/** A scene whose expectations know the type of what was played. */
export function scene<Played>({ name, title, tells, play, expects }: SceneSpec<Played>): Scene {
  return {
    name,
    title,
    tells,
    async perform(stage) {
      const row = (expected: string, seen: string, ok: boolean): Row => ({
        scene: title,
        expected,
        seen,
        ok,
      });
      try {
        const played = await play(stage);
        const rows: Row[] = [];
        for (const { what, expected, see } of expects) {
          const seen = await see(played, stage);
          rows.push(row(`${what}: ${shown(expected)}`, saidOf(seen, expected), agrees(seen, expected)));
        }
        return rows;
      } catch (error) {
        stage.signal.throwIfAborted();
        return [row('it plays to its end', error instanceof Error ? error.message : String(error), false)];
      }
    },
  };
}

function agrees(seen: Seen, expected: Expected): boolean {
  if (typeof expected !== 'object') return seen === expected;
  const value = typeof seen === 'object' && seen !== null ? seen.value : seen;
  return typeof value === 'number' && value <= expected.atMost;
}

function saidOf(seen: Seen, expected: Expected): string {
  if (typeof seen === 'object' && seen !== null) return seen.says;
  if (typeof seen === 'number' && typeof expected === 'object') return `${seen.toFixed(1)} ${expected.unit}`;
  return String(seen ?? 'nothing');
}

function shown(expected: Expected): string {
  return typeof expected === 'object' ? `at most ${expected.atMost} ${expected.unit}` : String(expected);
}
