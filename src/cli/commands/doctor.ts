import type { Diagnosis } from '../../db/contract.ts';
import { databaseSections } from '../doctor/database.ts';
import type { Section } from '../doctor/section.ts';
import { serviceSections } from '../doctor/services.ts';
import { readSettings } from '../doctor/settings.ts';
import { exitCodes } from '../exit.ts';
import { print } from '../output.ts';

/** `evenfall doctor`: whether this installation can work, and can be trusted with deletion. Changes nothing. */
export async function doctorCommand(options: { json?: boolean }): Promise<number> {
  const { config, diagnoses } = readSettings();
  const [ofDatabase, ofServices] = await Promise.all([databaseSections(config), serviceSections(config)]);
  const sections: Section[] = [{ name: 'settings', diagnoses }, ...ofDatabase, ...ofServices];
  const all = sections.flatMap((one) =>
    one.diagnoses.map((diagnosis) => ({ section: one.name, ...diagnosis })),
  );
  if (options.json) print(JSON.stringify(all, null, 2));
  else printSections(sections, all);
  return all.some(({ level }) => level === 'error') ? exitCodes.failed : exitCodes.done;
}

function printSections(sections: readonly Section[], all: readonly Diagnosis[]): void {
  for (const { name, diagnoses } of sections) {
    if (diagnoses.length === 0) continue;
    print(name);
    for (const { level, about, message, fix } of diagnoses) {
      print(`  ${level.padEnd(7)}  ${about}: ${message}`);
      if (fix !== undefined) print(indented(fix));
    }
  }
  const count = (level: Diagnosis['level']) => all.filter((one) => one.level === level).length;
  const errors = count('error');
  print('');
  print(`errors: ${errors}, warnings: ${count('warning')}`);
  if (errors > 0) print('Nothing should be deleted by this installation before the errors are mended.');
}

function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => `           ${line}`)
    .join('\n');
}
