import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { machine, queries } from '../../../sql/queries.gen.ts';
import { packageRoot } from '../../../src/package-root.ts';
import type { AnyJob } from '../../../src/core/job.ts';
import type { Program, Stage } from './stage.ts';

/** One place of the program that is changed; `find` is there exactly once. */
export type Change =
  | { readonly statement: string; readonly find: string; readonly replace: string }
  /** `sql/functions/…`, `jobs/…` or `src/…`. */
  | { readonly file: string; readonly find: string; readonly replace: string }
  | { readonly schema: string; readonly back: string }
  /** What Postgres says by this code is not understood. */
  | { readonly deafTo: string };

/** Who has to be made anew, to see a changed file. */
const importers: Readonly<Record<string, readonly string[]>> = {
  'src/billing/team-ending.ts': ['jobs/mark-team-for-deletion.ts', 'jobs/delete-inactive-team.ts'],
};

/**
 * Plays on a program with these changes, then with the program as it is.
 *
 * @throws Error when a place that is to be changed is not there exactly once
 */
export async function altered<T>(
  stage: Stage,
  changes: readonly Change[],
  play: () => Promise<T>,
): Promise<T> {
  const undo: (() => unknown)[] = [];
  try {
    for (const change of changes) undo.unshift(await alter(stage, change));
    stage.reconnect();
    return await play();
  } finally {
    for (const back of undo) await back();
    stage.reconnect();
  }
}

async function alter(stage: Stage, change: Change): Promise<() => unknown> {
  const { sql, program } = stage;
  if ('deafTo' in change) {
    program.deafTo = change.deafTo;
    return () => (program.deafTo = undefined);
  }
  if ('schema' in change) {
    await sql.unsafe(change.schema);
    return async () => {
      await sql`delete from evenfall.team_deletion`;
      await sql.unsafe(change.back);
    };
  }
  if ('statement' in change) {
    const all = { ...queries, ...machine } as Record<string, { text: string }>;
    const statement = all[change.statement]!;
    const { text } = statement;
    statement.text = replaced(change.statement, text, change);
    return () => (statement.text = text);
  }
  const text = readFileSync(join(packageRoot, change.file), 'utf8');
  const changed = replaced(change.file, text, change);
  if (change.file.startsWith('sql/')) {
    await sql.unsafe(changed);
    return async () => await sql.unsafe(text);
  }
  return await replaceModules(program, change.file, changed);
}

function replaced(what: string, text: string, { find, replace }: { find: string; replace: string }): string {
  if (text.split(find).length !== 2) throw new Error(`${what} does not hold exactly once: ${find}`);
  return text.replace(find, () => replace);
}

/** Copies of a changed file and of those who import it, which import everything else from where it is. */
async function replaceModules(program: Program, file: string, text: string): Promise<() => void> {
  const before = { ...program };
  const folder = mkdtempSync(join(tmpdir(), 'evenfall-altered-'));
  try {
    const copies = [file, ...(importers[file] ?? [])];
    for (const copy of copies) {
      const original = join(packageRoot, copy);
      const source = copy === file ? text : readFileSync(original, 'utf8');
      const target = join(folder, copy);
      mkdirSync(dirname(target), { recursive: true });
      const imports = source.replaceAll(/(?<=from ')\.[^']+/g, (path) => {
        const imported = relative(packageRoot, resolve(dirname(original), path));
        const wanted = copies.includes(imported) ? join(folder, imported) : join(packageRoot, imported);
        return relative(dirname(target), wanted).replace(/^(?!\.)/, './');
      });
      writeFileSync(target, imports);
    }
    for (const copy of copies) {
      const loaded = (await import(join(folder, copy))) as Record<string, unknown> & Partial<Program>;
      const made = Object.values(loaded) as Partial<AnyJob>[];
      const anew = (job: AnyJob) =>
        made.find(({ name, run }) => name === job.name && run) as AnyJob | undefined;
      program.jobs = program.jobs.map((job) => anew(job) ?? job);
      program.protectCommand = loaded.protectCommand ?? program.protectCommand;
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return () => void Object.assign(program, before);
}
