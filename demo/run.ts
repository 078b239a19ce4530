import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type postgres from 'postgres';
import { connect } from '../src/client/index.ts';
import { explained } from '../src/embedded/errors.ts';
import { startInbox } from '../src/stand-ins/inbox/index.ts';
import type { Wishes } from './arguments.ts';
import { startCompany } from './company.ts';
import type { Company } from './company.ts';
import { startEventPost } from './events.ts';
import { DemoError, inWords } from './failure.ts';
import { startFeed } from './feed.ts';
import { formatLine } from './lines.ts';
import type { Line } from './lines.ts';
import { dateOf, live } from './live.ts';
import { play } from './play.ts';
import { pasteable } from './program.ts';
import type { Program } from './program.ts';
import { secondsSince, stepsOf } from './progress.ts';
import { startReceiver } from './receiver.ts';
import { startServices } from './services.ts';
import type { Services } from './services.ts';
import { Stage } from './stage.ts';
import { story } from './story.ts';
import { startStripe } from './stripe.ts';
import { formatTable } from './table.ts';
import { timeMachine } from './time-machine.ts';
import { until } from './until.ts';

export interface DemoOptions {
  readonly wishes: Wishes;
  /** Where the data are kept, unless they are thrown away. */
  readonly dir: string;
  /** Where to look for a redis-server: the value of PATH. */
  readonly path: string | undefined;
  readonly colour: boolean;
  readonly say: (text: string) => void;
  /** Where somebody may type keys. */
  readonly input: NodeJS.ReadableStream;
  /** Aborted when the demo is to stop. */
  readonly signal: AbortSignal;
  /** Asks for that. */
  readonly end: () => void;
}

/** A process that died by an accident is started again after this time: long enough to see the other take over. */
const restartAfterMs = 15_000;

/**
 * The demo from its beginning to its end. Resolves to whether all that was seen is what was expected.
 * Throws the signal's reason when it was stopped before the story's end.
 */
export async function runDemo(options: DemoOptions): Promise<boolean> {
  const { wishes, say, signal, colour } = options;
  const began = performance.now();
  const closers: (() => Promise<void>)[] = [];
  const step = stepsOf(say);
  const dir = wishes.once ? await throwAwayDir() : options.dir;
  const logDir = join(dir, 'logs');
  const time = timeMachine(join(dir, 'clock'));
  const tell = (line: Line) => say(formatLine(line, colour, time.offsetMs()));
  let agreed = false;
  let logs = false;
  try {
    await mkdir(dir, { recursive: true }).catch((error: unknown) => {
      throw explained(`Cannot make the folder ${dir}`, error);
    });
    say(`Evenfall's demo. Its data and logs are in ${dir}\n`);
    const { fresh } = wishes;
    const services = await startServices({ ...options, dir, durable: !wishes.once, fresh, step });
    closers.push(() => services.stop());
    // only now: nobody else works in this folder
    if (fresh) await time.reset();
    signal.throwIfAborted();

    const { sql } = services;
    const stripe = await startStripe(sql, time.now);
    closers.push(() => stripe.close());
    const inbox = await startInbox();
    closers.push(() => inbox.close());
    const receiver = await startReceiver();
    closers.push(() => receiver.close());
    const client = connect({ databaseUrl: services.databaseUrl });
    closers.push(() => client.close());
    say(`The Stripe stand-in listens on ${stripe.standIn.url}, the inbox on ${inbox.smtpUrl}`);
    signal.throwIfAborted();

    const lost = new AbortController();
    const onLost = (program: Program, how: string) => {
      const next = wishes.once ? '' : `; it is started again in ${restartAfterMs / 1_000} s`;
      const why = `it ended unexpectedly (${how})${next}`;
      tell({ at: new Date(), what: `${program.name} lost`, who: '', why, tone: 'bad' });
      if (wishes.once) lost.abort(new DemoError(`${program.name} ended (${how}):\n${program.lastWords()}`));
      else setTimeout(() => !signal.aborted && startAgain(program, say), restartAfterMs).unref();
    };
    const playing = AbortSignal.any([signal, lost.signal]);
    logs = true;
    const company = await startCompany({
      ...services,
      stripeUrl: stripe.standIn.url,
      smtpUrl: inbox.smtpUrl,
      webhookUrl: receiver.url,
      clockFile: time.file,
      logDir,
      path: options.path,
      step,
      signal: playing,
      onLost,
    });
    closers.push(() => company.stop());
    const events = startEventPost(stripe.standIn, {
      url: `${company.url}/webhooks/stripe`,
      secret: company.webhookSecret,
    });
    closers.push(() => events.stop());
    await step('Reading all of Stripe into the mirror', async (detail) =>
      detail(`${await freshPicture(sql, playing)} objects`),
    );
    const paste = (args: string) => pasteable(services.databaseUrl, args);
    const feed = await startFeed({ sql, stripe: stripe.standIn, inbox, receiver, events, tell, paste });
    closers.push(() => feed.stop());
    say(`Ready after ${secondsSince(began)} s.\n\n${addresses(services, company, inbox.url)}`);
    if (!wishes.once) say(`${'Keys'.padEnd(12)}when the story has been played; Ctrl-C ends it at any time`);

    const flush = () => feed.flush();
    const parts = { sql, stripe, inbox, receiver, events, company, client, signal: playing, tell, flush };
    // a scene is about today
    const moved = time.offsetMs() > 0;
    const rows = moved ? [] : await play(story, { sql, stage: new Stage(parts), say, flush });
    agreed = rows.every(({ ok }) => ok);
    if (rows.length > 0) say(`\n${formatTable(rows, colour)}\n`);
    const verdict = agreed ? 'all as expected' : 'NOT as expected';
    const untold = moved
      ? `It is ${dateOf(time.now())} in the story`
      : 'The story has been played on these data';
    say(
      rows.length > 0
        ? `Played in ${secondsSince(began)} s, ${verdict}.`
        : `${untold}: npm run demo -- --fresh begins anew.`,
    );
    if (!wishes.once) {
      // by now they have scrolled away
      if (rows.length > 0) say(`\n${addresses(services, company, inbox.url)}`);
      await live({ ...options, sql, stripe, time, flush, paste });
    }
    return agreed;
  } finally {
    for (const close of closers.toReversed())
      await close().catch((error: unknown) => say(`While stopping: ${String(error)}`));
    if (wishes.once) {
      // what went wrong is in the logs
      if (logs && !agreed && !signal.aborted) say(`The logs are in ${logDir}`);
      else await rm(dir, { recursive: true, force: true });
    }
  }
}

function startAgain(program: Program, say: (text: string) => void): void {
  try {
    program.start();
  } catch (error) {
    say(`Cannot start ${program.name} again: ${inWords(error)}`);
  }
}

/** Resolves, when there is a full picture of Stripe that is young enough to delete by, to the number of objects. */
async function freshPicture(sql: postgres.Sql, signal: AbortSignal): Promise<number> {
  return await until(
    'Stripe to be read',
    async () => {
      const [row] = await sql<{ objects: number }[]>`
        select objects from evenfall.backfill
        where finished_at > clock_timestamp() - interval '24 hours' order by finished_at desc limit 1`;
      return row?.objects;
    },
    { withinMs: 60_000, signal },
  );
}

/** A folder of our own, beside those of all other demos. */
async function throwAwayDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'evenfall-demo-')).catch((error: unknown) => {
    throw explained(`Cannot make a folder in ${tmpdir()}`, error);
  });
  // for root, whose PostgreSQL runs as another user and has to pass through here
  await chmod(dir, 0o711);
  return dir;
}

function addresses({ databaseUrl, redisUrl }: Services, company: Company, inboxUrl: string): string {
  const { url, apiToken, operator, viewer } = company;
  const rows = [
    [
      'Bull Board',
      `${url}/queues  (${operator.name} / ${operator.password}, or ${viewer.name} / ${viewer.password})`,
    ],
    ['Inbox', inboxUrl],
    ['API', `curl -H 'authorization: Bearer ${apiToken}' ${url}/v1/jobs/1`],
    ['', `described in ${url}/openapi.json`],
    ['Postgres', `psql '${databaseUrl}'`],
    ['Queues', redisUrl === undefined ? 'in Postgres, schema bullmq' : `redis-cli -u '${redisUrl}'`],
    ['Commands', pasteable(databaseUrl, 'fuse status')],
  ] as const;
  return rows.map(([name, address]) => `${name.padEnd(12)}${address}`).join('\n');
}
