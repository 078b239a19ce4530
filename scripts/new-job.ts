/**
 * `npm run new-job NAME`: a new kind that compiles, passes the guards and runs, for its author to go on from. With
 * `-- --schedule "17 4 * * *"` it runs by itself; with `--sweep` too, each time for whom sql/sweeps/NAME.sql finds.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { WrongCall, explain } from '../src/cli/exit.ts';
import { packageRoot } from '../src/package-root.ts';

const usage = `Usage: npm run new-job NAME [-- --schedule "17 4 * * *" [--sweep]]`;
const longestName = 40;
const indexFile = 'jobs/index.ts';

const retry = `  retry: {
    attempts: 100,
    firstDelayMs: seconds(2),
    maxDelayMs: minutes(30),
    giveUpAfter: 'P1D',
    crashBudget: 10,
  },
  timeoutMs: seconds(60),`;

/** What is asked for. */
interface Wanted {
  /** `reindex-team` */
  readonly name: string;
  /** `reindexTeam` */
  readonly identifier: string;
  /** When it is due by itself, in UTC. */
  readonly cron: string | undefined;
  /** Whether a statement says for whom; without one, what is scheduled takes the payload {}. */
  readonly swept: boolean;
}

try {
  const wanted = await readCall(process.argv.slice(2));
  if (wanted === 'help') console.log(usage);
  else write(wanted);
} catch (error) {
  process.exitCode = explain(error, console.error);
}

function write(wanted: Wanted): void {
  const files = filesOf(wanted);
  const index = withKind(readFileSync(join(packageRoot, indexFile), 'utf8'), wanted);
  refuseTaken(wanted, files);
  for (const [file, text] of files) writeFileSync(join(packageRoot, file), text, { flag: 'wx' });
  writeFileSync(join(packageRoot, indexFile), index);
  format([...files.keys(), indexFile]);
  console.log(nextSteps(wanted, [...files.keys()]));
}

async function readCall(args: string[]): Promise<Wanted | 'help'> {
  const { positionals, values } = parse(args);
  if (values.help) return 'help';
  const [name, ...more] = positionals;
  // npm keeps what stands before `--`
  if (process.env['npm_config_schedule'] !== undefined || process.env['npm_config_sweep'] !== undefined) {
    throw new WrongCall(`npm has kept the options to itself: put -- before them.\n${usage}`);
  }
  if (name === undefined) throw new WrongCall(`Say the name of the new kind.\n${usage}`);
  if (more.length > 0) {
    throw new WrongCall(`Only one name can be given, and here is more: ${more.join(' ')}.\n${usage}`);
  }
  if (!/^[a-z]+(-[a-z]+)+$/.test(name)) {
    throw new WrongCall(
      `"${name}" cannot be the name of a kind: that is two or more words in small letters, as in reindex-team.`,
    );
  }
  if (name.length > longestName) {
    throw new WrongCall(`"${name}" is too long: the name of a kind has at most ${longestName} characters.`);
  }
  if (values.sweep && values.schedule === undefined) {
    throw new WrongCall(`--sweep needs --schedule, which says when to search.\n${usage}`);
  }
  return {
    name,
    identifier: name.replaceAll(/-([a-z])/g, (_match, letter: string) => letter.toUpperCase()),
    cron: values.schedule === undefined ? undefined : await readCron(values.schedule),
    swept: values.sweep,
  };
}

function parse(args: string[]) {
  try {
    const flag = { type: 'boolean', default: false } as const;
    const options = { schedule: { type: 'string' }, sweep: flag, help: flag } as const;
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new WrongCall(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
  }
}

async function readCron(text: string): Promise<string> {
  const fields = text.trim().split(/\s+/);
  if (![5, 6].includes(fields.length) || !(await canBeRead(fields.join(' ')))) {
    throw new WrongCall(
      `"${text}" is not a schedule: that is a cron pattern of five fields, or six with seconds first, in UTC, ` +
        'as in "17 4 * * *".',
    );
  }
  return fields.join(' ');
}

async function canBeRead(cron: string): Promise<boolean> {
  const { nextOccurrence } = await import('../src/queue/schedules.ts');
  try {
    return nextOccurrence(cron, new Date()) !== undefined;
  } catch {
    return false;
  }
}

function refuseTaken({ identifier }: Wanted, files: ReadonlyMap<string, string>): void {
  for (const file of files.keys()) {
    if (existsSync(join(packageRoot, file)))
      throw new WrongCall(`${file} is there already: nothing was written.`);
  }
  // as `teamId` and `allJobs` are: a kind of such a name would not compile
  const others = filesOf({ name: 'any-kind', identifier: 'anyKind', cron: undefined, swept: true });
  const texts = [...others.values(), readFileSync(join(packageRoot, indexFile), 'utf8')];
  if (texts.some((text) => new RegExp(`\\b${identifier}\\b`).test(text))) {
    throw new WrongCall(`The new files use the name ${identifier} for something else: choose another.`);
  }
}

/** The texts of the new files, by their paths. */
function filesOf(wanted: Wanted): Map<string, string> {
  const { name, cron, swept } = wanted;
  const ofTeam = cron === undefined || swept;
  return new Map([
    [`jobs/${name}.ts`, ofTeam ? teamKind(wanted) : plainKind(wanted)],
    [`test/jobs/${name}.test.ts`, ofTeam ? teamTest(wanted) : plainTest(wanted)],
    ...(swept ? ([[`sql/sweeps/${name}.sql`, sweepOf(wanted)]] as const) : []),
  ]);
}

/** jobs/index.ts with the import in its alphabetical place, and the kind after those of the business. */
function withKind(index: string, { name, identifier }: Wanted): string {
  const lines = index.split('\n');
  const imported = (line: string) => /^import .* from '\.\/(.*)\.ts';$/.exec(line)?.[1];
  const later = lines.findIndex((line) => (imported(line) ?? '') > name);
  const importAt = later === -1 ? lines.findLastIndex((line) => imported(line) !== undefined) + 1 : later;
  lines.splice(importAt, 0, `import { ${identifier} } from './${name}.ts';`);
  const entryAt = lines.indexOf('  sweep,');
  if (entryAt === -1) throw new Error(`${indexFile} has no line "  sweep," for the new kind to stand before`);
  lines.splice(entryAt, 0, `  ${identifier},`);
  return lines.join('\n');
}

/** A long name or schedule breaks lines that others do not. */
function format(files: readonly string[]): void {
  const typescript = files.filter((file) => file.endsWith('.ts'));
  execFileSync(join(packageRoot, 'node_modules', '.bin', 'oxfmt'), typescript, { cwd: packageRoot });
}

function nextSteps({ name, cron, swept }: Wanted, files: readonly string[]): string {
  const payload = cron === undefined || swept ? `'{"teamId":"1"}'` : `'{}'`;
  const dueSoFar = swept
    ? `\n     Say in sql/sweeps/${name}.sql who is due: npx evenfall sweep ${name} --dry-run lists them.`
    : '';
  return `Written: ${files.join(', ')}, and its lines in ${indexFile}.

  1. npm run generate
     makes it known to ${swept ? 'sql/queries.gen.ts and ' : ''}the README; again whenever its summary or its SQL changes.
  2. npx vitest run test/jobs/${name}.test.ts
     is green now, and to be extended.
  3. Fill in \`run\` in jobs/${name}.ts, and say in its head comment what it does, why it may run twice and
     what to do when it is dead.${dueSoFar}
  4. npm run build && npx evenfall migrate
     makes it known to SQL; restart the workers, which else let its jobs wait.
  5. npx evenfall enqueue ${name} ${payload}`;
}

function teamKind({ name, identifier, cron, swept }: Wanted): string {
  return `/**
 * Looks up which Stripe customer a team has; it changes nothing yet.${swept ? `\n * Found by sql/sweeps/${name}.sql.` : ''}
 *
 * Safe to run twice: it only reads. Acts on the outside world go through ctx.effects.perform, which claims each by a
 * key of the business; what it writes last is given to done(), which ends the job in the same transaction.
 *
 * When it is dead: it failed at every try for a day. Read the error with \`evenfall dead show N\`, mend the cause,
 * then \`evenfall dead replay N\`; nothing was changed.
 */
import { defineJob } from '../src/core/job.ts';
import { done, skipped } from '../src/core/outcome.ts';
import { payload, teamId } from '../src/core/payload.ts';
import { minutes, seconds } from '../src/core/retry.ts';

export const ${identifier} = defineJob({
  name: '${name}',
  summary: 'Looks up which Stripe customer a team has; changes nothing yet.',
  queue: 'lifecycle',
  payload: payload({ teamId: teamId() }),
  key: ['teamId'],
  team: 'teamId',
${scheduleOf(cron)}${retry}

  async run(ctx, { teamId: id }) {
    const [team] = await ctx.sql.customerOfTeam({ teamId: id });
    if (!team) return skipped('the app has no such team');
    return done({ customerId: team.stripeCustomerId });
  },
});
`;
}

function plainKind({ name, identifier, cron }: Wanted): string {
  return `/**
 * Writes a line to the log at each occurrence of its schedule; it changes nothing yet.
 *
 * Safe to run twice: it only logs. Acts on the outside world go through ctx.effects.perform, which claims each by a
 * key of the business; what it writes last is given to done(), which ends the job in the same transaction.
 *
 * When it is dead: it failed at every try for a day. Read the error with \`evenfall dead show N\`, mend the cause,
 * then \`evenfall dead replay N\`; the next occurrence runs all the same.
 */
import { defineJob } from '../src/core/job.ts';
import { done } from '../src/core/outcome.ts';
import { payload } from '../src/core/payload.ts';
import { minutes, seconds } from '../src/core/retry.ts';

export const ${identifier} = defineJob({
  name: '${name}',
  summary: 'Writes a line to the log at each occurrence of its schedule; changes nothing yet.',
  queue: 'lifecycle',
  payload: payload({}),
  key: [],
${scheduleOf(cron)}${retry}

  async run(ctx) {
    ctx.log.info({ now: ctx.now }, 'its time has come');
    return done();
  },
});
`;
}

function scheduleOf(cron: string | undefined): string {
  return cron === undefined ? '' : `  schedule: { cron: '${cron}', catchUp: 'once', windowHours: 48 },\n`;
}

function sweepOf({ name, identifier }: Wanted): string {
  return `-- name: ${identifier}
-- Nobody yet: \`false\` holds the place of who is due as of @now, strictly, such as
-- t.created_at + interval '30 days' < @now::timestamptz. One whose job lies dead waits for a person.
select jsonb_build_object('teamId', t.id::text) as payload, t.id::text as team_id, t.id::text as subject,
  'created at ' || to_char(t.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as why
from evenfall.app_team t
where false
  and not exists (
    select from evenfall.dead_letter l
    where l.resolved_at is null and l.kind = '${name}' and l.team_id = t.id::text)
order by t.created_at, t.id;
`;
}

function teamTest(wanted: Wanted): string {
  const { name, identifier, swept } = wanted;
  const policy = swept
    ? `import { payloadProblem } from '../../src/core/payload.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
`
    : '';
  const sweep = swept
    ? `
test('what its sweep finds is what it takes', async () => {
  await rows.team(await rows.user());
  const sweep = database.sweeps.get(${identifier}.name);
  const due = await sweep?.list({ now: new Date(), ...defaultPolicy });
  expect(due, 'not generated yet: run \`npm run generate\`').toBeDefined();
  for (const { payload } of due ?? []) expect(payloadProblem(${identifier}.payload, payload)).toBeUndefined();
});
`
    : '';
  return `import { expect, test } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { ${identifier} } from '../../jobs/${name}.ts';
${policy}import { appRows } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { createRunner } from '../support/machine.ts';

const { database, sql } = await createTestDatabase();
const rows = appRows(sql);
${runText(identifier)}

test('finds the customer of a team', async () => {
  const teamId = await rows.team(await rows.user(), { stripe_customer_id: 'cus_1' });
  expect(await run({ teamId })).toEqual({ as: 'finished', summary: 'done' });
  const [job] = await sql\`select outcome from evenfall.job where team_id = \${teamId}\`;
  expect(job).toMatchObject({ outcome: { detail: { customerId: 'cus_1' } } });
});

test('a team that is gone is skipped', async () => {
  expect(await run({ teamId: '999' })).toEqual({ as: 'finished', summary: 'skipped: the app has no such team' });
});

test('[P2] runs twice without harm', async () => {
  const teamId = await rows.team(await rows.user());
  await run({ teamId });
  expect(await run({ teamId })).toMatchObject({ as: 'finished' });
});
${sweep}`;
}

function plainTest({ name, identifier }: Wanted): string {
  return `import { expect, test } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { ${identifier} } from '../../jobs/${name}.ts';
import { createTestDatabase } from '../support/database.ts';
import { createRunner } from '../support/machine.ts';

const { database } = await createTestDatabase();
${runText(identifier)}

test('runs at an occurrence of its schedule', async () => {
  expect(await run({})).toEqual({ as: 'finished', summary: 'done' });
});

test('[P2] runs twice without harm', async () => {
  await run({});
  expect(await run({})).toMatchObject({ as: 'finished' });
});
`;
}

function runText(identifier: string): string {
  return `const { runNext } = await createRunner(database, allJobs);

/** Asks for it, and runs it as a worker does. */
async function run(payload: object) {
  const wanted = { kind: ${identifier}.name, payload, key: null, runAt: null, teamId: null, priority: 0 };
  await database.statements.enqueue(wanted);
  return await runNext(${identifier}.queue);
}`;
}
