import { appendFileSync } from 'node:fs';
import { Player, conduct, everyInterleaving } from './conductor.ts';
import type { Choose } from './conductor.ts';
import type { Role } from './role.ts';
import { openScene, settle } from './scene.ts';
import type { Situation } from './scene.ts';
import { seat } from './stage.ts';
import type { Slot, Stage } from './stage.ts';
import { verdict } from './verdict.ts';

/** Long: finer steps as well, and many random stories. */
export const isLong = process.env['EVENFALL_PROOF'] === 'long';

/** Which places of a role are stops. */
export type Stops = 'coarse' | 'fine' | 'all' | ReadonlySet<string>;

/** A story that went wrong, as it went. */
export interface Wrong {
  readonly story: string;
  readonly wrong: readonly string[];
}

/**
 * Plays one story of these roles, lets everything settle, and looks what became of it.
 *
 * @returns what is wrong; undefined when all is well
 */
export async function playStory(
  stage: Stage,
  situation: Situation,
  roles: readonly Role[],
  choose: Choose,
  stops: Stops = 'coarse',
): Promise<Wrong | undefined> {
  const scene = await openScene(stage, situation);
  const cast: Slot[] = [];
  for (const [index, role] of roles.entries()) {
    const player = new Player(nameOf(roles, index), seat(index + 1), stopsOf(role, stops));
    cast.push(stage.take(index + 1, scene, player));
  }
  for (const [index, role] of roles.entries()) {
    const { act, canBegin } = await role.prepare(stage, scene, cast[index]!, cast);
    cast[index]!.player.cast(act, canBegin);
  }
  const look = async () => void (await scene.look());
  const story = await conduct(
    cast.map(({ player }) => player),
    choose,
    { waiting: stage.waiting, look },
  );
  await settle(stage, scene);
  const names = roles.map(({ name }) => name);
  const wrong = await verdict(stage, scene, names);
  if (wrong.length === 0) return undefined;
  return { story: `${situation}: ${story.join('; ')}`, wrong: [...new Set(wrong)] };
}

/**
 * Every interleaving of these roles, from the first to the last or to one that goes wrong.
 *
 * @param interruptions at most; without it as many as there can be
 * @returns how many were played, and what went wrong
 */
export async function playAll(
  stage: Stage,
  situation: Situation,
  roles: readonly Role[],
  stops: Stops = 'coarse',
  interruptions?: number,
): Promise<{ stories: number; wrong: Wrong | undefined }> {
  let wrong: Wrong | undefined;
  const stories = await everyInterleaving(async (choose) => {
    wrong = await playStory(stage, situation, roles, choose, stops);
    return wrong === undefined;
  }, interruptions);
  return { stories, wrong };
}

/** What a proof has found, as a line of the file that collects them, where one is named. */
export function report(line: Readonly<Record<string, unknown>>): void {
  const file = process.env['EVENFALL_PROOF_OUT'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(line)}\n`);
}

/** What is about the machine and not about the story: nobody else can see it, or it only reads. */
const aside = / (beat|start|claim|enqueue|rescue|databaseNow|recordHistory|markToKeep|waited)( \d+)?$/;

function stopsOf({ coarse, fine }: Role, stops: Stops): (place: string) => boolean {
  if (stops === 'all') return (place) => !/^after (?!stripe|mail)/.test(place) && !aside.test(place);
  if (typeof stops !== 'string') return (place) => stops.has(place);
  const places = new Set(stops === 'fine' ? [...coarse, ...fine] : coarse);
  return (place) => places.has(place);
}

/** Of two in the same role, the second is `mark, again`. */
function nameOf(roles: readonly Role[], index: number): string {
  const { name } = roles[index]!;
  return roles.slice(0, index).some((other) => other.name === name) ? `${name}, again` : name;
}
