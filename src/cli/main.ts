#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { Command } from 'commander';
import { nodeProblem } from '../node-version.ts';
import { exitCodes, explain } from './exit.ts';
import { printError } from './output.ts';

const unfit = nodeProblem(process.versions.node);
if (unfit !== undefined) {
  printError(unfit);
  process.exit(exitCodes.wrongCall);
}

// a command is short, and half of its time went into reading the same sources again
enableCompileCache();

const examples = `
Examples:
  evenfall migrate && evenfall doctor
  evenfall enqueue cancel-subscription '{"teamId":"7","when":"now"}'
  evenfall run cancel-subscription '{"teamId":"7","when":"now"}' --dry-run
  evenfall sweep mark-team-for-deletion --dry-run
  evenfall snooze team:7 --why "they are on holiday" --until 2027-01-31T00:00:00Z
  evenfall timeline team:7

Exit codes: 0 done or skipped, 1 failed, 2 called wrongly.
Settings come from the environment alone: .env.example lists them. To take them from a file: set -a; . ./.env; set +a`;

// Commands are imported when they are called: `evenfall jobs` need not load Stripe, React and Bull Board.
const program = new Command('evenfall')
  .description('Runs the endings of a SaaS.')
  .configureHelp({ showGlobalOptions: true })
  // not the help itself: what is wrong would scroll away
  .showHelpAfterError('evenfall --help lists the commands, evenfall COMMAND --help what each takes.')
  .addHelpText('after', examples)
  .exitOverride();

program.commandsGroup('Run it:');
program
  .command('start')
  .description('web and worker in one process; with EVENFALL_EMBEDDED=1 on services of its own')
  .action(run(async () => (await import('./commands/serve.ts')).startCommand()));
program
  .command('web')
  .description('the HTTP API, Bull Board, health and metrics')
  .action(run(async () => (await import('./commands/serve.ts')).webCommand()));
program
  .command('worker')
  .description('dispatches and runs jobs')
  .action(run(async () => (await import('./commands/serve.ts')).workerCommand()));
program.commandsGroup('Set it up:');
program
  .command('migrate')
  .description('brings the database up to date: migrations, contract, functions, kinds')
  .option('--contract <file>', 'your own contract file, instead of CONTRACT_SQL or sql/contract.sql')
  .action(run(async (options) => (await import('./commands/migrate.ts')).migrateCommand(options)));
program
  .command('doctor')
  .description('says whether this installation can work and be trusted with deletion, and what to mend')
  .option('--after-restore', 'what is known of a restored backup that holds the workers, instead of the rest')
  .option('--why <text>', 'your answer to it: the workers go on')
  .option('--unnoticed', 'answers though nothing was noticed: a physical copy bears no sign')
  .option('--json')
  .action(
    run(async (options) => {
      const wantsAnswer = options.afterRestore || options.why !== undefined || options.unnoticed;
      return wantsAnswer
        ? (await import('./doctor/after-restore.ts')).afterRestoreCommand(options)
        : (await import('./commands/doctor.ts')).doctorCommand(options);
    }),
  );
program.commandsGroup('Ask for work:');
program
  .command('enqueue')
  .description('asks for work')
  .argument('<kind>')
  .argument('<payload>', 'JSON')
  .option('--key <key>', "instead of the kind's own key")
  .option('--at <instant>', 'not before this time (ISO 8601)')
  .option('--json')
  .action(
    run(async (kind, payload, options) =>
      (await import('./commands/jobs.ts')).enqueueCommand(kind, payload, options),
    ),
  );
program
  .command('run')
  .description('runs a job here and now, without a job row, and prints its outcome')
  .argument('<kind>')
  .argument('<payload>', 'JSON')
  .option('--now <instant>', 'pretend that it is this time')
  .option('--dry-run', 'read everything, change nothing')
  .option('--json')
  .action(
    run(async (kind, payload, options) =>
      (await import('./commands/run.ts')).runCommand(kind, payload, options),
    ),
  );
program
  .command('jobs')
  .description('the newest jobs')
  .option('--state <state>')
  .option('--limit <n>', 'how many', '20')
  .option('--json')
  .action(run(async (options) => (await import('./commands/jobs.ts')).jobsCommand(options)));
program
  .command('pause')
  .description('lets the jobs of a kind wait')
  .argument('<kind>')
  .requiredOption('--why <text>')
  .action(run(async (kind, options) => (await import('./commands/jobs.ts')).pauseCommand(kind, options)));
program
  .command('resume')
  .description('lets a paused kind go on')
  .argument('<kind>')
  .action(run(async (kind) => (await import('./commands/jobs.ts')).resumeCommand(kind)));
program.commandsGroup('See what is due:');
program
  .command('schedules')
  .description('what is due by itself: when it last was, when it will be, and how late it is')
  .option('--json')
  .action(run(async (options) => (await import('./commands/schedules.ts')).schedulesCommand(options)));
program
  .command('sweep')
  .description('searches for what is due of a kind and enqueues it, as its schedule does')
  .argument('<name>')
  .option('--now <instant>', 'pretend that it is this time')
  .option('--dry-run', 'only say what is due')
  .option('--json')
  .action(
    run(async (name, options) => (await import('./commands/schedules.ts')).sweepCommand(name, options)),
  );
program
  .command('forecast')
  .description('who gets which mail in the next days, and which teams go')
  .option('--days <n>', 'how many', '30')
  .option('--json')
  .action(run(async (options) => (await import('./commands/forecast.ts')).forecastCommand(options)));
program.commandsGroup('For one team:');
program
  .command('timeline')
  .description('what happened to a team and why')
  .argument('<team>', 'team:ID')
  .option('--limit <n>', 'how many, the latest', '100')
  .option('--json')
  .action(
    run(async (team, options) => (await import('./commands/timeline.ts')).timelineCommand(team, options)),
  );
for (const [kind, description] of [
  ['snooze', 'keeps a team from being marked and deleted, --until then or as long as the policy says'],
  ['exempt', 'keeps a team from being marked and deleted, whatever else is true of it'],
  ['hold', 'keeps a team and its owner, whatever else is true of them'],
] as const) {
  program
    .command(kind)
    .description(description)
    .argument('<team>', 'team:ID')
    .requiredOption('--why <text>')
    .option('--until <instant>', 'strictly: at this time it no longer protects')
    .option('--lift', 'ends it')
    .option('--json')
    .action(
      run(async (team, options) =>
        (await import('./commands/protections.ts')).protectCommand(kind, team, options),
      ),
    );
}

program.commandsGroup('For one person:');
program
  .command('erasures')
  .description('who was erased and when, what of theirs, and what became of the customer in Stripe')
  .option('--limit <n>', 'how many, the newest', '50')
  .option('--json')
  .action(run(async (options) => (await import('./commands/erasures.ts')).erasuresCommand(options)));

program.commandsGroup('When people must look:');
const fuse = program.command('fuse').description('what stops a kind that would touch too many');
fuse
  .command('status', { isDefault: true })
  .option('--json')
  .action(run(async (options) => (await import('./commands/fuse.ts')).fuseStatusCommand(options)));
fuse
  .command('release')
  .description('makes it whole again, after looking, and lets the jobs that wait for it go on')
  .argument('<kind>')
  .option('--why <text>', 'kept in the history; only a dry run does without')
  .option('--acts <n>', "how many are allowed for a day, instead of the policy's number")
  .option('--spread', 'not all at once: so many a day, and the limit stays')
  .option('--per-day <n>', 'with --spread: how many, instead of half of what the fuse allows')
  .option('--dry-run', 'with --spread: only say how many on which day')
  .option('--json')
  .action(
    run(async (kind, options) => (await import('./commands/fuse.ts')).fuseReleaseCommand(kind, options)),
  );

const dead = program.command('dead').description('jobs that gave up');
dead
  .command('list', { isDefault: true })
  .option('--all', 'resolved ones too')
  .option('--limit <n>', 'how many', '50')
  .option('--json')
  .action(run(async (options) => (await import('./commands/dead.ts')).deadListCommand(options)));
dead
  .command('show')
  .argument('<n>')
  .option('--json')
  .action(run(async (id, options) => (await import('./commands/dead.ts')).deadShowCommand(id, options)));
dead
  .command('replay')
  .description('gives the job its attempts and its time anew')
  .argument('<n>')
  .option('--json')
  .action(run(async (id, options) => (await import('./commands/dead.ts')).deadReplayCommand(id, options)));

const findings = program.command('findings').description('what people must look at though no job is dead');
findings
  .command('list', { isDefault: true })
  .option('--all', 'acknowledged ones too')
  .option('--limit <n>', 'how many', '50')
  .option('--json')
  .action(run(async (options) => (await import('./commands/findings.ts')).findingsListCommand(options)));
findings
  .command('ack')
  .description('says that you have seen to it')
  .argument('<n>')
  .requiredOption('--why <text>')
  .action(
    run(async (id, options) => (await import('./commands/findings.ts')).findingsAckCommand(id, options)),
  );

const effect = program.command('effect').description('acts on the outside world');
effect
  .command('settle')
  .description('says what became of an unknown effect, after looking')
  .argument('<id>')
  .option('--happened')
  .option('--did-not')
  .action(run(async (id, options) => (await import('./commands/dead.ts')).effectSettleCommand(id, options)));

const mail = program
  .command('mail')
  .description('who is not written to, since mail to them bounced or they complained');
mail
  .command('allow')
  .description('lets an address be written to again')
  .argument('<address>')
  .requiredOption('--why <text>')
  .option('--json')
  .action(
    run(async (address, options) => (await import('./commands/mail.ts')).mailAllowCommand(address, options)),
  );

// a mistyped word would be taken for an argument of the one that is meant without a word
for (const group of [fuse, dead, findings]) {
  group.hook('preSubcommand', ({ args: [word = ''] }) => {
    const names = group.commands.map((command) => command.name());
    if (word === '' || word.startsWith('-') || ['help', ...names].includes(word)) return;
    group.error(`error: unknown command '${word}'\n(evenfall ${group.name()} has ${names.join(', ')})`);
  });
}

program.commandsGroup('Try it out:');
program
  .command('stripe-stand-in')
  .description('a local, stateful Stripe for tests and trials')
  .requiredOption('--port <n>', '0 takes a free one')
  .option('--host <address>', 'what it listens on; anybody who reaches it may use it', '127.0.0.1')
  .option('--fixtures <file>', 'a JSON list of Stripe objects')
  .action(run(async (options) => (await import('./commands/stand-in.ts')).stripeStandInCommand(options)));

/** Wraps a command: its errors become sentences, its result the exit code. */
// oxlint-disable-next-line typescript/no-explicit-any -- commander passes each command its own arguments
function run(command: (...values: any[]) => Promise<number | void>) {
  return async (...values: unknown[]) => {
    try {
      process.exitCode = (await command(...values)) ?? exitCodes.done;
    } catch (error) {
      // at once: a pool or a queue that was opened before it failed would keep the process
      process.exit(explain(error, printError));
    }
  };
}

try {
  await program.parseAsync();
} catch (error) {
  // commander has printed what is wrong; help and version are no failure
  const ended = error as { exitCode?: number };
  process.exitCode = ended.exitCode === 0 ? exitCodes.done : exitCodes.wrongCall;
}
