import type pg from 'pg';
import type { Diagnosis } from './contract.ts';

/** Where a column of a view comes from: what a search by it has to look through. */
export interface Access {
  /** Quoted, with its schema. */
  readonly table: string;
  /** A quoted column of the table, or an expression over its columns. */
  readonly expression: string;
  /** The column's type; undefined for an expression, which an app's index seldom has. */
  readonly type: string | undefined;
  /** The rest of the condition, such as that a row is not marked as deleted. */
  readonly filter: string;
}

interface Plan {
  'Relation Name'?: string;
  Schema?: string;
  Alias?: string;
  Filter?: string;
  'One-Time Filter'?: string;
  Plans?: Plan[];
}

/** What jobs and sweeps find teams, users and memberships by. */
const searched: readonly (readonly [view: string, column: string])[] = [
  ['app_team', 'id'],
  ['app_team', 'owner_id'],
  ['app_team', 'stripe_customer_id'],
  ['app_user', 'id'],
  ['app_user', 'stripe_customer_id'],
  ['app_membership', 'team_id'],
  ['app_membership', 'user_id'],
];

/**
 * A warning for each search that would read a whole table of the app, with the index that it lacks.
 *
 * @param migrate the command that applies the contract when it is mended
 */
export async function indexDiagnoses(client: pg.Client, migrate: string): Promise<Diagnosis[]> {
  const found: Diagnosis[] = [];
  for (const [view, column] of searched) {
    const about = `evenfall.${view}.${column}`;
    const accesses = await findAccess(client, view, column);
    if (!accesses) {
      const message = `${view} is found by ${column} through a computation that no index can serve: each time the whole view is read`;
      found.push({ level: 'warning', about, message });
    }
    for (const access of accesses ?? []) {
      if (await isIndexed(client, access)) continue;
      const { table, expression, type } = access;
      const uncast = await columnUnderCast(client, access);
      if (uncast !== undefined) {
        found.push({
          level: 'warning',
          about,
          message: `each search by ${view}.${column} reads the whole of ${table}: the view casts ${uncast}, and an index on ${uncast} bears no cast`,
          fix:
            `write ${uncast} without the cast in evenfall.${view}, and likewise whatever refers to it, ` +
            `with \`drop view if exists evenfall.${view};\` before it, then \`${migrate}\``,
        });
        continue;
      }
      found.push({
        level: 'warning',
        about,
        message: `each search by ${view}.${column} reads the whole of ${table}: no index begins with ${expression}`,
        // outside of a transaction, as it locks nobody out
        fix: `create index concurrently on ${table} (${type === undefined ? `(${expression})` : expression});`,
      });
    }
  }
  return found;
}

/**
 * Asks the planner which tables a search by the column looks through: their conditions show when it may use no
 * index. None for a column that is constant; undefined where the condition reaches no table.
 */
export async function findAccess(
  client: pg.Client,
  view: string,
  column: string,
): Promise<Access[] | undefined> {
  const { scans, isConstant } = await planOfSearch(client, view, column);
  const found: Access[] = [];
  for (const { Schema: schema, 'Relation Name': relation, Alias: alias = '', Filter: filter = '' } of scans) {
    const searchedBy = leftOfParameter(withoutAlias(filter, alias));
    if (schema === undefined || relation === undefined || searchedBy === undefined) continue;
    const { rows } = await client.query<{ name: string }>(
      `select format('%I.%I', $1::text, $2::text) as name`,
      [schema, relation],
    );
    const table = rows[0]?.name ?? '';
    const plain = await plainColumn(client, table, searchedBy);
    found.push({
      table,
      expression: plain?.name ?? searchedBy,
      type: plain?.type,
      filter: withoutAlias(filter, alias),
    });
  }
  return found.length > 0 || isConstant ? found : undefined;
}

/**
 * The tables whose rows the ids of a view name, each with its column: those of which it is the primary key, else those
 * that bear it as a plain column. A join shows others too, that are searched by the same id.
 */
export async function rowsBehind(client: pg.Client, view: string): Promise<Access[]> {
  const plain = ((await findAccess(client, view, 'id')) ?? []).filter(({ type }) => type !== undefined);
  const keyed = [];
  for (const access of plain) {
    const { rows } = await client.query(
      `select from pg_index i where i.indrelid = $1::regclass and i.indisprimary and i.indnkeyatts = 1
         and pg_get_indexdef(i.indexrelid, 1, true) = $2`,
      [access.table, access.expression],
    );
    if (rows.length > 0) keyed.push(access);
  }
  return keyed.length > 0 ? keyed : plain;
}

async function planOfSearch(
  client: pg.Client,
  view: string,
  column: string,
): Promise<{ scans: Plan[]; isConstant: boolean }> {
  await client.query('begin');
  try {
    await client.query(
      `set local enable_indexscan = off; set local enable_indexonlyscan = off; set local enable_bitmapscan = off;
       set local max_parallel_workers_per_gather = 0; set local plan_cache_mode = force_generic_plan;
       prepare evenfall_doctor as select from evenfall.${view} where ${column} = $1`,
    );
    const { rows } = await client.query<{ 'QUERY PLAN': { Plan: Plan }[] }>(
      'explain (verbose, format json) execute evenfall_doctor(null)',
    );
    const nodes = rows[0]?.['QUERY PLAN'][0] ? allNodes(rows[0]['QUERY PLAN'][0].Plan) : [];
    return {
      scans: nodes.filter((node) => node.Filter?.includes('= $1)') && node['Relation Name'] !== undefined),
      isConstant: nodes.some((node) => node['One-Time Filter'] !== undefined),
    };
  } finally {
    await client.query('rollback');
    await client.query('deallocate all');
  }
}

function allNodes(plan: Plan): Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(allNodes)];
}

function withoutAlias(text: string, alias: string): string {
  const unquoted = /^[a-z_]\w*$/.test(alias)
    ? text.replaceAll(new RegExp(`(?<![\\w$."])${alias}\\.`, 'g'), '')
    : text;
  return unquoted.replaceAll(`"${alias}".`, '');
}

/** `(m.member_id)::text` of `((NOT m.gone) AND ((m.member_id)::text = $1))`. */
function leftOfParameter(filter: string): string | undefined {
  const end = filter.indexOf(' = $1)');
  if (end < 0) return undefined;
  let depth = 1;
  let start = end;
  while (start > 0 && depth > 0) {
    start--;
    if (filter[start] === ')') depth++;
    if (filter[start] === '(') depth--;
  }
  return filter.slice(start + 1, end);
}

/** The column that is searched, where Postgres added no more than a cast that its index bears. */
async function plainColumn(
  client: pg.Client,
  table: string,
  expression: string,
): Promise<{ name: string; type: string } | undefined> {
  const [, name, cast] = /^\(?([a-z_][\w$]*|"(?:[^"]|"")+")\)?(?:::(.+))?$/.exec(expression) ?? [];
  if (name === undefined) return undefined;
  const { rows } = await client.query<{ name: string; type: string }>(
    `select quote_ident(a.attname) as name, format_type(a.atttypid, a.atttypmod) as type
     from pg_attribute a join pg_type t on t.oid = a.atttypid
     where a.attrelid = $1::regclass and quote_ident(a.attname) = $2
       and ($3::text is null or t.typcategory = 'S' or format_type(t.typbasetype, null) = $3)`,
    [table, name, cast ?? null],
  );
  return rows[0];
}

async function isIndexed(client: pg.Client, { table, expression, filter }: Access): Promise<boolean> {
  const { rows } = await client.query<{ keys: string[]; predicate: string | null }>(
    `select array(select pg_get_indexdef(i.indexrelid, n, true) from generate_series(1, i.indnkeyatts) n) as keys,
       pg_get_expr(i.indpred, i.indrelid, true) as predicate
     from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am m on m.oid = c.relam
     where i.indrelid = $1::regclass and i.indisvalid and m.amname in ('btree', 'hash')`,
    [table],
  );
  return rows.some(({ keys, predicate }) => {
    const place = keys.findIndex((key) => bare(key) === bare(expression));
    return (
      place >= 0 &&
      keys.slice(0, place).every((key) => isFixed(key, filter)) &&
      (predicate === null ||
        bare(predicate) === `${bare(expression)} is not null` ||
        bare(filter).includes(bare(predicate)))
    );
  });
}

/** Whether the view compares it with a constant: an index that begins with it serves the column behind it. */
function isFixed(key: string, filter: string): boolean {
  const name = bare(key).replaceAll(/[$.]/g, String.raw`\$&`);
  return new RegExp(String.raw`(^|\s)${name}(::\w+( \w+)*)? = ['\d]`).test(bare(filter));
}

/** The indexed column of which the view shows a cast. */
async function columnUnderCast(client: pg.Client, access: Access): Promise<string | undefined> {
  const [, name] = /^\(?([a-z_][\w$]*|"(?:[^"]|"")+")\)?::[\w ]+$/.exec(access.expression) ?? [];
  if (name === undefined || !(await isIndexed(client, { ...access, expression: name }))) return undefined;
  return name;
}

/** Postgres prints the same expression with more or fewer parentheses. */
function bare(expression: string): string {
  return expression.replaceAll(/[()]/g, '').toLowerCase();
}
