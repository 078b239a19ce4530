import { availableParallelism, cpus, totalmem } from 'node:os';
import type { Played } from './play.ts';
import { summary } from './verdict.ts';

interface Row {
  readonly name: string;
  readonly what: string;
  readonly stories: number;
  readonly sums: ReturnType<typeof summary>;
}

/** One row a scenario, over all its seeds. */
function rowsOf(played: readonly Played[]): Row[] {
  const byScenario = Map.groupBy(played, ({ scenario }) => scenario);
  return [...byScenario].map(([{ name, summary: what }, stories]) => ({
    name,
    what,
    stories: stories.length,
    sums: summary(stories.map(({ verdict }) => verdict)),
  }));
}

/** For the terminal. */
export function printable(played: readonly Played[]): object[] {
  return rowsOf(played).map(({ name, stories, sums }) => ({
    scenario: name,
    stories,
    jobs: sums.jobs,
    lost: sums.lost,
    doubled: sums.doubled,
    unknown: sums.unknown,
    attempts: sums.attempts,
    interrupted: sums.interrupted,
    'p95 s': inWords(sums.p95Seconds),
    'max s': inWords(sums.maxSeconds),
  }));
}

/** docs/reliability.md, from one long run. */
export function document(run: {
  readonly evenfall: readonly Played[];
  readonly control: readonly Played[];
  readonly seeds: readonly number[];
  readonly controlSeeds: readonly number[];
  readonly date: string;
  readonly minutes: number;
}): string {
  const { evenfall, control, seeds, controlSeeds, date, minutes } = run;
  const own = rowsOf(evenfall);
  const total = summary(evenfall.map(({ verdict }) => verdict));
  const others = new Map(rowsOf(control).map((row) => [row.name, row.sums]));
  const cpu = cpus()[0]?.model.trim() ?? 'unknown';
  const machine = `${availableParallelism()} cores (${cpu}), ${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `# Reliability

What is lost and what is done twice when things go wrong. \`npm run chaos\` writes this page: real worker processes, a
real Redis with its append-only file and a real Postgres, which are killed; Stripe and the mail server are stand-ins
that count what really happened, and that can act and then drop the line.

- **lost**: asked for in a committed transaction, and not done when everything had ended. **doubled**: a cancellation,
  a mail or a line of history too much, or anything at all of a transaction that was rolled back. Each thing that is
  missing or too much counts: a job that never ran counts for its end, its cancellation and its mail. Both must be 0.
- **unknown**: mails of which nobody can know whether they arrived, because the line was cut at that moment. They are
  not sent again, and people are told of each. (The control sends them again: they are among its doubled ones.)
- **attempts**: attempts that a crash, a deploy or an outage used up. Must be 0.
- **p95, max**: seconds until a job that was interrupted ran again, from the moment when its worker died, or when the
  service was back. P6 promises 12 at the 95th percentile.
- **control**: the same load on BullMQ 6 alone as its documentation sets it up, on the same Redis: five attempts with
  exponential backoff, the app adds the job after its commit, and the handler asks Stripe before it cancels and
  writes its history once. The list below the table says why some have none.
- **settings**: the defaults, but with the fuse and the budget for Stripe's requests opened wide, so that neither slows a
  story down, and a card window and a notice period that fit into one.

On ${date}, in ${minutes} minutes, on ${machine}: ${evenfall.length} stories of ${own.length} scenarios
(seeds ${seeds[0]} to ${seeds.at(-1)}), ${total.jobs} jobs. **Lost ${total.lost}, doubled ${total.doubled}, attempts
used up ${total.attempts}; ${total.interrupted} interruptions, p95 ${inWords(total.p95Seconds)} s, at most
${inWords(total.maxSeconds)} s.** The control played seeds ${controlSeeds.join(', ')}.

| scenario | what happens | jobs | lost | doubled | unknown | attempts | p95 s | max s | control: jobs | lost | doubled | attempts | p95 s |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
${own.map((row) => line(row, others.get(row.name))).join('\n')}

Without a control:

${evenfall
  .map(({ scenario }) => scenario)
  .filter((scenario, index, all) => scenario.withoutControl !== undefined && all.indexOf(scenario) === index)
  .map(({ name, withoutControl }) => `- ${name}: ${withoutControl}.`)
  .join('\n')}

## Each mechanism is needed

\`test/chaos/mutants.test.ts\` switches off one mechanism after another, and sees the scenario turn red that it is there
for: see \`chaos/mutants.ts\`.

## How to play it

\`npm run chaos\` plays everything and writes this page; \`npm run chaos -- --short\` is what every change has to pass
(two fixed seeds and a random one). \`npm run chaos -- --scenario flushall --seed 7\` plays one story again.
`;
}

function line({ name, what, sums }: Row, other: Row['sums'] | undefined): string {
  const cells = [
    name,
    what,
    sums.jobs,
    sums.lost,
    sums.doubled,
    sums.unknown,
    sums.attempts,
    inWords(sums.p95Seconds),
    inWords(sums.maxSeconds),
    ...(other
      ? [other.jobs, other.lost, other.doubled, other.attempts, inWords(other.p95Seconds)]
      : ['–', '–', '–', '–', '–']),
  ];
  return `| ${cells.join(' | ')} |`;
}

function inWords(seconds: number | undefined): string {
  return seconds === undefined ? '–' : seconds.toFixed(1);
}
