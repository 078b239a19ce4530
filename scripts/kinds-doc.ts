import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { allJobs } from '../jobs/index.ts';
import type { AnyJob } from '../src/core/job.ts';
import { packageRoot } from '../src/package-root.ts';
import { factsOf } from './kind-facts.ts';
import type { KindFacts } from './kind-facts.ts';
import { headComment, sqlComment } from './source-text.ts';

const read = (...path: string[]) => readFileSync(join(packageRoot, ...path), 'utf8');
const code = (text: string) => `\`${text}\``;
const list = (items: readonly string[]) => items.map(code).join(', ');
const bullets = (items: readonly string[]) => items.map((item) => `- ${item}`).join('\n');

const introduction = `# The kinds of job

Written by \`npm run generate\` from the definitions in [jobs/](../jobs), the head comment of each file, and what its
\`run\` reaches; a test compares. What the words mean is in [protocol.md](protocol.md), what to do about a dead letter
in [operations.md](operations.md).

Each mail leaves a row in \`evenfall.notice\` (sent, unknown, or suppressed with the reason), each act on the outside
world one in \`evenfall.effect\`, each decision one in \`evenfall.history\`. Tables are those of the schema
\`evenfall\`; what is done in the app goes through the functions of the contract. All times are UTC.
`;

/** docs/kinds.md as the code has it now. */
export function kindsDoc(): string {
  const contents = allJobs.map(({ name }) => `- [${code(name)}](#${name})`).join('\n');
  return (
    [introduction, contents, ...allJobs.map(kindSection)].join('\n\n').replaceAll(/\n{3,}/g, '\n\n') + '\n'
  );
}

function kindSection(job: AnyJob): string {
  const file = `jobs/${job.name}.ts`;
  const { skips, waits, ...facts } = factsOf(job.name);
  const rows = rowsOf(job, facts)
    .filter(([, text]) => text !== '')
    .map(([name, text]) => `| ${name} | ${text.replaceAll('|', '\\|')} |`);
  return [
    `## ${job.name}`,
    `[${file}](../${file})`,
    ...headComment(read(file)).map((paragraph) => inMarkdown(boldBeginning(paragraph))),
    ['| | |', '| --- | --- |', ...rows].join('\n'),
    ...(skips.length === 0 ? [] : ['It leaves alone, and says why:', bullets(skips)]),
    ...(waits.length === 0 ? [] : ['It waits, and uses no attempt:', bullets(waits)]),
  ].join('\n\n');
}

/** So that why it may run twice and what to do when it is dead are found at once. */
const boldBeginning = (text: string) => text.replace(/^([^.]*?(?:twice|dead)[^.:]*:)/, '**$1**');

/** Of a comment: files become links, and classes of dead letters lead to what to do about them. */
function inMarkdown(text: string): string {
  const operations = read('docs', 'operations.md');
  return text
    .replaceAll(/ \(seeds? [^)]*\)/g, '')
    .replaceAll(/(?<![`/\w])((?:sql|jobs|docs)\/[\w/-]+\.\w+)/g, '[`$1`](../$1)')
    .replaceAll(/`(\w+)`/g, (quoted, name: string) =>
      operations.includes(`### ${quoted}\n`) ? `[${quoted}](operations.md#${name})` : quoted,
    );
}

function rowsOf(job: AnyJob, facts: Omit<KindFacts, 'skips' | 'waits'>): [string, string][] {
  const { attempts, giveUpAfter } = job.retry;
  return [
    ['due', due(job)],
    ['takes', payloadOf(job)],
    ['one live job per', job.key.map(code).join(keyWord(job))],
    ['queue', code(job.queue)],
    ['tries', `up to ${attempts} times within ${code(giveUpAfter)}, each up to ${job.timeoutMs / 1_000} s`],
    ['mails', list(facts.mails)],
    ['in Stripe', facts.inStripe.join(', ')],
    ['in the app', list(facts.inApp)],
    ['writes', list(facts.writes)],
    ['finds', facts.findings.map((kind) => `[${code(kind)}](operations.md#${kind})`).join(', ')],
    ['asks for', facts.asks.map((kind) => `[${code(kind)}](#${kind})`).join(', ')],
  ];
}

/** Of fields that exclude each other the one that is given is the key. */
const keyWord = ({ payload }: AnyJob) => (payload.json['oneOf'] === undefined ? ' and ' : ' or ');

function due({ name, schedule }: AnyJob): string {
  if (!schedule) return 'when it is asked for';
  const sweep = join('sql', 'sweeps', `${name}.sql`);
  const when = `${inWords(schedule.cron)} (${code(schedule.cron)})`;
  if (!existsSync(join(packageRoot, sweep))) return `by itself ${when}`;
  // how the statement finds them is for whoever reads it
  const whom = sqlComment(read(sweep)).replaceAll(
    /(?<=^|\. )(?:Rides|Reads all) [^.]*(?:\.\w[^.]*)*\. ?/g,
    '',
  );
  return `${when} its [sweep](../${sweep}) finds: ${inMarkdown(whom.trim())}`;
}

function inWords(cron: string): string {
  const [minute = '', hour = '', ...days] = cron.split(' ');
  if (days.join(' ') !== '* * *') return 'by its pattern';
  const two = (number: string) => number.padStart(2, '0');
  const every = /^\*\/(\d+)$/.exec(minute)?.[1];
  if (every !== undefined && hour === '*') return `every ${every} minutes`;
  if (!/^\d+$/.test(minute)) return 'by its pattern';
  if (hour === '*') return `every hour at minute ${two(minute)}`;
  return /^\d+$/.test(hour) ? `every day at ${two(hour)}:${two(minute)}` : 'by its pattern';
}

function payloadOf({ payload }: AnyJob): string {
  const {
    properties = {},
    required = [],
    oneOf,
  } = payload.json as {
    properties?: Record<string, { title?: string; enum?: string[]; type?: string }>;
    required?: string[];
    oneOf?: unknown[];
  };
  const fields = Object.entries(properties).map(([name, { title, enum: words, type }]) => {
    const what = words ? words.map(code).join(' or ') : (title ?? type ?? '');
    return `${code(name)} (${what}${required.includes(name) || oneOf ? '' : ', optional'})`;
  });
  if (fields.length === 0) return 'nothing: `{}`';
  return oneOf ? `${fields.join(', ')}; exactly one of the first ${oneOf.length}` : fields.join(', ');
}
