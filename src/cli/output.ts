/** Prints rows as a table for people, or as JSON for programs. */
export function printRows(rows: readonly object[], options: { json?: boolean; empty: string }): void {
  if (options.json) {
    print(JSON.stringify(rows, null, 2));
    return;
  }
  const [first] = rows;
  if (!first) {
    print(options.empty);
    return;
  }
  const columns = Object.keys(first);
  const cells = rows.map((row) => columns.map((column) => show((row as Record<string, unknown>)[column])));
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...cells.map((row) => row[index]?.length ?? 0)),
  );
  const line = (values: string[]) =>
    values
      .map((value, index) => value.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd();
  print(line(columns));
  for (const row of cells) print(line(row));
}

/** One object: JSON for programs, `name  value` lines for people. */
export function printObject(value: object, options: { json?: boolean }): void {
  if (options.json) {
    print(JSON.stringify(value, null, 2));
    return;
  }
  const width = Math.max(...Object.keys(value).map((key) => key.length));
  for (const [key, entry] of Object.entries(value)) print(`${key.padEnd(width)}  ${show(entry)}`);
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function printError(line: string): void {
  process.stderr.write(`${line}\n`);
}

function show(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
