import type pg from 'pg';
import { findAccess, rowsBehind } from './contract-access.ts';
import type { Access } from './contract-access.ts';
import type { Diagnosis } from './contract.ts';

/** One of the contract's deletions, and what it has to take along. */
interface Deletion {
  readonly name: 'app_delete_team' | 'app_delete_user';
  readonly view: 'app_team' | 'app_user';
  readonly row: string;
  /** The column of app_membership that names the row. */
  readonly member: 'team_id' | 'user_id';
  /** Whose rows keep the row from being deleted at all: by whom a team is owned. */
  readonly keptBy: readonly (readonly [view: string, column: string])[];
}

const deletions: readonly Deletion[] = [
  { name: 'app_delete_team', view: 'app_team', row: 'team', member: 'team_id', keptBy: [] },
  {
    name: 'app_delete_user',
    view: 'app_user',
    row: 'user',
    member: 'user_id',
    keptBy: [['app_team', 'owner_id']],
  },
];

/**
 * What the contract's deletions leave behind: rows that refer to what is deleted, by which Postgres refuses it, and
 * memberships, which go on counting. Told by the tables that the functions name, what they call, and triggers.
 *
 * @param migrate the command that applies the contract when it is mended
 */
export async function referenceDiagnoses(client: pg.Client, migrate: string): Promise<Diagnosis[]> {
  const found: Diagnosis[] = [];
  for (const deletion of deletions) found.push(...(await leftBehind(client, deletion, migrate)));
  return found;
}

async function leftBehind(client: pg.Client, deletion: Deletion, migrate: string): Promise<Diagnosis[]> {
  const { name, view, row } = deletion;
  const rows = await rowsBehind(client, view);
  const text = await textOf(client, name, rows);
  const written = await writtenIn(client, text);
  const gone = await deletedWith(client, [...rows.map(({ table }) => table), ...written.deleted]);
  const kept = await keepers(client, deletion);

  const refusing = (await referencesTo(client, gone)).filter(
    ({ table, relation }) => !kept.has(table) && !names(text, relation),
  );
  const refused = refusing.map(({ table, column, target, key, constraint }): Diagnosis => ({
    level: 'warning',
    about: `evenfall.${name}`,
    message: `${table} refers to ${target} (${constraint}), and ${name} does not name it: a ${row} with such rows is refused by Postgres, and waits for a person`,
    fix: `${deleteOf(table, column, target, key, rows)}\n-- or what else becomes of them, at the beginning of ${name} in your contract; then \`${migrate}\``,
  }));
  const told = new Set([...gone, ...written.updated, ...refusing.map(({ table }) => table)]);
  const orphaned = ((await findAccess(client, 'app_membership', deletion.member)) ?? [])
    .filter(({ table, type }) => type !== undefined && !told.has(table))
    .map(({ table, expression, type }): Diagnosis => ({
      level: 'warning',
      about: `evenfall.${name}`,
      message: `${name} leaves ${table} as it is: the memberships of a deleted ${row} would stay, and count as if it were there`,
      fix: `delete from ${table} m where m.${expression} = $1::${type};\n-- in ${name} of your contract; then \`${migrate}\``,
    }));
  return [...refused, ...orphaned];
}

function names(text: string, relation: string): boolean {
  const name = relation.replaceAll(/[$.]/g, String.raw`\$&`);
  return new RegExp(String.raw`(?<![\w$])${name}(?![\w$])`, 'i').test(text);
}

/** Quoted, with their schemas: the tables of these statements. */
async function writtenIn(
  client: pg.Client,
  text: string,
): Promise<{ deleted: string[]; updated: Set<string> }> {
  const part = String.raw`(?:"[^"]+"|[a-z_][\w$]*)`;
  const tables = async (verb: string) => {
    const statement = new RegExp(String.raw`\b${verb}\s+(?:only\s+)?(${part}(?:\.${part})?)`, 'gi');
    const found = [...text.matchAll(statement)].map(([, table]) => table);
    const { rows } = await client.query<{ name: string }>(
      `select distinct format('%I.%I', r.relnamespace::regnamespace, r.relname) as name
       from unnest($1::text[]) t join pg_class r on r.oid = to_regclass(t)`,
      [found],
    );
    return rows.map(({ name }) => name);
  };
  return { deleted: await tables(String.raw`delete\s+from`), updated: new Set(await tables('update')) };
}

/** These tables, and all whose rows Postgres deletes with theirs by itself. */
async function deletedWith(client: pg.Client, tables: readonly string[]): Promise<Set<string>> {
  const { rows } = await client.query<{ name: string }>(
    `with recursive gone (id) as (
       select t::regclass::oid from unnest($1::text[]) t
       union
       select c.conrelid from gone join pg_constraint c on c.confrelid = gone.id
       where c.contype = 'f' and c.confdeltype = 'c' and c.conparentid = 0)
     select format('%I.%I', r.relnamespace::regnamespace, r.relname) as name
     from gone join pg_class r on r.oid = gone.id`,
    [tables],
  );
  return new Set(rows.map(({ name }) => name));
}

interface Reference {
  /** Quoted, with its schema. */
  readonly table: string;
  /** Its bare name. */
  readonly relation: string;
  readonly column: string;
  readonly target: string;
  /** The column of the target. */
  readonly key: string;
  readonly constraint: string;
}

/** Foreign keys from elsewhere by which Postgres refuses to delete from one of these tables. */
async function referencesTo(client: pg.Client, tables: ReadonlySet<string>): Promise<Reference[]> {
  const { rows } = await client.query<Reference>(
    `select format('%I.%I', r.relnamespace::regnamespace, r.relname) as table, r.relname as relation,
       quote_ident(a.attname) as column, format('%I.%I', t.relnamespace::regnamespace, t.relname) as target,
       quote_ident(k.attname) as key, c.conname as constraint
     from pg_constraint c
     join pg_class r on r.oid = c.conrelid
     join pg_class t on t.oid = c.confrelid
     join pg_attribute a on a.attrelid = r.oid and a.attnum = c.conkey[1]
     join pg_attribute k on k.attrelid = t.oid and k.attnum = c.confkey[1]
     where c.contype = 'f' and c.confdeltype in ('a', 'r') and c.conparentid = 0
       and c.confrelid = any ($1::regclass[]) and c.conrelid <> all ($1::regclass[])
     order by 1, c.conname`,
    [[...tables]],
  );
  return rows;
}

/** Of a table that refers to the row itself its statement; of one further away what it is about. */
function deleteOf(
  table: string,
  column: string,
  target: string,
  key: string,
  rows: readonly Access[],
): string {
  const own = rows.find((row) => row.table === target && row.expression === key);
  if (own) return `delete from ${table} x where x.${column} = $1::${own.type};`;
  return `delete from ${table} x using ${target} t where x.${column} = t.${key} and …;`;
}

/** The tables whose rows Evenfall reads before: where one is left, it does not delete. */
async function keepers(client: pg.Client, { keptBy }: Deletion): Promise<Set<string>> {
  const tables = new Set<string>();
  for (const [view, column] of keptBy) {
    for (const { table } of (await findAccess(client, view, column)) ?? []) tables.add(table);
  }
  return tables;
}

/** The source of a function, of all that it calls outside of Postgres, and of the triggers of these rows. */
async function textOf(client: pg.Client, name: string, rowsGone: readonly Access[]): Promise<string> {
  const { rows } = await client.query<{ text: string }>(
    `with recursive said (id, text) as (
       select p.oid, pg_get_functiondef(p.oid) from pg_proc p
       where p.oid = to_regprocedure('evenfall.' || $1 || '(text)')
         or p.oid in (select t.tgfoid from pg_trigger t where t.tgrelid = any ($2::regclass[]) and not t.tgisinternal)
       union
       select p.oid, pg_get_functiondef(p.oid)
       from said join pg_proc p on position(p.proname || '(' in said.text) > 0
       where p.prokind in ('f', 'p') and p.pronamespace <> all ('{pg_catalog, information_schema}'::regnamespace[]))
     select coalesce(string_agg(text, ' '), '') as text from said`,
    [name, rowsGone.map(({ table }) => table)],
  );
  return rows[0]?.text ?? '';
}
