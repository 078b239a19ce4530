import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/package-root.ts';

const markdownIn = (folder: string) =>
  readdirSync(join(packageRoot, folder))
    .filter((file) => file.endsWith('.md'))
    .map((file) => join(folder, file));

/** Every page that is written for people, by its path. */
export const pages: readonly string[] = [
  ...markdownIn('.'),
  ...markdownIn('docs'),
  ...markdownIn('docs/decisions'),
];

export const readPage = (page: string) => readFileSync(join(packageRoot, page), 'utf8');

export interface Block {
  readonly page: string;
  readonly line: number;
  /** Empty for plain text. */
  readonly language: string;
  readonly text: string;
}

/** The fenced blocks of a page, those in lists included. */
export function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  let open: { indent: string; language: string; line: number; lines: string[] } | undefined;
  for (const [index, text] of readPage(page).split('\n').entries()) {
    const [, indent = '', language = ''] = /^( *)```(\S*)\s*$/.exec(text) ?? [];
    const isFence = text.trimStart().startsWith('```');
    if (!open && isFence) open = { indent, language, line: index + 1, lines: [] };
    else if (open && isFence) {
      blocks.push({ page, line: open.line, language: open.language, text: open.lines.join('\n') });
      open = undefined;
    } else open?.lines.push(text.startsWith(open.indent) ? text.slice(open.indent.length) : text);
  }
  if (open) throw new Error(`${page}:${open.line}: the block has no end`);
  return blocks;
}

/** A page without its blocks. */
export const proseOf = (page: string) => readPage(page).replaceAll(/^ *```[\s\S]*?^ *```\s*$/gm, '');

/** The commands of a shell block, continued lines put together, comments left out. */
export function commandsOf(text: string): string[] {
  const lines = text.replaceAll(/\\\n\s*/g, ' ').split('\n');
  return lines.map((line) => line.replace(/(^|\s+)#\s.*$/, '').trim()).filter((line) => line !== '');
}

/** The anchors of a page's headings, as repository hosts make them. */
export function anchorsOf(page: string): Set<string> {
  const headings = [...proseOf(page).matchAll(/^#+ (.*)$/gm)].map(([, text = '']) => text);
  return new Set(
    headings.map((text) =>
      text
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
}
