import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type postgres from 'postgres';
import { packageRoot } from '../../src/package-root.ts';

export interface Person {
  readonly id: string;
  readonly email: string;
}

export interface SignUp {
  readonly verified?: boolean;
  /** Has logged in, in whatever way the framework remembers that. */
  readonly seen?: boolean;
  readonly createdAt?: Date;
}

/** A way in which the framework links a customer in Stripe, to a team or to a person. */
export interface Link {
  readonly of: 'team' | 'person';
  link(id: string, customerId: string): Promise<unknown>;
}

/** Makes and looks up rows as the framework does. */
export interface Rows {
  /** Verified and seen, unless said otherwise; with what the framework makes for everybody who signs up. */
  user(signUp?: SignUp): Promise<Person>;
  /** Resolves to its id. */
  team(owner: Person, createdAt?: Date): Promise<string>;
  member(teamId: string, person: Person): Promise<unknown>;
  /** By the team's owner; whether or not somebody has the address. */
  invite(teamId: string, owner: Person, email: string): Promise<unknown>;
  readonly links: Readonly<Record<string, Link>>;
  /** A session, and a token where the framework has any. */
  signIn(person: Person): Promise<unknown>;
  /** Undefined when it is gone; `doors` are sessions and tokens that let the user in. */
  account(id: string): Promise<{ isActive: boolean; doors: number } | undefined>;
  hasTeam(id: string): Promise<boolean>;
  /** Thousands of teams with their owners, members and customers. */
  fill(): Promise<unknown>;
}

export interface ForeignApp {
  readonly name: string;
  /** Its tables, as the framework generates them. */
  readonly sql: string;
  readonly contractFile: string;
  /** The contract's text. */
  readonly contract: string;
  /** The indexes that the contract asks for. */
  readonly indexes: readonly string[];
  /** Of teams and of users. */
  readonly idType: string;
  rows(sql: postgres.Sql): Rows;
}

export function foreignApp(name: string, idType: string, rows: (sql: postgres.Sql) => Rows): ForeignApp {
  const contractFile = join(packageRoot, 'sql', 'contracts', `${name}.sql`);
  const contract = readFileSync(contractFile, 'utf8');
  const indexes = [...contract.matchAll(/^-- +(create index concurrently .*;)$/gm)].map(
    ([, one = '']) => one,
  );
  const sql = readFileSync(join(packageRoot, 'test', 'schemas', name, 'app.sql'), 'utf8');
  return { name, sql, contractFile, contract, indexes, idType, rows };
}

/** When people and their teams are made, unless a test says otherwise: long before its clock. */
export const longAgo = new Date('2027-08-31T10:00:00Z');

export const count = async (rows: PromiseLike<readonly unknown[]>) => (await rows).length;

/** The id of the row that an insert returns, as text. */
export const idOf = async (rows: PromiseLike<readonly Record<string, unknown>[]>) =>
  String((await rows)[0]?.['id']);
