import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { packageRoot } from '../package-root.ts';

/** What a check found, and what to do about it. */
export interface Diagnosis {
  readonly level: 'ok' | 'warning' | 'error';
  /** A view, a function, a variable, a part of the installation. */
  readonly about: string;
  readonly message: string;
  /** SQL to run, a line of the contract to write, a variable to set. */
  readonly fix?: string;
}

/** `app_user.id`: of a type that can be compared with that column's. */
type ColumnType = 'any' | 'text' | 'timestamptz' | 'boolean' | 'app_team.id' | 'app_user.id';

interface Column {
  readonly type: ColumnType;
  /** What an app writes that has no such column; where absent nothing can stand for it. */
  readonly without?: string;
}

type View = 'app_team' | 'app_user' | 'app_membership';

/**
 * The views that the contract must have. What stands for an absent column spares people: without a column for it
 * everybody counts as verified and as seen.
 */
const views: Readonly<Record<View, Readonly<Record<string, Column>>>> = {
  app_team: {
    id: { type: 'any' },
    name: { type: 'text', without: 'null::text' },
    owner_id: { type: 'app_user.id' },
    created_at: { type: 'timestamptz' },
    stripe_customer_id: { type: 'text', without: 'null::text' },
    time_zone: { type: 'text', without: 'null::text' },
    trial_ends_at: { type: 'timestamptz', without: 'null::timestamptz' },
  },
  app_user: {
    id: { type: 'any' },
    email: { type: 'text' },
    name: { type: 'text', without: 'null::text' },
    email_verified_at: { type: 'timestamptz', without: 'created_at' },
    is_active: { type: 'boolean', without: 'true' },
    created_at: { type: 'timestamptz' },
    last_seen_at: { type: 'timestamptz', without: 'created_at' },
    locale: { type: 'text', without: 'null::text' },
    stripe_customer_id: { type: 'text', without: 'null::text' },
  },
  app_membership: {
    team_id: { type: 'app_team.id' },
    user_id: { type: 'app_user.id' },
    role: { type: 'any', without: 'null::text' },
  },
};

/** Each takes one text and returns void. */
const functions = [
  'app_lock_team',
  'app_lock_user',
  'app_deactivate_user',
  'app_delete_team',
  'app_delete_user',
];

/** The domains of the views' own id types (docs/protocol.md, "The contract's ids"). */
export const idDomains = [
  { domain: 'app_team_id', view: 'app_team' },
  { domain: 'app_user_id', view: 'app_user' },
] as const;

/**
 * Views, columns and functions that are missing or of a wrong type; all of them, each an error.
 *
 * @param migrate the command that applies the contract when it is mended
 */
export async function shapeProblems(client: pg.Client, migrate: string): Promise<Diagnosis[]> {
  const thenMigrate = `then \`${migrate}\``;
  const present = await presentColumns(client);
  const problems: Diagnosis[] = [];
  for (const [view, columns] of Object.entries(views)) {
    const found = present.get(view);
    if (!found) {
      problems.push({
        level: 'error',
        about: `evenfall.${view}`,
        message: `the contract lacks the view evenfall.${view}`,
        fix: `write \`create or replace view evenfall.${view} as select …\` with the columns ${Object.keys(columns).join(', ')}, ${thenMigrate}`,
      });
      continue;
    }
    for (const [name, wanted] of Object.entries(columns)) {
      const problem = await columnProblem(client, present, { view, name, wanted, thenMigrate });
      if (problem) problems.push(problem);
    }
  }
  return [
    ...problems,
    ...(await functionProblems(client, thenMigrate)),
    ...(await namesakeProblems(client, thenMigrate)),
  ];
}

interface PresentColumn {
  readonly view: string;
  readonly name: string;
  /** As people write it. */
  readonly shown: string;
  /** Of a domain the type beneath it. */
  readonly type: string;
  readonly oid: number;
  readonly category: string;
}

async function presentColumns(client: pg.Client): Promise<Map<string, Map<string, PresentColumn>>> {
  const { rows } = await client.query<PresentColumn>(
    `select v.view, a.attname as name, format_type(a.atttypid, a.atttypmod) as shown, b.typname as type,
       b.oid, b.typcategory as category
     from unnest($1::text[]) v (view)
     join pg_attribute a on a.attrelid = to_regclass('evenfall.' || v.view) and a.attnum > 0 and not a.attisdropped
     join pg_type t on t.oid = a.atttypid
     join pg_type b on b.oid = coalesce(nullif(t.typbasetype, 0), t.oid)`,
    [Object.keys(views)],
  );
  const present = new Map<string, Map<string, PresentColumn>>();
  for (const row of rows) {
    const columns = present.get(row.view) ?? new Map<string, PresentColumn>();
    present.set(row.view, columns.set(row.name, row));
  }
  return present;
}

async function columnProblem(
  client: pg.Client,
  present: Map<string, Map<string, PresentColumn>>,
  { view, name, wanted, thenMigrate }: { view: string; name: string; wanted: Column; thenMigrate: string },
): Promise<Diagnosis | undefined> {
  const about = `evenfall.${view}.${name}`;
  const column = present.get(view)?.get(name);
  const [other = '', otherColumn = ''] = wanted.type.split('.');
  const reference = present.get(other)?.get(otherColumn);
  const type = reference?.shown ?? wanted.type;
  if (!column) {
    const line =
      wanted.without === undefined
        ? `\`your_column as ${name}\``
        : `\`${wanted.without} as ${name}\` (or your column)`;
    const unknown = [...(present.get(view)?.keys() ?? [])].filter(
      (one) => !Object.hasOwn(views[view as View], one),
    );
    const misnamed = unknown.length > 0 ? `; it has ${unknown.join(', ')}, unknown to Evenfall` : '';
    return {
      level: 'error',
      about,
      message: `evenfall.${view} lacks the column ${name}${wanted.type === 'any' ? '' : ` (${type})`}${misnamed}`,
      fix: `add ${line} at the end of evenfall.${view}, ${thenMigrate}`,
    };
  }
  if (await fits(client, column, wanted.type, reference)) return undefined;
  const zoned = wanted.type === 'timestamptz' && column.type === 'timestamp';
  const line = zoned ? `${name} at time zone 'UTC' as ${name}` : `${name}::${type} as ${name}`;
  return {
    level: 'error',
    about,
    message: `${about} is ${column.shown}, and has to be ${reference ? `comparable with evenfall.${wanted.type}, which is ${type}` : type}`,
    fix:
      `write \`${line}\`${zoned ? ' (the zone that your app stores)' : ''} in evenfall.${view}, ` +
      `with \`drop view if exists evenfall.${view};\` before it, ${thenMigrate}`,
  };
}

async function fits(
  client: pg.Client,
  column: PresentColumn,
  wanted: ColumnType,
  reference: PresentColumn | undefined,
): Promise<boolean> {
  if (wanted === 'any') return true;
  if (wanted === 'text') return ['S', 'E'].includes(column.category);
  if (wanted === 'timestamptz') return column.type === 'timestamptz';
  if (wanted === 'boolean') return column.type === 'bool';
  // an id that is not there is named by itself
  if (!reference || column.oid === reference.oid) return true;
  if (column.category === 'S' && reference.category === 'S') return true;
  const { rows } = await client.query(
    `select from pg_operator where oprname = '=' and oprleft = $1 and oprright = $2`,
    [column.oid, reference.oid],
  );
  return rows.length > 0;
}

async function functionProblems(client: pg.Client, thenMigrate: string): Promise<Diagnosis[]> {
  const { rows } = await client.query<{ name: string; others: string | null }>(
    `select name, (
       select string_agg('(' || pg_get_function_identity_arguments(p.oid) || ')', ', ')
       from pg_proc p where p.proname = name and p.pronamespace = to_regnamespace('evenfall')) as others
     from unnest($1::text[]) name where to_regprocedure('evenfall.' || name || '(text)') is null`,
    [functions],
  );
  return rows.map(({ name, others }) => ({
    level: 'error',
    about: `evenfall.${name}`,
    message: `the contract lacks evenfall.${name}(text)${others === null ? '' : `; there is one that takes ${others}`}`,
    fix: `${exampleOf(name)}\n-- as sql/contract.sql has it: change it to your tables, ${thenMigrate}`,
  }));
}

/**
 * In a function in SQL a column goes before a parameter of its name: `where id = id` holds for every row, and
 * `app_delete_team` would delete them all.
 */
async function namesakeProblems(client: pg.Client, thenMigrate: string): Promise<Diagnosis[]> {
  const { rows } = await client.query<{ name: string; parameter: string; body: string }>(
    `select p.proname as name, p.proargnames[1] as parameter, p.prosrc as body
     from unnest($1::text[]) name
     join pg_proc p on p.oid = to_regprocedure('evenfall.' || name || '(text)')
     join pg_language l on l.oid = p.prolang
     where l.lanname = 'sql' and p.proargnames[1] <> ''`,
    [functions],
  );
  return rows.filter(comparesWithItself).map(({ name, parameter }) => ({
    level: 'error',
    about: `evenfall.${name}`,
    message: `evenfall.${name} compares the column ${parameter} with itself, which holds for every row: it would not stop at one`,
    fix: `write \`${name}.${parameter}\` or \`$1\` for the parameter, ${thenMigrate}`,
  }));
}

function comparesWithItself({ parameter, body }: { parameter: string; body: string }): boolean {
  const name = parameter.replaceAll('$', String.raw`\$`);
  const bare = String.raw`(?<![\w.$])${name}(?:::\w+)?(?![\w.$])`;
  const column = String.raw`(?<![\w.$])(?:\w+\.)?${name}(?:::\w+)?(?![\w.$])`;
  // one of the two is qualified as the parameter where it is meant: `t.id = app_lock_team.id`
  return new RegExp(String.raw`${column}\s*=\s*${bare}|${bare}\s*=\s*${column}`, 'i').test(body);
}

/** A function of the contract as it ships. */
export function exampleOf(name: string): string {
  const text = readFileSync(join(packageRoot, 'sql', 'contract.sql'), 'utf8');
  const found = new RegExp(`create or replace function evenfall\\.${name}\\([\\s\\S]*?\\n\\$\\$;`).exec(text);
  return found?.[0] ?? '';
}

/** An id whose type has changed since the last `evenfall migrate`: the doors would take the old one's texts. */
export async function idDiagnoses(client: pg.Client, migrate: string): Promise<Diagnosis[]> {
  const found: Diagnosis[] = [];
  for (const { domain, view } of idDomains) {
    const { wanted, present } = await idTypes(client, domain, view);
    if (wanted === null || wanted === present) continue;
    found.push({
      level: 'error',
      about: `evenfall.${domain}`,
      message: `evenfall.${view}.id is ${wanted}, and evenfall.${domain} ${present === null ? 'is missing' : `still ${present}`}`,
      fix: `run \`${migrate}\``,
    });
  }
  return found;
}

/** The type of a view's id, and the one that its domain has; null where there is none. */
export async function idTypes(
  client: pg.Client,
  domain: string,
  view: string,
): Promise<{ wanted: string | null; present: string | null }> {
  const { rows } = await client.query<{ wanted: string | null; present: string | null }>(
    `select
       (select format_type(a.atttypid, a.atttypmod) from pg_attribute a
        where a.attrelid = to_regclass('evenfall.' || $2) and a.attname = 'id') as wanted,
       (select format_type(t.typbasetype, t.typtypmod) from pg_type t
        where t.typname = $1 and t.typnamespace = to_regnamespace('evenfall')) as present`,
    [domain, view],
  );
  return rows[0] ?? { wanted: null, present: null };
}
