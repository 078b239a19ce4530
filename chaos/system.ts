import type postgres from 'postgres';
import type { Errand } from './errand.ts';
import type { JournalEvent } from './recovery.ts';

export interface WorkerOptions {
  /** As `EVENFALL_FAILPOINT`; a system without failpoints is killed at random instead. */
  readonly failpoint?: string;
  /** How far its clock is off. */
  readonly skewMs?: number;
  readonly concurrency?: number;
}

export interface Program {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Where the services of this story are. */
export interface Addresses {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly stripeUrl: string;
  readonly smtpUrl: string;
}

/** How things stand at the end. */
export interface Account {
  /** What each job came to, by its id. */
  readonly ended: ReadonlyMap<string, { readonly state: string; readonly attempts: number }>;
  /** Lines of history, by subject. */
  readonly history: ReadonlyMap<string, number>;
  /** Mails of which it is recorded that nobody can know, by subject of the notice. */
  readonly unknown: readonly string[];
  /** How many of these people were told of. */
  readonly unknownTold: number;
}

/** What is put to the test: Evenfall, or as the control the same load on plain BullMQ. */
export interface System {
  readonly name: string;
  /** Not what is put to the test, but what it is compared with; it has no failpoints and no ledgers. */
  readonly isControl: boolean;
  /** Makes its schema in an empty database. */
  readonly prepare: (databaseUrl: string) => Promise<void>;
  /** The program of one worker process. */
  worker(addresses: Addresses, options: WorkerOptions): Program;
  /** Asks for it in a transaction of the app, which is rolled back for a ghost. */
  ask(sql: postgres.Sql, addresses: Addresses, errand: Errand): Promise<void>;
  /** Whether everything that was asked for has ended. */
  isIdle(sql: postgres.Sql, addresses: Addresses): Promise<boolean>;
  account(sql: postgres.Sql, addresses: Addresses): Promise<Account>;
  /** Every start and end of a run, in order. */
  journal(sql: postgres.Sql): Promise<JournalEvent[]>;
  /** How long everything may take to come to an end after the last fault. */
  readonly patienceMs: number;
}
