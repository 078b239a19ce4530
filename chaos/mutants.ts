import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../src/package-root.ts';

/** Evenfall with one of its mechanisms switched off: the scenario that needs it must turn red. */
export interface Mutant {
  readonly mechanism: string;
  readonly without: string;
  readonly scenario: string;
  /** What its verdict then says. */
  readonly symptom: RegExp;
  /** A compiled file of the program, or a function of the database: `dist/` and `sql/functions/`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export const mutants: readonly Mutant[] = [
  {
    mechanism: 'fence',
    without: "a run that is no longer its job's current one goes on acting",
    scenario: 'paused-workers',
    symptom: /nobody had asked for it/,
    file: 'sql/functions/claim_effect.sql',
    find: "where j.id = $1 and j.run_no = $2 and j.state = 'running' for update",
    replace: 'where j.id = $1 for update',
  },
  {
    mechanism: 'claim',
    without: 'an act is begun whether or not it was begun before',
    scenario: 'smtp-ambiguous',
    symptom: /[2-9] mails/,
    file: 'sql/functions/claim_effect.sql',
    find: "when e.state = 'released' then 'claimed'",
    replace: "when true then 'claimed'",
  },
  {
    mechanism: 'reconciler',
    without: 'rows that BullMQ has forgotten wait for ever',
    scenario: 'flushall',
    symptom: / is (dispatched|queued)/,
    file: 'dist/src/queue/reconciler.js',
    find: "async reconcile(settleTime = 'PT5S') {",
    replace: "async reconcile(settleTime = 'PT5S') {\n        return;",
  },
  {
    mechanism: 'compare before upsert',
    without: 'each start sets up every job scheduler anew',
    scenario: 'missed-ticks',
    symptom: /thrown away/,
    file: 'dist/src/queue/scheduler.js',
    find: 'async isAsWanted(there, cron, template) {',
    replace: 'async isAsWanted(there, cron, template) {\n        return false;',
  },
];

/**
 * Makes the program without this mechanism, in a folder of its own beside the build.
 *
 * @param build the compiled program, as it is
 * @returns the folder of the changed program, and what to run in its database
 * @throws Error when the place that is to be changed is not there exactly once
 */
export function mutate(build: string, mutant: Mutant): { build: string; statements: string } {
  const { file, find, replace } = mutant;
  const inDatabase = file.startsWith('sql/');
  const changed = inDatabase ? build : `${build}-without-${mutant.mechanism.replaceAll(' ', '-')}`;
  if (!inDatabase) cpSync(build, changed, { recursive: true });
  const path = inDatabase ? join(packageRoot, file) : join(changed, file.replace(/^dist\//, ''));
  const text = readFileSync(path, 'utf8');
  if (text.split(find).length !== 2) throw new Error(`${file} does not hold exactly once: ${find}`);
  const mutated = text.replace(find, () => replace);
  if (inDatabase) return { build, statements: mutated };
  writeFileSync(path, mutated);
  return { build: changed, statements: '' };
}
