import postgres from 'postgres';
import { afterAll, vi } from 'vitest';
import { allJobs } from '../../../jobs/index.ts';
import { agreeingApp } from '../../../src/core/app-callback.ts';
import type { AnyJob } from '../../../src/core/job.ts';
import type * as Protections from '../../../src/cli/commands/protections.ts';
import { keepToken } from '../../../src/core/keep-token.ts';
import { defaultPolicy } from '../../../src/core/policy.ts';
import { connectDatabase } from '../../../src/db/connect.ts';
import type { Database } from '../../../src/db/connect.ts';
import { createMailer } from '../../../src/mail/mailer.ts';
import { createMailTransport } from '../../../src/mail/transport.ts';
import { runInline } from '../../../src/queue/inline.ts';
import type { InlineResult } from '../../../src/queue/inline.ts';
import type { RunnerOptions } from '../../../src/queue/runner.ts';
import { createTestDatabase } from '../../support/database.ts';
import { startEndings } from '../../support/endings.ts';
import { createRunner, recordingAlerts, silentLog, testHash } from '../../support/machine.ts';
import type { Player } from './conductor.ts';
import { conducted, conductedMail, conductedStripe } from './conducted.ts';
import type { Acting } from './conducted.ts';
import type { Scene } from './scene.ts';

export const secret = 'the key that signs the links of these stories';

/** Their names; the first is for who comes when a story is over. */
export const seat = (index: number) => `seat ${index}`;

/** One of those who can act at the same time: connections of its own, by whose name its waiting is seen. */
interface Seat {
  readonly name: string;
  database: Database;
  readonly app: postgres.Sql;
}

/** What one who acts works with. Everything it does is seen by its player, and kept in the scene's ledger. */
export interface Slot {
  readonly name: string;
  readonly player: Player;
  /** A statement on the app's connection. */
  ask: Acting['ask'];
  readonly database: Database;
  /** The app's own connection. */
  readonly app: postgres.Sql;
  /** What it runs, and as which worker. */
  running: { readonly kind: string; readonly workerId: string } | undefined;
  /** A job of the kind, asked for and carried to a worker that has not begun it; none where it is another's already. */
  dispatch(kind: string, payload: object): Promise<Ticket | undefined>;
  /** What is queued of a kind, carried to a worker. */
  claim(kind: string): Promise<Ticket[]>;
  run(ticket: Ticket): Promise<void>;
  runInline(kind: string, payload: object): Promise<InlineResult>;
  /** An operator's command, and what it has printed. */
  protect(...order: Parameters<(typeof Protections)['protectCommand']>): Promise<Record<string, unknown>>;
  /** Its process dies: what it had not committed is gone, and its worker is silent. */
  die(): Promise<void>;
}

export interface Ticket {
  readonly id: number;
  readonly dispatchNo: number;
  readonly kind: string;
}

/** What may be altered in the program, to see that its absence is noticed. */
export interface Program {
  jobs: readonly AnyJob[];
  protectCommand: (typeof Protections)['protectCommand'];
  /** A code of Postgres' that is not understood. */
  deafTo: string | undefined;
}

/** The command line builds its own connections; here it gets those of whoever calls it, and prints to them. */
let atTheConsole: Slot | undefined;
let printed: Record<string, unknown> = {};
vi.doMock('../../../src/cli/parts.ts', () => ({
  withParts: (work: (parts: object) => Promise<unknown>) =>
    work({ database: atTheConsole!.database, config: {}, log: silentLog }),
  buildPolicy: () => defaultPolicy,
}));
vi.doMock('../../../src/cli/output.ts', () => ({
  printObject: (value: Record<string, unknown>) => (printed = value),
  printError: () => {},
}));

/** Where stories are played: one database, Stripe's stand-in, a mail server, and who may act there at once. */
export async function openStage(seats = 5) {
  const { url, database, sql } = await createTestDatabase();
  const world = await startEndings(database, sql);
  const transport = createMailTransport({
    smtpUrl: world.inbox.smtpUrl,
    from: 'Acme Boards <billing@acme.example>',
    timeouts: { answer: 1_000, send: 3_000 },
  });
  const mail = createMailer({ transport, app: { name: 'Acme Boards', url: 'https://app.acme.example' } });
  const { protectCommand } = await import('../../../src/cli/commands/protections.ts');
  const program: Program = { jobs: allJobs, protectCommand, deafTo: undefined };
  const counts = { deadlocks: 0 };

  const connect = (name: string) => connectDatabase(sessions(url, name), { max: 3, name });
  const taken: Seat[] = ['settling', ...Array.from({ length: seats }, (_, n) => `seat ${n + 1}`)].map(
    (name) => ({
      name,
      database: connect(name),
      app: postgres(url, {
        max: 1,
        onnotice: () => {},
        connection: { application_name: name, deadlock_timeout: 1 },
      }),
    }),
  );
  afterAll(async () => {
    transport.close();
    await Promise.all(taken.flatMap((seat) => [seat.database.close(), seat.app.end({ timeout: 1 })]));
  });

  const counted = (error: unknown): never => {
    if (error instanceof Error && 'code' in error && error.code === '40P01') counts.deadlocks++;
    throw error;
  };
  const disguised = (error: unknown): never => {
    if (error instanceof Error && 'code' in error && error.code === program.deafTo) error.code = 'unheard of';
    throw error;
  };

  let runs = 0;
  const clockOffsetMs = () => world.now().getTime() - Date.now();

  /** Who sits there acts in this scene as this player. */
  function take(index: number, scene: Scene, player: Player): Slot {
    const seat = taken[index]!;
    let who = player.name;
    const acting: Acting = {
      reach: (point) => player.reach(point),
      ask: (question) => player.ask(question).catch(counted).catch(disguised),
      did: (did, at) => scene.note({ who, what: 'committed', did, at }),
      asksStripe: (customerId) => scene.noteAsking(who, customerId),
      mailed: (subject) => scene.note({ who, what: 'mailed', subject }),
      minutes: () => scene.minutes,
    };
    const adapters = {
      database: conducted(seat.database, acting, new Set(['keepTeam'])),
      stripe: conductedStripe(world.stripe, acting),
      mail: conductedMail(mail, acting),
      keepLink: (markId: number) => `https://evenfall.example/keep/${keepToken(secret, markId)}`,
      clockOffsetMs,
    } satisfies Partial<RunnerOptions>;
    const slot: Slot = {
      name: seat.name,
      player,
      ask: (question) => player.ask(question).catch(counted),
      database: adapters.database,
      app: seat.app,
      running: undefined,
      async dispatch(kind, payload) {
        const wanted = { kind, payload, key: null, runAt: null, teamId: null, priority: 0 };
        const [row] = await adapters.database.statements.enqueue(wanted);
        return (await slot.claim(kind)).find(({ id }) => id === row?.id);
      },
      async claim(kind) {
        const { queue } = allJobs.find(({ name }) => name === kind)!;
        const { statements } = adapters.database;
        return await statements.claim({ queue, slots: 10, after: '', kinds: [kind] });
      },
      async run(ticket) {
        who = `${ticket.kind} ${++runs}`;
        const workerId = `worker ${runs}`;
        slot.running = { kind: ticket.kind, workerId };
        const { runner } = await createRunner(adapters.database, program.jobs, { ...adapters, workerId });
        await runner.run(ticket, new AbortController().signal);
      },
      async runInline(kind, payload) {
        who = `${kind} ${++runs}`;
        const job = program.jobs.find(({ name }) => name === kind)!;
        return await runInline(job, payload, {
          ...adapters,
          app: agreeingApp,
          alerts: recordingAlerts(),
          policy: defaultPolicy,
          hash: testHash,
          log: silentLog,
          now: world.now(),
          dryRun: false,
        });
      },
      async protect(...order) {
        atTheConsole = slot;
        await program.protectCommand(...order);
        return printed;
      },
      async die() {
        player.die();
        await sql`
          select pg_terminate_backend(pid, 5000) from pg_stat_activity
          where datname = current_database() and application_name = ${seat.name}`;
        // its connections are lost to the pool
        void seat.database.close();
        seat.database = connect(seat.name);
      },
    };
    return slot;
  }

  return {
    sql,
    database,
    world,
    program,
    counts,
    take,

    /** All connections anew: prepared statements keep the text that they had. */
    reconnect(): void {
      for (const seat of taken) {
        void seat.database.close();
        seat.database = connect(seat.name);
      }
    },

    /** Sessions that wait for a lock, with those they wait for. */
    async waiting(): Promise<Map<string, string[]>> {
      const waits = await sql<{ who: string; behind: string[] }[]>`
        select w.application_name as who, array_agg(b.application_name) as behind
        from pg_stat_activity w
        cross join lateral unnest(pg_blocking_pids(w.pid)) as p (pid)
        join pg_stat_activity b on b.pid = p.pid
        where w.datname = current_database() and w.wait_event_type = 'Lock'
        group by w.application_name`;
      return new Map(waits.map(({ who, behind }) => [who, behind]));
    },
  };
}

export type Stage = Awaited<ReturnType<typeof openStage>>;

/**
 * As the service's own, but that nobody loses patience with a story, and that a deadlock is found at once: then it is
 * always who comes last that is told of it.
 */
function sessions(url: string, name: string): string {
  const own = new URL(url);
  own.searchParams.set('application_name', name);
  own.searchParams.set(
    'options',
    '-c TimeZone=UTC -c lock_timeout=60000 -c idle_in_transaction_session_timeout=60000 -c deadlock_timeout=1',
  );
  return own.href;
}
