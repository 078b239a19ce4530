/**
 * Reads the named statements in sql/queries and sql/machine, asks a real Postgres what they take and give,
 * and writes sql/queries.gen.ts: text, parameters and types. Every statement is thereby checked against every
 * migration, and no row type is kept by hand. `npm run generate` writes it; a test fails when it is stale.
 *
 * In a statement: `-- name: camelCase`, then a comment that says why, then one statement. `@name` is a
 * parameter, `@name?` one that may be null. A column that Postgres cannot vouch for (an expression, or any
 * column of a statement with an outer join) must say in its alias whether it may be null: "x?" or "x!".
 */
import { readdirSync, readFileSync } from 'node:fs';
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
  doc: string[];
  text: string;
  parameters: { name: string; nullable: boolean }[];
}

/** The text of sql/queries.gen.ts for a migrated database. @throws Error naming the statement that is wrong. */
export async function generateQueries(sql: postgres.Sql, root: string): Promise<string> {
  const parts = [
    '// Written by scripts/generate-queries.ts from sql/queries and sql/machine. Do not edit: `npm run generate`.',
    '',
    'export interface Statement {\n  readonly text: string;\n  readonly parameters: readonly string[];\n}',
  ];
  for (const [folder, constant] of [
    ['queries', 'queries'],
    ['machine', 'machine'],
  ] as const) {
    const statements = readdirSync(join(root, 'sql', folder))
      .filter((file) => file.endsWith('.sql'))
      .toSorted()
      .flatMap((file) => parseStatements(readFileSync(join(root, 'sql', folder, file), 'utf8'), file));
    parts.push(await writeFolder(sql, constant, statements));
  }
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
      return { name, doc, text, parameters };
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
    texts.push(
      `  ${statement.name}: {\n    text: ${JSON.stringify(text)},\n    parameters: [${names}],\n  },`,
    );
  }
  return [
    ...types,
    `export interface ${typeName} {\n${signatures.join('\n')}\n}`,
    `export const ${constant} = {\n${texts.join('\n')}\n} satisfies Record<keyof ${typeName}, Statement>;`,
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
