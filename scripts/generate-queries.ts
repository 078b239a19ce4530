/**
 * Reads the named statements in sql/queries, sql/machine and sql/sweeps, asks a real Postgres what they take and give,
 * and writes sql/queries.gen.ts: text, parameters and types. Every statement is thereby checked against every
 * migration, and no row type is kept by hand. `npm run generate` writes it; a test fails when it is stale.
 *
 * In a statement: `-- name: camelCase`, then a comment that says why, then one statement. `@name` is a
 * parameter, `@name?` one that may be null. A column that Postgres cannot vouch for (an expression, or any
 * column of a statement with an outer join) must say in its alias whether it may be null: "x?" or "x!".
 *
 * sql/sweeps/<kind>.sql is one select with the columns payload, team_id, subject and why: who is due. Two
 * statements are made of it, one that lists them and one that enqueues them.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type postgres from 'postgres';

const typescriptTypes: Record<string, string> = {
  bool: 'boolean',
  float8: 'number',
  int2: 'number',
  int4: 'number',
  int8: 'number',
  interval: 'string',
  json: 'unknown',
  jsonb: 'unknown',
  text: 'string',
  timestamptz: 'Date',
  varchar: 'string',
};

interface Statement {
  name: string;
  file: string;
  doc: string[];
  text: string;
  parameters: { name: string; nullable: boolean }[];
}

/** The text of sql/queries.gen.ts for a migrated database. @throws Error naming the statement that is wrong. */
export async function generateQueries(sql: postgres.Sql, root: string): Promise<string> {
  const parts = [
    '// Written by scripts/generate-queries.ts from the .sql files beside it. Do not edit: `npm run generate`.',
    '',
    `export interface Statement {
  readonly text: string;
  readonly parameters: readonly string[];
  /** Those that are JSON in SQL: whatever is given is sent as JSON, an array and a text too. */
  readonly json?: readonly string[];
}`,
  ];
  const files = new Map<string, string>();
  for (const folder of ['queries', 'machine']) {
    const statements = readdirSync(join(root, 'sql', folder))
      .filter((file) => file.endsWith('.sql'))
      .toSorted()
      .flatMap((file) => parseStatements(readFileSync(join(root, 'sql', folder, file), 'utf8'), file));
    for (const { name, file } of statements) {
      const other = files.get(name);
      // bound together, the one would be run in the other's place
      if (other !== undefined) throw new Error(`${file}: there is a ${name} already, in ${other}`);
      files.set(name, file);
    }
    parts.push(await writeFolder(sql, folder, statements));
  }
  parts.push(writeSweeps(await readSweeps(sql, join(root, 'sql', 'sweeps'))));
  return `${parts.join('\n\n')}\n`;
}

function parseStatements(source: string, file: string): Statement[] {
  return source
    .split(/^-- name: /m)
    .slice(1)
    .map((block) => {
      const lines = block.trim().split('\n');
      const name = lines[0]?.trim() ?? '';
      if (!/^[a-z][A-Za-z]*$/.test(name)) throw new Error(`${file}: "${name}" is not a camelCase name`);
      const bodyAt = lines.findIndex((line, index) => index > 0 && !line.startsWith('--'));
      const doc = lines.slice(1, bodyAt).map((line) => line.replace(/^-- ?/, ''));
      const parameters: Statement['parameters'] = [];
      const text = lines
        .slice(bodyAt)
        .filter((line) => !line.trim().startsWith('--'))
        .join('\n')
        .replace(/;\s*$/, '')
        .replaceAll(/@([a-z_]+)(\??)/g, (_match, parameter: string, mark: string) => {
          const known = parameters.find((p) => p.name === parameter);
          if (known) known.nullable ||= mark === '?';
          else parameters.push({ name: parameter, nullable: mark === '?' });
          return `$${parameters.findIndex((p) => p.name === parameter) + 1}`;
        });
      return { name, file, doc, text, parameters };
    });
}

async function writeFolder(sql: postgres.Sql, constant: string, statements: Statement[]): Promise<string> {
  const typeName = constant[0]?.toUpperCase() + constant.slice(1);
  const types: string[] = [];
  const signatures: string[] = [];
  const texts: string[] = [];
  for (const statement of statements) {
    const { takes, gives, text } = await describe(sql, statement);
    const row = `${statement.name[0]?.toUpperCase()}${statement.name.slice(1)}Row`;
    types.push(`export interface ${row} {\n${gives.map((g) => `  ${g};`).join('\n')}\n}`);
    const parameters = takes.length === 0 ? '' : `parameters: { ${takes.join('; ')} }`;
    const doc =
      statement.doc.length === 0 ? '' : `  /**\n${statement.doc.map((d) => `   * ${d}\n`).join('')}   */\n`;
    signatures.push(`${doc}  ${statement.name}(${parameters}): Promise<${row}[]>;`);
    const names = statement.parameters.map((p) => `'${camel(p.name)}'`).join(', ');
    const json = takes
      .filter((take) => / unknown( \| null)?$/.test(take))
      .map((take) => `'${take.split(':', 1)[0]}'`);
    const jsonLine = json.length === 0 ? '' : `    json: [${json.join(', ')}],\n`;
    texts.push(
      `  ${statement.name}: {\n    text: ${JSON.stringify(text)},\n    parameters: [${names}],\n${jsonLine}  },`,
    );
  }
  return [
    ...types,
    `export interface ${typeName} {\n${signatures.join('\n')}\n}`,
    `export const ${constant} = {\n${texts.join('\n')}\n} satisfies Record<keyof ${typeName}, Statement>;`,
  ].join('\n\n');
}

/** A select of sql/sweeps as two statements. */
export interface GeneratedSweep {
  readonly kind: string;
  readonly list: { readonly text: string; readonly parameters: readonly string[] };
  readonly enqueue: { readonly text: string; readonly parameters: readonly string[] };
  /** As TypeScript writes them: `now: Date`. */
  readonly takes: readonly string[];
}

const sweepColumns = 'payload jsonb, team_id text, subject text, why text';

/** The sweeps of a folder, which may be absent. @throws Error naming the sweep that is wrong. */
export async function readSweeps(sql: postgres.Sql, folder: string): Promise<GeneratedSweep[]> {
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.sql')) : [];
  const sweeps = [];
  for (const file of files.toSorted()) {
    sweeps.push(await readSweep(sql, file.replace(/\.sql$/, ''), readFileSync(join(folder, file), 'utf8')));
  }
  return sweeps;
}

async function readSweep(sql: postgres.Sql, kind: string, source: string): Promise<GeneratedSweep> {
  if (!/^[a-z][a-z0-9-]*$/.test(kind)) throw new Error(`sql/sweeps/${kind}.sql: not the name of a kind`);
  const [statement, ...more] = parseStatements(source, `${kind}.sql`);
  if (!statement || more.length > 0) throw new Error(`sql/sweeps/${kind}.sql: must be one named statement`);
  if (
    /\b(now\(|(clock|statement|transaction)_timestamp\b|current_(date|time|timestamp)\b|localtime)/i.test(
      statement.text,
    )
  ) {
    throw new Error(`sql/sweeps/${kind}.sql: reads a clock; the time is @now`);
  }
  const text = statement.text.trim();
  const { types, columns } = await sql.unsafe(text).describe();
  const names = await namesOfTypes(sql, [...types, ...columns.map((column) => column.type)]);
  // postgres.js names them as our code does, if the connection was told so
  const given = columns
    .map((column) => `${column.name.replace('teamId', 'team_id')} ${names.get(column.type)}`)
    .join(', ');
  if (given !== sweepColumns)
    throw new Error(`sql/sweeps/${kind}.sql: gives ${given}; must give ${sweepColumns}`);
  const parameters = statement.parameters.map((parameter) => camel(parameter.name));
  const takes = statement.parameters.map(({ name, nullable }, index) => {
    const type = typescriptType(names, types[index], `sql/sweeps/${kind}.sql @${name}`);
    return `${camel(name)}: ${type}${nullable ? ' | null' : ''}`;
  });
  const enqueue = enqueueText(kind, text);
  await sql.unsafe(enqueue).describe();
  return { kind, list: { text, parameters }, enqueue: { text: enqueue, parameters }, takes };
}

/**
 * One statement for all that is due. What is live already stands; rows go in by key, so that two sweeps at once
 * wait for each other and never in a circle. A kind without key fields is one job, whomever it is about. A job's time
 * is the database's, whatever @now says.
 */
function enqueueText(kind: string, select: string): string {
  return `with due as (
${select}
), enqueued as (
  insert into evenfall.job (kind, queue, payload, payload_version, key, team_id, due, run_at, deadline_at, source)
  select k.kind, k.queue, due.payload, k.payload_version,
    coalesce(evenfall.default_key(k.key_fields, due.payload), 'swept'),
    coalesce(due.team_id, due.payload->>k.team_field), true, clock_timestamp(), clock_timestamp() + k.give_up_after,
    'sweep:${kind}'
  from due cross join evenfall.job_kind k
  where k.kind = '${kind}'
  order by 5
  on conflict (kind, key) where key is not null and state in ('queued', 'dispatched', 'running', 'parked') do nothing
  returning 1
)
select (select count(*) from due)::int as due, (select count(*) from enqueued)::int as enqueued`;
}

function writeSweeps(sweeps: readonly GeneratedSweep[]): string {
  const takes = [...new Set(['now: Date', ...sweeps.flatMap((sweep) => sweep.takes)])].toSorted();
  const statement = ({ text, parameters }: GeneratedSweep['list']) =>
    `{ text: ${JSON.stringify(text)}, parameters: [${parameters.map((name) => `'${name}'`).join(', ')}] }`;
  const entries = sweeps.map(
    ({ kind, list, enqueue }) =>
      `  '${kind}': {\n    list: ${statement(list)},\n    enqueue: ${statement(enqueue)},\n  },\n`,
  );
  return [
    `/** What a sweep may ask for. */\nexport interface SweepParameters {\n${takes.map((take) => `  ${take};`).join('\n')}\n}`,
    `/** One that is due. */\nexport interface SweepDueRow {\n  payload: unknown;\n  teamId: string | null;\n  subject: string;\n  why: string;\n}`,
    'export interface SweepEnqueueRow {\n  due: number;\n  enqueued: number;\n}',
    'export interface SweepStatements {\n  readonly list: Statement;\n  readonly enqueue: Statement;\n}',
    `/** By kind. */\nexport const sweeps: Readonly<Record<string, SweepStatements>> = {\n${entries.join('')}};`,
  ].join('\n\n');
}

async function describe(sql: postgres.Sql, statement: Statement) {
  const marks = [...statement.text.matchAll(/"([a-z_]+[!?])"/g)].map((match) => match[1] ?? '');
  const text = statement.text.replaceAll(/"([a-z_]+)[!?]"/g, '"$1"');
  let described;
  try {
    described = await sql.unsafe(text).describe();
  } catch (error) {
    throw new Error(`${statement.name}: ${error instanceof Error ? error.message : String(error)}\n${text}`, {
      cause: error,
    });
  }
  const typeNames = await namesOfTypes(sql, [...described.types, ...described.columns.map((c) => c.type)]);
  const outerJoin = /\b(left|right|full)\s+(outer\s+)?join\b/i.test(text);

  const takes = statement.parameters.map((parameter, index) => {
    const type = typescriptType(typeNames, described.types[index], `${statement.name} @${parameter.name}`);
    return `${camel(parameter.name)}: ${type}${parameter.nullable ? ' | null' : ''}`;
  });
  const gives = [];
  for (const column of described.columns) {
    const where = `${statement.name}: column ${column.name}`;
    const type = typescriptType(typeNames, column.type, where);
    const mark = marks.find((m) => camel(m.slice(0, -1)) === camel(column.name))?.at(-1);
    const attribute = column as unknown as { table: number; number: number };
    const vouched = !outerJoin && attribute.table > 0;
    if (!mark && !vouched) throw new Error(`${where} needs an alias "${column.name}?" or "${column.name}!"`);
    const nullable = mark ? mark === '?' : !(await isNotNull(sql, attribute.table, attribute.number));
    gives.push(`${camel(column.name)}: ${type}${nullable && type !== 'unknown' ? ' | null' : ''}`);
  }
  return { takes, gives, text };
}

async function namesOfTypes(sql: postgres.Sql, oids: number[]): Promise<Map<number, string>> {
  const rows = await sql<{ oid: number; name: string }[]>`
    select oid::int, typname as name from pg_type where oid = any(${oids}::oid[])`;
  return new Map(rows.map((row) => [row.oid, row.name]));
}

function typescriptType(names: Map<number, string>, oid: number | undefined, where: string): string {
  const name = names.get(oid ?? 0) ?? `oid ${oid}`;
  const element = name.startsWith('_') ? name.slice(1) : name;
  const type = typescriptTypes[element];
  if (type === undefined) throw new Error(`${where}: no TypeScript type for Postgres type ${name}`);
  return name.startsWith('_') ? `${type}[]` : type;
}

async function isNotNull(sql: postgres.Sql, table: number, number: number): Promise<boolean> {
  const [row] = await sql<{ attnotnull: boolean }[]>`
    select attnotnull from pg_attribute where attrelid = ${table} and attnum = ${number}`;
  return row?.attnotnull ?? false;
}

function camel(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}
