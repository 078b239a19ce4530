import { Misconfigured, describeFailure } from '../../core/errors.ts';
import type { Diagnosis } from '../../db/contract.ts';

/** What belongs together in the report. */
export interface Section {
  readonly name: string;
  readonly diagnoses: readonly Diagnosis[];
}

/** A check that fails itself is an error among the others, and stops none of them. */
export async function section(name: string, check: () => Promise<Diagnosis[]>): Promise<Section> {
  try {
    return { name, diagnoses: await check() };
  } catch (error) {
    return {
      name,
      diagnoses: [{ level: 'error', about: name, message: `could not be checked: ${said(error)}` }],
    };
  }
}

const insufficientPrivilege = '42501';

/** Codes and sentences of ours; a foreign message may name a host or a user. */
export function said(error: unknown): string {
  if (error instanceof Misconfigured) return error.message;
  // Postgres names the table or the function, which are no secrets, and who mends it needs them
  if (error instanceof Error && 'code' in error && error.code === insufficientPrivilege) return error.message;
  const { message, code, class: of } = describeFailure(error);
  return of === 'unexpected' ? (code ?? (error instanceof Error ? error.name : typeof error)) : message;
}
