/**
 * `npm run chaos`: plays every bad day with every seed, on Evenfall and on plain BullMQ, and says what was lost and done
 * twice. Exit 1 when anything was, when a fault used up an attempt, or when what was interrupted came back too late.
 *
 * `--short` plays what every change has to pass; `--scenario NAME` and `--seed N` (both may be repeated) play a part of it
 * again; `--seeds N` and `--control-seeds N` play fewer or more, `--lanes N` so many side by side. Only a whole run writes
 * docs/reliability.md.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readCount } from '../src/cli/arguments.ts';
import { WrongCall, exitCodes, explain } from '../src/cli/exit.ts';
import { packageRoot } from '../src/package-root.ts';
import { openLane } from './lane.ts';
import { play } from './play.ts';
import type { Played } from './play.ts';
import { percentile } from './recovery.ts';
import { document, printable } from './report.ts';
import type { Scenario } from './scenario.ts';
import { scenarios } from './scenarios/index.ts';
import type { System } from './system.ts';
import { evenfall } from './systems/evenfall.ts';
import { plainBullmq } from './systems/plain-bullmq.ts';
import { isBroken, summary } from './verdict.ts';

/** P6. */
const promisedSeconds = 12;
const seedsOfAll = 20;
const controlSeedsOfAll = 2;

const build = fileURLToPath(new URL('..', import.meta.url));
const own = evenfall(build);
const control = plainBullmq(build);

/** What is to be played. */
interface Wanted {
  readonly scenarios: readonly Scenario[];
  readonly seeds: readonly number[];
  readonly controlSeeds: readonly number[];
  readonly lanes: number;
  /** Everything that there is: the page is written. */
  readonly isWhole: boolean;
}

interface Story {
  readonly scenario: Scenario;
  readonly system: System;
  readonly seed: number;
}

/** @throws WrongCall naming what is wrong */
function readWanted(args: readonly string[]): Wanted {
  const { values } = parse(args);
  const { short, scenario: names } = values;
  const unknown = names?.find((name) => !scenarios.some((scenario) => scenario.name === name));
  if (unknown !== undefined) {
    const known = scenarios.map((scenario) => scenario.name).join(', ');
    throw new WrongCall(`there is no scenario ${unknown}. Scenarios: ${known}`);
  }
  const count = (name: 'lanes' | 'seeds' | 'control-seeds', whole: number) =>
    values[name] === undefined ? whole : readCount(values[name], `--${name}`);
  const counted = Array.from({ length: count('seeds', seedsOfAll) }, (_none, index) => index + 1);
  const now = Math.floor(performance.timeOrigin + performance.now()) % 1_000_000;
  const seeds = values.seed?.map((seed) => readCount(seed, '--seed')) ?? (short ? [1, 2, now] : counted);
  const isPart = short || names !== undefined || values.seed !== undefined;
  return {
    scenarios: scenarios.filter((one) => (names ? names.includes(one.name) : !short || one.short === true)),
    seeds,
    controlSeeds: short ? [] : seeds.slice(0, count('control-seeds', controlSeedsOfAll)),
    lanes: count('lanes', Math.max(2, availableParallelism())),
    isWhole: !isPart && values.seeds === undefined && values['control-seeds'] === undefined,
  };
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const options = {
    short: { type: 'boolean', default: false },
    seed: { ...text, multiple: true },
    scenario: { ...text, multiple: true },
    seeds: text,
    'control-seeds': text,
    lanes: text,
  } as const;
  try {
    return parseArgs({ args: [...args], options });
  } catch (error) {
    throw new WrongCall((error as Error).message, { cause: error });
  }
}

/** One seed after another, so that the stories that need most of the machine are not all played at once. */
function storiesOf({ scenarios: some, seeds, controlSeeds }: Wanted): Story[] {
  return seeds.flatMap((seed) =>
    some.flatMap((scenario) => [
      { scenario, system: own, seed },
      ...(scenario.withoutControl === undefined && controlSeeds.includes(seed)
        ? [{ scenario, system: control, seed }]
        : []),
    ]),
  );
}

/** So many side by side, each on its own services; a line as each ends. */
async function playAll(stories: readonly Story[], lanes: number): Promise<Played[]> {
  const waiting = [...stories];
  const played: Played[] = [];
  await Promise.all(
    Array.from({ length: Math.min(lanes, stories.length) }, async () => {
      const lane = await openLane(process.env['PATH']);
      try {
        for (let story = waiting.shift(); story; story = waiting.shift()) {
          const one = await play(lane, story.scenario, story.system, story.seed);
          played.push(one);
          tell(one, played.length, stories.length);
        }
      } finally {
        await lane.close();
      }
    }),
  );
  const order = (one: Played) => scenarios.indexOf(one.scenario);
  return played.toSorted((a, b) => order(a) - order(b) || a.seed - b.seed);
}

function tell({ scenario, system, seed, seconds, verdict, logs }: Played, number: number, of: number): void {
  const { jobs, lost, doubled, unknown, attempts, againSeconds, wrong } = verdict;
  const p95 = percentile(againSeconds, 0.95)?.toFixed(1) ?? '–';
  console.log(
    `${String(number).padStart(4)}/${of}  ${system.padEnd(12)} ${scenario.name.padEnd(23)} seed ${String(seed).padEnd(7)}` +
      `${seconds.toFixed(0).padStart(4)} s  jobs ${jobs}  lost ${lost}  doubled ${doubled}  unknown ${unknown}` +
      `  attempts ${attempts}  again ${againSeconds.length}, p95 ${p95} s`,
  );
  if (system !== own.name || !isBroken(verdict)) return;
  const file = join(packageRoot, '.evenfall', 'chaos', `${scenario.name}-${seed}.log`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${wrong.join('\n')}\n\n${logs}`);
  for (const line of wrong.slice(0, 5)) console.log(`           ${line}`);
  console.log(`           all of it, and what the workers wrote, is in ${relative(process.cwd(), file)}`);
}

/** @returns the exit code */
async function main(args: readonly string[]): Promise<number> {
  const wanted = readWanted(args);
  const { seeds, controlSeeds } = wanted;
  console.log(`seeds ${seeds.join(', ')}; play one again with --scenario NAME --seed N\n`);
  const played = await playAll(storiesOf(wanted), wanted.lanes);
  const ours = played.filter(({ system }) => system === own.name);
  const theirs = played.filter(({ system }) => system === control.name);
  console.log('\nEvenfall');
  console.table(printable(ours));
  if (theirs.length > 0) {
    console.log('The control: plain BullMQ');
    console.table(printable(theirs));
  }
  if (wanted.isWhole) {
    const date = new Date().toISOString().slice(0, 10);
    const minutes = Math.round(performance.now() / 60_000);
    const page = document({ evenfall: ours, control: theirs, seeds, controlSeeds, date, minutes });
    writeFileSync(join(packageRoot, 'docs', 'reliability.md'), page);
    console.log('docs/reliability.md is written');
  }
  const late = summary(ours.map(({ verdict }) => verdict)).p95Seconds ?? 0;
  const broken = ours.filter(({ verdict }) => isBroken(verdict));
  for (const { scenario, seed } of broken) console.log(`broken: --scenario ${scenario.name} --seed ${seed}`);
  if (late > promisedSeconds)
    console.log(`broken: p95 to run again is ${late.toFixed(1)} s, more than ${promisedSeconds}`);
  return broken.length > 0 || late > promisedSeconds ? exitCodes.failed : exitCodes.done;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = explain(error, console.error);
}
