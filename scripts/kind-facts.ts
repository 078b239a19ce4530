import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { allJobs } from '../jobs/index.ts';
import { packageRoot } from '../src/package-root.ts';
import { endOfHole, reached, sentences } from './source-text.ts';

/** What the source of a kind says of it beyond its definition: names and sentences, each once. */
export interface KindFacts {
  readonly mails: string[];
  /** What cannot be taken back there. */
  readonly inStripe: string[];
  /** Functions of the contract that change the app's data. */
  readonly inApp: string[];
  /** Tables of ours. */
  readonly writes: string[];
  readonly findings: string[];
  /** Kinds that it enqueues. */
  readonly asks: string[];
  /** Why it leaves things as they are. */
  readonly skips: string[];
  /** Why it waits, which uses no attempt. */
  readonly waits: string[];
}

/** The name that a kind bears in the code: `reindexTeam`. */
const identifierOf = (name: string) =>
  name.replaceAll(/-([a-z])/g, (_match, letter: string) => letter.toUpperCase());

/** Reads them from all that the kind's `run` reaches. */
export function factsOf(kind: string): KindFacts {
  const texts = reached(`jobs/${kind}.ts`, identifierOf(kind));
  const all = (find: (text: string) => string[]) => unique(texts.flatMap(find));
  const written = all((text) => statementsIn(text).flatMap((statement) => writtenBy(statement)));
  const isOfApp = (name: string) => name.startsWith('app_');
  return {
    mails: all(mailsIn),
    inStripe: all(actsInStripe),
    inApp: written.filter(isOfApp),
    writes: unique([...written.filter((name) => !isOfApp(name)), ...all(portsIn)]).toSorted(),
    findings: all(findingsIn),
    asks: all(asksIn),
    skips: unique([...all(skipsIn), ...sparedBy(texts)]),
    waits: all(waitsIn),
  };
}

const unique = (items: readonly string[]) => [...new Set(items)];
const read = (...path: string[]) => readFileSync(join(packageRoot, ...path), 'utf8');

/** By name: what the named statements of sql/queries say. */
const statements = new Map(
  readdirSync(join(packageRoot, 'sql', 'queries')).flatMap((file) =>
    read('sql', 'queries', file)
      .split(/^(?=-- name: )/m)
      .map((text) => [/^-- name: (\w+)/.exec(text)?.[1] ?? '', text] as const),
  ),
);

/** By name: what our functions in the database do. */
const functions = new Map(
  readdirSync(join(packageRoot, 'sql', 'functions')).flatMap((file) =>
    read('sql', 'functions', file)
      .split(/^(?=create or replace function )/m)
      .map((text) => [/^create or replace function evenfall\.(\w+)/.exec(text)?.[1] ?? '', text] as const),
  ),
);

function statementsIn(text: string): string[] {
  const called = [...text.matchAll(/\b(?:sql|tx)\.(\w+)\(/g)].map(([, name]) => name ?? '');
  return called.filter((name) => statements.has(name)).map((name) => statements.get(name) ?? '');
}

/** The tables that a statement writes, by itself or through our functions, and the contract's functions it calls. */
function writtenBy(sql: string, seen = new Set<string>()): string[] {
  const bare = sql.replaceAll(/--.*$/gm, '');
  const tables = bare.matchAll(/(?:insert into|update|delete from) evenfall\.(\w+)/g);
  const called = unique([...bare.matchAll(/evenfall\.(\w+)\(/g)].map(([, name]) => name ?? ''));
  const further = called.flatMap((name) => {
    if (/^app_(delete|deactivate)/.test(name)) return [name];
    // what is asked for has a line of its own
    if (seen.has(name) || !functions.has(name) || name === 'enqueue') return [];
    seen.add(name);
    return writtenBy(functions.get(name) ?? '', seen);
  });
  return [...[...tables].map(([, name]) => name ?? ''), ...further];
}

function portsIn(text: string): string[] {
  return [
    /\bnotices\.\w+\(/.test(text) ? ['notice', 'effect', 'history'] : [],
    /\beffects\.perform\(/.test(text) ? ['effect'] : [],
    /\bctx\.history\(/.test(text) ? ['history'] : [],
    /\bctx\.find\(/.test(text) ? ['finding'] : [],
  ].flat();
}

function mailsIn(text: string): string[] {
  const named = [...text.matchAll(/\bkind: '([a-z-]+)'/g)].map(([, name]) => name ?? '');
  return named.filter((name) => existsSync(join(packageRoot, 'emails', `${name}.tsx`)));
}

function findingsIn(text: string): string[] {
  return [...text.matchAll(/ctx\.find\(tx, \{\s*kind: '([a-z-]+)'/g)].map(([, kind]) => kind ?? '');
}

function actsInStripe(text: string): string[] {
  return [
    /\.cancelSubscription\(/.test(text) ? 'cancels subscriptions' : [],
    /\.deleteCustomer\(/.test(text) ? 'deletes customers' : [],
  ].flat();
}

/** Kinds that it enqueues. */
function asksIn(text: string): string[] {
  const identifiers = new Set([...text.matchAll(/ctx\.enqueue\((\w+)/g)].map(([, name]) => name));
  const inSql = statementsIn(text).join('\n');
  const names = new Set([...inSql.matchAll(/evenfall\.enqueue\('([a-z-]+)'/g)].map(([, name]) => name));
  return allJobs
    .filter(({ name }) => identifiers.has(identifierOf(name)) || names.has(name))
    .map(({ name }) => name);
}

function waitsIn(text: string): string[] {
  const waiting = argumentsOf(text, 'Retryable').filter((call) => call.includes('waiting: true'));
  return [
    ...argumentsOf(text, 'snoozed').flatMap(sentences),
    ...waiting.flatMap((call) => sentences(call).slice(0, 1)),
  ];
}

function skipsIn(text: string): string[] {
  const said = ['skipped', 'stale', 'suppressed'].flatMap((name) => argumentsOf(text, name));
  const why = /(?:skipped\(|return )why\b/.test(text) ? [...text.matchAll(/const why =([^;]*);/g)] : [];
  // functions that say why not, and the constants that they say it with
  const tells = /^[^\n]*(?:\n {2}[^\n]*)*?\): (?:Promise<)?(?:string|HeldBack) \| undefined>? \{$/m.test(
    text,
  );
  const returned = tells ? [...text.matchAll(/\breturn ([^;]*);/g)].map(([, value]) => value ?? '') : [];
  const constant = /^(?:export )?const \w+ = ('[^']*');/.exec(text)?.[1];
  return [...said, ...why.map(([, value]) => value ?? ''), ...returned, constant ?? ''].flatMap(sentences);
}

/** What stands in the brackets of each call. */
function argumentsOf(text: string, name: string): string[] {
  return [...text.matchAll(new RegExp(`\\b${name}\\(`, 'g'))].map(({ index }) => {
    const begin = index + name.length;
    return text.slice(begin + 1, endOfHole(text, begin));
  });
}

/** The reasons of the functions in the database that say why somebody is left alone. */
function sparedBy(texts: readonly string[]): string[] {
  const sql = texts.flatMap(statementsIn).join('\n');
  return ['team_spared', 'user_spared']
    .filter((name) => sql.includes(`evenfall.${name}(`))
    .flatMap((name) => {
      const bare = (functions.get(name) ?? '').replaceAll(/--.*$/gm, '');
      return [...bare.matchAll(/'([a-z][^']* [^']*)'/g)].map(([, reason = '']) => reason.replace(/ $/, ' …'));
    });
}
