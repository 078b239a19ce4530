import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packageRoot } from '../src/package-root.ts';

/*
 * Reads what a kind's source says of itself, for docs/kinds.md. It knows this project's own style, in which a
 * declaration begins at the margin, and no more of TypeScript.
 */

/** The head comment of a file, paragraph by paragraph, without its stars. */
export function headComment(text: string): string[] {
  const [, comment = ''] = /^\/\*\*\n([\s\S]*?)\n \*\//.exec(text) ?? [];
  return comment.split(/\n \*\s*\n/).map((paragraph) =>
    paragraph
      .replaceAll(/^ \* ?/gm, '')
      .replaceAll(/\s*\n\s*/g, ' ')
      .trim(),
  );
}

/** The comment lines behind `-- name: x` of a statement in a file. */
export function sqlComment(text: string): string {
  const [, lines = ''] = /^-- name: \w+\n((?:--.*\n)*)/.exec(text) ?? [];
  return lines
    .replaceAll(/^-- ?/gm, '')
    .replaceAll(/\s*\n\s*/g, ' ')
    .trim();
}

interface SourceFile {
  /** By name; the text without comments. */
  readonly declarations: ReadonlyMap<string, string>;
  /** Names that come from another of our files, and which. */
  readonly imports: ReadonlyMap<string, string>;
}

const files = new Map<string, SourceFile>();

/**
 * All that is reached from a declaration: its own text and that of what it names, in jobs/ and src/billing/. Another
 * kind is only asked for, so what it does is not followed.
 */
export function reached(file: string, name: string, seen = new Set<string>()): string[] {
  const key = `${file}#${name}`;
  if (seen.has(key)) return [];
  seen.add(key);
  const { declarations, imports } = readSource(file);
  const text = declarations.get(name);
  if (text === undefined) return [];
  if (seen.size > 1 && text.includes('= defineJob({')) return [];
  const names = new Set(text.match(/\b[a-zA-Z_]\w*\b/g));
  const further = [...names].flatMap((other) => {
    const from = imports.get(other);
    return from === undefined ? reached(file, other, seen) : reached(from, other, seen);
  });
  return [text, ...further];
}

function readSource(file: string): SourceFile {
  const known = files.get(file);
  if (known) return known;
  const text = readFileSync(join(packageRoot, file), 'utf8');
  const source = { declarations: declarationsOf(text), imports: importsOf(file, text) };
  files.set(file, source);
  return source;
}

function declarationsOf(text: string): Map<string, string> {
  const bare = text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
  const named = bare
    .split(/^(?=(?:export )?(?:async )?(?:function|const)\b)/m)
    .map(
      (part) => [/^(?:export )?(?:async )?(?:function\*?|const) (\w+)/.exec(part)?.[1] ?? '', part] as const,
    );
  return new Map(named);
}

function importsOf(file: string, text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, names = '', path = ''] of text.matchAll(/^import \{([^}]*)\} from '(\.[^']*)';$/gm)) {
    const from = join(dirname(file), path);
    if (!/^(jobs|src\/billing)\//.test(from)) continue;
    for (const name of names.split(',')) found.set(name.trim(), from);
  }
  return found;
}

/** The sentences among the string literals of a text: those with a space; what is put in is left out as `…`. */
export function sentences(text: string): string[] {
  const found: string[] = [];
  for (let at = 0; at < text.length; at++) {
    const quote = text[at] ?? '';
    if (!`'"\``.includes(quote)) continue;
    const end = endOfLiteral(text, at);
    const literal = withoutHoles(text.slice(at + 1, end)).replaceAll('\\', '');
    if (/^[a-z…].* /i.test(literal)) found.push(literal);
    at = end;
  }
  return found;
}

/** Where the literal that begins here ends. */
function endOfLiteral(text: string, begin: number): number {
  const quote = text[begin];
  for (let at = begin + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === quote) return at;
    else if (quote === '`' && text.startsWith('${', at)) at = endOfHole(text, at + 1);
  }
  throw new Error(`a literal without an end: ${text.slice(begin, begin + 40)}`);
}

/** Where the bracket that begins here is closed, those in literals left aside. */
export function endOfHole(text: string, begin: number): number {
  let depth = 0;
  for (let at = begin; at < text.length; at++) {
    const char = text[at] ?? '';
    if (`'"\``.includes(char)) at = endOfLiteral(text, at);
    else if ('([{'.includes(char)) depth++;
    else if (')]}'.includes(char) && --depth === 0) return at;
  }
  throw new Error(`a bracket without an end: ${text.slice(begin, begin + 40)}`);
}

function withoutHoles(literal: string): string {
  for (let at = literal.indexOf('${'); at !== -1; at = literal.indexOf('${')) {
    literal = `${literal.slice(0, at)}…${literal.slice(endOfHole(literal, at + 1) + 1)}`;
  }
  return literal;
}
