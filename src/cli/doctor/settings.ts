import { readConfig } from '../../config.ts';
import type { Config } from '../../config.ts';
import { Misconfigured } from '../../core/errors.ts';
import type { Diagnosis } from '../../db/contract.ts';

/** What can be read of the environment: a variable that is missing or wrong is absent, and its problem named. */
export function readSettings(): { config: Partial<Config>; diagnoses: Diagnosis[] } {
  try {
    const config = readConfig('worker');
    return { config, diagnoses: [{ level: 'ok', about: 'environment', message: 'complete' }] };
  } catch (error) {
    if (!(error instanceof Misconfigured)) throw error;
    const diagnoses = error.message.split('\n').slice(1).map(asDiagnosis);
    return { config: readWithout(diagnoses.map(({ about }) => about)), diagnoses };
  }
}

/** Of `  NAME: what is wrong with it`. */
function asDiagnosis(line: string): Diagnosis {
  const [, about = 'environment', message = line] = /^\s*([^:]+): (.*)$/.exec(line) ?? [];
  return { level: 'error', about, message };
}

/** Everything else, so that one wrong variable hides nothing of what the others lead to. */
function readWithout(wrong: readonly string[]): Partial<Config> {
  // without REDIS_URL nobody can tell which backend was meant
  const unset = wrong.includes('REDIS_URL') ? [...wrong, 'QUEUE_BACKEND'] : wrong;
  const overrides = Object.fromEntries(unset.map((name) => [name, '']));
  const standIn = unset.includes('DATABASE_URL') ? { DATABASE_URL: 'postgres://unset' } : {};
  const config: Partial<Config> = readConfig('database', { ...overrides, ...standIn });
  return Object.fromEntries(Object.entries(config).filter(([name]) => !unset.includes(name)));
}
