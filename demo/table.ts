import { paint } from './lines.ts';

/** One thing that was expected of a scene, and what was seen. */
export interface Row {
  readonly scene: string;
  readonly expected: string;
  readonly seen: string;
  readonly ok: boolean;
}

/** The rows as a table; the scene's name stands on its first row only. */
export function formatTable(rows: readonly Row[], colour: boolean): string {
  const cells = rows.map((row, index) => [
    row.scene === rows[index - 1]?.scene ? '' : row.scene,
    row.expected,
    // of a message over several lines the first one
    row.seen.split('\n', 1)[0] ?? '',
    row.ok ? 'yes' : 'NO',
  ]);
  const heads = ['scene', 'expected', 'seen', 'ok'];
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  const body = cells.map((row, index) => paint(line(row), rows[index]?.ok ? 'plain' : 'bad', colour));
  return [line(heads), rule, ...body].join('\n');
}
