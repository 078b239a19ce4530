/**
 * `npm run chaos`: plays every bad day with every seed, on Evenfall and on plain BullMQ, and says what was lost and
 * what was done twice. Exit 1 when anything was.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
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
import { isBroken } from './verdict.ts';

/** P6. */
const promisedSeconds = 12;
const build = fileURLToPath(new URL('..', import.meta.url));
const own = evenfall(build);
const control = plainBullmq(build);

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    seed: { type: 'string', multiple: true },
    seeds: { type: 'string', default: '20' },
    'control-seeds': { type: 'string', default: '2' },
    scenario: { type: 'string', multiple: true },
    lanes: { type: 'string', default: '4' },
  },
});

function wantedSeeds(): number[] {
  if (values.seed) return values.seed.map(Number);
  if (values.short) return [1, 2, Math.floor(performance.timeOrigin + performance.now()) % 1_000_000];
  return Array.from({ length: Number(values.seeds) }, (_none, index) => index + 1);
}

function wantedScenarios(): Scenario[] {
  const { scenario: names } = values;
  const unknown = names?.filter((name) => !scenarios.some((scenario) => scenario.name === name)) ?? [];
  if (unknown.length > 0) {
    const known = scenarios.map((scenario) => scenario.name).join(', ');
    throw new Error(`There is no scenario ${unknown.join(', ')}. There are: ${known}.`);
  }
  return scenarios.filter(({ name, short }) => (names ? names.includes(name) : !values.short || short));
}

interface Story {
  readonly scenario: Scenario;
  readonly system: System;
  readonly seed: number;
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
  return played;
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

const seeds = wantedSeeds();
const wanted = wantedScenarios();
const controlSeeds = values.short ? [] : seeds.slice(0, Number(values['control-seeds']));
console.log(`seeds ${seeds.join(', ')}; play one again with --scenario NAME --seed N\n`);
const played = await playAll(
  // one seed after another, so that the stories that need most of the machine are not all played at once
  seeds.flatMap((seed) =>
    wanted.flatMap((scenario) => [
      { scenario, system: own, seed },
      ...(scenario.withoutControl === undefined && controlSeeds.includes(seed)
        ? [{ scenario, system: control, seed }]
        : []),
    ]),
  ),
  Number(values.lanes),
);

const ours = inOrder(played.filter(({ system }) => system === own.name));
const theirs = inOrder(played.filter(({ system }) => system === control.name));
console.log('\nEvenfall');
console.table(printable(ours));
if (theirs.length > 0) {
  console.log('The control: plain BullMQ');
  console.table(printable(theirs));
}
const whole = !values.short && values.seed === undefined && values.scenario === undefined;
if (whole) {
  const date = new Date().toISOString().slice(0, 10);
  const minutes = Math.round(performance.now() / 60_000);
  const page = document({ evenfall: ours, control: theirs, seeds, controlSeeds, date, minutes });
  writeFileSync(join(packageRoot, 'docs', 'reliability.md'), page);
  console.log('docs/reliability.md is written');
}
const late =
  percentile(
    ours.flatMap(({ verdict }) => verdict.againSeconds),
    0.95,
  ) ?? 0;
const broken = ours.filter(({ verdict }) => isBroken(verdict));
for (const { scenario, seed } of broken) console.log(`broken: --scenario ${scenario.name} --seed ${seed}`);
if (late > promisedSeconds)
  console.log(`broken: p95 to run again is ${late.toFixed(1)} s, more than ${promisedSeconds}`);
process.exitCode = broken.length > 0 || late > promisedSeconds ? 1 : 0;

function inOrder(some: readonly Played[]): Played[] {
  return some.toSorted(
    (a, b) => scenarios.indexOf(a.scenario) - scenarios.indexOf(b.scenario) || a.seed - b.seed,
  );
}
