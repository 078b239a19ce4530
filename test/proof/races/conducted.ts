import type { MailPort } from '../../../src/core/mail.ts';
import type { StripePort } from '../../../src/core/stripe.ts';
import type { Database, Statements } from '../../../src/db/connect.ts';

type Parameters = Readonly<Record<string, unknown>>;
type Rows = readonly Record<string, unknown>[];

/** A statement that was executed. */
export interface Did {
  readonly name: string;
  readonly parameters: Parameters;
  readonly rows: Rows;
  /** Of the story's time. */
  readonly minutes: number;
}

/** Whether it has mirrored a customer that has subscribed. */
export function mirrorsSubscription({ name, parameters }: Did): boolean {
  return name === 'mirror' && (parameters['seen'] as { subscriptions: unknown[] }).subscriptions.length > 0;
}

/** Who acts, as ports see it: they say where they are, and what they have done. */
export interface Acting {
  reach(point: string): Promise<void>;
  ask<T>(question: () => Promise<T>): Promise<T>;
  /** A transaction has committed, just after this time of the database's, or a statement by itself. */
  did(statements: readonly Did[], at?: number): void;
  /** Stripe is about to be asked for this customer. */
  asksStripe(customerId: string): void;
  /** The mail server has taken a mail about this. */
  mailed(subject: string): void;
  /** How many minutes have passed since the story began. */
  minutes(): number;
}

/**
 * A database whose user stops `before tx.lockMark` and `after tx.lockMark` (without `tx.` where it is asked by itself),
 * `before commit` and `committed`. What is in `alone` is such a transaction too, though nobody began one: a statement
 * by itself holds its locks until it commits.
 */
export function conducted(
  database: Database,
  acting: Acting,
  alone: ReadonlySet<string> = new Set(),
): Database {
  const begun = new Map<unknown, number>();
  async function transaction<T>(work: (tx: Statements) => Promise<T>): Promise<T> {
    const statements: Did[] = [];
    const { written, at } = await database.transaction(async (tx) => {
      const result = await work(
        watched(tx, { ...acting, did: (more) => statements.push(...more) }, 'tx.', begun),
      );
      await acting.reach('before commit');
      const [clock] = await tx.readBegins();
      return { written: result, at: micros(clock!.readAt) };
    });
    acting.did(statements, at);
    await acting.reach('committed');
    return written;
  }
  const byThemselves = watched(database.statements, acting, '', begun);
  const statements = new Proxy(byThemselves, {
    get: (target, name: keyof Statements) =>
      alone.has(name)
        ? (parameters: Parameters) => transaction(async (tx) => await ask(tx, name, parameters))
        : target[name],
  });
  return { ...database, statements, transaction };
}

async function ask(statements: Statements, name: string, parameters: Parameters): Promise<Rows> {
  const all = statements as unknown as Readonly<Record<string, (parameters: Parameters) => Promise<Rows>>>;
  return (await all[name]?.(parameters)) ?? [];
}

function watched(
  statements: Statements,
  acting: Acting,
  prefix: '' | 'tx.',
  begun: Map<unknown, number>,
): Statements {
  return new Proxy(statements, {
    get:
      (target, name: string) =>
      async (given: Parameters = {}) => {
        await acting.reach(`before ${prefix}${name}`);
        const parameters = name === 'askedLately' ? aged(given, acting, begun) : given;
        const rows = await acting.ask(() => ask(target, name, parameters));
        if (name === 'readBegins') begun.set(rows[0]?.['readAt'], acting.minutes());
        acting.did([{ name, parameters, rows, minutes: acting.minutes() }]);
        await acting.reach(`after ${prefix}${name}`);
        return rows;
      },
  });
}

/** Microseconds of a time as Postgres writes it. */
export function micros(text: string): number {
  const [, seconds = '', fraction = ''] = /^(.*?)(?:\.(\d+))?\+00$/.exec(text) ?? [];
  return Date.parse(`${seconds}Z`) * 1_000 + Number(fraction.padEnd(6, '0'));
}

/** Stripe's answer is older by the minutes that have passed in the story since it was asked for. */
function aged({ askedAt }: Parameters, acting: Acting, begun: ReadonlyMap<unknown, number>): Parameters {
  const minutes = acting.minutes() - (begun.get(askedAt) ?? 0);
  if (minutes === 0) return { askedAt };
  return { askedAt: new Date(Date.parse(String(askedAt)) - minutes * 60_000).toISOString() };
}

/** Stripe, at whose answers one stops: `after stripe.readCustomer`. */
export function conductedStripe(stripe: StripePort, acting: Acting): StripePort {
  return new Proxy(stripe, {
    get: (target, name: keyof StripePort) => async (argument: never) => {
      if (name === 'readCustomer') acting.asksStripe(argument);
      const answer = await target[name](argument);
      await acting.reach(`after stripe.${name}`);
      return answer;
    },
  });
}

/** The mail server, at whose answer one stops: `after mail`. */
export function conductedMail(mail: MailPort, acting: Acting): MailPort {
  return {
    async send(name, props, envelope) {
      await acting.reach('before mail');
      const evidence = await mail.send(name, props, envelope);
      acting.mailed(envelope.key);
      await acting.reach('after mail');
      return evidence;
    },
  };
}
